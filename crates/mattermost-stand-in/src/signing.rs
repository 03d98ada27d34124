//! Trigger ids: what tells an integration that a user pressed something just now.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ambient;

/// The server's asymmetric signing key.
pub struct SigningKey(EcdsaKeyPair);

/// The fixed head of a P-256 public key in DER; the uncompressed point follows.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a trigger id is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum BadTrigger {
    NotBase64,
    Malformed,
    Expired,
    Signature,
}

impl SigningKey {
    pub fn generate() -> Self {
        // Without a key no button could be trusted: better to stop.
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("the system makes a key"))
    }

    /// Base64 of the DER public key, as `/config/client` shows it.
    pub fn public(&self) -> String {
        let mut der = SPKI_HEAD.to_vec();
        der.extend_from_slice(self.0.public_key().as_ref());
        STANDARD.encode(der)
    }

    /// A fresh trigger id for `user_id`, and the short id inside it.
    pub fn trigger(&self, user_id: &str, now_ms: i64) -> (String, String) {
        let short = ambient::id();
        let signed = format!("{short}:{user_id}:{now_ms}:");
        let signature = self
            .0
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map(|signature| STANDARD.encode(signature.as_ref()))
            .unwrap_or_default();
        (STANDARD.encode(format!("{signed}{signature}")), short)
    }

    /// Who pressed, if the id is ours and young enough.
    pub fn open(&self, trigger: &str, now_ms: i64, age_max_ms: i64) -> Result<(String, String), BadTrigger> {
        let text = STANDARD
            .decode(trigger)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or(BadTrigger::NotBase64)?;
        let parts: Vec<&str> = text.splitn(4, ':').collect();
        let [short, user, moment, signature] = parts[..] else {
            return Err(BadTrigger::Malformed);
        };
        let moment: i64 = moment.parse().map_err(|_| BadTrigger::Malformed)?;
        let signature = STANDARD.decode(signature).map_err(|_| BadTrigger::Signature)?;
        let signed = format!("{short}:{user}:{moment}:");
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.0.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| BadTrigger::Signature)?;
        if now_ms - moment > age_max_ms {
            return Err(BadTrigger::Expired);
        }
        Ok((short.to_owned(), user.to_owned()))
    }
}
