//! Sessions of the browser: found by the digest of their secret, sealed as a whole.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Class, Key, Prefix, Require};
use zeroize::Zeroize;

use super::{Change, Read, State};
use crate::failure::{Answer, Failure};

/// A session of the browser.
#[derive(Clone, Serialize, Deserialize)]
pub struct WebSession {
    /// Whose.
    pub user: String,
    /// Which subject of that name.
    pub subject: String,
    /// Since when.
    pub opened: Timestamp,
    /// The end, whatever happens.
    pub expires: Timestamp,
    /// Digest of the secret that calls carry beside the cookie.
    pub bearer: String,
    /// Until when that one is good.
    pub bearer_expires: Timestamp,
    /// The user's certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    private_key: String,
    /// Where the user signed in from.
    pub address: String,
    /// The authenticator that was used to sign in, by its id.
    #[serde(default)]
    pub device: Option<String>,
}

impl Drop for WebSession {
    fn drop(&mut self) {
        self.private_key.zeroize();
    }
}

/// How long the secret beside the cookie is good.
pub const BEARER_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// What a new session is made of.
pub struct NewSession<'a> {
    /// Whose.
    pub user: &'a str,
    /// Which subject of that name.
    pub subject: &'a str,
    /// Since when.
    pub now: Timestamp,
    /// The end.
    pub expires: Timestamp,
    /// Digest of the secret beside the cookie.
    pub bearer: String,
    /// The user's certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub private_key: &'a access::SecretText,
    /// Where the user signed in from.
    pub address: String,
    /// The authenticator that was used to sign in, by its id.
    pub device: Option<String>,
}

impl WebSession {
    /// A session that begins now.
    pub fn new(new: NewSession<'_>) -> Self {
        Self {
            user: new.user.to_owned(),
            subject: new.subject.to_owned(),
            opened: new.now,
            expires: new.expires,
            bearer: new.bearer,
            bearer_expires: bearer_end(new.now, new.expires),
            certificate: new.certificate,
            private_key: new.private_key.expose().clone(),
            address: new.address,
            device: new.device,
        }
    }

    /// What its certificate says.
    pub fn identity(&self) -> Answer<pki::Identity> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::internal(format!(
                "the certificate of a web session is not readable: {error}"
            ))
        };
        let certificates =
            pki::certificate::from_pem(&self.certificate).map_err(|error| unreadable(&error))?;
        let certificate = certificates.first().ok_or_else(|| unreadable(&"there is none"))?;
        pki::Identity::from_certificate(certificate).map_err(|error| unreadable(&error))
    }

    /// The key of its certificate, PEM.
    pub fn private_key(&self) -> &str {
        &self.private_key
    }

    /// Another secret beside the cookie, another certificate for the same key.
    pub fn renewed(mut self, bearer: String, certificate: String, now: Timestamp) -> Self {
        self.bearer = bearer;
        self.bearer_expires = bearer_end(now, self.expires);
        self.certificate = certificate;
        self
    }
}

fn bearer_end(now: Timestamp, session_end: Timestamp) -> Timestamp {
    now.saturating_add(BEARER_LIFETIME)
        .unwrap_or(session_end)
        .min(session_end)
}

fn sessions_of(user: &str) -> Prefix {
    Prefix::of(["web_sessions", user])
}

impl State {
    /// Where the session with this secret lives.
    pub fn session_key(&self, user: &str, id: &str) -> Answer<Key> {
        let digest = self.digest(Class::Sessions, "web session", id)?;
        Ok(Key::of(["web_sessions", user, &digest]))
    }

    /// What is kept of the secret beside the cookie.
    pub fn bearer_digest(&self, bearer: &str) -> Answer<String> {
        self.digest(Class::Sessions, "bearer token", bearer)
    }

    /// A session, by its user and secret.
    pub async fn web_session(
        &self,
        user: &str,
        id: &str,
        now: Timestamp,
    ) -> Answer<Option<Read<WebSession>>> {
        self.sealed(Class::Sessions, &self.session_key(user, id)?, now)
            .await
    }

    /// All sessions of a user, with where they live.
    pub async fn sessions_of(&self, user: &str, now: Timestamp) -> Answer<Vec<(Key, WebSession)>> {
        let (items, _) = self.all(sessions_of(user), now).await?;
        items
            .iter()
            .map(|item| {
                let read: Read<WebSession> = self.open_item(Class::Sessions, item)?;
                Ok((item.key.clone(), read.value))
            })
            .collect()
    }

    /// Ends all sessions of a user with a change. It fails if one is opened, renewed or closed at the same moment.
    pub async fn end_sessions_of(&self, user: &str, change: Change) -> Answer<Change> {
        let prefix = sessions_of(user);
        let (items, since) = self.all(prefix.clone(), change.now()).await?;
        let change = change.require(Require::Unchanged { prefix, since });
        Ok(items
            .into_iter()
            .fold(change, |change, item| change.delete(item.key)))
    }

    /// Puts a session into a change.
    pub fn put_session(&self, change: Change, key: Key, session: &WebSession) -> Answer<Change> {
        let bytes = self.seal_own(Class::Sessions, &key, session)?;
        Ok(change.put_until(key, bytes, Some(session.expires)))
    }
}
