//! Key pairs: made, read, written, and made to sign.
//!
//! A private key exists in memory only inside a [`KeyPair`], which has no `Debug`, and in texts that
//! are wiped when dropped. Keys are made from the entropy that is passed in; ECDSA signatures draw their
//! nonces inside the cryptographic library.

use access::SecretText;
use access::ambient::Entropy;
use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use der::asn1::{OctetStringRef, UintRef};
use der::{AnyRef, Decode as _, Sequence};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::pem::{self, PemError};
use crate::public_key::{Algorithm, PublicKey};
use crate::ssh::private_key::{self, Private};
use crate::ssh::wire::{put, put_number};

/// The order of the curve P-256: scalars must be below it.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// RFC 5915 with a scalar to be appended: SEQUENCE { 1, OCTET STRING (32) … }.
const P256_PREFIX: [u8; 7] = [0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20];

/// Why a key was not made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The text holds no key or several.
    #[error("expected exactly one key")]
    NotOneBlock,
    /// A kind of key that is not issued for or signed with here.
    #[error(
        "keys of the kind `{0}` are not supported: use ECDSA P-256, Ed25519 or RSA with 2048 to 4096 bits"
    )]
    Unsupported(String),
    /// The bytes are no key.
    #[error("the key is malformed")]
    Malformed,
    /// The key can only be used with a passphrase.
    #[error("the key is protected by a passphrase, which is not supported here")]
    Encrypted,
    /// The key itself is inside a hardware token.
    #[error("the file refers to a key in a hardware token, which is not supported here")]
    Hardware,
    /// The cryptographic library could not make the key or the signature.
    #[error("the cryptographic library failed")]
    Failed,
    /// A signature that was just made does not verify: this machine computes wrongly.
    #[error("a signature that was just made is wrong; do not trust this machine's processor or memory")]
    SelfCheck,
}

/// A private key with its public half.
///
/// Wiped when dropped; there is no way to print it but the encodings named so.
pub struct KeyPair {
    private: PrivateKey,
    public: PublicKey,
}

enum PrivateKey {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<rsa::KeyPair>),
}

/// `PrivateKeyInfo` of PKCS#8.
#[derive(Sequence)]
struct Pkcs8<'a> {
    version: u8,
    algorithm: AnyRef<'a>,
    key: &'a OctetStringRef,
}

