//! `demo` and `bench`: both build the programs and hand over to the development crate that drives them.

use std::process::Command;

use clap::Args;

use crate::build::{self, Failure, Outcome};

/// The programs a person installs.
const PROGRAMS: &[&str] = &["teleport", "tctl", "tsh", "teleport-mattermost"];

#[derive(Args)]
pub struct DemoOptions {
    /// Play the story and stop, instead of leaving the cluster running.
    #[arg(long)]
    once: bool,
}

#[derive(Args)]
pub struct BenchOptions {
    /// Measure only these goals (for example `P1 P8`); all of them when none is named.
    goals: Vec<String>,
    /// Fewer rounds: a look, not a measurement.
    #[arg(long)]
    quick: bool,
    /// Where the JSON report goes.
    #[arg(long, default_value = "target/bench.json")]
    report: String,
}

pub fn demo(options: &DemoOptions) -> Outcome {
    compile("dev")?;
    let mut command = built("debug", "demo")?;
    if options.once {
        command.arg("--once");
    }
    build::run(&mut command)
}

pub fn bench(options: &BenchOptions) -> Outcome {
    compile("release")?;
    let mut command = built("release", "bench")?;
    command.args(["--report", &options.report]);
    if options.quick {
        command.arg("--quick");
    }
    command.args(&options.goals);
    build::run(&mut command)
}

fn compile(profile: &str) -> Outcome {
    println!("building {} ({profile})", PROGRAMS.join(", "));
    let mut command = build::cargo();
    command.args(["build", "--profile", profile]);
    for program in PROGRAMS.iter().chain(&["e2e"]) {
        command.args(["--package", program]);
    }
    build::run(&mut command)
}

/// A program that [`compile`] has built. Not `cargo run`: on its own, `e2e` would be built again with other features of the
/// libraries below.
fn built(folder: &str, name: &str) -> Result<Command, Failure> {
    let target = build::metadata()?.target_directory;
    let mut command = Command::new(target.join(folder).join(name));
    command.current_dir(build::root());
    Ok(command)
}
