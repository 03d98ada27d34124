//! Measures Countersign beside the floors of this machine: `cargo xtask bench`. See `e2e::bench`.

use std::process::ExitCode;

use clap::Parser as _;
use e2e::bench::{Colour, Options, render, run};

/// As in `teleport`, whose Auth Service is measured here.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(report) => {
            print!("{}", render(&report, Colour::of_stdout()));
            println!("the report is in {}", options.report.display());
            ExitCode::SUCCESS
        }
        Err(trouble) => {
            eprintln!("ERROR: {trouble}");
            ExitCode::FAILURE
        }
    }
}