impl KeyPair {
    /// Makes a key. For RSA, 2048 bits, drawn by the cryptographic library itself.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        match algorithm {
            Algorithm::Ed25519 => {
                entropy.fill(&mut *seed);
                Self::from_ed25519_seed(&*seed)
            }
            Algorithm::P256 => {
                // One try in 2³² fails; an entropy that fails this often is none.
                for _ in 0..8 {
                    entropy.fill(&mut *seed);
                    if *seed != [0; 32] && *seed < P256_ORDER {
                        return Self::from_p256_scalar(&seed);
                    }
                }
                Err(KeyError::Failed)
            }
            Algorithm::Rsa => {
                let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| KeyError::Failed)?;
                Self::from_rsa(key)
            }
        }
    }

    pub(crate) fn from_ed25519_seed(seed: &[u8]) -> Result<Self, KeyError> {
        if seed.len() != 32 {
            return Err(KeyError::Malformed);
        }
        let key = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Malformed)?;
        Self::from_ed25519(key)
    }

    pub(crate) fn from_p256_scalar(scalar: &[u8; 32]) -> Result<Self, KeyError> {
        let mut der = Zeroizing::new([0; P256_PREFIX.len() + 32]);
        der[..P256_PREFIX.len()].copy_from_slice(&P256_PREFIX);
        der[P256_PREFIX.len()..].copy_from_slice(scalar);
        let malformed = |_| KeyError::Malformed;
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let alone = EcdsaKeyPair::from_private_key_der(algorithm, &*der).map_err(malformed)?;
        // Built from both halves, the key writes both halves, as the original's files hold them.
        let point = alone.public_key().as_ref();
        let key = EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point);
        Self::from_p256(key.map_err(malformed)?)
    }

    fn from_p256(key: EcdsaKeyPair) -> Result<Self, KeyError> {
        Ok(Self {
            public: PublicKey::from_p256_point(key.public_key().as_ref())?,
            private: PrivateKey::P256(key),
        })
    }

    fn from_ed25519(key: Ed25519KeyPair) -> Result<Self, KeyError> {
        Ok(Self {
            public: PublicKey::from_ed25519(key.public_key().as_ref())?,
            private: PrivateKey::Ed25519(key),
        })
    }

    fn from_rsa(key: rsa::KeyPair) -> Result<Self, KeyError> {
        Ok(Self {
            public: PublicKey::from_pkcs1(key.public_key().as_ref())?,
            private: PrivateKey::Rsa(Box::new(key)),
        })
    }

    /// Reads a private key in PEM.
    ///
    /// Every label that key files carry is accepted, and for `PRIVATE KEY`, `RSA PRIVATE KEY` and
    /// `EC PRIVATE KEY` every encoding under every label, because old writers mislabelled them.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::decode(text)?;
        let [block] = blocks.as_slice() else {
            return Err(KeyError::NotOneBlock);
        };
        Self::from_block(&block.label, &block.der)
    }

    pub(crate) fn from_block(label: &str, der: &[u8]) -> Result<Self, KeyError> {
        match label {
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Self::from_any_der(der),
            "OPENSSH PRIVATE KEY" => private_key::decode(der),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            "PIV YUBIKEY PRIVATE KEY" => Err(KeyError::Hardware),
            other => Err(KeyError::Unsupported(other.to_owned())),
        }
    }

    fn from_any_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der) {
            Self::from_p256(key)
        } else if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            Self::from_ed25519(key)
        } else if let Ok(key) = rsa::KeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der)) {
            Self::from_rsa(key)
        } else {
            Err(KeyError::Malformed)
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Which kind of key this is.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_| KeyError::Failed;
        let der = match &self.private {
            PrivateKey::P256(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            PrivateKey::Ed25519(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            PrivateKey::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(der))
    }

    /// The key as TLS libraries take it. They wipe it themselves.
    pub fn to_tls(&self) -> Result<PrivateKeyDer<'static>, KeyError> {
        let der = self.pkcs8()?.to_vec();
        Ok(PrivatePkcs8KeyDer::from(der).into())
    }

    /// PEM as identity files and TLS key files hold it: PKCS#8, for RSA PKCS#1.
    pub fn to_pem(&self) -> Result<SecretText, KeyError> {
        let pkcs8 = self.pkcs8()?;
        let text = match &self.private {
            PrivateKey::Rsa(_) => {
                let inner = Pkcs8::from_der(&pkcs8).map_err(|_| KeyError::Failed)?;
                pem::encode("RSA PRIVATE KEY", inner.key.as_bytes())
            }
            _ => pem::encode("PRIVATE KEY", &pkcs8),
        };
        Ok(SecretText::new(text.to_string()))
    }

    /// PEM as OpenSSH writes it, without passphrase or comment; for RSA PKCS#1, which OpenSSH reads too.
    pub fn to_openssh_pem(&self) -> Result<SecretText, KeyError> {
        let content = match &self.private {
            PrivateKey::P256(key) => {
                let scalar = key.private_key().as_be_bytes().map_err(|_| KeyError::Failed)?;
                let scalar = scalar.as_ref();
                private_key::encode(&self.public, &Private::P256 { scalar })
            }
            PrivateKey::Ed25519(key) => {
                let seed = key.seed().and_then(|seed| seed.as_be_bytes());
                let seed = seed.map_err(|_| KeyError::Failed)?;
                let seed = seed.as_ref();
                private_key::encode(&self.public, &Private::Ed25519 { seed })
            }
            PrivateKey::Rsa(_) => return self.to_pem(),
        };
        let text = pem::encode("OPENSSH PRIVATE KEY", &content);
        Ok(SecretText::new(text.to_string()))
    }

    /// Signs as X.509 wants it, and looks whether the signature is right before giving it away.
    ///
    /// The look costs more than the signature. It keeps a processor that computes wrongly from giving
    /// away the authority's key in a bad signature.
    pub(crate) fn sign_checked(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.sign(message)?;
        if self.public.verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(KeyError::SelfCheck)
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(match &self.private {
            PrivateKey::P256(key) => key
                .sign(&SystemRandom::new(), message)
                .map_err(|_| KeyError::Failed)?
                .as_ref()
                .to_vec(),
            PrivateKey::Ed25519(key) => key
                .try_sign(message)
                .map_err(|_| KeyError::Failed)?
                .as_ref()
                .to_vec(),
            PrivateKey::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| KeyError::Failed)?;
                signature
            }
        })
    }

    /// Signs as SSH wants it: the name of the kind, then the signature.
    pub(crate) fn sign_ssh(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.sign(message)?;
        let mut out = Vec::with_capacity(128);
        match &self.private {
            PrivateKey::P256(_) => {
                let (r, s) = ecdsa_numbers(&signature).ok_or(KeyError::Failed)?;
                let mut pair = Vec::with_capacity(80);
                put_number(&mut pair, r);
                put_number(&mut pair, s);
                put(&mut out, self.public.ssh_kind());
                put(&mut out, pair);
            }
            PrivateKey::Ed25519(_) => {
                put(&mut out, self.public.ssh_kind());
                put(&mut out, signature);
            }
            PrivateKey::Rsa(_) => {
                put(&mut out, "rsa-sha2-256");
                put(&mut out, signature);
            }
        }
        Ok(out)
    }
}

/// The two numbers of an ECDSA signature.
pub(crate) fn ecdsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let pair = EcdsaSignature::from_der(der).ok()?;
    Some((pair.r.as_bytes(), pair.s.as_bytes()))
}

/// `Ecdsa-Sig-Value` of RFC 3279.
#[derive(Sequence)]
pub(crate) struct EcdsaSignature<'a> {
    pub(crate) r: UintRef<'a>,
    pub(crate) s: UintRef<'a>,
}

impl EcdsaSignature<'_> {
    pub(crate) fn to_der(r: &[u8], s: &[u8]) -> Option<Vec<u8>> {
        let (r, s) = (UintRef::new(r).ok()?, UintRef::new(s).ok()?);
        der::Encode::to_der(&EcdsaSignature { r, s }).ok()
    }
}
