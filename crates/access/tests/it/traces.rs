//! Worked traces: who reviews in which order, and the state after each review.

use access::Role;
use access::request::State;
use access::role::Threshold;

use crate::people::{Group, ask, asking, filtered, holds, proposal, reviewing, threshold};

/// Plays `reviews` such as `al A, iv D "why"` against a request for `asked` by somebody with these roles.
fn check(roles: &[Role], asked: &[&str], reviews: &str, states: &str) {
    let judge = || reviewing("judge", &["x", "y"]);
    let member = |extra: &[&str]| {
        let mut roles = vec![judge()];
        roles.extend(extra.iter().map(|name| Role::empty(*name)));
        roles
    };
    let mut group = Group::default();
    for name in ["al", "iv", "ca", "di", "ed", "fe", "gu", "ha"] {
        group.roles.insert(name.to_owned(), member(&[]));
    }
    for (name, extra) in [
        ("sec1", vec!["sec"]),
        ("sec2", vec!["sec"]),
        ("sec3", vec!["sec"]),
        ("ops1", vec!["ops"]),
        ("ops2", vec!["ops"]),
        ("both", vec!["sec", "ops"]),
        ("lead", vec!["lead"]),
    ] {
        group.roles.insert(name.to_owned(), member(&extra));
    }
    let mut request = ask(&proposal("bob", asked), roles).unwrap();
    let mut seen = Vec::new();
    for step in reviews.split(", ") {
        let mut words = step.splitn(3, ' ');
        let (who, vote) = (words.next().unwrap(), words.next().unwrap());
        let reason = words.next().unwrap_or_default();
        let state = if vote == "A" {
            State::Approved
        } else {
            State::Denied
        };
        match group.review(&request, who, state, reason) {
            Ok(outcome) => {
                request = outcome.request;
                seen.push(request.state.name().to_owned());
            }
            Err(error) => seen.push(error.to_string()),
        }
    }
    let shown = seen
        .join(", ")
        .replace("PENDING", "P")
        .replace("APPROVED", "A")
        .replace("DENIED", "D");
    assert_eq!(shown, states, "{reviews}");
}

fn one(thresholds: &[Threshold]) -> Vec<Role> {
    vec![asking("r", &["x"], thresholds)]
}

#[test]
fn the_guides_rule_asks_for_two_and_one_denial_ends_it() {
    let seed = one(&[threshold(2, 1)]);
    check(&seed, &["x"], "al A, iv A", "P, A");
    check(&seed, &["x"], "al A, iv D", "P, D");
    check(
        &seed,
        &["x"],
        "al A, al A",
        "P, user \"al\" has already reviewed this request",
    );
    check(
        &seed,
        &["x"],
        "al A, iv A, ca D",
        "P, A, the access request has been already approved",
    );
}

#[test]
fn without_thresholds_one_review_decides() {
    check(&one(&[]), &["x"], "al A", "A");
    check(&one(&[]), &["x"], "al D", "D");
}

#[test]
fn zero_never_triggers() {
    check(
        &one(&[threshold(3, 0)]),
        &["x"],
        "al D, iv D, ca D, di D, ed D, fe A, gu A, ha A",
        "P, P, P, P, P, P, P, A",
    );
    check(
        &one(&[threshold(0, 1)]),
        &["x"],
        "al A, iv A, ca A, di A, ed D",
        "P, P, P, P, D",
    );
    check(&one(&[threshold(0, 0)]), &["x"], "al A, iv D, ca A", "P, P, P");
}

#[test]
fn thresholds_of_one_role_are_alternatives() {
    let roles = one(&[threshold(3, 0), filtered(&holds("sec"), 2, 2)]);
    check(
        &roles,
        &["x"],
        "ops1 A, sec1 A, ops2 D, sec2 D, sec3 A",
        "P, P, P, P, A",
    );
    check(&roles, &["x"], "sec1 A, ops1 D, sec2 A", "P, P, A");
    check(&roles, &["x"], "sec1 D, ops1 D, sec2 D", "P, P, D");
    let roles = one(&[threshold(2, 2), filtered(&holds("lead"), 1, 1)]);
    check(&roles, &["x"], "al D, lead A", "P, A");
    check(&roles, &["x"], "al A, lead D", "P, D");
    let roles = one(&[filtered("regexp.match(review.reason, \"*ticket*\")", 1, 0)]);
    check(&roles, &["x"], "al A ok, iv D ticket, ca A ticket 9", "P, P, A");
}

#[test]
fn roles_that_allow_the_same_must_all_be_satisfied() {
    let roles = [
        asking("a", &["x"], &[filtered(&holds("sec"), 1, 1)]),
        asking("b", &["x"], &[filtered(&holds("ops"), 1, 1)]),
    ];
    check(&roles, &["x"], "sec1 A, sec2 A, ops1 A", "P, P, A");
    check(&roles, &["x"], "both A", "A");
    check(&roles, &["x"], "sec1 A, ops1 D", "P, D");
    let roles = [asking("a", &["x"], &[]), asking("b", &["x"], &[threshold(2, 0)])];
    check(&roles, &["x"], "al A, iv A", "P, A");
    check(&roles, &["x"], "al A, iv D", "P, D");
}

#[test]
fn every_requested_role_must_be_approved() {
    let roles = [
        asking("a", &["x"], &[threshold(1, 0)]),
        asking("b", &["y"], &[threshold(2, 1)]),
    ];
    check(&roles, &["x", "y"], "al A, iv A", "P, A");
    check(&roles, &["x", "y"], "al A, iv D", "P, D");
}

#[test]
fn thresholds_are_compiled_in_the_order_of_the_roles() {
    let any = Threshold {
        name: "any".to_owned(),
        ..threshold(3, 0)
    };
    let sec = Threshold {
        name: "sec".to_owned(),
        ..filtered(&holds("sec"), 2, 2)
    };
    let roles = [
        asking("eng", &["x"], &[any, sec]),
        asking("oncall", &["x", "y"], &[]),
    ];
    let request = ask(&proposal("bob", &["y", "x"]), &roles).unwrap();
    let names: Vec<&str> = request
        .thresholds
        .iter()
        .map(|threshold| threshold.name.as_str())
        .collect();
    assert_eq!(names, ["any", "sec", "default"]);
    assert_eq!(request.role_thresholds["x"], [vec![0, 1], vec![2]]);
    assert_eq!(request.role_thresholds["y"], [vec![2]]);
}
