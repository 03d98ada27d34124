//! Machines: which certificates a bot may have.
//!
//! A bot has two kinds. Its **own** certificate carries nothing but the bot's own role, can be renewed beyond its end and
//! counts its renewals, so that a copy is noticed. What it **gives out** carries roles that the bot's own role lets it take,
//! and can get no other certificate: whoever steals an output has the output and nothing more.

use jiff::{SignedDuration, Timestamp};

use crate::impersonation::Impersonation;
use crate::issue::{self, Holder, IssueError, Subject, Wish};
use crate::permit::IssuancePermit;
use crate::request::ttl;
use crate::role::Role;

/// Life of a bot's certificate for which nobody named an end.
pub const LIFETIME_DEFAULT: SignedDuration = SignedDuration::from_hours(1);
/// Longest life of a bot's certificate, its own or one it gives out.
pub const LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(24);

/// One run of a bot: which machine holds its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The bot's name, without what its user's name begins with.
    pub bot: String,
    /// The instance, a UUID.
    pub instance: String,
    /// How it joined, such as `token`.
    pub join_method: String,
}

/// A bot has shown a token that is good: its first certificate.
pub fn join(
    subject: &Subject<'_>,
    run: &Run,
    wish: Wish,
    login_ip: Option<String>,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    own(subject, run, 1, wish, login_ip, now)
}

/// A bot renews its own certificate; `generation` is what the new one counts.
///
/// That the old certificate's count was right, the caller has checked against what is stored.
pub fn renew(
    holder: &Holder,
    subject: &Subject<'_>,
    run: &Run,
    generation: u64,
    wish: Wish,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    if holder.disallow_reissue || !holder.renewable {
        return Err(IssueError::DisallowReissue);
    }
    if holder.impersonator.is_some() {
        return Err(IssueError::ImpersonatedAsks);
    }
    own(subject, run, generation, wish, holder.login_ip.clone(), now)
}

fn own(
    subject: &Subject<'_>,
    run: &Run,
    generation: u64,
    wish: Wish,
    login_ip: Option<String>,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    let not_after = issue::end(wish, subject.roles, &[longest(now)], now)?;
    let mut grant = issue::grant(subject, not_after);
    grant.login_ip = login_ip;
    grant.renewable = true;
    grant.generation = generation;
    grant.bot_name = Some(run.bot.clone());
    grant.bot_instance = Some(run.instance.clone());
    grant.join_method = Some(run.join_method.clone());
    Ok(IssuancePermit::of(grant))
}

/// Somebody takes roles that a role of theirs lets them take, and no others: a certificate to give out.
///
/// `requested` holds those roles as they exist now.
pub fn take_roles(
    holder: &Holder,
    subject: &Subject<'_>,
    requested: &[Role],
    wish: Wish,
    now: Timestamp,
) -> Result<IssuancePermit, IssueError> {
    if holder.disallow_reissue {
        return Err(IssueError::DisallowReissue);
    }
    if holder.impersonator.is_some() {
        return Err(IssueError::ImpersonatedAsks);
    }
    if !holder.active_requests.is_empty() {
        return Err(IssueError::RequestsForAnother);
    }
    if requested.is_empty() || !may_take(subject, requested) {
        let roles: Vec<&str> = requested.iter().map(|role| role.name.as_str()).collect();
        return Err(IssueError::MayNotImpersonate {
            caller: subject.user.to_owned(),
            roles: roles.join(" "),
        });
    }
    let limit = match holder.not_after {
        Some(end) if !holder.renewable => ("your present certificate".to_owned(), end.min(longest(now).1)),
        _ => longest(now),
    };
    let not_after = issue::end(wish, requested, &[limit], now)?;
    let taken = Subject {
        roles: requested,
        ..*subject
    };
    let mut grant = issue::grant(&taken, not_after);
    grant.impersonator = Some(subject.user.to_owned());
    grant.disallow_reissue = true;
    grant.login_ip = holder.login_ip.clone();
    if let Some(run) = &holder.machine {
        grant.bot_name = Some(run.bot.clone());
        grant.bot_instance = Some(run.instance.clone());
        grant.join_method = Some(run.join_method.clone());
    }
    Ok(IssuancePermit::of(grant))
}

/// Whether `subject` may take all of `requested`: one role must allow them all, and none forbid any.
///
/// Only conditions without users speak of this; the others are about acting in somebody's name.
pub fn may_take(subject: &Subject<'_>, requested: &[Role]) -> bool {
    Impersonation::of(*subject).takes(requested).is_some()
}

