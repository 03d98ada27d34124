//! Where a request stands, drawn for its own rules: places to fill, the people in them, the places that are empty.

use wire::pb::countersign::v1 as ours;

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
    for role in &evidence.roles {
        let sets: Vec<Set> = role.sets.iter().map(set).collect();
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

fn set(set: &ours::ThresholdSetEvidence) -> Set {
    Set {
        satisfied: set.satisfied,
        rules: set.thresholds.iter().map(rule).collect(),
    }
}

fn rule(threshold: &ours::ThresholdEvidence) -> Rule {
    let faces = |names: &[String]| names.iter().map(|name| Face::of(name)).collect::<Vec<_>>();
    let approvals = |count: u32| if count == 1 { "approval" } else { "approvals" };
    let given = u32::try_from(threshold.approved_by.len()).unwrap_or(u32::MAX);
    let mut sentence = if threshold.never_approves {
        "This rule can only deny.".to_owned()
    } else if threshold.missing == 0 {
        let needed = threshold.approvals_needed;
        format!("{needed} {} needed: reached.", approvals(needed))
    } else {
        let needed = threshold.approvals_needed;
        format!(
            "{needed} {} needed, {given} given: {} missing.",
            approvals(needed),
            threshold.missing
        )
    };
    match threshold.denials_needed {
        0 => {}
        1 => sentence.push_str(" 1 denial ends it."),
        more => {
            let denied = threshold.denied_by.len();
            sentence.push_str(&format!(" {more} denials end it, {denied} given."));
        }
    }
    Rule {
        name: text::visible(&threshold.name),
        filter: text::visible(&threshold.filter),
        approved: faces(&threshold.approved_by),
        denied: faces(&threshold.denied_by),
        empty: if threshold.never_approves {
            Vec::new()
        } else {
            (1..=threshold.missing.min(PLACES_MAX))
                .map(|place| given + place)
                .collect()
        },
        sentence,
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
    fn roles_that_stand_alike_share_a_row() {
        let found = rows(&ours::Evidence {
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
