//! A certificate's body: put together and signed.

use std::net::IpAddr;

use access::ambient::Entropy;
use const_oid::AssociatedOid;
use der::asn1::{Any, BitString, Ia5String, OctetString};
use der::{AnyRef, Encode, Sequence, Tag};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::certificate::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::RdnSequence;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use crate::key::{KeyError, KeyPair};
use crate::public_key::{Algorithm, PublicKey};
use crate::x509::{oid, time};

/// Why no certificate came out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("a name or value does not fit into a certificate")]
    Unfit,
}

impl From<der::Error> for BodyError {
    fn from(_: der::Error) -> Self {
        Self::Unfit
    }
}

/// Who signs.
pub(crate) struct Issuer<'a> {
    pub(crate) name: &'a RdnSequence,
    pub(crate) key: &'a KeyPair,
}

/// What a certificate says.
pub(crate) struct Body<'a> {
    pub(crate) serial: u128,
    pub(crate) subject: RdnSequence,
    pub(crate) key: &'a PublicKey,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) extensions: Vec<Extension>,
}

/// `TBSCertificate` of RFC 5280 with what is used here.
#[derive(Sequence)]
struct ToBeSigned {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierOwned,
    issuer: RdnSequence,
    validity: Validity,
    subject: RdnSequence,
    subject_public_key_info: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

impl Body<'_> {
    /// The signed certificate in DER.
    pub(crate) fn sign(self, issuer: &Issuer<'_>) -> Result<Vec<u8>, BodyError> {
        let algorithm = signature_algorithm(issuer.key.algorithm());
        let body = ToBeSigned {
            version: Version::V3,
            serial_number: SerialNumber::new(&self.serial.to_be_bytes())?,
            signature: algorithm.clone(),
            issuer: issuer.name.clone(),
            validity: time::validity(self.not_before, self.not_after)?,
            subject: self.subject,
            subject_public_key_info: self.key.to_spki()?,
            extensions: self.extensions,
        }
        .to_der()?;
        let signature = BitString::from_bytes(&issuer.key.sign_checked(&body)?)?;
        let parts: Vec<u8> = [body, algorithm.to_der()?, signature.to_der()?].concat();
        Ok(Any::new(Tag::Sequence, parts)?.to_der()?)
    }
}

fn signature_algorithm(algorithm: Algorithm) -> AlgorithmIdentifierOwned {
    let (oid, parameters) = match algorithm {
        Algorithm::P256 => (oid::ECDSA_SHA256, None),
        Algorithm::Ed25519 => (oid::ED25519, None),
        Algorithm::Rsa => (oid::RSA_SHA256, Some(AnyRef::NULL.into())),
    };
    AlgorithmIdentifierOwned { oid, parameters }
}

/// 128 random bits, never zero.
pub(crate) fn serial(entropy: &dyn Entropy) -> u128 {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    u128::from_be_bytes(bytes).max(1)
}

/// The identifier of an authority's key: the first 160 bits of SHA-256 over it (RFC 7093, method 1).
pub(crate) fn key_identifier(key: &PublicKey) -> [u8; 20] {
    let digest = Sha256::digest(key.key_bits());
    let mut identifier = [0; 20];
    identifier.copy_from_slice(&digest[..20]);
    identifier
}

fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> der::Result<Extension> {
    Ok(Extension {
        extn_id: T::OID,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

fn basic_constraints(ca: bool) -> BasicConstraints {
    BasicConstraints {
        ca,
        path_len_constraint: None,
    }
}

/// What a key may be used for.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    /// Both ends of TLS.
    ServerAndClient,
    /// A web server alone.
    Server,
}

/// The extensions of a certificate that signs no others, in the order the original writes them.
pub(crate) fn leaf_extensions(
    key: &PublicKey,
    uses: Use,
    authority_key_identifier: Option<&[u8]>,
    names: &[GeneralName],
) -> der::Result<Vec<Extension>> {
    let usages = match key.algorithm() {
        Algorithm::Rsa => KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment,
        Algorithm::P256 | Algorithm::Ed25519 => KeyUsages::DigitalSignature.into(),
    };
    let purposes = match uses {
        Use::ServerAndClient => vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
        Use::Server => vec![oid::SERVER_AUTH],
    };
    let mut extensions = vec![
        extension(true, &KeyUsage(usages))?,
        extension(false, &ExtendedKeyUsage(purposes))?,
        extension(true, &basic_constraints(false))?,
    ];
    if let Some(identifier) = authority_key_identifier {
        let identifier = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(identifier)?),
            ..AuthorityKeyIdentifier::default()
        };
        extensions.push(extension(false, &identifier)?);
    }
    if !names.is_empty() {
        extensions.push(extension(false, &SubjectAltName(names.to_vec()))?);
    }
    Ok(extensions)
}

/// The extensions of an authority's certificate.
pub(crate) fn authority_extensions(key: &PublicKey) -> der::Result<Vec<Extension>> {
    let usages = KeyUsages::DigitalSignature | KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    let identifier = SubjectKeyIdentifier(OctetString::new(key_identifier(key))?);
    Ok(vec![
        extension(true, &KeyUsage(usages))?,
        extension(true, &basic_constraints(true))?,
        extension(false, &identifier)?,
    ])
}

/// A subject alternative name: an IP address if the text is one, else a DNS name.
pub(crate) fn general_name(text: &str) -> der::Result<GeneralName> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(ip.into()),
        Err(_) => Ok(GeneralName::DnsName(Ia5String::new(text)?)),
    }
}
