//! `tctl`: the administrators' program. Arguments in, calls to the Auth Service, text and an exit code out.
//!
//! It decides nothing and stores nothing: who may do what is decided by the Auth Service, from the identity that
//! [`credentials`] finds. A command is a module in [`commands`] with one function; [`connection`] holds what surrounds
//! each of them; [`kinds`] knows how each kind of resource is read, written, removed and shown.

mod arguments;
mod columns;
mod commands;
mod configuration;
mod connection;
mod credentials;
mod input;
mod kinds;
mod output;
mod session;

use std::process::ExitCode;

use cli::Failure;

use crate::arguments::Arguments;
use crate::connection::Connection;

fn main() -> ExitCode {
    let arguments = match cli::arguments::read::<Arguments>() {
        Ok(arguments) => arguments,
        Err(stop) => return stop.report(),
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    if arguments.global.debug {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_env_filter("warn,tctl=debug,client=debug,transport=debug")
            .init();
    }
    // One thread keeps connections alive while a command waits for a person.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let connection = Connection::new(arguments.global);
    let done = runtime.block_on(async {
        let done = arguments.command.run(&connection).await;
        connection.show_alerts().await;
        done
    });
    runtime.shutdown_background();
    done
}
