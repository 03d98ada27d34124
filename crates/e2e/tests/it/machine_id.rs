//! A machine with an identity of its own: made by `tctl`, kept by `tbot`, used by the plugin.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Chat, Outcome, Person, Plugin};

use crate::world::World;

/// What a machine has: tbot's own storage and the directory that programs read.
struct Machine<'a> {
    world: &'a World,
    folder: PathBuf,
}

impl<'a> Machine<'a> {
    fn new(world: &'a World, name: &str) -> Self {
        Self {
            world,
            folder: world.folder.path().join(name),
        }
    }

    fn storage(&self) -> PathBuf {
        self.folder.join("storage")
    }

    fn identity(&self) -> PathBuf {
        self.folder.join("out/identity")
    }

    /// Runs tbot once.
    fn tbot(&self, further: &[&str]) -> Outcome {
        let mut command = self.world.cluster.programs().command("tbot");
        command
            .args(["start", "identity", "--oneshot"])
            .arg(format!("--storage={}", self.storage().display()))
            .arg(format!("--destination={}", self.folder.join("out").display()))
            .args(further)
            .env("HOME", self.world.folder.path())
            .env("SSL_CERT_FILE", self.world.cluster.web_authority());
        Outcome::of(&mut command, "")
    }
}

/// The token in what `tctl bots` printed.
fn token_in(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("The bot token: "));
    line.unwrap_or_else(|| panic!("no token in:\n{text}")).to_owned()
}

/// The pin that `tctl status` prints.
fn pin(world: &World) -> String {
    let status = world.cluster.tctl(&["status"]).succeeded();
    let pin = status
        .stdout
        .split_whitespace()
        .find(|word| word.starts_with("sha256:"))
        .map(str::to_owned);
    pin.unwrap_or_else(|| panic!("no pin in:\n{status}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn the_plugin_runs_from_what_tbot_writes() {
    let world = World::new();
    let cluster = &world.cluster;
    let made = cluster
        .tctl(&["bots", "add", "mattermost", "--roles=access-plugin"])
        .succeeded();
    let token = token_in(&made.stdout);
    let machine = Machine::new(&world, "machine");
    let auth = format!("--auth-server={}", cluster.auth());
    let with_token = format!("--token={token}");

    // Whom to believe comes first: without a pin the token stays here, with a wrong one too.
    let refused = machine.tbot(&[&auth, &with_token]).failed();
    assert!(refused.says("nothing to recognise the Auth Service"), "{refused}");
    let wrong = format!("--ca-pin=sha256:{}", "0".repeat(64));
    let refused = machine.tbot(&[&auth, &with_token, &wrong]).failed();
    assert!(refused.says("is not the one that was expected"), "{refused}");
    assert!(!machine.identity().exists());

    let pin = format!("--ca-pin={}", pin(&world));
    let joined = machine.tbot(&[&auth, &with_token, &pin]).succeeded();
    assert!(joined.stdout.is_empty(), "{joined}");
    assert!(!joined.says(&token), "the token is not logged: {joined}");

    // A second run goes on with what is stored, the token on the command line notwithstanding.
    let _ = machine.tbot(&[&auth, &with_token, &pin]).succeeded();
    let listed = cluster.tctl(&["bots", "instances", "ls"]).succeeded();
    assert!(listed.says("mattermost/") && listed.says(" token "), "{listed}");
    // Nobody else comes in with it.
    let other = Machine::new(&world, "other");
    let refused = other.tbot(&[&auth, &with_token, &pin]).failed();
    assert!(refused.says("token expired or not found"), "{refused}");

    let chat = Chat::start();
    let mut plugin = Plugin::start_with(cluster, &chat, &machine.identity(), &cluster.auth());
    let bob = Person::signed_in(cluster, "bob@example.com", "devops");
    let id = bob.ask("elevated-access", "a deployment");
    chat.until("the request is announced", |chat| {
        (!chat.about(&id).is_empty()).then_some(())
    });
    assert_eq!(plugin.stop(), Some(0), "{}", plugin.log_text());
}

#[test]
fn a_machine_joins_through_the_proxy_and_a_copy_of_it_is_noticed() {
    let world = World::new();
    let cluster = &world.cluster;
    let made = cluster
        .tctl(&["bots", "add", "robot", "--roles=access-plugin"])
        .succeeded();
    let token = format!("--token={}", token_in(&made.stdout));
    let proxy = format!("--proxy-server={}", cluster.proxy());
    let honest = Machine::new(&world, "honest");
    let _ = honest.tbot(&[&proxy, &token]).succeeded();

    let thief = Machine::new(&world, "thief");
    copy(&honest.storage(), &thief.storage());
    let _ = honest.tbot(&[&proxy]).succeeded();
    let noticed = thief.tbot(&[&proxy]).failed();
    assert!(
        noticed.says("renewable cert generation mismatch for bot robot/"),
        "{noticed}"
    );
    let locked = honest.tbot(&[&proxy]).failed();
    assert!(locked.says("certificate generation mismatch"), "{locked}");
    let locks = cluster.tctl(&["get", "locks"]).succeeded();
    assert!(locks.says("user: bot-robot"), "{locks}");
}
