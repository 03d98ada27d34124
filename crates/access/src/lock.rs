//! Locks: what is shut out, and whether somebody carries it.
//!
//! A lock names what it shuts out by up to ten facts, and hits whoever carries all of those it names. Nothing here knows
//! where locks are kept or when they are looked at.

use jiff::Timestamp;

use crate::permit::IssuancePermit;

/// What a lock shuts out; every field that is not empty must be carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// A user.
    pub user: &'a str,
    /// A role.
    pub role: &'a str,
    /// A login on servers.
    pub login: &'a str,
    /// An authenticator, by its id.
    pub mfa_device: &'a str,
    /// An access request, by its id.
    pub access_request: &'a str,
    /// A host, by its id or by its id and the cluster.
    pub server_id: &'a str,
    /// The same, as it was called before.
    pub node: &'a str,
    /// A trusted device, by its id.
    pub device: &'a str,
    /// One copy of a bot.
    pub bot_instance: &'a str,
    /// The token that a bot or host joined with.
    pub join_token: &'a str,
    /// A desktop. Nobody carries one here.
    pub windows_desktop: &'a str,
}

/// A lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lock<'a> {
    /// What it shuts out.
    pub target: Target<'a>,
    /// Why, for people.
    pub message: &'a str,
    /// Its end; `None` for ever.
    pub expires: Option<Timestamp>,
}

/// What somebody carries that a lock can name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried<'a> {
    /// The user, and who acts in that name.
    pub users: Vec<&'a str>,
    /// Roles.
    pub roles: Vec<&'a str>,
    /// Logins.
    pub logins: Vec<&'a str>,
    /// Access requests.
    pub requests: Vec<&'a str>,
    /// The authenticator used.
    pub device: Option<&'a str>,
    /// The trusted device.
    pub trusted_device: Option<&'a str>,
    /// The host.
    pub host: Option<&'a str>,
    /// The copy of a bot.
    pub bot_instance: Option<&'a str>,
    /// The token that was joined with.
    pub join_token: Option<&'a str>,
}

/// The lock that shuts somebody out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lock targeting {target} is in force{}", reason(message))]
pub struct ShutOut {
    target: String,
    message: String,
}

fn reason(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

/// The first lock in force that shuts out who carries all this at `now`.
pub fn in_force<'l>(
    locks: impl IntoIterator<Item = Lock<'l>>,
    carried: &Carried<'_>,
    now: Timestamp,
) -> Option<ShutOut> {
    locks.into_iter().find_map(|lock| {
        if lock.is_over(now) {
            return None;
        }
        lock.target.hit(carried).map(|target| ShutOut {
            target,
            message: lock.message.to_owned(),
        })
    })
}

impl Lock<'_> {
    /// Whether its end has come.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

impl Target<'_> {
    /// What is hit, as it is told: the first field that is set, if all that are set are carried.
    fn hit(&self, carried: &Carried<'_>) -> Option<String> {
        let is = |wanted: &str, has: Option<&str>| has == Some(wanted);
        let on_host = |wanted: &str| carried.host.is_some_and(|host| same_host(wanted, host));
        let mut told = None;
        for (kind, wanted, carries) in [
            ("User", self.user, carried.users.contains(&self.user)),
            ("Role", self.role, carried.roles.contains(&self.role)),
            ("Login", self.login, carried.logins.contains(&self.login)),
            ("MFADevice", self.mfa_device, is(self.mfa_device, carried.device)),
            (
                "AccessRequest",
                self.access_request,
                carried.requests.contains(&self.access_request),
            ),
            ("Device", self.device, is(self.device, carried.trusted_device)),
            ("ServerID", self.server_id, on_host(self.server_id)),
            ("Node", self.node, on_host(self.node)),
            (
                "BotInstanceID",
                self.bot_instance,
                is(self.bot_instance, carried.bot_instance),
            ),
            (
                "JoinToken",
                self.join_token,
                is(self.join_token, carried.join_token),
            ),
            // A target that nobody can carry hits nobody rather than everybody.
            ("WindowsDesktop", self.windows_desktop, false),
        ] {
            if wanted.is_empty() {
                continue;
            }
            if !carries {
                return None;
            }
            told.get_or_insert_with(|| format!("{kind}:{wanted:?}"));
        }
        told
    }
}

