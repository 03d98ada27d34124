//! WebAuthn: what an authenticator's answer has to be for it to count.
//!
//! Bytes and expectations in, a credential or an [`Asserted`] out. Nothing here reads a store or a clock, and nothing
//! trusts a browser: the challenge, the relying party and whether the person must be verified are the caller's, never the
//! answer's. Attestation is not asked for and not judged.

mod authenticator;
mod ceremony;
mod client_data;
mod key;

pub use authenticator::AuthenticatorData;
pub use ceremony::{Asserted, Assertion, Attestation, Expected, assert, register};
pub use client_data::ClientData;
pub use key::{ALGORITHMS, PublicKey};

use serde::{Deserialize, Serialize};

/// How many bytes a challenge has.
pub const CHALLENGE_BYTES: usize = 32;
/// The longest id of a credential that the standard allows, in bytes.
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1_023;

/// For whom authenticators make credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// A host name: never an IP address, which no browser accepts.
    pub id: String,
    /// The hosts whose pages may ask: the id itself, and proxies below it. Not every host below it.
    pub hosts: Vec<String>,
}

impl RelyingParty {
    /// The relying party `id` whose pages stand at `id` and at those of `proxies` that are below it. `None` if `id` cannot
    /// be one.
    pub fn new<'a>(id: &str, proxies: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let id = id.trim_end_matches('.').to_ascii_lowercase();
        let is_name = !id.is_empty()
            && id.parse::<std::net::IpAddr>().is_err()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_name {
            return None;
        }
        let mut hosts = vec![id.clone()];
        for host in proxies {
            let host = host.to_ascii_lowercase();
            let is_below = host
                .strip_suffix(&id)
                .is_some_and(|above| above.ends_with('.') && above.len() > 1);
            if is_below && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        Some(Self { id, hosts })
    }

    /// Whether a page of `origin` may ask: `https`, one of the hosts, any port.
    pub fn allows(&self, origin: &str) -> bool {
        let Some(place) = origin.strip_prefix("https://") else {
            return false;
        };
        let (host, port) = place.split_once(':').unwrap_or((place, "443"));
        !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// A credential that was registered: what an answer is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The authenticator's name for it.
    #[serde(with = "in_base64")]
    pub id: Vec<u8>,
    /// The public key, in the form it came in.
    #[serde(with = "in_base64")]
    pub public_key: Vec<u8>,
    /// The last signature counter; zero if the authenticator does not count.
    pub counter: u32,
    /// Which model, as far as it says.
    #[serde(with = "in_base64")]
    pub aaguid: Vec<u8>,
    /// For which relying party.
    pub rp_id: String,
    /// Whether it can be found without a name.
    pub resident: bool,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it is.
    pub backed_up: bool,
}

/// Why an answer does not count. For records and logs: who sent it learns only that it did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error("the {0} is not well-formed")]
    Malformed(&'static str),
    /// It answers another kind of question.
    #[error("the answer is to another kind of question")]
    WrongCeremony,
    /// It answers another challenge.
    #[error("the answer is to another challenge")]
    WrongChallenge,
    /// A page asked that is none of ours.
    #[error("a page of `{0}` asked, which is none of this cluster's")]
    WrongOrigin(String),
    /// A page asked from inside a page of another site.
    #[error("the page that asked stands inside a page of another site")]
    Framed,
    /// It was made for somebody else.
    #[error("the credential belongs to another relying party")]
    WrongRelyingParty,
    /// Nobody touched the authenticator.
    #[error("nobody was present")]
    NobodyPresent,
    /// The authenticator did not find out who touched it.
    #[error("the person was not verified")]
    NotVerified,
    /// Another credential than the one that was looked up.
    #[error("the answer names another credential")]
    WrongCredential,
    /// The account the authenticator names is not the one that was looked up.
    #[error("the credential belongs to another account")]
    WrongAccount,
    /// A kind of key that was not offered.
    #[error("the key is of a kind that is not supported")]
    KeyNotSupported,
    /// The signature is not right.
    #[error("the signature is not right")]
    BadSignature,
    /// The counter did not go up: there are two of this authenticator.
    #[error("the signature counter went from {before} to {now}: the authenticator may have been copied")]
    Cloned {
        /// What was seen last.
        before: u32,
        /// What came now.
        now: u32,
    },
}

/// Bytes as text in stored records.
mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_pages_may_ask_and_no_others() {
        let proxies = [
            "proxy.example.com",
            "eu.example.com",
            "elsewhere.test",
            "notexample.com",
        ];
        let party = RelyingParty::new("Example.com", proxies).unwrap();
        assert_eq!(
            party.hosts,
            ["example.com", "proxy.example.com", "eu.example.com"]
        );
        for origin in [
            "https://example.com",
            "https://EXAMPLE.com:3080",
            "https://proxy.example.com:443",
        ] {
            assert!(party.allows(origin), "{origin}");
        }
        for origin in [
            "",
            "http://example.com",
            "https://",
            "https://evil.example.com",
            "https://example.com.evil.test",
            "https://notexample.com",
            "https://example.com@evil.test",
            "https://evil.test/example.com",
            "https://example.com:",
            "https://example.com:443/",
            "https://example.com:443@evil.test",
            "https://example.com\\.evil.test",
            "android:apk-key-hash:x",
            "null",
        ] {
            assert!(!party.allows(origin), "{origin}");
        }
    }

    #[test]
    fn an_address_is_no_relying_party() {
        for id in ["127.0.0.1", "::1", "[::1]", "", "a:443", "https://a", "a/b"] {
            assert_eq!(RelyingParty::new(id, []), None, "{id}");
        }
        assert!(RelyingParty::new("localhost", []).is_some());
    }
}
