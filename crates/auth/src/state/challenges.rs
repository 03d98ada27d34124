//! Challenges that were given out and wait for an answer: single use, five minutes, kept here and never in a browser.
//!
//! | key | what |
//! | --- | --- |
//! | `/challenges/NAME/DIGEST` | what an authenticator of that user is asked; `/challenges//DIGEST` without a name |
//! | `/registrations/NAME/ID` | a second factor that somebody signed in is setting up; sealed, as it may hold a seed |

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Class, Key, Prefix, Range};
use zeroize::Zeroize;

use super::{Change, Read, State, own_bytes};
use crate::credentials::totp::Seed;
use crate::failure::Answer;
use crate::ids::hex;

/// How long a challenge may be answered.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(5);
/// The most challenges that wait for one user; the oldest give way.
const WAITING_MAX: usize = 16;

/// What the answer to a challenge may be used for. It is good for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The second half of signing in with a password.
    SignIn,
    /// Signing in without one.
    Passwordless,
    /// Adding and removing second factors.
    Devices,
    /// Confirming what an administrator does.
    Administration,
    /// A session on a server.
    Session,
    /// Another password.
    Password,
    /// A vote on one access request.
    Vote,
}

impl Purpose {
    /// As records name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignIn => "CHALLENGE_SCOPE_LOGIN",
            Self::Passwordless => "CHALLENGE_SCOPE_PASSWORDLESS_LOGIN",
            Self::Devices => "CHALLENGE_SCOPE_MANAGE_DEVICES",
            Self::Administration => "CHALLENGE_SCOPE_ADMIN_ACTION",
            Self::Session => "CHALLENGE_SCOPE_USER_SESSION",
            Self::Password => "CHALLENGE_SCOPE_CHANGE_PASSWORD",
            Self::Vote => "CHALLENGE_SCOPE_REVIEW",
        }
    }
}

/// What a vote is about: the answer is good for this and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    /// The access request.
    pub request: String,
    /// The digest of its content, as the reviewer was shown it, in hex.
    pub digest: String,
}

/// What a right password was judged on: these revisions of the user and of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The user's.
    pub user: u64,
    /// The password's.
    pub password: u64,
}

/// A challenge that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// What for.
    pub purpose: Purpose,
    /// For which relying party.
    pub rp_id: String,
    /// Whether the authenticator must find out who touches it.
    pub verified: bool,
    /// Since when.
    pub since: Timestamp,
    /// What a vote is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter: Option<Matter>,
    /// The right password that it was given for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Basis>,
}

/// The challenge for an authenticator that is being set up.
#[derive(Clone, Serialize, Deserialize)]
pub struct Registration {
    challenge: String,
    /// For which relying party.
    pub rp_id: String,
    /// Whether it is to be found without a name, and must find out who touches it.
    pub passwordless: bool,
    /// Until when it may be answered.
    pub expires: Timestamp,
}

impl Registration {
    /// A registration that begins now.
    pub fn new(challenge: &[u8], rp_id: &str, passwordless: bool, now: Timestamp) -> Self {
        Self {
            challenge: BASE64.encode(challenge),
            rp_id: rp_id.to_owned(),
            passwordless,
            expires: now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
        }
    }

    /// The challenge, if it may still be answered.
    pub fn challenge(&self, now: Timestamp) -> Option<Vec<u8>> {
        (now < self.expires)
            .then(|| BASE64.decode(&self.challenge).ok())
            .flatten()
    }
}

/// A second factor that somebody signed in is setting up.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setup {
    /// An authenticator app, with the seed in base 32.
    App(String),
    /// An authenticator.
    Authenticator(Registration),
}

impl Setup {
    /// An app with a new seed.
    pub fn app(seed: &Seed) -> Self {
        Self::App(seed.base32().expose().clone())
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Self::App(seed) = self {
            seed.zeroize();
        }
    }
}

fn of(owner: &str) -> Prefix {
    Prefix::of(["challenges", owner])
}

/// Where the challenge lives that `owner` was given; nobody's without a name.
pub fn key(owner: &str, challenge: &[u8]) -> Key {
    Key::of(["challenges", owner, &hex(&Sha256::digest(challenge))])
}

/// Where a second factor that is being set up lives.
pub fn setup_key(user: &str, id: &str) -> Key {
    Key::of(["registrations", user, id])
}

impl State {
    /// The challenge that `owner` was given.
    pub async fn challenge(
        &self,
        owner: &str,
        challenge: &[u8],
        now: Timestamp,
    ) -> Answer<Option<Read<Challenge>>> {
        self.own(&key(owner, challenge), now).await
    }

    /// Puts a challenge for `owner` into a change. Where too many wait, the oldest give way.
    pub async fn put_challenge(
        &self,
        change: Change,
        owner: &str,
        bytes: &[u8],
        challenge: &Challenge,
    ) -> Answer<Change> {
        let now = change.now();
        let mut change = change;
        if !owner.is_empty() {
            let page = self
                .page(Range::under(of(owner)).limit(WAITING_MAX * 2), now)
                .await?;
            let mut waiting: Vec<_> = page.items.iter().map(|item| (item.expires, &item.key)).collect();
            waiting.sort();
            let spare = (waiting.len() + 1).saturating_sub(WAITING_MAX);
            for (_, old) in waiting.into_iter().take(spare) {
                change = change.delete(old.clone());
            }
        }
        let until = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        Ok(change.put_until(key(owner, bytes), own_bytes(challenge)?, Some(until)))
    }

    /// A second factor that `user` is setting up.
    pub async fn setup(&self, user: &str, id: &str, now: Timestamp) -> Answer<Option<Read<Setup>>> {
        self.sealed(Class::Credentials, &setup_key(user, id), now).await
    }

    /// Puts a second factor that `user` is setting up into a change.
    pub fn put_setup(&self, change: Change, user: &str, id: &str, setup: &Setup) -> Answer<Change> {
        let key = setup_key(user, id);
        let bytes = self.seal_own(Class::Credentials, &key, setup)?;
        let until = change.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        Ok(change.put_until(key, bytes, Some(until)))
    }
}
