//! Public keys of people, services and authorities, in every form they arrive in.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitString, UintRef};
use der::{Decode as _, Encode as _, Sequence};
use sha2::{Digest as _, Sha256};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

use crate::key::KeyError;
use crate::pem;
use crate::ssh::wire::{Malformed, Reader, put, put_number};
use crate::x509::oid;

/// No public key text that anybody has use for is longer.
const TEXT_MAX: usize = 16 * 1024;
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 4096;

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on the curve P-256, SHA-256.
    P256,
    /// Ed25519.
    Ed25519,
    /// RSA, 2048 to 4096 bits. Certificates are issued for such keys, never signed by them.
    Rsa,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "ECDSA P-256",
            Self::Ed25519 => "Ed25519",
            Self::Rsa => "RSA",
        })
    }
}

/// A public key of a supported kind, checked to be well formed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey(Form);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Form {
    /// The uncompressed point.
    P256([u8; 65]),
    Ed25519([u8; 32]),
    /// PKCS#1, which holds modulus and exponent.
    Rsa(Vec<u8>),
}

/// `RSAPublicKey` of PKCS#1.
#[derive(Sequence)]
struct RsaNumbers<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl PublicKey {
    pub(crate) fn from_p256_point(point: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; 65] = point.try_into().map_err(|_| KeyError::Malformed)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .parse()
            .map_err(|_| KeyError::Malformed)?;
        Ok(Self(Form::P256(point)))
    }

    pub(crate) fn from_ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes
            .try_into()
            .map(|bytes| Self(Form::Ed25519(bytes)))
            .map_err(|_| KeyError::Malformed)
    }

    pub(crate) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let numbers = RsaNumbers::from_der(der).map_err(|_| KeyError::Malformed)?;
        Self::from_rsa(numbers.modulus.as_bytes(), numbers.exponent.as_bytes())
    }

    fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let leading = modulus.first().map_or(0, |byte| byte.leading_zeros());
        let bits = (modulus.len() * 8).saturating_sub(leading as usize);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(KeyError::Unsupported(format!("RSA with {bits} bits")));
        }
        // Every key in use has 65537 here; anything else is a mistake or an attempt.
        if exponent != [1, 0, 1] {
            return Err(KeyError::Unsupported(
                "RSA with another exponent than 65537".to_owned(),
            ));
        }
        let numbers = RsaNumbers {
            modulus: UintRef::new(modulus).map_err(|_| KeyError::Malformed)?,
            exponent: UintRef::new(exponent).map_err(|_| KeyError::Malformed)?,
        };
        let der = numbers.to_der().map_err(|_| KeyError::Malformed)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der)
            .parse()
            .map_err(|_| KeyError::Malformed)?;
        Ok(Self(Form::Rsa(der)))
    }

    /// Reads an SPKI (`SubjectPublicKeyInfo`) in DER.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoOwned::from_der(der).map_err(|_| KeyError::Malformed)?;
        let key = info.subject_public_key.as_bytes().ok_or(KeyError::Malformed)?;
        match info.algorithm.oid {
            oid::EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters.as_ref();
                let curve = curve.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
                match curve {
                    Some(oid::P256) => Self::from_p256_point(key),
                    Some(other) => Err(KeyError::Unsupported(format!("elliptic curve {other}"))),
                    None => Err(KeyError::Malformed),
                }
            }
            oid::ED25519 => Self::from_ed25519(key),
            oid::RSA => Self::from_pkcs1(key),
            other => Err(KeyError::Unsupported(other.to_string())),
        }
    }

    /// Reads PEM: `PUBLIC KEY` or `RSA PUBLIC KEY`, either encoding under either label.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.len() > TEXT_MAX {
            return Err(KeyError::Malformed);
        }
        let blocks = pem::decode(text)?;
        let [block] = blocks.as_slice() else {
            return Err(KeyError::NotOneBlock);
        };
        match block.label.as_str() {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {
                Self::from_spki_der(&block.der).or_else(|why| match Self::from_pkcs1(&block.der) {
                    Err(KeyError::Malformed) => Err(why),
                    other => other,
                })
            }
            label => Err(KeyError::Unsupported(label.to_owned())),
        }
    }

    /// Reads one line as in `authorized_keys`, without options.
    pub fn from_ssh_line(line: &str) -> Result<Self, KeyError> {
        if line.len() > TEXT_MAX {
            return Err(KeyError::Malformed);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
            return Err(KeyError::Malformed);
        };
        if !matches!(kind, "ssh-ed25519" | "ecdsa-sha2-nistp256" | "ssh-rsa") {
            return Err(KeyError::Unsupported(kind.to_owned()));
        }
        let blob = STANDARD.decode(blob).map_err(|_| KeyError::Malformed)?;
        if Reader::new(&blob).text() != Ok(kind) {
            return Err(KeyError::Malformed);
        }
        Self::from_ssh_blob(&blob)
    }

    /// Reads the form in which requests carry keys: PEM or an `authorized_keys` line.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        if text.trim_start().starts_with("-----BEGIN") {
            Self::from_pem(text)
        } else {
            Self::from_ssh_line(text)
        }
    }

    pub(crate) fn from_ssh_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::new(blob);
        let kind = reader.text().map_err(|Malformed| KeyError::Malformed)?;
        let key = Self::read_ssh_fields(kind, &mut reader)?;
        reader.end().map_err(|Malformed| KeyError::Malformed)?;
        Ok(key)
    }

    /// Reads the fields that follow the name of the kind, here and in certificates.
    pub(crate) fn read_ssh_fields(kind: &str, reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let malformed = |Malformed| KeyError::Malformed;
        match kind {
            "ssh-ed25519" => Self::from_ed25519(reader.bytes().map_err(malformed)?),
            "ecdsa-sha2-nistp256" => {
                if reader.text().map_err(malformed)? != "nistp256" {
                    return Err(KeyError::Malformed);
                }
                Self::from_p256_point(reader.bytes().map_err(malformed)?)
            }
            "ssh-rsa" => {
                let exponent = reader.number().map_err(malformed)?;
                let modulus = reader.number().map_err(malformed)?;
                Self::from_rsa(modulus, exponent)
            }
            other => Err(KeyError::Unsupported(other.to_owned())),
        }
    }

    /// Appends the fields that follow the name of the kind.
    pub(crate) fn write_ssh_fields(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Form::Ed25519(bytes) => put(out, bytes),
            Form::P256(point) => {
                put(out, "nistp256");
                put(out, point);
            }
            Form::Rsa(der) => {
                // Made by `from_rsa`, so it can be read.
                if let Ok(numbers) = RsaNumbers::from_der(der) {
                    put_number(out, numbers.exponent.as_bytes());
                    put_number(out, numbers.modulus.as_bytes());
                }
            }
        }
    }

    /// Which kind of key this is.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Form::P256(_) => Algorithm::P256,
            Form::Ed25519(_) => Algorithm::Ed25519,
            Form::Rsa(_) => Algorithm::Rsa,
        }
    }

    /// The name SSH has for this kind of key, for example `ssh-ed25519`.
    pub fn ssh_kind(&self) -> &'static str {
        match self.0 {
            Form::P256(_) => "ecdsa-sha2-nistp256",
            Form::Ed25519(_) => "ssh-ed25519",
            Form::Rsa(_) => "ssh-rsa",
        }
    }

    /// The binary form SSH uses.
    pub fn ssh_blob(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        put(&mut out, self.ssh_kind());
        self.write_ssh_fields(&mut out);
        out
    }

    /// `KIND BASE64`, without comment or newline.
    pub fn to_ssh_line(&self) -> String {
        format!("{} {}", self.ssh_kind(), STANDARD.encode(self.ssh_blob()))
    }

    /// `SHA256:` and base64 without padding, as `ssh-keygen -l` prints it.
    pub fn ssh_fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(self.ssh_blob()))
        )
    }

    pub(crate) fn to_spki(&self) -> der::Result<SubjectPublicKeyInfoOwned> {
        let (algorithm, parameters, key): (ObjectIdentifier, _, &[u8]) = match &self.0 {
            Form::P256(point) => (oid::EC_PUBLIC_KEY, Some((&oid::P256).into()), point),
            Form::Ed25519(bytes) => (oid::ED25519, None, bytes),
            Form::Rsa(der) => (oid::RSA, Some(AnyRef::NULL.into()), der),
        };
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: algorithm,
                parameters,
            },
            subject_public_key: BitString::from_bytes(key)?,
        })
    }

    /// The key as an SPKI in DER.
    pub fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        self.to_spki()
            .and_then(|info| info.to_der())
            .map_err(|_| KeyError::Malformed)
    }

    /// PEM: `RSA PUBLIC KEY` for RSA keys, `PUBLIC KEY` for the others.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let text: Zeroizing<String> = match &self.0 {
            Form::Rsa(der) => pem::encode("RSA PUBLIC KEY", der),
            _ => pem::encode("PUBLIC KEY", &self.to_spki_der()?),
        };
        Ok(text.to_string())
    }

    /// The content of an SPKI's bit string, over which key identifiers are computed.
    pub(crate) fn key_bits(&self) -> &[u8] {
        match &self.0 {
            Form::P256(point) => point,
            Form::Ed25519(bytes) => bytes,
            Form::Rsa(der) => der,
        }
    }

    /// Whether `signature`, in the form X.509 has, is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Form::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(message, signature)
                .is_ok(),
            Form::Ed25519(bytes) => UnparsedPublicKey::new(&ED25519, bytes)
                .verify(message, signature)
                .is_ok(),
            Form::Rsa(der) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
                .verify(message, signature)
                .is_ok(),
        }
    }
}
