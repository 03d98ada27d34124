//! Why a request is where it is: as one live line for whoever waits, and as rows for whoever looks.
//!
//! Everything comes from the server's evidence; nothing is counted here.

use access::request::State;
use cli::{duration, moment, text};
use jiff::Timestamp;
use wire::convert;
use wire::pb::countersign::v1::{Evidence, ThresholdEvidence, ThresholdSetEvidence};

use super::lookup::state_name;

/// Longest list of names in a line; the rest is counted.
const NAMES_MAX: usize = 5;

/// `1 of 2 approvals in, 1 missing; ivan@example.com may still give one (approved: alice@example.com)`.
///
/// What matters most comes first: a narrow terminal cuts the end off.
pub fn line(evidence: &Evidence) -> String {
    let total = counted(evidence.approvals + evidence.missing, "approval");
    let mut line = match evidence.missing {
        0 => format!("{} in", counted(evidence.approvals, "approval")),
        missing => format!("{} of {total} in, {missing} missing", evidence.approvals),
    };
    line.push_str("; ");
    line.push_str(&possible(evidence));
    let given = approvers(evidence);
    if !given.is_empty() {
        line.push_str(&format!(" (approved: {})", names(&given, given.len())));
    }
    line
}

/// Who may still give an approval, as far as the server says.
fn possible(evidence: &Evidence) -> String {
    let count = evidence.possible_reviewer_count;
    let known: Vec<String> = evidence
        .possible_reviewers
        .iter()
        .map(|reviewer| match reviewer.through_lists.as_slice() {
            [] => reviewer.user.clone(),
            lists => format!("{} (by access list {})", reviewer.user, lists.join(", ")),
        })
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let who = match (count, known.len()) {
        (0, 0) => return "nobody may give one at present".to_owned(),
        (1, 0) => "1 person".to_owned(),
        (count, 0) => format!("{count} people"),
        (count, _) => names(&known, count as usize),
    };
    let too_few = if count < evidence.missing { ": too few" } else { "" };
    format!("{who} may still give one{too_few}")
}

