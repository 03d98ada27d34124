//! `tbot`: keeps a machine's identity good. Arguments and a configuration file in; files that other programs read, and an
//! exit code, out.
//!
//! A [`machine`] joins once with a token, renews its own certificate before it ends and writes [`output`]s, each with the
//! roles it is for. What it must not lose is in its [`storage`]. It decides nothing about who may have what.

mod arguments;
mod commands;
mod config;
mod log;
mod machine;
mod output;
mod storage;

use std::process::ExitCode;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match cli::arguments::read::<Arguments>() {
        Ok(arguments) => arguments,
        Err(stop) => return stop.report(),
    };
    match arguments.command.run(arguments.debug) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
