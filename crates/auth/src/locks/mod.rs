//! Nobody who is locked gets an answer or a certificate, and what already runs for them ends.
//!
//! The list of locks is read from the store at every call and never kept, so there is no view of it that could be stale:
//! both locking modes of the original behave alike here, and a store that cannot be read lets nobody in. A change that rests
//! on "there is no lock" says so to the store ([`Unlocked::hold`]): a lock that is set in between makes the change be
//! decided anew. Who is connected while a lock is set, or while the authority of the certificate loses its trust, is minded by a [`Vigil`]. What a lock hits is decided in
//! [`access::lock`].

mod vigil;

use std::sync::Arc;

use access::lock::{self, Lock, Target};
use jiff::Timestamp;
use pki::Identity;
use pki::identity::{Caller as Named, VouchedBy};
use store::{Item, Require, Revision};
use transport::peer::{Authority, Peer};
use wire::keep::Kept;
use wire::pb::types;

pub use access::lock::Carried as Targets;
pub use vigil::Vigil;

use crate::caller::{Caller, Who};
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::signed::Signed;
use crate::state::resource::{Found, Resource as _};
use crate::state::{Change, State};

/// The proof that there was no lock as of a commit.
#[derive(Debug, Clone, Copy)]
pub struct Unlocked(Revision);

impl Unlocked {
    /// Makes a change fail if any lock is set or changed after the check.
    #[must_use]
    pub fn hold(self, change: Change) -> Change {
        change.require(Require::Unchanged {
            prefix: types::LockV2::prefix(),
            since: self.0,
        })
    }
}

/// Refuses if a lock on any of `targets` is in force.
pub async fn check(state: &State, targets: &Targets<'_>, now: Timestamp) -> Answer<Unlocked> {
    check_with_logins(state, targets, &[], now)
        .await
        .map(|(unlocked, _)| unlocked)
}

/// The same, and those of `logins` that are locked: a lock on a login shuts nobody out, it takes the login away.
pub async fn check_with_logins(
    state: &State,
    targets: &Targets<'_>,
    logins: &[String],
    now: Timestamp,
) -> Answer<(Unlocked, Vec<String>)> {
    let (items, seen) = state.all(types::LockV2::prefix(), now).await?;
    let mut gone = Vec::new();
    for item in &items {
        let lock = Found::<types::LockV2>::read(item)?.resource;
        if let Some(shut) = lock::in_force([as_decided(&lock)], targets, now) {
            return Err(Failure::access_denied(shut.to_string()));
        }
        let locked = logins.iter().find(|login| {
            let with_login = Targets {
                logins: vec![login],
                ..targets.clone()
            };
            lock::in_force([as_decided(&lock)], &with_login, now).is_some()
        });
        gone.extend(locked.cloned());
    }
    Ok((Unlocked(seen), gone))
}

/// All locks at one moment, for judging many people at once. Nothing that is committed may rest on it.
pub struct View(Vec<Kept<types::LockV2>>);

impl View {
    /// Whether a lock on any of `targets` is in force.
    pub fn shuts_out(&self, targets: &Targets<'_>, now: Timestamp) -> bool {
        lock::in_force(self.0.iter().map(|lock| as_decided(lock)), targets, now).is_some()
    }
}

/// The locks there are now.
pub async fn view(state: &State, now: Timestamp) -> Answer<View> {
    let locks = state.find_all::<types::LockV2>(now).await?;
    Ok(View(locks.into_iter().map(|found| found.resource).collect()))
}

/// Refuses if the caller is locked.
pub async fn check_caller(state: &State, caller: &Caller, now: Timestamp) -> Answer<()> {
    let whom = Whom::of_caller(caller);
    if whom.is_nobody() {
        return Ok(());
    }
    check(state, &whom.targets(), now).await.map(|_| ())
}

/// Refuses if the lock that an item holds hits `targets`.
fn judge(item: &Item, targets: &Targets<'_>, now: Timestamp) -> Answer<()> {
    let lock = Found::<types::LockV2>::read(item)?.resource;
    match lock::in_force([as_decided(&lock)], targets, now) {
        Some(shut) => Err(Failure::access_denied(shut.to_string())),
        None => Ok(()),
    }
}

/// A lock as decisions read it.
fn as_decided(lock: &types::LockV2) -> Lock<'_> {
    let Some(spec) = lock.spec.as_ref() else {
        return Lock::default();
    };
    let target = spec.target.as_ref().map(|target| Target {
        user: &target.user,
        role: &target.role,
        login: &target.login,
        mfa_device: &target.mfa_device,
        access_request: &target.access_request,
        server_id: &target.server_id,
        node: &target.node,
        device: &target.device,
        bot_instance: &target.bot_instance_id,
        join_token: &target.join_token,
        windows_desktop: &target.windows_desktop,
    });
    Lock {
        target: target.unwrap_or_default(),
        message: &spec.message,
        expires: moment::read_option(spec.expires.as_ref()),
    }
}

