//! Which door somebody stands at: the one that all strangers share, or their own, where they come from a network that they
//! have signed in from before.
//!
//! Wrong guesses close the door they were made at and no other. So nobody keeps a person out from elsewhere, and nobody has
//! more guesses than five at a name from all the networks that its owner does not use.

use jiff::Timestamp;
use store::{Class, Key, Revision};
use transport::limits::network;

use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::lockout::{Attempts, Door, SOURCE_KNOWN_FOR, Sources, counted_name};
use crate::failure::Answer;
use crate::state::people::keys;
use crate::state::{Change, Read, own_bytes};

/// Where somebody stands who wants to sign in as a name.
#[derive(Debug)]
pub struct Doorway {
    /// Where the guesses at it are counted.
    pub key: Key,
    /// The network, and what was known of those of this name.
    source: Option<(String, Sources, Option<Revision>)>,
    strangers: bool,
    user: String,
}

impl Doorway {
    /// The door at which `call` stands for `user`. Names that do not exist have the strangers' door alone.
    pub async fn of(auth: &Auth, call: &Call, user: &str) -> Answer<Self> {
        let known: Option<Read<Sources>> = auth.state.own(&keys::sources(user), call.now).await?;
        let revision = known.as_ref().map(|known| known.revision);
        let known = known.map(|known| known.value).unwrap_or_default();
        let source = match call.source() {
            None => None,
            Some(address) => {
                let name = format!("{} {}", counted_name(user), network(address));
                Some(auth.state.digest(Class::Sessions, "sign-in source", &name)?)
            }
        };
        let own = source.as_deref().filter(|source| known.knows(source, call.now));
        let key = match own {
            Some(source) => keys::attempts_from(user, source),
            None => keys::attempts(user),
        };
        Ok(Self {
            strangers: own.is_none(),
            key,
            source: source.map(|source| (source, known, revision)),
            user: user.to_owned(),
        })
    }

    /// The wrong guesses that were made at it.
    pub async fn attempts(&self, auth: &Auth, now: Timestamp) -> Answer<Option<Read<Attempts>>> {
        auth.state.own(&self.key, now).await
    }

    /// Whether a guess may be looked at.
    pub async fn is_open(&self, auth: &Auth, now: Timestamp) -> Answer<bool> {
        let attempts = self.attempts(auth, now).await?;
        Ok(attempts.is_none_or(|attempts| attempts.value.door(now) == Door::Open))
    }

    /// Remembers with a change that its user has signed in from here.
    pub fn remember(&self, change: Change) -> Answer<Change> {
        let Some((source, known, revision)) = &self.source else {
            return Ok(change);
        };
        let now = change.now();
        let Some(after) = known.with(source, now) else {
            return Ok(change);
        };
        let until = now.saturating_add(SOURCE_KNOWN_FOR).unwrap_or(Timestamp::MAX);
        let key = keys::sources(&self.user);
        let change = change
            .require_same(&key, *revision)
            .put_until(key, own_bytes(&after)?, Some(until));
        Ok(if self.strangers {
            change.delete(keys::attempts_from(&self.user, source))
        } else {
            change
        })
    }
}
