//! **Signs**: keys, certificate authorities, X.509 and SSH certificates.
//!
//! What it never does: read a file, a clock or a socket, or decide who may have a certificate. Moments and
//! chance are arguments; people's certificates are signed only from an [`access`] permit, which only a
//! decision can make.
//!
//! Start with [`issue`], which turns a permit into certificates, and [`Identity`], which turns a
//! certificate back into who is calling. [`Authority`] holds what signs.

pub mod authority;
pub mod certificate;
pub mod identity;
pub mod issue;
pub mod key;
pub mod names;
pub mod pem;
pub mod pin;
pub mod public_key;
pub mod rotation;
pub mod ssh;
pub mod verify;
mod x509;

#[cfg(test)]
mod tests;

pub use authority::{Authority, AuthorityKind};
pub use identity::Identity;
pub use key::{KeyError, KeyPair};
pub use pin::Pin;
pub use public_key::{Algorithm, PublicKey};