fn longest(now: Timestamp) -> (String, Timestamp) {
    (
        "the longest life of a bot's certificate".to_owned(),
        ttl::after(now, LIFETIME_MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Traits;

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn hours(count: i64) -> Timestamp {
        ttl::after(now(), SignedDuration::from_hours(count))
    }

    fn role(name: &str) -> Role {
        Role::empty(name)
    }

    fn bots_role(may_take: &[&str]) -> Role {
        let mut role = role("bot-robot");
        role.allow.impersonate.roles = may_take.iter().map(|&name| name.to_owned()).collect();
        role
    }

    fn run() -> Run {
        Run {
            bot: "robot".to_owned(),
            instance: "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00".to_owned(),
            join_method: "token".to_owned(),
        }
    }

    fn own_certificate() -> Holder {
        Holder {
            user: "bot-robot".to_owned(),
            not_after: Some(hours(1)),
            renewable: true,
            machine: Some(run()),
            ..Holder::default()
        }
    }

    fn with<T>(roles: &[Role], look: impl FnOnce(&Subject<'_>) -> T) -> T {
        let traits = Traits::default();
        look(&Subject {
            user: "bot-robot",
            subject: "s",
            roles,
            traits: &traits,
        })
    }

    #[test]
    fn an_own_certificate_counts_and_lasts_a_day_at_most() {
        let roles = [bots_role(&["access"])];
        with(&roles, |bot| {
            let first = join(bot, &run(), Wish::AtMost(hours(1)), None, now()).unwrap();
            assert_eq!((first.grant().generation, first.grant().renewable), (1, true));
            assert_eq!(first.grant().roles, ["bot-robot"]);
            let long = Wish::AtMost(hours(100));
            let next = renew(&own_certificate(), bot, &run(), 2, long, now()).unwrap();
            assert_eq!((next.grant().generation, next.grant().not_after), (2, hours(24)));
            assert!(matches!(
                renew(
                    &own_certificate(),
                    bot,
                    &run(),
                    2,
                    Wish::Exactly(hours(25)),
                    now()
                ),
                Err(IssueError::TooLong { .. })
            ));
        });
    }

    #[test]
    fn what_is_given_out_gets_nothing_more() {
        let roles = [bots_role(&["access", "plugin-*"])];
        with(&roles, |bot| {
            let wish = Wish::AtMost(hours(2));
            let taken = [role("access"), role("plugin-x")];
            let out = take_roles(&own_certificate(), bot, &taken, wish, now()).unwrap();
            let grant = out.grant();
            assert_eq!(grant.roles, ["access", "plugin-x"]);
            assert!(grant.disallow_reissue && !grant.renewable);
            assert_eq!(grant.impersonator.as_deref(), Some("bot-robot"));
            assert_eq!(
                grant.not_after,
                hours(2),
                "longer than the bot's own, which is renewed meanwhile"
            );
            let holder = Holder {
                disallow_reissue: true,
                impersonator: Some("bot-robot".to_owned()),
                ..own_certificate()
            };
            assert_eq!(
                take_roles(&holder, bot, &taken, wish, now()),
                Err(IssueError::DisallowReissue)
            );
            assert_eq!(
                renew(&holder, bot, &run(), 2, wish, now()),
                Err(IssueError::DisallowReissue)
            );
        });
    }

    #[test]
    fn only_roles_that_may_be_taken_are() {
        let refused = |roles: &[Role], wanted: &[Role]| with(roles, |bot| !may_take(bot, wanted));
        assert!(refused(&[bots_role(&["access"])], &[role("editor")]));
        assert!(refused(
            &[bots_role(&["access"])],
            &[role("access"), role("editor")]
        ));
        let two = [bots_role(&["access"]), bots_role(&["editor"])];
        assert!(
            refused(&two, &[role("access"), role("editor")]),
            "one role has to allow them all"
        );
        let mut denied = bots_role(&["*"]);
        denied.deny.impersonate.roles = vec!["edit*".to_owned()];
        assert!(refused(&[denied.clone()], &[role("editor")]));
        assert!(!refused(&[denied], &[role("access")]));
        let mut about_users = bots_role(&["access"]);
        about_users.allow.impersonate.users = vec!["*".to_owned()];
        assert!(refused(&[about_users], &[role("access")]));
        assert!(refused(&[role("plain")], &[role("access")]));
    }

    #[test]
    fn a_certificate_that_cannot_be_renewed_limits_what_it_gives_out() {
        let roles = [bots_role(&["access"])];
        with(&roles, |bot| {
            let holder = Holder {
                renewable: false,
                ..own_certificate()
            };
            let out = take_roles(&holder, bot, &[role("access")], Wish::AtMost(hours(5)), now()).unwrap();
            assert_eq!(out.grant().not_after, hours(1));
        });
    }
}
