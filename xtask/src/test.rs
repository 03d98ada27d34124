//! `cargo xtask test`: everything CI runs, in the order that fails soonest.

use std::process::Command;

use clap::Args;

use crate::build::{self, Failure, Outcome};
use crate::{packages, tidy};

#[derive(Args)]
pub struct Options {
    /// Leave out the checks that need a Go toolchain (other people's clients).
    #[arg(long)]
    no_go: bool,
    /// Play random cases by the ten thousands, as before a release: hours instead of minutes.
    #[arg(long)]
    thorough: bool,
}

pub fn run(options: &Options) -> Outcome {
    step("what the tests need", packages::ensure)?;
    step("what looks at the pages", packages::axe_core)?;
    step("format", || {
        build::run(build::cargo().args(["fmt", "--all", "--check"]))
    })?;
    step("house rules", tidy::run)?;
    step("lints", || {
        build::run(
            build::cargo()
                .args([
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--all-features",
                    "--locked",
                    "--quiet",
                    "--",
                ])
                .args(["--deny", "warnings"]),
        )
    })?;
    step("programs", || {
        build::run(build::cargo().args(["build", "--workspace", "--bins", "--locked"]))
    })?;
    if options.no_go {
        println!("\n== other people's clients: left out on request");
    } else {
        step("other people's clients", interop)?;
    }
    step("tests", || {
        let mut tests = build::cargo();
        tests.args([
            "test",
            "--workspace",
            "--all-features",
            "--locked",
            "--no-fail-fast",
        ]);
        if options.no_go {
            tests.env("COUNTERSIGN_NO_GO", "1");
        }
        if options.thorough {
            tests.env("COUNTERSIGN_THOROUGH", "1");
        }
        build::run(&mut tests)
    })?;
    step("licences and advisories", deny)?;
    println!("\nall checks passed");
    Ok(())
}

fn step(name: &str, check: impl FnOnce() -> Outcome) -> Outcome {
    println!("\n== {name}");
    check()
}

/// The published Go client against our descriptors and our credentials, and the programs that the stories run.
fn interop() -> Outcome {
    let go = packages::go()?;
    let folder = build::root().join("interop");
    let descriptors = build::root().join("target/descriptors.bin");
    let credentials = build::root().join("target/credentials");
    let resources = build::root().join("target/resources.json");
    for (package, example, out) in [
        ("wire", "descriptors", &descriptors),
        ("wire", "resources", &resources),
        ("client", "credentials", &credentials),
    ] {
        build::run(
            build::cargo()
                .args(["run", "--quiet", "--locked", "--package", package])
                .args(["--example", example, "--"])
                .arg(out),
        )?;
    }
    build::run(
        Command::new(&go)
            .current_dir(&folder)
            .env("COUNTERSIGN_DESCRIPTORS", &descriptors)
            .env("COUNTERSIGN_CREDENTIALS", &credentials)
            .env("COUNTERSIGN_RESOURCES", &resources)
            .args(["test", "./..."]),
    )?;
    for program in ["peer", "original"] {
        build::run(
            Command::new(&go)
                .current_dir(&folder)
                .args(["build", "-o"])
                .arg(build::root().join("target").join(program))
                .arg(format!("./cmd/{program}")),
        )?;
    }
    Ok(())
}

/// Licences, sources and duplicates always; advisories where their database can be reached.
fn deny() -> Outcome {
    let deny = packages::cargo_deny()?;
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        command
            .current_dir(build::root())
            .args(["--all-features", "check", "--hide-inclusion-graph"])
            .args(what);
        command
    };
    build::run(&mut check(&["bans", "licenses", "sources"]))?;
    let advisories = check(&["advisories"])
        .output()
        .map_err(|error| Failure(format!("cannot run cargo-deny: {error}")))?;
    let said = String::from_utf8_lossy(&advisories.stderr);
    if advisories.status.success() {
        println!("advisories: checked, none open");
        Ok(())
    } else if said.contains("failed to fetch")
        || said.contains("failed to acquire")
        || said.contains("failed to open")
    {
        println!("advisories: NOT checked, their database cannot be reached from here");
        Ok(())
    } else {
        eprintln!("{said}");
        Err(Failure::new("an advisory is open for a dependency"))
    }
}
