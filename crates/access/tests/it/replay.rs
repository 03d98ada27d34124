//! A thousand decisions that another server made, made again here.

use access::Role;
use access::request::{Request, State};
use access::role::Threshold;
use serde_json::Value;

use crate::people::{Group, ask, asking, proposal, reviewing};

const RECORDED: &str = include_str!("../data/decisions.jsonl");
const REVIEWABLE: &[&str] = &["vault", "crane", "ledger", "vault-ro"];

/// `[NAME ]APPROVE/DENY[ if FILTER]`
fn threshold(text: &str) -> Threshold {
    let (head, filter) = text.split_once(" if ").unwrap_or((text, ""));
    let (name, counts) = head.rsplit_once(' ').unwrap_or(("", head));
    let (approve, deny) = counts.split_once('/').unwrap();
    let filter = match filter {
        "sec" | "ops" | "lead" => format!("contains(reviewer.roles, \"{filter}\")"),
        other => other.to_owned(),
    };
    Threshold {
        name: name.to_owned(),
        filter,
        approve: approve.parse().unwrap(),
        deny: deny.parse().unwrap(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn requester_roles(scenario: &Value) -> Vec<Role> {
    let mut roles: Vec<Role> = scenario["roles"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(at, written)| {
            let thresholds: Vec<Threshold> = texts(&written["thresholds"])
                .iter()
                .map(|text| threshold(text))
                .collect();
            let mut role = asking(&format!("m{at}"), &[], &thresholds);
            role.allow.request.roles = texts(&written["allow"]);
            role.deny.request.roles = texts(&written["deny"]);
            role
        })
        .collect();
    if scenario["n"].as_u64().unwrap().is_multiple_of(3) {
        roles.push(reviewing("judge", REVIEWABLE));
    }
    roles
}

fn reviewers(own: &[Role]) -> Group {
    let judge = || reviewing("judge", REVIEWABLE);
    let with = |names: &[&str]| {
        let mut roles = vec![judge()];
        roles.extend(names.iter().map(|name| Role::empty(*name)));
        roles
    };
    let mut group = Group::default();
    for (prefix, count, roles) in [
        ("n", 4, with(&[])),
        ("s", 3, with(&["sec"])),
        ("o", 3, with(&["ops"])),
        ("l", 2, with(&["lead"])),
        ("b", 2, with(&["ops", "sec"])),
        ("ls", 2, with(&["lead", "sec"])),
    ] {
        for at in 1..=count {
            group.roles.insert(format!("{prefix}{at}"), roles.clone());
        }
    }
    group.roles.insert("self".to_owned(), own.to_vec());
    group
}

fn letter(state: State) -> &'static str {
    match state {
        State::Pending => "P",
        State::Approved => "A",
        State::Denied => "D",
        State::Promoted => "R",
    }
}

fn code(class: access::Class) -> &'static str {
    match class {
        access::Class::InvalidArgument => "IA",
        access::Class::PermissionDenied => "PD",
        access::Class::NotFound => "NF",
        access::Class::AlreadyExists => "AE",
        access::Class::FailedPrecondition => "FP",
        _ => "??",
    }
}

/// Whether an answer of ours is the recorded one: the code and, word for word, its telling part.
fn same(recorded: &str, code: &str, message: &str) -> bool {
    let (recorded_code, telling) = recorded.split_once(' ').unwrap_or((recorded, ""));
    recorded_code == code && telling.split("…").all(|part| message.contains(part.trim()))
}

fn play(scenario: &Value) -> Result<(), String> {
    let own = requester_roles(scenario);
    let asked = texts(&scenario["ask"]);
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let mut wanted = proposal("self", &asked);
    wanted.reason = scenario["reason"].as_str().unwrap_or_default().to_owned();
    let created = scenario["created"].as_str().unwrap();
    let mut request = match ask(&wanted, &own) {
        Ok(_) if created != "P" => return Err(format!("created, recorded {created}")),
        Ok(request) => request,
        Err(error) if same(created, code(error.class()), &error.to_string()) => return Ok(()),
        Err(error) => return Err(format!("not created: {error}; recorded {created}")),
    };
    let group = reviewers(&own);
    for (at, step) in scenario["steps"].as_array().into_iter().flatten().enumerate() {
        let state = if step["state"] == "A" {
            State::Approved
        } else {
            State::Denied
        };
        let who = step["who"].as_str().unwrap();
        let recorded = scenario["results"][at].as_str().unwrap();
        match group.review(&request, who, state, step["reason"].as_str().unwrap_or_default()) {
            Ok(outcome) if letter(outcome.request.state) == recorded => request = outcome.request,
            Ok(outcome) => {
                return Err(format!(
                    "step {at}: {}, recorded {recorded}",
                    letter(outcome.request.state)
                ));
            }
            Err(error) if same(recorded, code(error.class()), &error.to_string()) => {}
            Err(error) => return Err(format!("step {at}: {error}, recorded {recorded}")),
        }
    }
    compare_stored(scenario, &request)
}

fn compare_stored(scenario: &Value, request: &Request) -> Result<(), String> {
    let thresholds: Vec<String> = request
        .thresholds
        .iter()
        .map(|threshold| {
            format!(
                "{} {}/{} {}",
                threshold.name, threshold.approve, threshold.deny, threshold.filter
            )
        })
        .collect();
    let reviews: Vec<String> = request
        .reviews
        .iter()
        .map(|review| {
            format!(
                "{} {} {}",
                review.author,
                letter(review.state),
                indexes(&review.thresholds)
            )
        })
        .collect();
    let rtm: serde_json::Map<String, Value> = request
        .role_thresholds
        .iter()
        .map(|(role, sets)| (role.clone(), sets.iter().map(|set| indexes(set)).collect()))
        .collect();
    let compare = |what: &str, ours: Value, recorded: &Value| {
        let recorded = if recorded.is_null() {
            empty_like(&ours)
        } else {
            recorded.clone()
        };
        if ours == recorded {
            Ok(())
        } else {
            Err(format!("{what}: {ours}, recorded {recorded}"))
        }
    };
    compare("state", letter(request.state).into(), &scenario["final"])?;
    compare("thresholds", thresholds.into(), &scenario["stored_thresholds"])?;
    compare("rtm", Value::Object(rtm), &scenario["rtm"])?;
    compare("reviews", reviews.into(), &scenario["reviews"])?;
    compare(
        "resolve reason",
        request.resolve_reason.clone().into(),
        &scenario["resolve_reason"],
    )
}

fn empty_like(value: &Value) -> Value {
    match value {
        Value::String(_) => "".into(),
        Value::Array(_) => Value::Array(Vec::new()),
        other => other.clone(),
    }
}

fn indexes(indexes: &[u32]) -> String {
    format!(
        "[{}]",
        indexes.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
    )
}

/// Scenarios that we mean to decide otherwise: number and the rule that asks for it. None.
const DIFFERENCES: &[(u64, &str)] = &[];

#[test]
fn a_thousand_recorded_decisions_are_made_again() {
    let mut wrong = Vec::new();
    let mut played = 0;
    for line in RECORDED.lines() {
        let scenario: Value = serde_json::from_str(line).unwrap();
        let number = scenario["n"].as_u64().unwrap();
        played += 1;
        let differs = DIFFERENCES.iter().any(|(different, _)| *different == number);
        match play(&scenario) {
            Ok(()) if differs => wrong.push(format!("{number}: listed as a difference and decided alike")),
            Err(_) if differs => {}
            Err(why) => wrong.push(format!("{number}: {why}")),
            Ok(()) => {}
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
