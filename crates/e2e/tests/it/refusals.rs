//! What goes wrong is told with its cause and a next step, by exit code 1, and nothing has changed.

use std::fs;
use std::process::Command;

use e2e::wait::until;
use e2e::{Chat, Outcome, Person, Plugin, guide};

use crate::world::World;

impl World {
    /// Everything that could have changed, as `tctl` prints it.
    fn state(&self) -> String {
        let kept = self
            .cluster
            .tctl(&["get", "roles,users,locks"])
            .succeeded()
            .stdout;
        let requests = self
            .cluster
            .tctl(&["requests", "ls", "--format=json"])
            .succeeded()
            .stdout;
        kept + &requests
    }

    /// Runs what must fail; checks that it says each of `texts` and that nothing has changed.
    #[track_caller]
    fn refuses(&self, texts: &[&str], run: impl FnOnce() -> Outcome) -> Outcome {
        let before = self.state();
        let outcome = run().failed().saying(texts);
        assert!(outcome.stderr.contains("ERROR:"), "{outcome}");
        assert_eq!(self.state(), before, "something changed:\n{outcome}");
        outcome
    }
}

#[test]
fn documents_with_mistakes() {
    let world = World::new();
    let create = |text: &str| world.cluster.tctl_reading(&["create", "-f"], text);
    for (document, told) in [
        // Not YAML: where it stops being so.
        ("kind: role\n  version: v7\n", &["line 2"][..]),
        ("", &["no resources found"]),
        (
            "kind: rolle\nversion: v7\nmetadata:\n  name: x\nspec: {}\n",
            &["rolle", "line 1"],
        ),
        (
            "kind: role\nversion: v7\nmetadata:\n  name: x\nspec:\n  alow: {}\n",
            &["alow", "line 6", "allow"],
        ),
        (
            "kind: role\nversion: v7\nmetadata:\n  name: x\nspec:\n  allow:\n    rules:\n    - resources: [role]\n      \
             verbs: [read]\n      where: 'contains(user.spec.traits[\"a\"'\n",
            &["predicate", "column 30", "`x`"],
        ),
        (
            "kind: role\nversion: v7\nmetadata:\n  name: x\nspec:\n  allow:\n    request:\n      roles: [elevated-access]\n      \
             thresholds:\n      - approve: 0\n        deny: 1\n",
            &["approve"],
        ),
        (
            "kind: user\nversion: v2\nmetadata:\n  name: x\nspec:\n  roles: [no-such-role]\n",
            &["no-such-role"],
        ),
        // The first document is in order, the second is not: none is applied.
        (
            "kind: role\nversion: v7\nmetadata:\n  name: fine\nspec: {}\n---\nkind: role\nversion: v99\nmetadata:\n  name: x\nspec: {}\n",
            &["v99"],
        ),
    ] {
        world.refuses(told, || create(document));
    }
}

#[test]
fn reviews_that_may_not_be() {
    let world = World::new();
    let [bob, alice, ivan] = world.people();
    let id = bob.ask("elevated-access", "a reason");
    let review = |person: &Person, verdict: &str| person.tsh(&["request", "review", verdict, &id]);

    world.refuses(&["bob@example.com"], || review(&bob, "--approve"));
    let _ = review(&alice, "--approve").succeeded();
    world.refuses(&["has already reviewed this request"], || {
        review(&alice, "--approve")
    });
    world.refuses(&["has already reviewed this request"], || {
        review(&alice, "--deny")
    });
    // One person who runs the host is still one person.
    world.refuses(&["two or more approvals", "tsh request review --approve"], || {
        world.cluster.tctl(&["requests", "approve", &id])
    });
    let _ = review(&ivan, "--deny").succeeded();
    let carol = Person::signed_in(&world.cluster, "carol@example.com", "dbreviewer");
    world.refuses(&["denied"], || review(&carol, "--approve"));
    world.refuses(&["DENIED", "hint:"], || {
        bob.tsh(&["login", &format!("--request-id={id}")])
    });
    let other = "01234567-89ab-7cde-8f01-23456789abcd";
    world.refuses(&[other], || alice.tsh(&["request", "review", "--approve", other]));
}

