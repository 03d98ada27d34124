//! `tctl create`: resources from a file or from standard input.
//!
//! All of the file is read and checked, by itself and against what is there, before the first resource is sent.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cli::Failure;
use wire::resource::{Kind, Limits, Resource, read_all};

use crate::connection::Connection;
use crate::kinds::write::{self, Over};
use crate::session::Session;
use crate::{input, output};

/// Makes resources from a file, or writes over them.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// YAML or JSON, one document or several; standard input if there is none
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write over resources that are there
    #[arg(short, long)]
    force: bool,
    /// Write over settings that come from the configuration file
    #[arg(long, hide = true)]
    confirm: bool,
}

impl Create {
    /// Makes each resource in turn.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let file = self.file.as_deref();
        let resources = read(&input::text(file)?)?;
        each_once(&resources)?;
        for resource in &resources {
            write::check(resource).map_err(|failure| nothing_applied(failure, resource))?;
        }
        let over = match (self.force, self.confirm) {
            (false, _) => Over::Nothing,
            (true, false) => Over::Anything,
            (true, true) => Over::Confirmed,
        };
        let session = connection.session().await?;
        session.before_change().await?;
        if let [_, _, ..] = &resources[..] {
            let roles: Vec<String> = resources
                .iter()
                .filter(|resource| resource.kind() == Kind::Role)
                .map(Resource::name)
                .collect();
            for resource in &resources {
                let place = write::check_place(session, resource, over, &roles).await;
                place.map_err(|failure| nothing_applied(failure, resource))?;
            }
        }
        session.hold_warnings();
        let mut applied = 0;
        let done = apply(session, &resources, over, &mut applied).await;
        session.show_held(|warning| settled(warning, &resources[..applied]));
        done
    }
}

fn nothing_applied(failure: Failure, resource: &Resource) -> Failure {
    failure.hint(format!(
        "nothing was applied; look at the {} `{}`",
        resource.kind(),
        resource.name()
    ))
}

/// Refuses a file in which a resource stands twice: readers would disagree about which of them counts.
fn each_once(resources: &[Resource]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for resource in resources {
        let document = resource.to_json();
        // Members of different lists may have one name.
        let list = document.pointer("/spec/access_list");
        let sub_kind = document["sub_kind"]
            .as_str()
            .or(list.and_then(|list| list.as_str()));
        let sub_kind = sub_kind.unwrap_or_default().to_owned();
        if !seen.insert((resource.kind().name(), sub_kind, resource.name())) {
            return Err(Failure::new(format!(
                "the {} `{}` stands twice in the file",
                resource.kind(),
                resource.name()
            ))
            .hint("nothing was applied; keep one of them"));
        }
    }
    Ok(())
}

/// Makes each resource in turn and counts them.
async fn apply(
    session: &Session,
    resources: &[Resource],
    over: Over,
    applied: &mut usize,
) -> Result<(), Failure> {
    for resource in resources {
        let made = write::create(session, resource, over).await.map_err(|failure| {
            if *applied == 0 {
                return failure;
            }
            failure.hint(format!(
                "the {} `{}` and what follows it were not applied; what stands before it was",
                resource.kind(),
                resource.name()
            ))
        });
        output::line(&made?)?;
        *applied += 1;
    }
    Ok(())
}

/// Whether a role that was missing when the warning was given came later in the same file.
fn settled(warning: &str, applied: &[Resource]) -> bool {
    applied
        .iter()
        .filter(|resource| resource.kind() == Kind::Role)
        .any(|role| warning.ends_with(&format!("names role {:?}, which does not exist yet", role.name())))
}

/// The resources of a text, all of them right.
pub fn read(text: &str) -> Result<Vec<Resource>, Failure> {
    let resources =
        read_all(text, &Limits::FILE).map_err(|error| Failure::new(error.messages().join("\n\t")))?;
    for warning in resources.iter().flat_map(Resource::warnings) {
        cli::failure::warn(&warning.to_string());
    }
    Ok(resources)
}
