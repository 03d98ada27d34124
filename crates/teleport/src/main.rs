//! `teleport`: the server program. Arguments and configuration in; a running cluster, and at its end an exit code, out.
//!
//! It decides nothing: it reads what it is told ([`config`]), assembles the services ([`run`]) and gets out of the way. A
//! command is a module in [`commands`] with one function.

mod arguments;
mod commands;
mod config;
mod failures;
mod log;
mod run;
mod version;

use std::process::ExitCode;

use crate::arguments::{Arguments, Command};

/// A fifth of a review's work was the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match cli::arguments::read::<Arguments>() {
        Ok(arguments) => arguments,
        Err(stop) => return stop.report(),
    };
    let done = match arguments.command {
        Command::Start(start) => commands::start::run(&start, arguments.debug),
        Command::Configure(configure) => commands::configure::run(&configure),
        Command::Status => commands::status::run(),
        Command::Version(version) => commands::version::run(&version),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