/// Everybody whose approval counts somewhere, each once.
fn approvers(evidence: &Evidence) -> Vec<&str> {
    let mut found: Vec<&str> = evidence
        .roles
        .iter()
        .flat_map(|role| &role.sets)
        .flat_map(|set| &set.thresholds)
        .flat_map(|threshold| &threshold.approved_by)
        .map(String::as_str)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What each role takes, what does not count, and until when there is time.
pub fn rows(evidence: &Evidence, now: Timestamp) -> String {
    let pending = convert::state(evidence.state) == Ok(Some(State::Pending));
    let mut lines = String::from("What it takes:\n");
    for role in &evidence.roles {
        let mark = if role.satisfied { "met" } else { "not met" };
        lines.push_str(&format!("  {} ({mark})\n", text::visible(&role.role)));
        for set in &role.sets {
            lines.push_str(&of_set(set));
        }
    }
    if !evidence.ignored.is_empty() {
        lines.push_str("Not counted:\n");
        for review in &evidence.ignored {
            let state = state_name(convert::state(review.proposed_state).ok().flatten());
            lines.push_str(&format!(
                "  {} ({state}): {}\n",
                text::visible(&review.author),
                text::visible(&review.reason)
            ));
        }
    }
    if pending {
        lines.push_str(&format!("Standing: {}\n", text::visible(&line(evidence))));
        if let Some(until) = convert::moment(evidence.review_until.as_ref()) {
            let left = until.duration_since(now);
            lines.push_str(&format!(
                "Review until: {} UTC ({} left)\n",
                moment::short(until),
                duration::print_minutes(left)
            ));
        }
    } else if let Some(by) = convert::taken_back_by(evidence) {
        lines.push_str(&format!("{}\n", taken_back(by, &evidence.resolve_reason)));
    } else if !evidence.resolved_by.is_empty() {
        lines.push_str(&format!("Decided by: {}\n", text::visible(&evidence.resolved_by)));
    }
    if !evidence.short_digest.is_empty() {
        lines.push_str(&format!(
            "Fingerprint: {}\n",
            text::visible(&evidence.short_digest)
        ));
    }
    lines
}

/// `Taken back by: carol@example.com, reason: the incident is over`.
fn taken_back(by: &str, reason: &str) -> String {
    let by = if by.is_empty() { "somebody" } else { by };
    let mut line = format!("Taken back by: {}", text::visible(by));
    if !reason.is_empty() {
        line.push_str(&format!(", reason: {}", text::visible(reason)));
    }
    line
}

/// The thresholds of which one is enough.
fn of_set(set: &ThresholdSetEvidence) -> String {
    let several = set.thresholds.len() > 1;
    let mut lines = String::new();
    if several {
        lines.push_str("    one of:\n");
    }
    let indent = if several { "      " } else { "    " };
    for threshold in &set.thresholds {
        lines.push_str(indent);
        lines.push_str(&text::visible(&of_threshold(threshold)));
        lines.push('\n');
    }
    lines
}

fn of_threshold(threshold: &ThresholdEvidence) -> String {
    let mut parts = Vec::new();
    if threshold.never_approves {
        parts.push("can never approve".to_owned());
    } else {
        let by = if threshold.approved_by.is_empty() {
            String::new()
        } else {
            format!(" ({})", threshold.approved_by.join(", "))
        };
        parts.push(format!(
            "{} of {}{by}",
            threshold.approved_by.len(),
            counted(threshold.approvals_needed, "approval")
        ));
    }
    let denials = counted(threshold.denials_needed, "denial");
    match (threshold.denials_needed, threshold.denied_by.as_slice()) {
        (0, _) => {}
        (1, []) => parts.push(format!("{denials} refuses it")),
        (_, []) => parts.push(format!("{denials} refuse it")),
        (_, by) => parts.push(format!("{} of {denials} ({})", by.len(), by.join(", "))),
    }
    let name = match threshold.name.as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    };
    let filter = match threshold.filter.as_str() {
        "" => String::new(),
        filter => format!(", only reviews where {filter}"),
    };
    format!("{name}{}{filter}", parts.join(", "))
}

