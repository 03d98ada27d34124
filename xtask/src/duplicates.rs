//! Crates that the lock file holds in more than one version: a list with reasons that may only shrink.

use std::collections::BTreeMap;
use std::fs;

use crate::build::{self, Failure};

const LIST: &str = "xtask/duplicates.txt";

/// One sentence for each duplicate that has no reason and each reason that has no duplicate.
pub fn violations() -> Result<Vec<String>, Failure> {
    let read = |path: &str| {
        fs::read_to_string(build::root().join(path))
            .map_err(|error| Failure(format!("cannot read {path}: {error}")))
    };
    Ok(judge(&read("Cargo.lock")?, &read(LIST)?))
}

fn judge(lock: &str, list: &str) -> Vec<String> {
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lock.lines() {
        if let Some(name) = line.strip_prefix("name = ") {
            *versions.entry(name.trim_matches('"')).or_default() += 1;
        }
    }
    let excused: Vec<&str> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
        .collect();
    let duplicated = |name: &str| versions.get(name).is_some_and(|count| *count > 1);
    let mut found: Vec<String> = versions
        .keys()
        .filter(|name| duplicated(name) && !excused.contains(name))
        .map(|name| {
            format!("`{name}` is in Cargo.lock in several versions: avoid it, or give the reason in {LIST}")
        })
        .collect();
    found.extend(
        excused
            .iter()
            .filter(|name| !duplicated(name))
            .map(|name| format!("`{name}` has one version now: take it out of {LIST}")),
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_versions_all_have_a_reason() {
        assert_eq!(violations().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_new_duplicate_and_a_stale_reason_are_named() {
        let lock = "name = \"a\"\nname = \"b\"\nname = \"a\"\n";
        assert_eq!(
            judge(lock, "# why\nb: old\n"),
            [
                "`a` is in Cargo.lock in several versions: avoid it, or give the reason in xtask/duplicates.txt",
                "`b` has one version now: take it out of xtask/duplicates.txt",
            ]
        );
    }
}
