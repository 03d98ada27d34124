//! A thousand decisions that another server made, as data: what came in, and what was made of it.
//!
//! Nothing here decides anything. `replay` plays the scenarios in the decision core; the tests of the `auth` crate include
//! this file and play them over the wire.

use std::collections::BTreeMap;

use serde_json::Value;

const RECORDED: &str = include_str!("../data/decisions.jsonl");

/// What every reviewer may review.
pub const REVIEWABLE: &[&str] = &["vault", "crane", "ledger", "vault-ro"];

/// The reviewers and the roles they hold beside `judge`, which grant nothing.
pub const REVIEWERS: &[(&str, &[&str])] = &[
    ("n1", &[]),
    ("n2", &[]),
    ("n3", &[]),
    ("n4", &[]),
    ("s1", &["sec"]),
    ("s2", &["sec"]),
    ("s3", &["sec"]),
    ("o1", &["ops"]),
    ("o2", &["ops"]),
    ("o3", &["ops"]),
    ("l1", &["lead"]),
    ("l2", &["lead"]),
    ("b1", &["ops", "sec"]),
    ("b2", &["ops", "sec"]),
    ("ls1", &["lead", "sec"]),
    ("ls2", &["lead", "sec"]),
];

/// Scenarios that we mean to decide otherwise: number and the rule that asks for it. None.
pub const DIFFERENCES: &[(u64, &str)] = &[];

/// One request from its roles to its end.
pub struct Scenario {
    pub number: u64,
    /// The requester's roles `m0`, `m1` and so on.
    pub roles: Vec<Asking>,
    /// Whether the requester may review, too.
    pub judge: bool,
    pub ask: Vec<String>,
    pub reason: String,
    /// `P`, or the refusal.
    pub created: String,
    pub steps: Vec<Step>,
    pub stored: Stored,
}

/// A role that lets its holder ask.
pub struct Asking {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub thresholds: Vec<Rule>,
}

/// A threshold as it is written in a role.
pub struct Rule {
    pub name: String,
    pub filter: String,
    pub approve: u32,
    pub deny: u32,
}

/// A review and what it led to.
pub struct Step {
    /// A reviewer's name, or `self`.
    pub who: String,
    pub approves: bool,
    pub reason: String,
    /// The state after it, or the refusal.
    pub result: String,
}

/// A stored request, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub state: String,
    /// `NAME APPROVE/DENY FILTER`
    pub thresholds: Vec<String>,
    /// Role and sets of threshold indexes.
    pub role_thresholds: BTreeMap<String, Vec<String>>,
    /// `AUTHOR STATE INDEXES`
    pub reviews: Vec<String>,
    pub resolve_reason: String,
}

/// All of them.
pub fn all() -> impl Iterator<Item = Scenario> {
    RECORDED
        .lines()
        .map(|line| Scenario::read(&serde_json::from_str(line).expect("JSON")))
}

/// Holds the verdicts on all scenarios to the list above, and fails with those that were decided otherwise.
pub fn judge(verdicts: impl IntoIterator<Item = (u64, Result<(), String>)>) {
    let mut wrong = Vec::new();
    let mut played = 0;
    for (number, verdict) in verdicts {
        played += 1;
        let meant = DIFFERENCES.iter().any(|(different, _)| *different == number);
        match verdict {
            Ok(()) if meant => wrong.push(format!("{number}: listed as a difference and decided alike")),
            Err(why) if !meant => wrong.push(format!("{number}: {why}")),
            _ => {}
        }
    }
    assert_eq!(played, 1000);
    assert!(
        wrong.is_empty(),
        "{} of {played} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

/// Whether an answer of ours is the recorded one: the code and, word for word, its telling part.
pub fn same(recorded: &str, code: &str, message: &str) -> bool {
    let (recorded_code, telling) = recorded.split_once(' ').unwrap_or((recorded, ""));
    recorded_code == code && telling.split("…").all(|part| message.contains(part.trim()))
}

/// `[0 2]`
pub fn indexes(indexes: &[u32]) -> String {
    let indexes: Vec<String> = indexes.iter().map(u32::to_string).collect();
    format!("[{}]", indexes.join(" "))
}

impl Scenario {
    fn read(line: &Value) -> Self {
        let number = line["n"].as_u64().expect("a number");
        let results = texts(&line["results"]);
        let created = text(&line["created"]);
        let steps = list(&line["steps"]);
        assert!(
            created != "P" || results.len() == steps.len(),
            "{number}: a step without its result"
        );
        Self {
            number,
            roles: list(&line["roles"]).iter().map(Asking::read).collect(),
            judge: number.is_multiple_of(3),
            ask: texts(&line["ask"]),
            reason: text(&line["reason"]),
            created,
            steps: steps
                .iter()
                .zip(results)
                .map(|(step, result)| Step {
                    who: text(&step["who"]),
                    approves: step["state"] == "A",
                    reason: text(&step["reason"]),
                    result,
                })
                .collect(),
            stored: Stored {
                state: text(&line["final"]),
                thresholds: texts(&line["stored_thresholds"]),
                role_thresholds: line["rtm"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(role, sets)| (role.clone(), texts(sets)))
                    .collect(),
                reviews: texts(&line["reviews"]),
                resolve_reason: text(&line["resolve_reason"]),
            },
        }
    }

    /// Says what is stored otherwise than recorded.
    pub fn compare(&self, ours: &Stored) -> Result<(), String> {
        if *ours == self.stored {
            Ok(())
        } else {
            Err(format!("{ours:?}, recorded {:?}", self.stored))
        }
    }
}

impl Asking {
    fn read(written: &Value) -> Self {
        Self {
            allow: texts(&written["allow"]),
            deny: texts(&written["deny"]),
            thresholds: texts(&written["thresholds"])
                .iter()
                .map(|text| Rule::read(text))
                .collect(),
        }
    }
}

impl Rule {
    /// `[NAME ]APPROVE/DENY[ if FILTER]`
    fn read(text: &str) -> Self {
        let (head, filter) = text.split_once(" if ").unwrap_or((text, ""));
        let (name, counts) = head.rsplit_once(' ').unwrap_or(("", head));
        let (approve, deny) = counts.split_once('/').expect("two counts");
        Self {
            name: name.to_owned(),
            filter: match filter {
                "sec" | "ops" | "lead" => format!("contains(reviewer.roles, \"{filter}\")"),
                other => other.to_owned(),
            },
            approve: approve.parse().expect("a number"),
            deny: deny.parse().expect("a number"),
        }
    }

    /// As a stored request shows it.
    pub fn stored(name: &str, filter: &str, approve: u32, deny: u32) -> String {
        format!("{name} {approve}/{deny} {filter}")
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    list(value)
        .iter()
        .map(|value| value.as_str().expect("text").to_owned())
        .collect()
}
