//! X.509 certificates as they are read: the facts that trust is decided by.

use der::{Decode as _, Encode as _};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;

use crate::key::KeyError;
use crate::pem::{self, PemError};
use crate::public_key::PublicKey;
use crate::x509::{oid, time};

/// No certificate of a cluster is longer; the same limit that readers of identity files have for a line.
pub(crate) const DER_MAX: usize = 64 * 1024;

/// Why a certificate was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It does not follow the form of X.509 version 3, or breaks a rule of it.
    #[error("the certificate is malformed")]
    Malformed,
    /// It is longer than 64 KiB.
    #[error("the certificate is longer than 64 KiB")]
    TooLong,
    /// It is for a key that is not supported.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The text is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The text holds something else than certificates.
    #[error("expected a PEM block `CERTIFICATE`, found `{0}`")]
    Label(String),
}

impl From<der::Error> for ReadError {
    fn from(_: der::Error) -> Self {
        Self::Malformed
    }
}

/// All certificates of a PEM text, in order.
pub fn from_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, ReadError> {
    pem::decode(text)?
        .into_iter()
        .map(|block| match block.label.as_str() {
            "CERTIFICATE" => Ok(CertificateDer::from(block.der.to_vec())),
            label => Err(ReadError::Label(label.to_owned())),
        })
        .collect()
}

/// One certificate as a PEM block that ends with a newline.
pub fn to_pem(der: &[u8]) -> String {
    pem::encode("CERTIFICATE", der).to_string()
}

/// Whether `authority` has issued `leaf`: by its name and by its signature. What cannot be read was issued by nobody.
pub fn is_issued_by(leaf: &[u8], authority: &[u8]) -> bool {
    let (Ok(leaf), Ok(authority)) = (Parsed::from_der(leaf), Parsed::from_der(authority)) else {
        return false;
    };
    let key = authority.key.as_ref();
    leaf.issuer() == authority.subject() && key.is_ok_and(|key| leaf.is_signed_by(key))
}

/// The name of whoever has issued a certificate, as it stands there in DER; `None` if it cannot be read.
///
/// It says nothing about the signature. The authorities of one cluster have different names, so that it tells which of
/// them a certificate that was verified once is from.
pub fn issuer_name(leaf: &[u8]) -> Option<Vec<u8>> {
    Parsed::from_der(leaf).ok()?.issuer().to_der().ok()
}

/// A certificate taken apart.
pub(crate) struct Parsed {
    certificate: Certificate,
    pub(crate) key: Result<PublicKey, KeyError>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Parsed {
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, ReadError> {
        if der.len() > DER_MAX {
            return Err(ReadError::TooLong);
        }
        let certificate = Certificate::from_der(der)?;
        let body = certificate.tbs_certificate();
        if body.version() != Version::V3 || body.signature() != certificate.signature_algorithm() {
            return Err(ReadError::Malformed);
        }
        let validity = body.validity();
        Ok(Self {
            key: PublicKey::from_spki_der(&body.subject_public_key_info().to_der()?),
            not_before: time::from_x509(validity.not_before).ok_or(ReadError::Malformed)?,
            not_after: time::from_x509(validity.not_after).ok_or(ReadError::Malformed)?,
            certificate,
        })
    }

    pub(crate) fn subject(&self) -> &Name {
        self.certificate.tbs_certificate().subject()
    }

    pub(crate) fn issuer(&self) -> &Name {
        self.certificate.tbs_certificate().issuer()
    }

    /// The serial number in lower-case hexadecimal.
    pub(crate) fn serial(&self) -> String {
        let bytes = self.certificate.tbs_certificate().serial_number().as_bytes();
        bytes
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    pub(crate) fn key_info_der(&self) -> Result<Vec<u8>, ReadError> {
        let info = self.certificate.tbs_certificate().subject_public_key_info();
        Ok(info.to_der()?)
    }

    /// Whether `key` signed it.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let Ok(body) = self.certificate.tbs_certificate().to_der() else {
            return false;
        };
        let expected = match key.algorithm() {
            crate::Algorithm::P256 => oid::ECDSA_SHA256,
            crate::Algorithm::Ed25519 => oid::ED25519,
            crate::Algorithm::Rsa => oid::RSA_SHA256,
        };
        self.certificate.signature_algorithm().oid == expected
            && self
                .certificate
                .signature()
                .as_bytes()
                .is_some_and(|signature| key.verifies(&body, signature))
    }

    /// The value of an extension, if it is there.
    pub(crate) fn extension<'a, T>(&'a self) -> Result<Option<T>, ReadError>
    where
        T: der::Decode<'a> + const_oid::AssociatedOid,
    {
        let mut found = self
            .certificate
            .tbs_certificate()
            .extensions()
            .into_iter()
            .flatten()
            .filter(|extension| extension.extn_id == T::OID);
        let Some(extension) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(ReadError::Malformed);
        }
        T::from_der(extension.extn_value.as_bytes())
            .map(Some)
            .map_err(|_| ReadError::Malformed)
    }

    /// Whether it may sign other certificates.
    pub(crate) fn is_authority(&self) -> Result<bool, ReadError> {
        Ok(self.extension::<BasicConstraints>()?.is_some_and(|it| it.ca))
    }

    pub(crate) fn purposes(&self) -> Result<Option<Vec<const_oid::ObjectIdentifier>>, ReadError> {
        Ok(self.extension::<ExtendedKeyUsage>()?.map(|it| it.0))
    }

    pub(crate) fn key_identifier(&self) -> Result<Option<Vec<u8>>, ReadError> {
        let identifier = self.extension::<SubjectKeyIdentifier>()?;
        Ok(identifier.map(|it| it.0.as_bytes().to_vec()))
    }

    /// The critical extensions that nothing here understands.
    pub(crate) fn has_unknown_critical_extension(&self) -> bool {
        const KNOWN: [const_oid::ObjectIdentifier; 4] = [
            const_oid::ObjectIdentifier::new_unwrap("2.5.29.15"),
            const_oid::ObjectIdentifier::new_unwrap("2.5.29.17"),
            const_oid::ObjectIdentifier::new_unwrap("2.5.29.19"),
            const_oid::ObjectIdentifier::new_unwrap("2.5.29.37"),
        ];
        self.certificate
            .tbs_certificate()
            .extensions()
            .into_iter()
            .flatten()
            .any(|extension| extension.critical && !KNOWN.contains(&extension.extn_id))
    }
}
