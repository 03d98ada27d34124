//! The original's own `tsh` and `tctl`, played by a program made of the packages they are built on: the roads they take,
//! and for each of their commands the calls it was seen to make.
//!
//! `cargo xtask test` builds that program. Without it these tests fail; whoever has no Go toolchain says
//! `COUNTERSIGN_NO_GO=1` and leaves them out.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Cluster, Outcome, Person, cluster};
use serde_json::Value;

use crate::world::World;

/// The program, unless it is left out on purpose.
pub fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/original");
    if program.exists() {
        return Some(program);
    }
    assert!(
        std::env::var_os("COUNTERSIGN_NO_GO").is_some(),
        "`{}` is missing\nhint: `cd interop && go build -o ../target/original ./cmd/original`, or set \
         COUNTERSIGN_NO_GO=1 to leave other people's clients out",
        program.display()
    );
    eprintln!("other people's clients: left out on request");
    None
}

/// Somebody with the original's programs.
struct Original<'a> {
    program: &'a Path,
    cluster: &'a Cluster,
    person: &'a Person,
}

impl Original<'_> {
    /// Plays something; what was said, a line each.
    fn play(&self, further: &[&str]) -> Vec<Value> {
        let mut command = Command::new(self.program);
        self.person.as_me(&mut command);
        command
            .args(["-proxy", &self.cluster.proxy(), "-cluster", cluster::NAME])
            .args(["-user", &self.person.name, "-profile"])
            .arg(self.person.profile())
            .args(further);
        said(&mut command)
    }
}

/// What the program said; every call must have been answered as the original's command needs it.
pub fn said(command: &mut Command) -> Vec<Value> {
    let outcome = Outcome::of(command, "").succeeded();
    let lines: Vec<Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    assert!(!lines.is_empty(), "{outcome}");
    lines
}

/// Plays commands of `tctl` on the Auth host.
fn on_the_auth_host(program: &Path, cluster: &Cluster, further: &[&str]) -> Vec<Value> {
    let mut command = Command::new(program);
    command
        .args(["-proxy", &cluster.proxy(), "-cluster", cluster::NAME])
        .args(["-auth", &cluster.auth(), "-identity"])
        .arg(cluster.data().join("proc/admin"))
        .args(further)
        .env("SSL_CERT_FILE", cluster.web_authority());
    said(&mut command)
}

/// The id of the request that was made.
fn id_in(lines: &[Value]) -> String {
    lines
        .iter()
        .find_map(|line| line["id"].as_str())
        .unwrap_or_else(|| panic!("no request in {lines:?}"))
        .to_owned()
}

#[test]
fn every_road_leads_to_the_auth_service() {
    let Some(program) = program() else { return };
    let world = World::new();
    let bob = Person::signed_in(&world.cluster, "bob@example.com", "devops");
    let identity = world.folder.path().join("identity");
    let _ = world
        .cluster
        .tctl(&[
            "auth",
            "sign",
            "--user=access-plugin",
            &format!("--out={}", identity.display()),
        ])
        .succeeded();
    let original = Original {
        program: &program,
        cluster: &world.cluster,
        person: &bob,
    };
    let identity = identity.display().to_string();
    let lines = original.play(&["-auth", &world.cluster.auth(), "-identity", &identity, "roads"]);
    assert!(lines.len() >= 10, "{lines:?}");
}

#[test]
fn the_originals_tsh_signs_in_asks_reviews_and_takes_the_role() {
    let Some(program) = program() else { return };
    let world = World::new();
    let [mut bob, alice, ivan] = world.people();

    let (password, code) = (bob.password.clone(), bob.next_code());
    let out = bob.home().join("identity").display().to_string();
    let as_original = |person| Original {
        program: &program,
        cluster: &world.cluster,
        person,
    };
    as_original(&bob).play(&["-password", &password, "-code", &code, "-out", &out, "login"]);

    let bob = as_original(&bob);
    assert!(bob.play(&["tsh"]).len() >= 15);
    let id = id_in(&bob.play(&["-roles", "elevated-access", "tsh", "request create"]));
    bob.play(&["-id", &id, "tsh", "request show", "login --request-id, pending"]);
    as_original(&alice).play(&["-id", &id, "tsh", "request show", "request review"]);
    bob.play(&["-id", &id, "tsh", "login --request-id, pending"]);
    as_original(&ivan).play(&["-id", &id, "tsh", "request review"]);
    bob.play(&["-id", &id, "tsh", "login --request-id", "request drop"]);
    bob.play(&["-roles", "elevated-access", "tsh", "request create --nowait"]);
}

#[test]
fn the_originals_tctl_finds_every_call_answered() {
    let Some(program) = program() else { return };
    let world = World::new();
    let bob = Person::signed_in(&world.cluster, "bob@example.com", "devops");
    let cluster = &world.cluster;
    let lines = on_the_auth_host(&program, cluster, &["tctl"]);
    assert!(lines.len() >= 100, "{}", lines.len());

    let changes: &[&str] = &[
        "create role",
        "edit role/N",
        "users add",
        "users update",
        "users reset",
        "requests create --dry-run",
        "auth sign --user",
        "auth sign --host",
        "auth sign --format=db",
        "lock",
        "rm lock",
        "rm user",
        "rm role",
    ];
    for change in changes {
        on_the_auth_host(&program, cluster, &["tctl", change]);
    }
    // One person does not decide for two, on the Auth host neither.
    let id = bob.ask("elevated-access", "incident 42");
    for change in ["requests approve", "requests deny", "requests rm"] {
        on_the_auth_host(&program, cluster, &["-id", &id, "tctl", change]);
    }
}

#[test]
fn the_originals_tctl_works_from_afar() {
    let Some(program) = program() else { return };
    let world = World::new();
    let mut admin = Person::invited(&world.cluster, "admin@example.com", "access,editor,auditor");
    let identity = admin.home().join("identity").display().to_string();
    let (password, code) = (admin.password.clone(), admin.next_code());
    let original = Original {
        program: &program,
        cluster: &world.cluster,
        person: &admin,
    };
    original.play(&["-password", &password, "-code", &code, "-out", &identity, "login"]);
    for change in ["create role", "edit role/N", "users add", "rm user", "rm role"] {
        original.play(&["-identity", &identity, "tctl", change]);
    }
    for read in [
        "status",
        "get roles",
        "get users",
        "get connectors",
        "get access_request",
    ] {
        original.play(&["-identity", &identity, "tctl", read]);
    }
}
