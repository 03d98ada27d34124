//! A small certificate authority that writes its DER by hand, so that the tests do not judge the
//! product by the product.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use transport::tls::Credentials;

const OID_ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const OID_EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_CN: &[u8] = &[0x55, 0x04, 0x03];
const OID_O: &[u8] = &[0x55, 0x04, 0x0a];
/// The attribute that names the cluster of an identity.
const OID_CLUSTER: &[u8] = &[0x2b, 0xce, 0x0f, 0x01, 0x07];
const OID_SAN: &[u8] = &[0x55, 0x1d, 0x11];
const OID_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const OID_EXT_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const OID_SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
const OID_CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];

/// The moment at which the tests happen.
pub fn noon() -> Timestamp {
    "2025-08-27T12:00:00Z".parse().expect("a moment")
}

/// A key pair and a self-signed certificate that may sign others.
pub struct Authority {
    key: EcdsaKeyPair,
    name: String,
    pub certificate: CertificateDer<'static>,
}

/// What a certificate says.
pub struct Leaf<'a> {
    pub subject: &'a str,
    pub cluster: Option<&'a str>,
    pub dns: &'a [&'a str],
    pub ip: &'a [[u8; 4]],
    pub not_after: Timestamp,
    pub is_authority: bool,
}

impl Default for Leaf<'_> {
    fn default() -> Self {
        Self {
            subject: "someone",
            cluster: None,
            dns: &[],
            ip: &[],
            not_after: noon() + SignedDuration::from_hours(12),
            is_authority: false,
        }
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = new_key().0;
        let leaf = Leaf {
            subject: name,
            is_authority: true,
            ..Leaf::default()
        };
        let certificate = sign(&key, name, &key, &leaf);
        Self {
            key,
            name: name.to_owned(),
            certificate,
        }
    }

    pub fn issue(&self, leaf: &Leaf<'_>) -> Issued {
        let (key, pkcs8) = new_key();
        let certificate = sign(&self.key, &self.name, &key, leaf);
        Issued { certificate, pkcs8 }
    }

    /// A certificate that signs itself.
    pub fn self_signed(leaf: &Leaf<'_>) -> Issued {
        let (key, pkcs8) = new_key();
        let certificate = sign(&key, leaf.subject, &key, leaf);
        Issued { certificate, pkcs8 }
    }
}

pub struct Issued {
    pub certificate: CertificateDer<'static>,
    pub pkcs8: Vec<u8>,
}

/// DER as PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    pem::encode_config(
        &pem::Pem::new(label, der),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}

impl Issued {
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8.clone()).into()
    }

    pub fn credentials(&self) -> Credentials {
        Credentials::new(vec![self.certificate.clone()], self.key()).expect("a pair")
    }

    pub fn credentials_with(&self, more: &CertificateDer<'static>) -> Credentials {
        Credentials::new(vec![self.certificate.clone(), more.clone()], self.key()).expect("a pair")
    }
}

fn new_key() -> (EcdsaKeyPair, Vec<u8>) {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
        .expect("a key")
        .as_ref()
        .to_vec();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).expect("the same key");
    (key, pkcs8)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(u8::try_from(short).expect("short")),
        medium @ 128..=255 => out.extend([0x81, u8::try_from(medium).expect("below 256")]),
        long => {
            out.push(0x82);
            out.extend(u16::try_from(long).expect("below 64 KiB").to_be_bytes());
        }
    }
    out.extend(content);
    out
}

fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    tlv(0x06, bytes)
}

fn common_name(name: &str) -> Vec<u8> {
    seq(&[tlv(0x31, &seq(&[oid(OID_CN), tlv(0x0c, name.as_bytes())]))])
}

fn subject(leaf: &Leaf<'_>) -> Vec<u8> {
    let mut name = vec![tlv(
        0x31,
        &seq(&[oid(OID_CN), tlv(0x0c, leaf.subject.as_bytes())]),
    )];
    if let Some(cluster) = leaf.cluster {
        name.push(tlv(0x31, &seq(&[oid(OID_O), tlv(0x13, b"devops")])));
        name.push(tlv(
            0x31,
            &seq(&[oid(OID_CLUSTER), tlv(0x13, cluster.as_bytes())]),
        ));
    }
    seq(&name)
}

fn time(moment: Timestamp) -> Vec<u8> {
    let text: String = moment
        .to_string()
        .chars()
        .filter(|c| !"-:T".contains(*c))
        .collect();
    tlv(0x18, text.as_bytes())
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(tlv(0x01, &[0xff]));
    }
    parts.push(tlv(0x04, value));
    seq(&parts)
}

fn sign(signer: &EcdsaKeyPair, issuer: &str, key: &EcdsaKeyPair, leaf: &Leaf<'_>) -> CertificateDer<'static> {
    let algorithm = seq(&[oid(OID_ECDSA_SHA256)]);
    let point = key.public_key().as_ref();
    let public_key = seq(&[
        seq(&[oid(OID_EC_KEY), oid(OID_P256)]),
        tlv(0x03, &[&[0], point].concat()),
    ]);
    debug_assert!(key.public_key().as_der().is_ok_and(|der| {
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = der;
        der.as_ref() == public_key
    }));
    let mut extensions = Vec::new();
    let names: Vec<Vec<u8>> = leaf
        .dns
        .iter()
        .map(|name| tlv(0x82, name.as_bytes()))
        .chain(leaf.ip.iter().map(|ip| tlv(0x87, ip)))
        .collect();
    if !names.is_empty() {
        extensions.push(extension(OID_SAN, false, &seq(&names)));
    }
    if leaf.is_authority {
        extensions.push(extension(
            OID_BASIC_CONSTRAINTS,
            true,
            &seq(&[tlv(0x01, &[0xff])]),
        ));
    } else {
        let usages = seq(&[oid(OID_SERVER_AUTH), oid(OID_CLIENT_AUTH)]);
        extensions.push(extension(OID_EXT_KEY_USAGE, false, &usages));
        extensions.push(extension(OID_BASIC_CONSTRAINTS, true, &seq(&[])));
    }
    let body = seq(&[
        tlv(0xa0, &[2, 1, 2]),
        tlv(0x02, &[1]),
        algorithm.clone(),
        common_name(issuer),
        seq(&[
            time(noon() - SignedDuration::from_hours(24 * 30)),
            time(leaf.not_after),
        ]),
        subject(leaf),
        public_key,
        tlv(0xa3, &seq(&extensions)),
    ]);
    let signature = signer.sign(&SystemRandom::new(), &body).expect("signs");
    let whole = seq(&[body, algorithm, tlv(0x03, &[&[0], signature.as_ref()].concat())]);
    CertificateDer::from(whole)
}
