//! `tctl edit`: a resource in an editor, written back if nobody else has changed it meanwhile.
//!
//! What was typed is never lost: when it cannot be applied, the file stays where it is and the error names it.

use std::io::{self, Write as _};
use std::process::Command;
use std::{env, fs};

use cli::Failure;
use tempfile::NamedTempFile;
use wire::resource::{Reference, ReferenceError, Resource, yaml_of};

use super::create;
use crate::connection::Connection;
use crate::kinds::read::{Secrets, read};
use crate::kinds::{not_available, write};
use crate::{input, output};

/// The variables that name an editor, the strongest first.
const EDITOR_VARIABLES: [&str; 3] = ["TELEPORT_EDITOR", "VISUAL", "EDITOR"];

/// Changes a resource in an editor.
#[derive(Debug, clap::Args)]
pub struct Edit {
    /// What to change: `KIND/NAME`
    #[arg(value_name = "RESOURCE", value_parser = parse)]
    resource: Reference,
}

fn parse(text: &str) -> Result<Reference, ReferenceError> {
    Reference::parse(text)
}

impl Edit {
    /// Reads it, lets it be edited, and writes what has changed.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        if let Some(kind) = self.resource.kinds.iter().find(|kind| !write::can_update(**kind)) {
            return Err(not_available("editing", *kind).hint(format!(
                "write it to a file with `tctl get {kind}`, and apply it with `tctl create -f`"
            )));
        }
        let session = connection.session().await?;
        session.before_change().await?;
        let before = read(session, &self.resource, Secrets::Without)
            .await
            .map_err(|failure| {
                Failure::new(format!(
                    "could not get resource {}\n\t{}",
                    named(&self.resource),
                    failure.message()
                ))
            })?;
        let text = yaml_of(&before);
        let mut file = tempfile::Builder::new()
            .prefix("teleport-resource")
            .suffix(".yaml")
            .tempfile()?;
        file.write_all(text.as_bytes())?;
        edit(&file)?;
        let edited = fs::read_to_string(file.path())
            .map_err(|error| Failure::new(format!("cannot read what was edited: {}", input::said(&error))))?;
        if edited == text {
            return output::line("edit canceled, no changes made");
        }
        let changed = changed(&before, &edited);
        let changed = changed.map_err(|failure| kept(&file, failure))?;
        if changed.is_empty() {
            return output::line("edit canceled, no changes made");
        }
        for resource in &changed {
            let line = write::update(session, resource).await;
            output::line(&line.map_err(|failure| kept(&file, failure))?)?;
        }
        Ok(())
    }
}

/// `role/devops`.
fn named(reference: &Reference) -> String {
    let kind = reference.kinds.first().map_or("", |kind| kind.name());
    match &reference.name {
        Some(name) => format!("{kind}/{name}"),
        None => kind.to_owned(),
    }
}

/// The resources that mean something else than before.
fn changed(before: &[Resource], edited: &str) -> Result<Vec<Resource>, Failure> {
    let after = create::read(edited)?;
    let names = |resources: &[Resource]| {
        let mut names: Vec<_> = resources
            .iter()
            .map(|resource| (resource.kind(), resource.name()))
            .collect();
        names.sort();
        names
    };
    if names(before) != names(&after) {
        return Err(
            Failure::new("renaming resources is not supported with tctl edit").hint(
                "make a resource of the new name with `tctl create`, then remove the old one with `tctl rm`",
            ),
        );
    }
    let documents: Vec<_> = before.iter().map(Resource::to_json).collect();
    let changed: Vec<Resource> = after
        .into_iter()
        .filter(|resource| !documents.contains(&resource.to_json()))
        .collect();
    for resource in &changed {
        write::check(resource)?;
    }
    Ok(changed)
}

/// Runs the editor on a file.
fn edit(file: &NamedTempFile) -> Result<(), Failure> {
    let set = |name: &&str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = EDITOR_VARIABLES
        .iter()
        .find_map(set)
        .unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let ended = Command::new(program).args(words).arg(file.path()).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let how = status
                .code()
                .map_or_else(|| status.to_string(), |code| format!("exit status {code}"));
            Err(Failure::new(format!(
                "skipping resource update, editor did not complete successfully: {how}"
            )))
        }
        Err(error) => {
            let why = if error.kind() == io::ErrorKind::NotFound {
                format!("exec: {program:?}: executable file not found in $PATH")
            } else {
                error.to_string()
            };
            Err(Failure::new(format!("could not start editor {program}: {why}"))
                .hint("name your editor in EDITOR"))
        }
    }
}

/// Leaves the file for its author, who would have to type it again otherwise.
fn kept(file: &NamedTempFile, failure: Failure) -> Failure {
    let Ok(copy) = tempfile::Builder::new()
        .prefix("teleport-resource")
        .suffix(".yaml")
        .disable_cleanup(true)
        .tempfile()
    else {
        return failure;
    };
    match fs::copy(file.path(), copy.path()) {
        Ok(_) => failure.hint(format!(
            "what you have written is in {}: mend it and apply it with `tctl create -f`",
            copy.path().display()
        )),
        Err(_) => failure,
    }
}
