//! Whether `tsh login` has to ask for a password at all.

use jiff::{SignedDuration, Timestamp};

use crate::session::Session;

/// What `tsh login` does.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing is wanted that is not there.
    ShowStatus,
    /// The session there is asks for, or uses, a request.
    Ask,
    /// Password and code.
    SignIn,
}

/// The session there is.
pub struct Known<'a> {
    user: &'a str,
    ends: Timestamp,
}

impl<'a> Known<'a> {
    /// That of a session.
    pub fn of(session: &'a Session) -> Self {
        Self {
            user: &session.profile.user,
            ends: session.identity.not_after(),
        }
    }
}

/// What was asked for. The proxy is that of the session: another one has a session of its own.
#[derive(Default)]
pub struct Wanted<'a> {
    /// `--user`
    pub user: Option<&'a str>,
    /// `--ttl`
    pub lifetime: Option<SignedDuration>,
    /// `--out`
    pub file: bool,
    /// `--request-id` or `--request-roles`
    pub request: bool,
}

/// What to do with the session there is.
pub fn choose(known: &Known<'_>, wanted: &Wanted<'_>, now: Timestamp) -> Plan {
    let left = known.ends.duration_since(now);
    let another = wanted.user.is_some_and(|user| user != known.user);
    let longer = wanted
        .lifetime
        .is_some_and(|wanted| wanted > left + SignedDuration::from_mins(1));
    if !left.is_positive() || another || wanted.file || longer {
        Plan::SignIn
    } else if wanted.request {
        Plan::Ask
    } else {
        Plan::ShowStatus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_asked_for_only_when_needed() {
        let now: Timestamp = "2025-08-27T10:00:00Z".parse().unwrap();
        let known = |hours| Known {
            user: "bob",
            ends: now + SignedDuration::from_hours(hours),
        };
        let hours = |hours| Some(SignedDuration::from_hours(hours));
        let nothing = Wanted::default;
        for (what, known, wanted, plan) in [
            ("nothing else", known(12), nothing(), Plan::ShowStatus),
            (
                "the same user",
                known(12),
                Wanted {
                    user: Some("bob"),
                    ..nothing()
                },
                Plan::ShowStatus,
            ),
            (
                "another user",
                known(12),
                Wanted {
                    user: Some("alice"),
                    ..nothing()
                },
                Plan::SignIn,
            ),
            ("expired", known(0), nothing(), Plan::SignIn),
            (
                "a request",
                known(12),
                Wanted {
                    request: true,
                    ..nothing()
                },
                Plan::Ask,
            ),
            (
                "a request, expired",
                known(-1),
                Wanted {
                    request: true,
                    ..nothing()
                },
                Plan::SignIn,
            ),
            (
                "a file",
                known(12),
                Wanted {
                    file: true,
                    ..nothing()
                },
                Plan::SignIn,
            ),
            (
                "no longer than there is",
                known(12),
                Wanted {
                    lifetime: hours(12),
                    ..nothing()
                },
                Plan::ShowStatus,
            ),
            (
                "longer than there is",
                known(12),
                Wanted {
                    lifetime: hours(20),
                    ..nothing()
                },
                Plan::SignIn,
            ),
        ] {
            assert_eq!(choose(&known, &wanted, now), plan, "{what}");
        }
    }
}