fn counted(number: u32, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Some of `count` names, all if they are few.
fn names(names: &[&str], count: usize) -> String {
    let shown = names.len().min(NAMES_MAX);
    let listed = names[..shown].join(", ");
    match count.saturating_sub(shown) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use wire::pb::countersign::v1::{IgnoredReview, PossibleReviewer, RoleEvidence};
    use wire::pb::types::RequestState;

    use super::*;

    fn evidence(approved_by: &[&str], missing: u32) -> Evidence {
        let approved_by: Vec<String> = approved_by.iter().map(|name| (*name).to_owned()).collect();
        Evidence {
            state: RequestState::Pending as i32,
            approvals: u32::try_from(approved_by.len()).unwrap(),
            missing,
            possible_reviewer_count: 2,
            roles: vec![RoleEvidence {
                role: "elevated-access".to_owned(),
                satisfied: missing == 0,
                sets: vec![ThresholdSetEvidence {
                    satisfied: missing == 0,
                    thresholds: vec![ThresholdEvidence {
                        approvals_needed: 2,
                        denials_needed: 1,
                        missing,
                        approved_by,
                        ..ThresholdEvidence::default()
                    }],
                }],
            }],
            ..Evidence::default()
        }
    }

    fn named(name: &str) -> PossibleReviewer {
        PossibleReviewer {
            user: name.to_owned(),
            ..PossibleReviewer::default()
        }
    }

    #[test]
    fn a_line_says_how_many_are_in_and_who_may_still() {
        let nobody = evidence(&[], 2);
        expect!["0 of 2 approvals in, 2 missing; 2 people may still give one"].assert_eq(&line(&nobody));
        let alice = Evidence {
            possible_reviewer_count: 1,
            possible_reviewers: vec![named("ivan@example.com")],
            ..evidence(&["alice@example.com"], 1)
        };
        expect!["1 of 2 approvals in, 1 missing; ivan@example.com may still give one (approved: alice@example.com)"]
            .assert_eq(&line(&alice));
        let lonely = Evidence {
            possible_reviewer_count: 1,
            ..evidence(&[], 2)
        };
        expect!["0 of 2 approvals in, 2 missing; 1 person may still give one: too few"]
            .assert_eq(&line(&lonely));
        let forgotten = Evidence {
            possible_reviewer_count: 0,
            ..evidence(&["alice@example.com"], 1)
        };
        expect![
            "1 of 2 approvals in, 1 missing; nobody may give one at present (approved: alice@example.com)"
        ]
        .assert_eq(&line(&forgotten));
    }

    #[test]
    fn long_lists_are_counted() {
        let people = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(names(&people, 7), "a, b, c, d, e and 2 more");
        // The server names some of many.
        assert_eq!(names(&people, 120), "a, b, c, d, e and 115 more");
        assert_eq!(names(&people[..2], 2), "a, b");
    }

    #[test]
    fn the_rows_say_who_took_an_approval_back() {
        let mut evidence = Evidence {
            state: RequestState::Denied as i32,
            outcome: RequestState::Approved as i32,
            resolved_by: "carol@example.com".to_owned(),
            resolve_reason: "the incident is over".to_owned(),
            ..evidence(&["alice@example.com", "ivan@example.com"], 0)
        };
        let now = "2025-08-27T10:00:00Z".parse().unwrap();
        expect![[r"
            What it takes:
              elevated-access (met)
                2 of 2 approvals (alice@example.com, ivan@example.com), 1 denial refuses it
            Taken back by: carol@example.com, reason: the incident is over
        "]]
        .assert_eq(&rows(&evidence, now));
        evidence.resolve_reason.clear();
        assert!(rows(&evidence, now).ends_with("Taken back by: carol@example.com\n"));
        evidence.outcome = RequestState::Denied as i32;
        assert!(rows(&evidence, now).ends_with("Decided by: carol@example.com\n"));
    }

    #[test]
    fn the_rows_say_what_is_missing_and_what_does_not_count() {
        let mut evidence = Evidence {
            review_until: Some(convert::timestamp("2025-08-27T14:00:00Z".parse().unwrap())),
            short_digest: "ABCDE-FGHJK-MNPQR-STVWX".to_owned(),
            ignored: vec![IgnoredReview {
                author: "bot".to_owned(),
                proposed_state: RequestState::Approved as i32,
                reason: "machines are not people\u{1b}[2J".to_owned(),
            }],
            ..evidence(&["alice@example.com"], 1)
        };
        evidence.roles[0].sets.push(ThresholdSetEvidence {
            satisfied: false,
            thresholds: vec![
                ThresholdEvidence {
                    name: "managers".to_owned(),
                    filter: r#"contains(reviewer.roles, "manager")"#.to_owned(),
                    approvals_needed: 1,
                    ..ThresholdEvidence::default()
                },
                ThresholdEvidence {
                    never_approves: true,
                    denials_needed: 1,
                    ..ThresholdEvidence::default()
                },
            ],
        });
        expect![[r#"
            What it takes:
              elevated-access (not met)
                1 of 2 approvals (alice@example.com), 1 denial refuses it
                one of:
                  managers: 0 of 1 approval, only reviews where contains(reviewer.roles, "manager")
                  can never approve, 1 denial refuses it
            Not counted:
              bot (APPROVED): machines are not people\u{1b}[2J
            Standing: 1 of 2 approvals in, 1 missing; 2 people may still give one (approved: alice@example.com)
            Review until: 2025-08-27 14:00:00 UTC (4h0m0s left)
            Fingerprint: ABCDE-FGHJK-MNPQR-STVWX
        "#]]
        .assert_eq(&rows(&evidence, "2025-08-27T10:00:00Z".parse().unwrap()));
    }
}
