//! The house rules that no compiler knows, checked together.

use crate::build::{self, Failure, Outcome};
use crate::{duplicates, layers, links, purity};

pub fn run() -> Outcome {
    let mut found = layers::violations(&build::metadata()?);
    found.extend(purity::violations()?);
    found.extend(duplicates::violations()?);
    found.extend(links::violations()?);
    if found.is_empty() {
        println!("tidy: layers, purity, duplicate versions and links are in order");
        return Ok(());
    }
    for sentence in &found {
        eprintln!("  {sentence}");
    }
    Err(Failure(format!("{} house rules broken", found.len())))
}
