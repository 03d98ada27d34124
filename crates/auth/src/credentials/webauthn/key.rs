//! Public keys of authenticators: the three kinds that are offered, in COSE as they come.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use coset::cbor::Value;
use coset::iana::{self, EnumI64 as _};
use coset::{AsCborValue as _, CoseKey, KeyType, Label, RegisteredLabelWithPrivate};

use super::Refusal;
use super::authenticator::take_cbor;

/// The kinds of signatures that are offered, the best liked first: ES256, EdDSA, RS256.
pub const ALGORITHMS: [i32; 3] = [-7, -8, -257];

/// A public key that can check signatures.
#[derive(Debug)]
pub enum PublicKey {
    /// ECDSA on P-256, or Ed25519.
    Curve(ParsedPublicKey),
    /// RSA: modulus and exponent.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl PublicKey {
    /// Reads a COSE key.
    pub fn read(cose: &[u8]) -> Result<Self, Refusal> {
        let malformed = || Refusal::Malformed("public key");
        let mut rest = cose;
        let value = take_cbor(&mut rest).ok_or_else(malformed)?;
        if !rest.is_empty() {
            return Err(malformed());
        }
        let key = CoseKey::from_cbor_value(value).map_err(|_| malformed())?;
        let bytes = |label: i64| match param(&key, label) {
            Some(Value::Bytes(bytes)) => Ok(bytes.clone()),
            _ => Err(malformed()),
        };
        let is = |label: i64, wanted: i64| matches!(param(&key, label), Some(Value::Integer(found)) if i128::from(*found) == i128::from(wanted));
        let Some(RegisteredLabelWithPrivate::Assigned(algorithm)) = key.alg else {
            return Err(Refusal::KeyNotSupported);
        };
        let kind = match key.kty {
            KeyType::Assigned(kind) => kind,
            KeyType::Text(_) => return Err(Refusal::KeyNotSupported),
        };
        let parsed = |algorithm, bytes: &[u8]| {
            ParsedPublicKey::new(algorithm, bytes)
                .map(Self::Curve)
                .map_err(|_| malformed())
        };
        match (kind, algorithm) {
            (iana::KeyType::EC2, iana::Algorithm::ES256)
                if is(
                    iana::Ec2KeyParameter::Crv.to_i64(),
                    iana::EllipticCurve::P_256.to_i64(),
                ) =>
            {
                let x = bytes(iana::Ec2KeyParameter::X.to_i64())?;
                let y = bytes(iana::Ec2KeyParameter::Y.to_i64())?;
                if (x.len(), y.len()) != (32, 32) {
                    return Err(malformed());
                }
                parsed(&ECDSA_P256_SHA256_ASN1, &[&[4], x.as_slice(), &y].concat())
            }
            (iana::KeyType::OKP, iana::Algorithm::EdDSA)
                if is(
                    iana::OkpKeyParameter::Crv.to_i64(),
                    iana::EllipticCurve::Ed25519.to_i64(),
                ) =>
            {
                parsed(&ED25519, &bytes(iana::OkpKeyParameter::X.to_i64())?)
            }
            (iana::KeyType::RSA, iana::Algorithm::RS256) => {
                let n = bytes(iana::RsaKeyParameter::N.to_i64())?;
                let e = bytes(iana::RsaKeyParameter::E.to_i64())?;
                // Shorter ones are refused by the library at each signature; better at once.
                if !(256..=1_024).contains(&n.len()) || e.is_empty() || e.len() > 8 {
                    return Err(Refusal::KeyNotSupported);
                }
                Ok(Self::Rsa(RsaPublicKeyComponents { n, e }))
            }
            _ => Err(Refusal::KeyNotSupported),
        }
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        match self {
            Self::Curve(key) => key.verify_sig(message, signature),
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
        }
        .map_err(|_| Refusal::BadSignature)
    }
}

fn param(key: &CoseKey, label: i64) -> Option<&Value> {
    key.params
        .iter()
        .find(|(found, _)| *found == Label::Int(label))
        .map(|(_, value)| value)
}
