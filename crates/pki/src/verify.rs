//! Whether a certificate is one of the cluster's: signed directly by one of its authorities, in time,
//! for the purpose at hand.
//!
//! Chains are refused everywhere in a cluster, so one step is all there is to check.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;

use crate::authority::{AuthorityCertificate, AuthorityError};
use crate::certificate::{Parsed, ReadError};
use crate::x509::oid;

/// What a certificate is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To say who is calling.
    Client,
    /// To say who answers.
    Server,
}

/// Why a certificate is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// More than one certificate was shown.
    #[error("access denied: intermediaries are not supported")]
    Intermediaries,
    /// None of the authorities has the name it says.
    #[error("the certificate is not signed by any authority of the cluster")]
    Foreign,
    /// An authority of that name did not sign it.
    #[error("the signature of the certificate is wrong")]
    BadSignature,
    /// Its time, or its authority's, has not come.
    #[error("the certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    /// Its time, or its authority's, is over.
    #[error("the certificate has expired at {0}")]
    Expired(Timestamp),
    /// It is an authority's own, or for something else.
    #[error("the certificate is not meant for this purpose")]
    Purpose,
}

/// The authorities to believe.
#[derive(Debug, Clone, Default)]
pub struct Trust(Vec<AuthorityCertificate>);

impl Trust {
    /// Believes these certificates, each of which must be one of an authority.
    pub fn from_der(
        certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, AuthorityError> {
        let read = certificates.into_iter().map(AuthorityCertificate::from_der);
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Believes these authorities.
    pub fn new(certificates: impl IntoIterator<Item = AuthorityCertificate>) -> Self {
        Self(certificates.into_iter().collect())
    }

    /// The authority that signed the one certificate shown, if it is to be believed at `now`.
    pub fn check(
        &self,
        shown: &[CertificateDer<'_>],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<&AuthorityCertificate, VerifyError> {
        let [certificate] = shown else {
            return Err(VerifyError::Intermediaries);
        };
        let parsed = Parsed::from_der(certificate)?;
        let issuer = parsed.issuer().clone().into();
        let mut named = self.0.iter().filter(|it| it.subject == issuer).peekable();
        if named.peek().is_none() {
            return Err(VerifyError::Foreign);
        }
        let authority = named
            .find(|authority| parsed.is_signed_by(&authority.key))
            .ok_or(VerifyError::BadSignature)?;
        for (not_before, not_after) in [
            (parsed.not_before, parsed.not_after),
            (authority.not_before, authority.not_after),
        ] {
            if now < not_before {
                return Err(VerifyError::NotYetValid(not_before));
            }
            if now > not_after {
                return Err(VerifyError::Expired(not_after));
            }
        }
        let wanted = match purpose {
            Purpose::Client => oid::CLIENT_AUTH,
            Purpose::Server => oid::SERVER_AUTH,
        };
        let fits = parsed
            .purposes()?
            .is_some_and(|purposes| purposes.contains(&wanted));
        if parsed.is_authority()? || !fits || parsed.has_unknown_critical_extension() {
            return Err(VerifyError::Purpose);
        }
        Ok(authority)
    }
}