/// Whom a call or a connection belongs to, as far as locks go: what the certificate says, and nothing else. Roles that
/// were taken away meanwhile are still in it, and still locked.
#[derive(Debug, Clone)]
pub struct Whom {
    kind: Kind,
    /// Who has signed the certificate, where that is known.
    signed: Option<Signed>,
}

#[derive(Debug, Clone)]
enum Kind {
    Nobody,
    Host(String),
    User {
        identity: Arc<Identity>,
        join_token: Option<String>,
    },
}

impl Whom {
    /// Whoever makes a call.
    pub fn of_caller(caller: &Caller) -> Self {
        Self {
            kind: match caller.who() {
                Who::Nobody => Kind::Nobody,
                Who::BuiltIn(part) => Kind::Host(part.host_id.clone()),
                Who::User(user) => Kind::user(&user.identity),
            },
            signed: caller.signed().cloned(),
        }
    }

    /// Whoever is at the other end of a connection.
    pub fn of_peer(peer: &Peer) -> Self {
        let known = peer.identity().and_then(Result::ok).zip(peer.authority());
        let Some((identity, authority)) = known else {
            return Self {
                kind: Kind::Nobody,
                signed: None,
            };
        };
        let vouched = match authority {
            Authority::User => VouchedBy::User,
            Authority::Host => VouchedBy::Host,
        };
        Self {
            kind: match identity.caller(vouched) {
                Ok(Named::Service { host_id, .. }) => Kind::Host(host_id.to_owned()),
                Ok(Named::User { .. }) => Kind::user(identity),
                Err(_) => Kind::Nobody,
            },
            signed: Signed::of(peer),
        }
    }

    /// Whoever holds a certificate that the user authority has signed.
    pub fn of_user(identity: Identity) -> Self {
        Self {
            kind: Kind::user(&Arc::new(identity)),
            signed: None,
        }
    }

    /// Whether there is nothing that a lock could be on.
    pub fn is_nobody(&self) -> bool {
        matches!(self.kind, Kind::Nobody)
    }

    /// Refuses if the authority that signed the certificate is not trusted any more.
    async fn check_signed(&self, state: &State, now: Timestamp) -> Answer<()> {
        match &self.signed {
            Some(signed) => signed.check(state, now).await,
            None => Ok(()),
        }
    }

    /// What locks can be on.
    pub fn targets(&self) -> Targets<'_> {
        match &self.kind {
            Kind::Nobody => Targets::default(),
            Kind::Host(host) => Targets {
                host: Some(host),
                ..Targets::default()
            },
            Kind::User { identity, join_token } => Targets {
                users: std::iter::once(identity.username.as_str())
                    .chain(identity.impersonator.as_deref())
                    .collect(),
                roles: identity.groups.iter().map(String::as_str).collect(),
                // A login is for servers; here it is only taken out of certificates.
                logins: Vec::new(),
                requests: identity.active_requests.iter().map(String::as_str).collect(),
                device: identity.mfa_device.as_deref(),
                trusted_device: identity.device_id.as_deref(),
                host: None,
                bot_instance: identity.bot_instance.as_deref(),
                join_token: join_token.as_deref(),
            },
        }
    }
}

impl Kind {
    fn user(identity: &Arc<Identity>) -> Self {
        Self::User {
            join_token: identity.join_attributes.as_deref().and_then(join_token),
            identity: Arc::clone(identity),
        }
    }
}

/// The token that join attributes name, in either spelling of the original.
fn join_token(attributes: &str) -> Option<String> {
    let attributes: serde_json::Value = serde_json::from_str(attributes).ok()?;
    let meta = attributes.get("meta")?;
    let name = meta
        .get("join_token_name")
        .or_else(|| meta.get("joinTokenName"))?;
    name.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_attributes_name_the_token() {
        for (attributes, token) in [
            (
                r#"{"meta":{"join_token_name":"ci","join_method":"github"}}"#,
                Some("ci"),
            ),
            (r#"{"meta":{"joinTokenName":"ci"}}"#, Some("ci")),
            (r#"{"meta":{"join_method":"token"}}"#, None),
            (r#"{"meta":{"join_token_name":7}}"#, None),
            ("[]", None),
            ("not JSON", None),
        ] {
            assert_eq!(join_token(attributes).as_deref(), token, "{attributes}");
        }
    }
}
