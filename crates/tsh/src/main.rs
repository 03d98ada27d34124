//! `tsh`: everybody's program. Signs in, asks for roles, reviews what others ask for.
//!
//! Arguments in, exit code out. Data goes to standard output, talk to standard error; what fails says what
//! happened and what to do next. Nothing is decided here: the cluster decides, this program shows.
//!
//! Start with [`commands`]; [`session`] is who is logged in, [`refusal`] how a server's refusal becomes an error
//! for people.

mod args;
mod commands;
mod out;
mod refusal;
mod session;
mod world;

use std::process::ExitCode;

use args::Arguments;
use world::World;

fn main() -> ExitCode {
    let arguments: Arguments = match cli::arguments::read() {
        Ok(arguments) => arguments,
        Err(stop) => return stop.report(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return cli::Failure::from(error).report(),
    };
    let world = World::new(arguments.globals);
    let ended = runtime.block_on(commands::run(&world, arguments.command));
    // A call that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
