//! **Decides**: who may ask for what, who may say yes, when that is enough, and what a certificate may then say.
//!
//! Values in, a decision with its evidence out. This crate has no clock, no chance, no file, no socket and no
//! async; moments and random bytes are arguments. Bob asks, Alice and Ivan review.
//!
//! | question | who says yes or no |
//! | --- | --- |
//! | may this caller do this to this kind of resource? | [`rbac::check`], [`rbac::check_system`] |
//! | is this caller shut out? | [`lock::in_force`] |
//! | may they reach this server, application, database or Kubernetes cluster? | [`resource::Reach`] |
//! | which roles must be asked for to reach it? | [`resource::choose`] |
//! | may this role be saved, and what is odd about it? | [`role_check::check`] |
//! | who has which roles because an access list says so? | [`list::Book::places`], [`list::Book::granted`] |
//! | may this list be put into that one? | [`list::nest::may_nest`] |
//! | may Bob ask for this, and what exactly is then asked? | [`request::may_create`], [`request::propose()`] |
//! | may Alice review it, and what follows? | [`request::review()`] |
//! | is it enough? | [`request::resolve`], shown by [`request::evidence()`] |
//! | what does a rule say to it by itself? | [`automatic::speaking`] |
//! | may the state be set directly? | [`request::set_state()`] |
//! | does a role grant more now than when somebody said yes to it? | [`pin::growth`] |
//! | who sees it? | [`request::visibility::may_see`] |
//! | who could do it with fewer people than the rules promise? | [`alone::check`] |
//! | which certificate, until when? | [`issue::sign_in`], [`issue::renew`], [`issue::impersonate`], [`issue::local_admin`] |
//! | which certificate may a bot have? | [`machine::join`], [`machine::renew`], [`machine::take_roles`] |
//!
//! The certificate of a person or a bot can only be signed from an [`IssuancePermit`], and only the functions of the last
//! two rows make one; a host's is signed from a [`permit::HostPermit`], which its caller makes. The answers for every
//! actor and every deed are printed in `tests/data/matrix.txt`.

pub mod alone;
pub mod ambient;
pub mod automatic;
mod claims;
mod class;
pub mod condition;
mod impersonation;
pub mod issue;
pub mod list;
pub mod lock;
pub mod machine;
pub mod pattern;
pub mod permit;
pub mod pin;
pub mod predicate;
pub mod rbac;
pub mod request;
pub mod resource;
pub mod role;
pub mod role_check;
pub mod secret;
pub mod template;

pub use class::Class;
pub use permit::{HostGrant, HostPermit, IssuancePermit, SystemRole, UserGrant};
pub use role::{Role, Threshold, Traits};
pub use secret::{Secret, SecretBytes, SecretText};
