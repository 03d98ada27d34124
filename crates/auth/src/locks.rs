//! Nobody who is locked gets an answer or a certificate.
//!
//! The list of locks is read from the store at every call, so a lock holds from the next call on. A
//! change that rests on "there is no lock" says so to the store ([`Unlocked::hold`]): a lock that
//! is set in between makes the change be decided anew.

use jiff::Timestamp;
use store::{Require, Revision};
use wire::pb::types;

use crate::caller::{Caller, Who};
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::state::resource::{Found, Resource as _};
use crate::state::{Change, State};

/// What a lock can be on, as far as one identity goes.
#[derive(Debug, Clone, Default)]
pub struct Targets<'a> {
    /// The user, and who acts in his name.
    pub users: Vec<&'a str>,
    /// Roles.
    pub roles: Vec<&'a str>,
    /// Logins.
    pub logins: Vec<&'a str>,
    /// Access requests.
    pub requests: Vec<&'a str>,
    /// The authenticator used.
    pub device: Option<&'a str>,
    /// The host.
    pub host: Option<&'a str>,
}

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
    let (items, seen) = state.all(types::LockV2::prefix(), now).await?;
    for item in &items {
        let lock = Found::<types::LockV2>::read(item)?.resource;
        let Some(spec) = lock.spec.as_ref() else { continue };
        let ends = moment::read_option(spec.expires.as_ref());
        if ends.is_some_and(|ends| ends <= now) {
            continue;
        }
        if let Some(hit) = spec.target.as_ref().and_then(|target| hit(target, targets)) {
            let mut text = format!("lock targeting {hit} is in force");
            if !spec.message.is_empty() {
                text = format!("{text}: {}", spec.message);
            }
            return Err(Failure::access_denied(text));
        }
    }
    Ok(Unlocked(seen))
}

/// Refuses if the caller is locked.
pub async fn check_caller(state: &State, caller: &Caller, now: Timestamp) -> Answer<()> {
    let targets = match caller.who() {
        Who::Nobody => return Ok(()),
        Who::BuiltIn(part) => Targets {
            host: Some(&part.host_id),
            ..Targets::default()
        },
        Who::User(user) => Targets {
            users: std::iter::once(user.name())
                .chain(user.identity.impersonator.as_deref())
                .collect(),
            // Roles that were taken away meanwhile are still in the certificate, and still locked.
            roles: user.identity.groups.iter().map(String::as_str).collect(),
            logins: Vec::new(),
            requests: user.identity.active_requests.iter().map(String::as_str).collect(),
            device: user.identity.mfa_device.as_deref(),
            host: None,
        },
    };
    check(state, &targets, now).await.map(|_| ())
}

/// What a lock's target hits; every field that is set must hit.
fn hit(target: &types::LockTarget, targets: &Targets<'_>) -> Option<String> {
    // A target that names something we do not know hits nobody rather than everybody.
    if !target.windows_desktop.is_empty() || !target.device.is_empty() {
        return None;
    }
    let mut first = None;
    let mut fields = [
        (
            "User",
            &target.user,
            targets.users.contains(&target.user.as_str()),
        ),
        (
            "Role",
            &target.role,
            targets.roles.contains(&target.role.as_str()),
        ),
        (
            "Login",
            &target.login,
            targets.logins.contains(&target.login.as_str()),
        ),
        (
            "AccessRequest",
            &target.access_request,
            targets.requests.contains(&target.access_request.as_str()),
        ),
        (
            "MFADevice",
            &target.mfa_device,
            targets.device == Some(target.mfa_device.as_str()),
        ),
        (
            "ServerID",
            &target.server_id,
            targets
                .host
                .is_some_and(|host| same_host(&target.server_id, host)),
        ),
        (
            "Node",
            &target.node,
            targets.host.is_some_and(|host| same_host(&target.node, host)),
        ),
    ]
    .into_iter()
    .filter(|(_, wanted, _)| !wanted.is_empty())
    .peekable();
    fields.peek()?;
    for (kind, wanted, hits) in fields {
        if !hits {
            return None;
        }
        first.get_or_insert_with(|| format!("{kind}:{wanted:?}"));
    }
    first
}

/// A host is named by its id, or by its id and the cluster.
fn same_host(wanted: &str, host: &str) -> bool {
    wanted == host
        || wanted
            .strip_prefix(host)
            .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> types::LockTarget {
        types::LockTarget::default()
    }

    #[test]
    fn every_field_that_is_set_must_hit() {
        let bob = Targets {
            users: vec!["bob", "admin"],
            roles: vec!["devops"],
            ..Targets::default()
        };
        let on = |target: types::LockTarget| hit(&target, &bob);
        assert_eq!(on(target()), None, "a lock on nothing hits nobody");
        let user = types::LockTarget {
            user: "bob".into(),
            ..target()
        };
        assert_eq!(on(user.clone()), Some("User:\"bob\"".to_owned()));
        let both = types::LockTarget {
            role: "other".into(),
            ..user.clone()
        };
        assert_eq!(on(both), None);
        let desktop = types::LockTarget {
            windows_desktop: "d".into(),
            ..user
        };
        assert_eq!(on(desktop), None);
        let impersonator = types::LockTarget {
            user: "admin".into(),
            ..target()
        };
        assert!(on(impersonator).is_some());
    }

    #[test]
    fn hosts_are_named_with_and_without_their_cluster() {
        assert!(same_host("h1", "h1") && same_host("h1.example.com", "h1"));
        assert!(!same_host("h12", "h1"));
    }
}
