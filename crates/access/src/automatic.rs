//! What access monitoring rules say to a request by themselves: yes, no, or nothing.
//!
//! A rule's yes is a machine's: it is stored, and never counts where two or more people are asked for
//! (see [`request::resolve`](crate::request::resolve)). Its no counts like anybody's.

use crate::condition::{Condition, Subject};

/// The name under which such a review is stored. No user can have it, so nobody can sign in with it.
pub const REVIEWER: &str = "@teleport-access-approval-bot";

/// What a rule says to what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// A rule that reviews.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Which requests it is about.
    pub condition: Condition,
    /// What it says to them.
    pub decision: Decision,
}

/// The rule that speaks: the first that denies, or else the first that approves; none if none is about this request.
///
/// A condition that cannot be answered is about nothing.
pub fn speaking<'a>(rules: &'a [Rule], subject: &Subject<'_>) -> Option<&'a Rule> {
    let mut approving = None;
    for rule in rules.iter().filter(|rule| rule.condition.matches(subject)) {
        match rule.decision {
            Decision::Deny => return Some(rule),
            Decision::Approve => approving = approving.or(Some(rule)),
        }
    }
    approving
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::role::Traits;

    fn rule(name: &str, condition: &str, decision: Decision) -> Rule {
        Rule {
            name: name.to_owned(),
            condition: Condition::parse(condition).unwrap(),
            decision,
        }
    }

    fn spoken(rules: &[Rule], role: &str) -> Option<String> {
        let subject = Subject {
            roles: &[role.to_owned()],
            suggested_reviewers: &[],
            system_annotations: &Traits::new(),
            user: "bob",
            reason: "",
            created: Timestamp::UNIX_EPOCH,
            expires: Timestamp::UNIX_EPOCH,
            traits: &Traits::new(),
        };
        speaking(rules, &subject).map(|rule| rule.name.clone())
    }

    #[test]
    fn a_no_wins_and_nobody_speaks_of_what_no_rule_is_about() {
        use Decision::{Approve, Deny};
        let rules = [
            rule("yes", "access_request.spec.roles.contains(\"quick\")", Approve),
            rule(
                "yes too",
                "access_request.spec.roles.contains(\"quick\")",
                Approve,
            ),
            rule("no", "access_request.spec.roles.contains(\"vault\")", Deny),
            rule("all", "access_request.spec.roles.contains(\"vault\")", Approve),
        ];
        assert_eq!(spoken(&rules, "quick").as_deref(), Some("yes"));
        assert_eq!(spoken(&rules, "vault").as_deref(), Some("no"));
        assert_eq!(spoken(&rules, "other"), None);
        // The traits are not known, so the question has no answer.
        let unanswered = [rule("r", "contains_any(user.traits[\"x\"], set(\"y\"))", Approve)];
        assert_eq!(spoken(&unanswered, "quick"), None);
    }
}
