//! **Decides**: who may ask for what, who may say yes, when that is enough, and what a certificate may then say.
//!
//! Values in, a decision with its evidence out. This crate has no clock, no chance, no file, no socket and no
//! async; moments and random bytes are arguments. Bob asks, Alice and Ivan review.

pub mod ambient;
pub mod pattern;
pub mod permit;
pub mod predicate;
pub mod rbac;
pub mod role;
pub mod secret;
pub mod template;

pub use permit::{HostGrant, HostPermit, IssuancePermit, SystemRole, UserGrant};
pub use role::{Role, Threshold, Traits};
pub use secret::{Secret, SecretBytes, SecretText};
