//! Where a request stands, drawn for its own rules: places to fill, the people in them, the places that are empty.

use wire::pb::countersign::v1 as ours;
use wire::pb::types::RequestState;

use crate::text::{self, Face};

/// More empty places than this are told as a number.
const PLACES_MAX: u32 = 8;

/// Roles that stand alike, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The roles.
    pub roles: Vec<String>,
    /// Whether they have what they need.
    pub satisfied: bool,
    /// All of these have to be met.
    pub sets: Vec<Set>,
}

/// One of these rules is enough.
#[derive(Debug, PartialEq, Eq)]
pub struct Set {
    /// Whether one of them is met.
    pub satisfied: bool,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// One rule: so many approvals of such people.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name; empty if it has none.
    pub name: String,
    /// Who counts; empty: everybody who may review.
    pub filter: String,
    /// Whose approvals count.
    pub approved: Vec<Face>,
    /// Whose denials count.
    pub denied: Vec<Face>,
    /// Numbers of the places that are still empty.
    pub empty: Vec<u32>,
    /// All of it in one sentence.
    pub sentence: String,
}

/// The rows of a request: roles with the same rules and the same people share one.
pub fn rows(evidence: &ours::Evidence) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let is_open = evidence.state == i32::from(RequestState::Pending);
    for role in &evidence.roles {
        let sets: Vec<Set> = role.sets.iter().map(|found| set(found, is_open)).collect();
        let name = text::visible(&role.role);
        match rows
            .iter_mut()
            .find(|row| row.sets == sets && row.satisfied == role.satisfied)
        {
            Some(row) => row.roles.push(name),
            None => rows.push(Row {
                roles: vec![name],
                satisfied: role.satisfied,
                sets,
            }),
        }
    }
    rows
}

fn set(set: &ours::ThresholdSetEvidence, is_open: bool) -> Set {
    Set {
        satisfied: set.satisfied,
        rules: set.thresholds.iter().map(|found| rule(found, is_open)).collect(),
    }
}

fn rule(threshold: &ours::ThresholdEvidence, is_open: bool) -> Rule {
    let faces = |names: &[String]| names.iter().map(|name| Face::of(name)).collect::<Vec<_>>();
    let given = u32::try_from(threshold.approved_by.len()).unwrap_or(u32::MAX);
    let is_waiting = is_open && !threshold.never_approves;
    Rule {
        name: text::visible(&threshold.name),
        filter: text::visible(&threshold.filter),
        approved: faces(&threshold.approved_by),
        denied: faces(&threshold.denied_by),
        empty: if is_waiting {
            (1..=threshold.missing.min(PLACES_MAX))
                .map(|place| given + place)
                .collect()
        } else {
            Vec::new()
        },
        sentence: if is_open {
            what_is_missing(threshold, given)
        } else {
            what_it_took(threshold, given)
        },
    }
}

/// While the request is open.
fn what_is_missing(threshold: &ours::ThresholdEvidence, given: u32) -> String {
    let needed = approvals(threshold.approvals_needed);
    let mut sentence = if threshold.never_approves {
        "This rule can only deny.".to_owned()
    } else if threshold.missing == 0 {
        format!("{needed} needed: reached.")
    } else {
        format!("{needed} needed, {given} given: {} missing.", threshold.missing)
    };
    match threshold.denials_needed {
        0 => {}
        1 => sentence.push_str(" 1 denial ends it."),
        more => {
            let denied = threshold.denied_by.len();
            sentence.push_str(&format!(" {more} denials end it, {denied} given."));
        }
    }
    sentence
}

/// After the decision.
fn what_it_took(threshold: &ours::ThresholdEvidence, given: u32) -> String {
    let mut sentence = if threshold.never_approves {
        "This rule could only deny.".to_owned()
    } else {
        format!("{} needed, {given} given.", approvals(threshold.approvals_needed))
    };
    match threshold.denied_by.len() {
        0 => {}
        1 => sentence.push_str(" 1 denial."),
        more => sentence.push_str(&format!(" {more} denials.")),
    }
    sentence
}

fn approvals(count: u32) -> String {
    if count == 1 {
        "1 approval".to_owned()
    } else {
        format!("{count} approvals")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(role: &str, approved_by: &[&str], missing: u32) -> ours::RoleEvidence {
        ours::RoleEvidence {
            role: role.to_owned(),
            satisfied: missing == 0,
            sets: vec![ours::ThresholdSetEvidence {
                satisfied: missing == 0,
                thresholds: vec![ours::ThresholdEvidence {
                    approvals_needed: 2,
                    denials_needed: 1,
                    approved_by: approved_by.iter().map(|name| (*name).to_owned()).collect(),
                    missing,
                    ..ours::ThresholdEvidence::default()
                }],
            }],
        }
    }

    #[test]
    fn one_of_two_is_given_and_one_place_is_empty() {
        let rows = rows(&ours::Evidence {
            state: RequestState::Pending.into(),
            roles: vec![evidence("elevated-access", &["alice"], 1)],
            ..ours::Evidence::default()
        });
        let rule = &rows[0].sets[0].rules[0];
        assert_eq!(
            rule.sentence,
            "2 approvals needed, 1 given: 1 missing. 1 denial ends it."
        );
        assert_eq!(rule.empty, [2]);
        assert_eq!(rule.approved[0].name, "alice");
    }

    #[test]
    fn after_the_decision_nothing_is_open() {
        let mut denied = evidence("elevated-access", &[], 2);
        denied.sets[0].thresholds[0].denied_by = vec!["ivan".to_owned()];
        let rows = rows(&ours::Evidence {
            state: RequestState::Denied.into(),
            roles: vec![denied],
            ..ours::Evidence::default()
        });
        let rule = &rows[0].sets[0].rules[0];
        assert_eq!(rule.sentence, "2 approvals needed, 0 given. 1 denial.");
        assert!(rule.empty.is_empty());
    }

    #[test]
    fn roles_that_stand_alike_share_a_row() {
        let found = rows(&ours::Evidence {
            state: RequestState::Pending.into(),
            roles: vec![
                evidence("a", &["alice"], 1),
                evidence("b", &["alice"], 1),
                evidence("c", &["alice", "ivan"], 0),
            ],
            ..ours::Evidence::default()
        });
        let roles: Vec<_> = found.iter().map(|row| row.roles.join("+")).collect();
        assert_eq!(roles, ["a+b", "c"]);
        assert_eq!(
            found[1].sets[0].rules[0].sentence,
            "2 approvals needed: reached. 1 denial ends it."
        );
    }
}
