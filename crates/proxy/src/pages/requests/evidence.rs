//! Where a request stands, drawn for its own rules: places to fill, the people in them, and who may fill the empty ones.

use std::collections::BTreeMap;

use wire::pb::countersign::v1 as ours;
use wire::pb::types::{AccessRequestSpecV3, RequestState};

use crate::look::Look;
use crate::text::{self, Face, When};
use crate::words::Language;

/// More empty places than this are told as a number.
const PLACES_MAX: u32 = 8;
/// So many of those who may fill a place are named.
const NAMED_MAX: usize = 3;
/// Distance of two places in the drawing.
const STEP: usize = 56;

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
    /// Places from left to right: approvals, denials, empty ones.
    pub places: Vec<Place>,
    /// Width of the drawing.
    pub width: usize,
    /// Whether it is met.
    pub met: bool,
    /// All of it in one sentence.
    pub sentence: String,
    /// Who may fill the empty places; empty if there are none.
    pub open_to: String,
}

/// A place in the drawing.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// Its middle.
    pub x: usize,
    /// `taken`, `against` or `open`.
    pub class: &'static str,
    /// Who is in it.
    pub face: Option<Face>,
    /// Since when.
    pub when: Option<When>,
    /// Which one it is, from 1.
    pub number: usize,
}

/// Reads the evidence of one request.
pub struct Reading<'a> {
    /// What the cluster says.
    pub evidence: &'a ours::Evidence,
    /// Who reads it.
    pub viewer: &'a str,
    /// When each review was given, by its author.
    pub reviewed: BTreeMap<String, When>,
    /// How it is shown.
    pub look: &'a Look,
}

impl Reading<'_> {
    fn is_open(&self) -> bool {
        self.evidence.state == i32::from(RequestState::Pending)
    }

    fn language(&self) -> Language {
        self.look.language
    }

    /// The rows of a request: roles with the same rules and the same people share one.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for role in &self.evidence.roles {
            let sets: Vec<Set> = role.sets.iter().map(|found| self.set(found)).collect();
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

    fn set(&self, set: &ours::ThresholdSetEvidence) -> Set {
        Set {
            satisfied: set.satisfied,
            rules: set.thresholds.iter().map(|found| self.rule(found)).collect(),
        }
    }

    fn rule(&self, threshold: &ours::ThresholdEvidence) -> Rule {
        let is_waiting = self.is_open() && !threshold.never_approves && threshold.missing > 0;
        let mut places = Vec::new();
        let people = threshold
            .approved_by
            .iter()
            .map(|name| ("taken", name))
            .chain(threshold.denied_by.iter().map(|name| ("against", name)));
        for (class, name) in people {
            places.push(Place {
                x: 0,
                class,
                face: Some(Face::of(name)),
                when: self.reviewed.get(name).cloned(),
                number: 0,
            });
        }
        if is_waiting {
            for _ in 0..threshold.missing.min(PLACES_MAX) {
                places.push(Place {
                    x: 0,
                    class: "open",
                    face: None,
                    when: None,
                    number: 0,
                });
            }
        }
        for (at, place) in places.iter_mut().enumerate() {
            place.number = at + 1;
            place.x = STEP / 2 + STEP * at;
        }
        let given = i64::try_from(threshold.approved_by.len()).unwrap_or(i64::MAX);
        Rule {
            name: text::visible(&threshold.name),
            filter: text::visible(&threshold.filter),
            width: STEP * (places.len() + 1),
            places,
            met: !threshold.never_approves && threshold.missing == 0,
            sentence: if self.is_open() {
                what_is_missing(threshold, given, self.language())
            } else {
                what_it_took(threshold, given, self.language())
            },
            open_to: if is_waiting {
                self.open_to(threshold)
            } else {
                String::new()
            },
        }
    }

    /// Who may fill the empty places of a rule: names for those who may review, roles and numbers for the others.
    fn open_to(&self, threshold: &ours::ThresholdEvidence) -> String {
        let language = self.language();
        let evidence = self.evidence;
        if evidence.possible_reviewer_count == 0 {
            return language
                .say("Nobody in this cluster can fill the empty place today.")
                .to_owned();
        }
        if evidence.possible_reviewers.is_empty() {
            let roles: Vec<String> = evidence
                .reviewer_roles
                .iter()
                .map(|role| {
                    let people = language.count(i64::from(role.people), "1 person", "{} people");
                    format!("{} ({people})", text::visible(&role.role))
                })
                .collect();
            return language.fill("Open to the role {}.", &[&text::listed(&roles, language)]);
        }
        let mut candidates: Vec<&ours::PossibleReviewer> = evidence
            .possible_reviewers
            .iter()
            .filter(|person| person.thresholds.contains(&threshold.index))
            .collect();
        // The reader comes first, then whoever was asked by name.
        candidates.sort_by_key(|person| (person.user != self.viewer, !person.suggested));
        let mut names: Vec<String> = candidates
            .iter()
            .take(NAMED_MAX)
            .map(|person| {
                if person.user == self.viewer {
                    language.say("you").to_owned()
                } else {
                    text::visible(&person.user)
                }
            })
            .collect();
        match candidates.len().saturating_sub(NAMED_MAX) {
            _ if names.is_empty() => {
                return language
                    .say("Nobody in this cluster can fill the empty place today.")
                    .to_owned();
            }
            0 => {}
            more => {
                names.push(language.count(i64::try_from(more).unwrap_or(i64::MAX), "1 other", "{} others"));
            }
        }
        let listed = match names.as_slice() {
            [most @ .., last] if !most.is_empty() => language.fill("{} or {}", &[&most.join(", "), last]),
            _ => names.concat(),
        };
        language.fill("Open to {}.", &[&listed])
    }
}

