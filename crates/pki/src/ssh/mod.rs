//! What OpenSSH reads and writes: keys, certificates, and the private key file.

pub mod certificate;
pub(crate) mod private_key;
pub(crate) mod wire;

pub use certificate::{Certificate, CertificateError, CertificateKind};
