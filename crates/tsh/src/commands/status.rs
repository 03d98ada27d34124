//! `tsh status`: who is logged in, with which roles, and until when.
//!
//! Everything shown is read from the certificates on this machine; the cluster is asked for alerts alone, and
//! only for a short time.

mod fields;
mod print;

use std::time::Duration;

use cli::Failure;

use crate::args::{Shape, Status};
use crate::out;
use crate::session::Session;
use crate::world::World;

pub use fields::Fields;

/// Nobody waits longer for a connection that only brings alerts.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the command.
pub async fn run(world: &World, asked: &Status) -> Result<(), Failure> {
    let active = Session::find(world)?;
    let Some(active) = active else {
        return Err(
            Failure::new("Not logged in.").hint("sign in with `tsh login --proxy=HOST[:PORT] --user=NAME`")
        );
    };
    let now = world.clock.now();
    let others = others(&active)?;
    let verbose = asked.verbose || world.debug();
    let fields = Fields::of(&active)?;
    out::data(&match asked.format.format {
        Shape::Text => print::text(&fields, &others, now, verbose),
        Shape::Json => format!(
            "{}\n",
            wire::resource::json::pretty(&print::json(&fields, &others), 2)
        ),
        Shape::Yaml => wire::resource::yaml::document(&print::json(&fields, &others)),
    })?;
    if active.is_expired(now) {
        return Err(Failure::new("Active profile expired.").hint("log in again with `tsh login`"));
    }
    if let Ok(Ok(cluster)) = tokio::time::timeout(PATIENCE, active.connect(world)).await {
        super::alerts::show(&cluster).await;
    }
    Ok(())
}

/// The status block of a session, as other commands end with it.
pub fn show(world: &World, session: &Session) -> Result<(), Failure> {
    let others = others(session)?;
    let fields = Fields::of(session)?;
    out::data(&print::text(&fields, &others, world.clock.now(), world.debug()))
}

/// The profiles besides the active one. One that cannot be read is told about and left out.
fn others(active: &Session) -> Result<Vec<Fields>, Failure> {
    if active.is_file() {
        return Ok(Vec::new());
    }
    let directory = World::profiles()?;
    let mut others = Vec::new();
    for name in directory.names().map_err(crate::refusal::of_profile)? {
        if name == active.profile.name() {
            continue;
        }
        match Session::of_profile(&directory, &name)
            .and_then(|other| other.as_ref().map(Fields::of).transpose())
        {
            Ok(found) => others.extend(found),
            Err(failure) => out::talk(&format!("profile `{name}` is left out: {}", failure.message())),
        }
    }
    Ok(others)
}
