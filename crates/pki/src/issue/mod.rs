//! From a permit to certificates.
//!
//! [`user`] and [`host`] sign exactly what a permit of [`access`] says, in the form that every reader of
//! the original's certificates knows. [`web`] makes the certificate of a proxy that has been given none.
//! Every X.509 signature is checked before it leaves.

pub mod host;
pub mod user;
pub mod web;

use access::ambient::Entropy;
use rustls_pki_types::CertificateDer;

use crate::authority::{AuthorityError, AuthorityKind};
use crate::certificate::DER_MAX;
use crate::key::KeyError;
use crate::public_key::PublicKey;
use crate::ssh::{self, CertificateError};
use crate::x509::BodyError;

pub use host::host;
pub use user::user;

/// The keys that certificates are wanted for.
#[derive(Debug, Clone, Copy, Default)]
pub struct SubjectKeys<'a> {
    /// The key of the SSH certificate, if one is wanted.
    pub ssh: Option<&'a PublicKey>,
    /// The key of the X.509 certificate, if one is wanted.
    pub tls: Option<&'a PublicKey>,
}

impl<'a> SubjectKeys<'a> {
    /// One key for both, as in identity files.
    pub fn same(key: &'a PublicKey) -> Self {
        Self {
            ssh: Some(key),
            tls: Some(key),
        }
    }
}

/// What was signed, for each key that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The SSH certificate.
    pub ssh: Option<ssh::Certificate>,
    /// The X.509 certificate.
    pub tls: Option<CertificateDer<'static>>,
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The authority signs other things.
    #[error("the {found} authority does not sign {wanted}")]
    WrongAuthority {
        /// The authority that was given.
        found: AuthorityKind,
        /// What was to be signed.
        wanted: &'static str,
    },
    /// The permit is for another cluster than the authority's.
    #[error("the certificate is for the cluster `{wanted}`, the authority belongs to `{found}`")]
    WrongCluster {
        /// The authority's.
        found: String,
        /// The permit's.
        wanted: String,
    },
    /// Nothing of the permitted time is left.
    #[error("the permitted time is over")]
    Over,
    /// A certificate needs a name and a role.
    #[error("a certificate without {0} is of no use")]
    Missing(&'static str),
    /// A value that cannot stand in a certificate.
    #[error("the {what} `{value}` does not fit into a certificate")]
    Unfit {
        /// What it is.
        what: &'static str,
        /// The value, safe to print.
        value: String,
    },
    /// A moment or name that X.509 has no form for.
    #[error("a moment or name does not fit into a certificate")]
    Unencodable,
    /// More than readers take.
    #[error("the certificate would be longer than 64 KiB: there are too many roles, traits or names")]
    TooLong,
    /// The authority cannot sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<BodyError> for IssueError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Key(error) => Self::Key(error),
            BodyError::Unfit => Self::Unencodable,
        }
    }
}

impl From<der::Error> for IssueError {
    fn from(_: der::Error) -> Self {
        Self::Unencodable
    }
}

impl From<CertificateError> for IssueError {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Key(error) => Self::Key(error),
            CertificateError::TooLong => Self::TooLong,
            _ => Self::Unencodable,
        }
    }
}

/// Refuses what could not be told apart, printed or put on one line later.
fn fits(what: &'static str, value: &str) -> Result<(), IssueError> {
    if value.is_empty() || value.len() > 4096 || value.chars().any(char::is_control) {
        let value: String = value.escape_debug().take(80).collect();
        return Err(IssueError::Unfit { what, value });
    }
    Ok(())
}

/// Refuses what is no host name or address on one line.
fn fits_as_name(name: &str) -> Result<(), IssueError> {
    fits("host name", name)?;
    if name.len() > 253 || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
        let value: String = name.escape_debug().take(80).collect();
        let what = "host name";
        return Err(IssueError::Unfit { what, value });
    }
    Ok(())
}

fn bounded(der: Vec<u8>) -> Result<CertificateDer<'static>, IssueError> {
    if der.len() > DER_MAX {
        return Err(IssueError::TooLong);
    }
    Ok(CertificateDer::from(der))
}

fn nonce(entropy: &dyn Entropy) -> [u8; 32] {
    let mut nonce = [0; 32];
    entropy.fill(&mut nonce);
    nonce
}

/// A random identifier in the form of RFC 9562, version 4.
fn uuid(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
