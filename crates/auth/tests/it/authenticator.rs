//! An authenticator as a security key is one, in memory: makes credentials for one relying party and signs for it. Every
//! lie that a false one could tell is a field.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};
use wire::pb::webauthn::{
    AuthenticatorAssertionResponse, AuthenticatorAttestationResponse, CredentialAssertion,
    CredentialAssertionResponse, CredentialCreation, CredentialCreationResponse,
};

/// Where the pages of the cluster stand.
pub const ORIGIN: &str = "https://proxy.example.com";

/// An authenticator with one credential.
pub struct Authenticator {
    key: EcdsaKeyPair,
    pub id: Vec<u8>,
    /// For which account it was made.
    pub account: Vec<u8>,
    /// The relying party it signs for.
    pub rp_id: String,
    /// The page that asks.
    pub origin: String,
    /// Whether the page stands inside another site's.
    pub framed: bool,
    /// What the browser calls the question.
    pub ceremony: Option<&'static str>,
    /// Answered instead of the challenge that was given.
    pub challenge: Option<Vec<u8>>,
    pub present: bool,
    pub verified: bool,
    /// How often it has signed.
    pub counter: u32,
    /// Whether it says for which account it signs.
    pub tells_account: bool,
}

impl Authenticator {
    /// A new one, which has never been asked for anything.
    pub fn new(name: &str) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
            id: Sha256::digest(name.as_bytes()).to_vec(),
            account: Vec::new(),
            rp_id: String::new(),
            origin: ORIGIN.to_owned(),
            framed: false,
            ceremony: None,
            challenge: None,
            present: true,
            verified: true,
            counter: 0,
            tells_account: true,
        }
    }

    /// The same key again, as somebody has it who copied the authenticator.
    pub fn public_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        [&head[..], x, &[0x22, 0x58, 0x20], y].concat()
    }

    /// Makes the credential that is asked for.
    pub fn make(&mut self, asked: &CredentialCreation) -> CredentialCreationResponse {
        let options = asked.public_key.as_ref().expect("options");
        self.rp_id = options.rp.as_ref().expect("a relying party").id.clone();
        self.account = options.user.as_ref().expect("a user").id.to_vec();
        let length = u16::try_from(self.id.len()).expect("a short id").to_be_bytes();
        let data = [
            &self.data(0x40)[..],
            &[0; 16],
            &length,
            &self.id,
            &self.public_key(),
        ]
        .concat();
        let length = u16::try_from(data.len()).expect("short data").to_be_bytes();
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let object = [
            b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59",
            &length[..],
            &data,
        ]
        .concat();
        CredentialCreationResponse {
            r#type: "public-key".to_owned(),
            raw_id: self.id.clone().into(),
            response: Some(AuthenticatorAttestationResponse {
                client_data_json: self.client_data("webauthn.create", &options.challenge).into(),
                attestation_object: object.into(),
            }),
            extensions: None,
        }
    }

    /// Signs what is asked.
    pub fn sign(&mut self, asked: &CredentialAssertion) -> CredentialAssertionResponse {
        let options = asked.public_key.as_ref().expect("options");
        self.counter += 1;
        let data = self.data(0);
        let client_data = self.client_data("webauthn.get", &options.challenge);
        let signed = [&data[..], &Sha256::digest(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        CredentialAssertionResponse {
            r#type: "public-key".to_owned(),
            raw_id: self.id.clone().into(),
            response: Some(AuthenticatorAssertionResponse {
                client_data_json: client_data.into(),
                authenticator_data: data.into(),
                signature: signature.as_ref().to_vec().into(),
                user_handle: if self.tells_account {
                    self.account.clone().into()
                } else {
                    Vec::new().into()
                },
            }),
            extensions: None,
        }
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let flags = u8::from(self.present) | (u8::from(self.verified) << 2) | more;
        [
            &Sha256::digest(self.rp_id.as_bytes())[..],
            &[flags],
            &self.counter.to_be_bytes(),
        ]
        .concat()
    }

    fn client_data(&self, ceremony: &str, challenge: &[u8]) -> Vec<u8> {
        let challenge = self.challenge.as_deref().unwrap_or(challenge);
        serde_json::json!({
            "type": self.ceremony.unwrap_or(ceremony),
            "challenge": BASE64.encode(challenge),
            "origin": self.origin,
            "crossOrigin": self.framed,
        })
        .to_string()
        .into_bytes()
    }
}
