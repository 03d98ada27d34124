//! What the browser says it asked the authenticator: which question, which challenge, which page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;

use super::{Expected, Refusal};

/// The longest that is read, in bytes.
const BYTES_MAX: usize = 8 * 1024;

/// Client data, read. Nothing of it is proven before the signature over its bytes is.
#[derive(Debug, Deserialize)]
pub struct ClientData {
    #[serde(rename = "type")]
    ceremony: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin", default)]
    top_origin: Option<String>,
}

impl ClientData {
    /// Reads it.
    pub fn read(json: &[u8]) -> Result<Self, Refusal> {
        let malformed = || Refusal::Malformed("client data");
        if json.len() > BYTES_MAX {
            return Err(malformed());
        }
        // Some browsers begin with a byte order mark, as the standard's own decoder allows.
        let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
        serde_json::from_slice(json).map_err(|_| malformed())
    }

    /// The challenge that was answered.
    pub fn challenge(&self) -> Result<Vec<u8>, Refusal> {
        BASE64
            .decode(self.challenge.trim_end_matches('='))
            .map_err(|_| Refusal::Malformed("challenge"))
    }

    /// Refuses unless this is the answer to `ceremony` with the challenge that was given, by one of our own pages.
    pub(super) fn check(&self, ceremony: &str, expected: &Expected<'_>) -> Result<(), Refusal> {
        if self.ceremony != ceremony {
            return Err(Refusal::WrongCeremony);
        }
        let same = subtle::ConstantTimeEq::ct_eq(self.challenge()?.as_slice(), expected.challenge);
        if !bool::from(same) {
            return Err(Refusal::WrongChallenge);
        }
        if !expected.party.allows(&self.origin) {
            return Err(Refusal::WrongOrigin(self.origin.chars().take(200).collect()));
        }
        if self.cross_origin || self.top_origin.is_some() {
            return Err(Refusal::Framed);
        }
        Ok(())
    }
}
