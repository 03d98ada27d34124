//! The documents of a policy repository: a file, or every YAML file below a folder.

use std::fs;
use std::path::{Path, PathBuf};

use access::alone::{self, Question, TooMuch};
use cli::Failure;
use wire::convert;
use wire::pb::countersign::v1::AccessReport;

use crate::commands::create;
use crate::input;

/// Most files of a folder.
const FILES_MAX: usize = 10_000;
/// Deepest folder below the one that is named.
const DEPTH_MAX: usize = 16;

/// The report about the documents at `path`.
pub fn check(
    path: &Path,
    people: usize,
    roles: &[String],
    two_persons: bool,
) -> Result<AccessReport, Failure> {
    let mut resources = Vec::new();
    for file in files(path)? {
        let text = input::text(Some(&file))?;
        let read = create::read(&text).map_err(|failure| in_file(failure, &file))?;
        resources.extend(read);
    }
    let mut policy = convert::policy(&resources).map_err(|error| Failure::new(error.to_string()))?;
    policy.two_persons_for_rule_changes = two_persons;
    let question = Question {
        people,
        roles: roles.to_vec(),
        ..Question::default()
    };
    let report = alone::check(&policy, &question).map_err(|error| match &error {
        TooMuch::UnknownRole(_) => {
            Failure::new(error.to_string()).hint("name a role that one of the documents is about")
        }
        TooMuch::Steps(_) => Failure::new(error.to_string()).hint("name roles with `--role`"),
        _ => Failure::new(error.to_string()),
    })?;
    Ok(convert::access_report(&report))
}

fn in_file(failure: Failure, file: &Path) -> Failure {
    Failure::new(format!("{}: {}", file.display(), failure.message()))
        .hint("correct the document; the report is about all of them or about none")
}

/// The file, or the YAML and JSON files below the folder in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect(path, DEPTH_MAX, &mut found)?;
    found.sort();
    if found.is_empty() {
        return Err(Failure::new(format!("{} holds no documents", path.display()))
            .hint("documents are files that end in .yaml, .yml or .json"));
    }
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        Failure::new(format!(
            "cannot read {}: {}",
            folder.display(),
            input::said(error)
        ))
    };
    for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(|error| failed(&error))?);
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // A link could lead in a circle, and what is hidden is somebody else's.
        if kind.is_dir() && !hidden {
            let Some(depth) = depth.checked_sub(1) else {
                return Err(Failure::new(format!(
                    "{} lies more than {DEPTH_MAX} folders deep",
                    path.display()
                )));
            };
            collect(&path, depth, found)?;
        }
        let document = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if kind.is_file() && document && !hidden {
            found.push(path);
            if found.len() > FILES_MAX {
                return Err(Failure::new(format!("there are more than {FILES_MAX} documents")));
            }
        }
    }
    Ok(())
}
