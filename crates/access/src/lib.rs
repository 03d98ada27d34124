//! access

pub mod ambient;
pub mod secret;

pub use secret::{Secret, SecretBytes, SecretText};
