//! The project's automation: `cargo xtask test|demo|bench|pictures|tidy`.
//!
//! `test` is what CI runs, `demo` plays the two-approvals story and leaves it running, `bench` measures
//! against floors in the same run, `pictures` takes those of the pages for the docs, `tidy` holds the house rules that no compiler knows. Each is a module
//! with one function; `main` only chooses.

mod build;
mod duplicates;
mod layers;
mod links;
mod packages;
mod pictures;
mod programs;
mod purity;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "xtask",
    about = "Builds, tests, measures and shows Countersign.",
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything CI runs: format, lints, tests, house rules, other people's clients.
    Test(test::Options),
    /// Play the guide on this machine and leave the cluster running until Ctrl-C.
    Demo(programs::DemoOptions),
    /// Measure against floors in the same run; print a table and write a JSON report.
    Bench(programs::BenchOptions),
    /// Take pictures of the pages, light, dark and on a phone, for the docs.
    Pictures(pictures::Options),
    /// Check the house rules alone: layers, purity, duplicate versions, links in the docs.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Demo(options) => programs::demo(&options),
        Task::Bench(options) => programs::bench(&options),
        Task::Pictures(options) => pictures::run(&options),
        Task::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: {error}");
            ExitCode::FAILURE
        }
    }
}