/// The rules of a request that is not made yet, a sentence for each: which roles need what.
pub fn plain_rules(spec: &AccessRequestSpecV3, language: Language) -> Vec<String> {
    let mut sentences: Vec<(Vec<String>, String)> = Vec::new();
    let mut mapped: Vec<_> = spec.role_threshold_mapping.iter().collect();
    mapped.sort_by_key(|(role, _)| *role);
    for (role, sets) in mapped {
        let needs: Vec<String> = sets
            .sets
            .iter()
            .map(|set| {
                let ways: Vec<String> = set
                    .indexes
                    .iter()
                    .filter_map(|index| spec.thresholds.get(usize::try_from(*index).ok()?))
                    .filter(|threshold| threshold.approve > 0)
                    .map(|threshold| {
                        let needed = approvals(threshold.approve, language);
                        if threshold.filter.is_empty() {
                            needed
                        } else {
                            let filter = text::visible(&threshold.filter);
                            language.fill("{} of people for whom {} holds", &[&needed, &filter])
                        }
                    })
                    .collect();
                ways.join(language.say(" or "))
            })
            .collect();
        let needs = needs.join(language.say(", and besides "));
        match sentences.iter_mut().find(|(_, known)| *known == needs) {
            Some((roles, _)) => roles.push(text::visible(role)),
            None => sentences.push((vec![text::visible(role)], needs)),
        }
    }
    sentences
        .into_iter()
        .map(|(roles, needs)| format!("{}: {needs}", text::listed(&roles, language)))
        .collect()
}

