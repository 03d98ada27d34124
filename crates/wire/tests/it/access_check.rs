//! Planted ways past the rule are found, and clean policies are left alone.
//!
//! The documents are `crates/access/tests/data/alone`. `UPDATE_EXPECT=1` writes anew what is found in the planted ones; whether
//! that is the shortest way is then for a person to judge.

use std::fmt::Write as _;

use access::alone::{Question, Report, check};
use wire::convert;
use wire::resource::{Limits, read_all};

const BYPASSES: &str = include_str!("../../../access/tests/data/alone/bypasses.yaml");
const CLEAN: &str = include_str!("../../../access/tests/data/alone/clean.yaml");

/// One policy of a file: `#### NAME`, comments that say what is asked, documents.
struct Planted<'t> {
    name: &'t str,
    why: &'t str,
    question: Question,
    two_persons: bool,
    documents: &'t str,
}

fn sets(text: &str) -> impl Iterator<Item = Planted<'_>> {
    text.split("\n#### ").skip(1).map(|set| {
        let (name, documents) = set.split_once('\n').expect("a name");
        let said = |key: &str| documents.lines().find_map(|line| line.strip_prefix(key));
        Planted {
            name,
            why: said("# ").expect("a reason"),
            question: Question {
                people: said("# people: ").expect("a number").parse().expect("a number"),
                roles: said("# roles: ").into_iter().map(str::to_owned).collect(),
                ..Question::default()
            },
            two_persons: said("# two persons").is_some(),
            documents,
        }
    })
}

impl Planted<'_> {
    fn report(&self) -> Report {
        let resources = read_all(self.documents, &Limits::FILE)
            .unwrap_or_else(|error| panic!("{}: {}", self.name, error.messages().join("; ")));
        let mut policy = convert::policy(&resources).expect("a policy");
        policy.two_persons_for_rule_changes = self.two_persons;
        check(&policy, &self.question).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn shown(report: &Report, text: &mut String) {
    for path in &report.paths {
        let people = if path.people == 1 { "person" } else { "people" };
        let _ = writeln!(
            text,
            "{} {people} [{}] -> {}",
            path.people,
            path.class.name(),
            path.targets.join(", ")
        );
        for step in &path.steps {
            let evidence: Vec<String> = step
                .evidence
                .iter()
                .map(|evidence| format!("{} {}", evidence.document, evidence.field))
                .collect();
            let who = if step.people.is_empty() {
                "-".to_owned()
            } else {
                step.people.join("/")
            };
            let _ = writeln!(text, "    {who} {}  ({})", step.does, evidence.join("; "));
        }
        let _ = writeln!(text, "    fix: {}", path.fix);
    }
}

#[test]
fn every_planted_way_is_found_with_its_steps() {
    let mut text = String::new();
    let mut missed = Vec::new();
    let mut planted = 0;
    for set in sets(BYPASSES) {
        planted += 1;
        let report = set.report();
        if report.paths.is_empty() {
            missed.push(set.name);
        }
        let _ = writeln!(text, "#### {}\n{}", set.name, set.why);
        shown(&report, &mut text);
        text.push('\n');
    }
    assert_eq!(missed, Vec::<&str>::new());
    assert!(planted >= 40, "only {planted} are planted");
    expect_test::expect_file!["../../../access/tests/data/alone/bypasses.txt"].assert_eq(&text);
}

#[test]
fn nothing_is_found_in_a_clean_policy() {
    let mut found = String::new();
    let mut clean = 0;
    for set in sets(CLEAN) {
        clean += 1;
        let report = set.report();
        if !report.paths.is_empty() {
            let _ = writeln!(found, "#### {} ({})", set.name, set.why);
            shown(&report, &mut found);
        }
    }
    assert_eq!(found, "");
    assert!(clean >= 15, "only {clean} are clean");
}
