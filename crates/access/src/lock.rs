//! Locks: what is shut out, and whether a caller is.

use jiff::Timestamp;

/// What a lock shuts out; every field that is set must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// A user.
    pub user: String,
    /// A role.
    pub role: String,
    /// A login.
    pub login: String,
    /// A second-factor device.
    pub mfa_device: String,
    /// An access request.
    pub access_request: String,
    /// A server.
    pub server_id: String,
}

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Its name.
    pub name: String,
    /// What it shuts out.
    pub target: Target,
    /// Why, for people.
    pub message: String,
    /// Its end; `None` for ever.
    pub expires: Option<Timestamp>,
}

/// Who calls, as far as locks go.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Name.
    pub user: &'a str,
    /// Roles.
    pub roles: &'a [String],
    /// Requests in the certificate.
    pub access_requests: &'a [String],
    /// Server, for hosts.
    pub server_id: &'a str,
}

/// The first lock in force that shuts `caller` out at `now`.
pub fn in_force<'a>(locks: &'a [Lock], caller: &Caller<'_>, now: Timestamp) -> Option<&'a Lock> {
    locks
        .iter()
        .filter(|lock| lock.expires.is_none_or(|end| now < end))
        .find(|lock| {
            let target = &lock.target;
            let matched = [
                (&target.user, target.user == caller.user),
                (&target.role, caller.roles.contains(&target.role)),
                (
                    &target.access_request,
                    caller.access_requests.contains(&target.access_request),
                ),
                (&target.server_id, target.server_id == caller.server_id),
                (&target.login, false),
                (&target.mfa_device, false),
            ];
            let mut named = matched.iter().filter(|(value, _)| !value.is_empty()).peekable();
            named.peek().is_some() && named.all(|(_, hit)| *hit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_whom_it_names_until_it_ends() {
        let moment = |second| Timestamp::from_second(second).unwrap();
        let lock = |target| Lock {
            name: "l".to_owned(),
            target,
            message: String::new(),
            expires: Some(moment(100)),
        };
        let (roles, requests) = (["devops".to_owned()], ["r1".to_owned()]);
        let bob = Caller {
            user: "bob",
            roles: &roles,
            access_requests: &requests,
            server_id: "",
        };
        for target in [
            Target {
                user: "bob".to_owned(),
                ..Target::default()
            },
            Target {
                role: "devops".to_owned(),
                ..Target::default()
            },
            Target {
                access_request: "r1".to_owned(),
                ..Target::default()
            },
            Target {
                user: "bob".to_owned(),
                role: "devops".to_owned(),
                ..Target::default()
            },
        ] {
            assert!(
                in_force(&[lock(target.clone())], &bob, moment(99)).is_some(),
                "{target:?}"
            );
            assert!(in_force(&[lock(target)], &bob, moment(100)).is_none());
        }
        for target in [
            Target {
                user: "alice".to_owned(),
                ..Target::default()
            },
            Target {
                user: "bob".to_owned(),
                role: "other".to_owned(),
                ..Target::default()
            },
            Target::default(),
        ] {
            assert!(
                in_force(&[lock(target.clone())], &bob, moment(0)).is_none(),
                "{target:?}"
            );
        }
    }
}