/// A host is named by its id, or by its id and the cluster.
fn same_host(wanted: &str, host: &str) -> bool {
    wanted == host
        || wanted
            .strip_prefix(host)
            .is_some_and(|rest| rest.starts_with('.'))
}

impl IssuancePermit {
    /// The permission without some logins. A permit can lose; it never gains.
    #[must_use]
    pub fn without_logins(&self, gone: &[String]) -> Self {
        let mut grant = self.grant().clone();
        grant.logins.retain(|login| !gone.contains(login));
        Self::of(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn bob() -> Carried<'static> {
        Carried {
            users: vec!["bob", "admin"],
            roles: vec!["devops"],
            logins: vec!["root"],
            requests: vec!["r1"],
            device: Some("phone"),
            trusted_device: Some("laptop"),
            host: Some("h1"),
            bot_instance: Some("i1"),
            join_token: Some("t1"),
        }
    }

    fn told(target: Target<'_>) -> Option<String> {
        let lock = Lock {
            target,
            expires: Some(moment(100)),
            ..Lock::default()
        };
        assert_eq!(
            in_force([lock], &bob(), moment(100)),
            None,
            "at its end it is over"
        );
        assert_eq!(
            in_force([lock], &Carried::default(), moment(0)),
            None,
            "who carries nothing is not hit"
        );
        in_force([lock], &bob(), moment(99)).map(|shut| shut.to_string())
    }

    /// A field by name, set to a value.
    fn with<'a>(mut target: Target<'a>, field: &str, value: &'a str) -> Target<'a> {
        *match field {
            "User" => &mut target.user,
            "Role" => &mut target.role,
            "Login" => &mut target.login,
            "MFADevice" => &mut target.mfa_device,
            "AccessRequest" => &mut target.access_request,
            "Device" => &mut target.device,
            "ServerID" => &mut target.server_id,
            "Node" => &mut target.node,
            "BotInstanceID" => &mut target.bot_instance,
            "JoinToken" => &mut target.join_token,
            other => panic!("{other}"),
        } = value;
        target
    }

    const CARRIED: [(&str, &str); 12] = [
        ("User", "bob"),
        ("User", "admin"),
        ("Role", "devops"),
        ("Login", "root"),
        ("MFADevice", "phone"),
        ("AccessRequest", "r1"),
        ("Device", "laptop"),
        ("ServerID", "h1"),
        ("ServerID", "h1.example.com"),
        ("Node", "h1"),
        ("BotInstanceID", "i1"),
        ("JoinToken", "t1"),
    ];

    #[test]
    fn each_field_hits_who_carries_it_and_nobody_else() {
        for (field, value) in CARRIED {
            assert_eq!(
                told(with(Target::default(), field, value)),
                Some(format!("lock targeting {field}:{value:?} is in force"))
            );
            assert_eq!(told(with(Target::default(), field, "other")), None, "{field}");
            let longer = format!("{}2", value.trim_end_matches(".example.com"));
            assert_eq!(told(with(Target::default(), field, &longer)), None, "{field}");
        }
    }

    #[test]
    fn every_field_that_is_set_must_be_carried() {
        for (one, one_value) in CARRIED {
            for (other, _) in CARRIED {
                if one != other {
                    let both = with(with(Target::default(), one, one_value), other, "other");
                    assert_eq!(told(both), None, "{one} and another {other}");
                }
            }
        }
        let both = with(with(Target::default(), "User", "bob"), "Role", "devops");
        assert_eq!(
            told(both),
            Some("lock targeting User:\"bob\" is in force".to_owned())
        );
        let desktop = Target {
            user: "bob",
            windows_desktop: "d",
            ..Target::default()
        };
        assert_eq!(told(desktop), None);
        assert_eq!(told(Target::default()), None, "a lock on nothing hits nobody");
    }

    #[test]
    fn the_reason_is_told() {
        let lock = Lock {
            target: Target {
                user: "bob",
                ..Target::default()
            },
            message: "gone",
            expires: None,
        };
        let shut = in_force([Lock::default(), lock], &bob(), moment(0)).unwrap();
        assert_eq!(shut.to_string(), "lock targeting User:\"bob\" is in force: gone");
    }
}