#[test]
fn a_request_that_has_expired_cannot_be_approved() {
    let world = World::new();
    let [bob, alice, _] = world.people();
    let asked = bob
        .tsh(&[
            "request",
            "create",
            "--roles=elevated-access",
            "--reason=x",
            "--nowait",
            "--request-ttl=2s",
        ])
        .succeeded();
    let id = e2e::people::id_in(&asked.stdout).expect("an id");
    until(
        "the request to expire",
        || (alice.tsh(&["request", "show", &id]).code == Some(1)).then_some(()),
        || asked.to_string(),
    );
    let late = alice.tsh(&["request", "review", "--approve", &id]).failed();
    assert!(late.says("not found") || late.says("expired"), "{late}");
    assert_eq!(bob.roles(), ["devops"]);
}

#[test]
fn asking_for_what_may_not_be_asked() {
    let world = World::new();
    let [bob, ..] = world.people();
    for role in ["editor", "no-such-role"] {
        world.refuses(&["can not request role", role], || {
            bob.tsh(&["request", "create", &format!("--roles={role}"), "--nowait"])
        });
    }
    world.refuses(&["at least one role"], || {
        bob.tsh(&["request", "create", "--nowait"])
    });
}

#[test]
fn identities_that_cannot_be_used() {
    let world = World::new();
    let other = World::new();
    let sign = |world: &World, name: &str| {
        let path = world.folder.path().join(name);
        let out = format!("--out={}", path.display());
        let _ = world
            .cluster
            .tctl(&["auth", "sign", "--user=access-plugin", &out])
            .succeeded();
        path.display().to_string()
    };
    let (own, foreign) = (sign(&world, "own"), sign(&other, "foreign"));
    let home = Person::new(&world.cluster, "somebody");
    let auth = world.cluster.auth();
    let with = |identity: &str, address: &str| {
        home.tctl(&["-i", identity, "--auth-server", address, "requests", "ls"])
    };
    let _ = with(&own, &auth).succeeded();

    world.refuses(&["unknown authority", "they are for another cluster"], || {
        with(&foreign, &auth)
    });
    world.refuses(&["does not exist", "hint:"], || with("missing", &auth));
    let text = fs::read_to_string(&own).expect("written");
    let half = world.folder.path().join("half");
    fs::write(&half, &text[..text.len() / 3]).expect("written");
    world.refuses(&["half", "hint:"], || with(&half.display().to_string(), &auth));
    world.refuses(&["127.0.0.1:1"], || with(&own, "127.0.0.1:1"));

    // The clock of the caller says that its time is over.
    let mut command = Command::new("faketime");
    command
        .args(["-f", "+13h"])
        .arg(world.cluster.programs().folder().join("tctl"));
    command.args(["-i", &own, "--auth-server", &auth, "requests", "ls"]);
    home.as_me(&mut command);
    world.refuses(&["expired", "tctl auth sign"], || Outcome::of(&mut command, ""));
}

#[test]
fn an_address_that_the_certificate_does_not_have() {
    let world = World::new();
    let [bob, ..] = world.people();
    let home = Person::new(&world.cluster, "somebody");
    let address = world.cluster.proxy().replace("localhost", "127.0.0.1");
    let refused = home
        .tsh(&["login", &format!("--proxy={address}"), "--user=bob@example.com"])
        .failed();
    assert!(
        refused.says("127.0.0.1") && refused.says("localhost"),
        "the names it has are told:\n{refused}"
    );
    assert!(refused.stderr.contains("hint:"), "{refused}");
    assert!(
        !home.profile().join("current-profile").exists(),
        "nothing was written"
    );
    assert_eq!(bob.roles(), ["devops"]);
}