/// While the request is open.
fn what_is_missing(threshold: &ours::ThresholdEvidence, given: i64, language: Language) -> String {
    let needed = approvals(threshold.approvals_needed, language);
    let mut sentence = if threshold.never_approves {
        language.say("This rule can only deny.").to_owned()
    } else if threshold.missing == 0 {
        language.fill("{} needed: reached.", &[&needed])
    } else {
        let missing = threshold.missing.to_string();
        language.fill(
            "{} needed, {} given: {} missing.",
            &[&needed, &given.to_string(), &missing],
        )
    };
    match threshold.denials_needed {
        0 => {}
        1 => {
            sentence.push(' ');
            sentence.push_str(language.say("1 denial ends it."));
        }
        more => {
            let denied = threshold.denied_by.len().to_string();
            sentence.push(' ');
            sentence.push_str(&language.fill("{} denials end it, {} given.", &[&more.to_string(), &denied]));
        }
    }
    sentence
}

/// After the decision.
fn what_it_took(threshold: &ours::ThresholdEvidence, given: i64, language: Language) -> String {
    let mut sentence = if threshold.never_approves {
        language.say("This rule could only deny.").to_owned()
    } else {
        let needed = approvals(threshold.approvals_needed, language);
        language.fill("{} needed, {} given.", &[&needed, &given.to_string()])
    };
    let denied = i64::try_from(threshold.denied_by.len()).unwrap_or(i64::MAX);
    if denied > 0 {
        sentence.push(' ');
        sentence.push_str(&language.count(denied, "1 denial.", "{} denials."));
    }
    sentence
}

fn approvals(count: u32, language: Language) -> String {
    language.count(i64::from(count), "1 approval", "{} approvals")
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

    fn read(evidence: &ours::Evidence) -> Vec<Row> {
        let reading = Reading {
            evidence,
            viewer: "mallory",
            reviewed: BTreeMap::new(),
            look: &Look::default(),
        };
        reading.rows()
    }

    fn possible(user: &str, thresholds: &[u32]) -> ours::PossibleReviewer {
        ours::PossibleReviewer {
            user: user.to_owned(),
            thresholds: thresholds.to_vec(),
            ..ours::PossibleReviewer::default()
        }
    }

    #[test]
    fn one_of_two_is_given_and_the_empty_place_says_who_may_fill_it() {
        let rows = read(&ours::Evidence {
            state: RequestState::Pending.into(),
            roles: vec![evidence("elevated-access", &["alice"], 1)],
            possible_reviewer_count: 2,
            possible_reviewers: vec![possible("ivan", &[0]), possible("zoe", &[1])],
            ..ours::Evidence::default()
        });
        let rule = &rows[0].sets[0].rules[0];
        assert_eq!(
            rule.sentence,
            "2 approvals needed, 1 given: 1 missing. 1 denial ends it."
        );
        let classes: Vec<_> = rule.places.iter().map(|place| place.class).collect();
        assert_eq!(classes, ["taken", "open"]);
        assert_eq!(rule.open_to, "Open to ivan.");
    }

    #[test]
    fn a_requester_learns_roles_and_numbers_and_no_names() {
        let rows = read(&ours::Evidence {
            state: RequestState::Pending.into(),
            roles: vec![evidence("elevated-access", &[], 2)],
            possible_reviewer_count: 3,
            reviewer_roles: vec![ours::ReviewerRole {
                role: "dbreviewer".to_owned(),
                people: 3,
            }],
            ..ours::Evidence::default()
        });
        assert_eq!(
            rows[0].sets[0].rules[0].open_to,
            "Open to the role dbreviewer (3 people)."
        );
    }

    #[test]
    fn after_the_decision_nothing_is_open() {
        let mut denied = evidence("elevated-access", &[], 2);
        denied.sets[0].thresholds[0].denied_by = vec!["ivan".to_owned()];
        let rows = read(&ours::Evidence {
            state: RequestState::Denied.into(),
            roles: vec![denied],
            ..ours::Evidence::default()
        });
        let rule = &rows[0].sets[0].rules[0];
        assert_eq!(rule.sentence, "2 approvals needed, 0 given. 1 denial.");
        assert!(rule.places.iter().all(|place| place.class == "against"));
    }

    #[test]
    fn roles_that_stand_alike_share_a_row() {
        let found = read(&ours::Evidence {
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
