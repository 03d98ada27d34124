//! **Decides**: who may ask for what, who may say yes, when that is enough, and what a certificate may then say.
//!
//! Values in, a decision with its evidence out. This crate has no clock, no chance, no file, no socket and no
//! async; moments and random bytes are arguments. Bob asks, Alice and Ivan review.

pub mod ambient;
mod claims;
mod class;
pub mod issue;
pub mod lock;
pub mod pattern;
pub mod permit;
pub mod predicate;
pub mod rbac;
pub mod request;
pub mod role;
pub mod role_check;
pub mod secret;
pub mod template;

pub use class::Class;
pub use permit::{HostGrant, HostPermit, IssuancePermit, SystemRole, UserGrant};
pub use role::{Role, Threshold, Traits};
pub use secret::{Secret, SecretBytes, SecretText};