#[test]
fn wrong_passwords_and_codes_read_alike() {
    let world = World::new();
    let mut bob = Person::invited(&world.cluster, "bob@example.com", "devops");
    let code = bob.next_code();
    let mut nobody = Person::new(&world.cluster, "nobody@example.com");
    nobody.password = bob.password.clone();
    let unknown = nobody
        .login_with(&format!("{}\n{code}\n", nobody.password), &[])
        .failed();
    let wrong = bob
        .login_with(&format!("not-my-password-at-all\n{code}\n"), &[])
        .failed();
    assert_eq!(unknown.stderr, wrong.stderr);
    assert!(wrong.says("invalid credentials"), "{wrong}");
    let _ = bob
        .login_with(&format!("{}\n000000\n", bob.password), &[])
        .failed()
        .saying(&["invalid username, password or second factor"]);
    // The same code does not open the door twice.
    let _ = bob
        .login_with(&format!("{}\n{code}\n", bob.password), &[])
        .succeeded();
    let _ = bob.tsh(&["logout"]).succeeded();
    let _ = bob
        .login_with(&format!("{}\n{code}\n", bob.password), &[])
        .failed();
}

#[test]
fn a_mattermost_that_is_set_up_wrongly_is_named() {
    let world = World::new();
    let chat = Chat::start();
    let identity = world.folder.path().join("identity");
    let out = format!("--out={}", identity.display());
    let _ = world
        .cluster
        .tctl(&["auth", "sign", "--user=access-plugin", &out])
        .succeeded();
    let identity = identity.display().to_string();
    let auth = world.cluster.auth();
    let start = |token: &str, channel: &str, identity: &str| {
        let text = guide::plugin_configuration(&[
            ("myinstance.teleport.sh:443", &auth),
            ("/var/lib/teleport/plugins/mattermost/identity", identity),
            ("https://mattermost.example.com", chat.server().url()),
            ("api-token", token),
            ("channel-name", channel),
        ]);
        let path = world.folder.path().join("wrong.toml");
        fs::write(&path, text).expect("written");
        Plugin::outcome(&world.cluster, &path)
    };
    let token = chat.token();
    world.refuses(&["token", "hint:"], || {
        start("no-such-token", "channel-name", &identity)
    });
    world.refuses(&["no-such-channel", "hint:"], || {
        start(token, "no-such-channel", &identity)
    });
    world.refuses(&["does not exist", "hint:"], || {
        start(token, "channel-name", "/no/such/identity")
    });
    assert!(chat.posts().is_empty(), "{:#?}", chat.posts());
}

/// Plays [`on_a_small_disk`] where the data directory is on a file system of a few megabytes.
#[test]
fn a_full_disk_approves_nothing_and_recovers_by_itself() {
    let script = "mount -t tmpfs -o size=12m tmpfs \"$SMALL_DISK\" && exec \"$0\" --exact refusals::on_a_small_disk --nocapture";
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().expect("a name"))
        .env("SMALL_DISK", folder.path())
        .env("TMPDIR", folder.path());
    let played = Outcome::of(&mut command, "").succeeded();
    assert!(played.says("1 passed"), "{played}");
}

#[test]
fn on_a_small_disk() {
    let Some(disk) = std::env::var_os("SMALL_DISK") else {
        return;
    };
    let world = World::new();
    let [bob, alice, ivan] = world.people();
    let id = bob.ask("elevated-access", "a reason");
    let _ = alice.tsh(&["request", "review", "--approve", &id]).succeeded();
    let filler = std::path::Path::new(&disk).join("filler");
    let mut filling = Command::new("dd");
    filling.args(["if=/dev/zero", "bs=4k", &format!("of={}", filler.display())]);
    let full = Outcome::of(&mut filling, "");
    assert!(full.says("No space left"), "{full}");

    let refused = ivan.tsh(&["request", "review", "--approve", &id]).failed();
    assert!(
        refused.says("the store cannot be written; nothing was changed"),
        "{refused}"
    );
    assert!(refused.stderr.contains("hint:"), "{refused}");
    assert!(
        world.cluster.log_text().contains("no space left"),
        "{}",
        world.cluster.log_text()
    );
    let shown = bob.tsh(&["request", "show", &id]).succeeded();
    assert!(
        shown.says("PENDING") && !shown.says("ivan@example.com approved"),
        "{shown}"
    );
    let _ = bob.tsh(&["login", &format!("--request-id={id}"), "--request-nowait"]);

    fs::remove_file(&filler).expect("removed");
    let second = ivan.tsh(&["request", "review", "--approve", &id]).succeeded();
    assert!(second.stderr.contains("Request state: APPROVED"), "{second}");
}
