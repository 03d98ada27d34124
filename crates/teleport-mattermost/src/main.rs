//! `teleport-mattermost`: tells people in Mattermost of access requests. Arguments and a configuration file in; messages,
//! and at its end an exit code, out.
//!
//! The work is the `plugin` crate's; here it gets its settings, its signals and its log. Every end that nobody asked for
//! has an exit code other than 0.

mod arguments;
mod log;
mod start;

use std::io::Write as _;
use std::process::ExitCode;

use cli::Failure;

use crate::arguments::{Arguments, Command};

/// The version of the original that this program keeps to.
const COMPATIBLE: &str = client::cluster::COMPATIBLE_VERSION;

fn main() -> ExitCode {
    let arguments = match cli::arguments::read::<Arguments>() {
        Ok(arguments) => arguments,
        Err(stop) => return stop.report(),
    };
    let done = match arguments.command {
        Command::Configure => print(plugin::config::EXAMPLE),
        Command::Version => print(&version()),
        Command::Start(start) => start::run(&start),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn version() -> String {
    format!(
        "teleport-mattermost v{COMPATIBLE} git:countersign-{} rust{}\n",
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_RUST_VERSION")
    )
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
