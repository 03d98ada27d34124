//! Words that text and picture share.

use wire::pb::countersign::v1::{AccessEvidence, AccessPath};

/// Names of people that are written out; of more it is said how many.
const NAMED: usize = 4;

/// How many people a way takes.
pub fn people(path: &AccessPath) -> usize {
    usize::try_from(path.people).unwrap_or(usize::MAX)
}

/// `1 person`, `2 people`.
pub fn count(people: usize) -> String {
    if people == 1 {
        "1 person".to_owned()
    } else {
        format!("{people} people")
    }
}

/// `alice`, `alice or ivan`, `a, b, c or one of 12 more`.
pub fn one_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        _ if names.len() <= NAMED => {
            let (last, others) = names
                .split_last()
                .map_or(("", names), |(last, others)| (last.as_str(), others));
            format!("{} or {last}", others.join(", "))
        }
        _ => format!(
            "{} or one of {} more",
            names[..NAMED].join(", "),
            names.len() - NAMED
        ),
    }
}

/// `role devops: spec.allow.request.roles`.
pub fn place(evidence: &AccessEvidence) -> String {
    format!("{}: {}", evidence.document, evidence.field)
}

/// Text in lines of at most `width` characters, broken between words; a word that is longer stands alone.
pub fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if cli::text::width(line) + 1 + cli::text::width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
