//! Other people's client: a program made of the published Go API, run against the Auth Service on a socket.
//!
//! `cargo xtask test` builds it before the tests. Without it these tests fail; whoever has no Go toolchain says
//! `COUNTERSIGN_NO_GO=1` and leaves them out.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use access::ambient::Clock as _;
use client::Cluster;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use wire::convert::timestamp;
use wire::identity_file::{IdentityFile, known_hosts_line};
use wire::pb::proto;
use wire::pb::teleport::trust::v1::GetCertAuthoritiesRequest;

use crate::people::{Cast, PLUGIN, approve, ask, deny, role};
use crate::world::{Backend, CLUSTER, Plan, World, hours};

/// The peer with a server to talk to.
struct Peer {
    program: PathBuf,
    address: String,
    folder: tempfile::TempDir,
}

/// What the peer printed, a line each, and whether it was content.
struct Said {
    lines: Vec<Value>,
    ok: bool,
}

impl Said {
    /// The only line of a success.
    fn line(&self) -> &Value {
        assert!(self.ok, "{:?}", self.lines);
        self.lines.last().expect("a line")
    }

    /// Class and message of a failure.
    fn error(&self) -> (&str, &str) {
        assert!(!self.ok, "{:?}", self.lines);
        let error = &self.lines.last().expect("a line")["error"];
        (
            error["class"].as_str().expect("a class"),
            error["message"].as_str().expect("a message"),
        )
    }
}

impl Peer {
    fn command(&self, identity: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("-identity")
            .arg(identity)
            .args(["-addr", &self.address])
            .args(arguments)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, identity: &Path, arguments: &[&str]) -> Said {
        let output = self
            .command(identity, arguments)
            .output()
            .await
            .expect("the peer runs");
        let text = String::from_utf8(output.stdout).expect("text");
        Said {
            lines: text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
                .collect(),
            ok: output.status.success(),
        }
    }

    fn start(&self, identity: &Path, arguments: &[&str]) -> Running {
        let mut child = self.command(identity, arguments).spawn().expect("the peer runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Running { child, lines }
    }

    /// An identity file of `user`, as `by` can get one.
    async fn file(&self, world: &World, by: &Cluster, user: &str) -> PathBuf {
        let key = world.key();
        let line = key.public().to_ssh_line().into_bytes();
        let asked = proto::UserCertsRequest {
            username: user.to_owned(),
            ssh_public_key: line.clone().into(),
            tls_public_key: line.into(),
            expires: Some(timestamp(world.now() + hours(8))),
            ..Default::default()
        };
        let issued = by
            .auth()
            .generate_user_certs(asked)
            .await
            .expect("a certificate")
            .into_inner();
        let asked = GetCertAuthoritiesRequest {
            r#type: "host".to_owned(),
            include_key: false,
        };
        let found = by
            .trust()
            .get_cert_authorities(asked)
            .await
            .expect("authorities")
            .into_inner();
        let mut file = IdentityFile {
            private_key: key.to_pem().expect("a key"),
            ssh_certificate: Some(text(&issued.ssh)),
            tls_certificate: text(&issued.tls),
            ssh_authorities: Vec::new(),
            tls_authorities: Vec::new(),
        };
        for keys in found
            .cert_authorities_v2
            .into_iter()
            .filter_map(|found| found.spec?.active_keys)
        {
            for pair in keys.ssh {
                let line = text(&pair.public_key);
                file.ssh_authorities
                    .push(known_hosts_line(None, CLUSTER, line.trim()));
            }
            file.tls_authorities
                .extend(keys.tls.into_iter().map(|pair| text(&pair.cert)));
        }
        let path = self.folder.path().join(format!("{user}-{}", world.uuid()));
        std::fs::write(&path, file.write().expect("an identity file").expose()).expect("written");
        path
    }

    /// A file with a resource in it.
    fn resource(&self, name: &str, yaml: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, yaml).expect("written");
        path.to_str().expect("text").to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// A peer at work.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(std::time::Duration::from_secs(30), self.lines.next_line());
        let line = line
            .await
            .expect("a line in time")
            .expect("text")
            .expect("no end");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    /// The steps until the peer ends by itself.
    async fn rest(mut self) -> (Vec<Value>, bool) {
        let mut steps = Vec::new();
        while let Some(line) = self.lines.next_line().await.expect("text") {
            steps.push(serde_json::from_str(&line).expect("JSON"));
        }
        (steps, self.child.wait().await.expect("an end").success())
    }
}

/// Tells a story with the peer, on a data directory and with the time of day.
async fn with_peer(story: impl AsyncFn(&World, &Peer, &Cast)) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peer");
    if !program.exists() {
        assert!(
            std::env::var_os("COUNTERSIGN_NO_GO").is_some(),
            "`{}` is missing\nhint: `cd interop && go build -o ../target/peer ./cmd/peer`, or set COUNTERSIGN_NO_GO=1 \
             to leave other people's clients out",
            program.display()
        );
        eprintln!("other people's clients: left out on request");
        return;
    }
    let world = World::open(Plan {
        backend: Backend::Sqlite,
        // The peer reads the time itself.
        start: transport::system::SystemClock::new().now(),
        ..Plan::default()
    })
    .await;
    let cast = world.cast().await;
    let peer = Peer {
        program,
        address: world.listen().await.to_string(),
        folder: tempfile::tempdir().expect("a directory"),
    };
    story(&world, &peer, &cast).await;
    world.finish().await;
}

#[tokio::test]
async fn the_guide_is_played_by_other_peoples_client() {
    with_peer(async |world, peer, cast| {
        let bob = peer.file(world, &cast.bob.cluster, &cast.bob.name).await;
        let alice = peer.file(world, &cast.alice.cluster, &cast.alice.name).await;
        let ivan = peer.file(world, &cast.ivan.cluster, &cast.ivan.name).await;

        let pong = peer.run(&bob, &["ping"]).await;
        assert_eq!(pong.line()["cluster_name"], CLUSTER);
        assert_eq!(pong.line()["server_version"], "18.0.0");
        let able = peer.run(&bob, &["capabilities"]).await;
        assert_eq!(
            able.line()["requestable_roles"],
            serde_json::json!(["elevated-access"])
        );
        let me = peer.run(&bob, &["whoami"]).await;
        assert_eq!(me.line()["roles"], serde_json::json!(["devops"]));

        let asked = peer
            .run(
                &bob,
                &["request", "-roles", "elevated-access", "-reason", "incident 42"],
            )
            .await;
        let id = asked.line()["id"].as_str().expect("an id").to_owned();
        assert_eq!(asked.line()["state"], "PENDING");
        let early = peer.run(&bob, &["certs", "-requests", &id]).await;
        assert_eq!(
            early.error(),
            (
                "AccessDenied",
                &*format!("access request {id:?} is awaiting approval")
            )
        );
        let own = peer.run(&bob, &["review", "-id", &id]).await;
        assert_eq!(
            own.error(),
            ("AccessDenied", "user \"bob@example.com\" cannot submit reviews")
        );
        let foreign = peer
            .run(&alice, &["review", "-id", &id, "-author", "ivan@example.com"])
            .await;
        assert_eq!(foreign.error().0, "AccessDenied");
        let first = peer
            .run(&alice, &["review", "-id", &id, "-author", "alice@example.com"])
            .await;
        assert_eq!(first.line()["state"], "PENDING");
        let again = peer.run(&alice, &["review", "-id", &id]).await;
        assert_eq!(
            again.error(),
            (
                "AlreadyExists",
                "user \"alice@example.com\" has already reviewed this request"
            )
        );
        let second = peer.run(&ivan, &["review", "-id", &id, "-reason", "fine"]).await;
        assert_eq!(second.line()["state"], "APPROVED");
        let listed = peer
            .run(&bob, &["requests", "-state", "APPROVED", "-limit", "1"])
            .await;
        assert_eq!(listed.line()["id"], id.as_str());

        let out = peer.folder.path().join("elevated");
        let out_text = out.to_str().expect("text");
        let issued = peer
            .run(&bob, &["certs", "-requests", &id, "-out", out_text])
            .await;
        let issued = issued.line();
        assert_eq!(issued["tls"]["user"], "bob@example.com");
        assert_eq!(
            issued["tls"]["roles"],
            serde_json::json!(["devops", "elevated-access"])
        );
        assert_eq!(issued["ssh"]["key_id"], "bob@example.com");
        let principals = issued["ssh"]["principals"].as_array().expect("a list");
        assert!(principals.contains(&"root".into()), "{principals:?}");
        assert_eq!(
            issued["ssh"]["extensions"]["teleport-active-requests"],
            format!("{{\"access_requests\":[{id:?}]}}")
        );
        let me = peer.run(&out, &["whoami"]).await;
        assert_eq!(
            me.line()["roles"],
            serde_json::json!(["devops", "elevated-access"])
        );
        let dropped = peer.run(&out, &["certs", "-drop", "*"]).await;
        assert_eq!(dropped.line()["tls"]["roles"], serde_json::json!(["devops"]));
    })
    .await;
}

#[tokio::test]
async fn the_published_plugin_hears_and_notes_everything() {
    with_peer(async |world, peer, cast| {
        world.apply(PLUGIN).await;
        let plugin = peer.file(world, &world.admin, "access-plugin").await;
        for (one_kind, resolution) in [(false, "APPROVED"), (true, "DENIED"), (false, "EXPIRED")] {
            let mut arguments = vec!["plugin-sequence", "-until", resolution];
            if one_kind {
                arguments.push("-one-kind");
            }
            let mut running = peer.start(&plugin, &arguments);
            let ping = running.next().await;
            assert_eq!((&ping["step"], &ping["links"]), (&"ping".into(), &true.into()));
            assert_eq!(ping["proxy"], "proxy.example.com:443");
            let init = running.next().await;
            if one_kind {
                assert_eq!(init["kinds"], serde_json::json!(["access_request"]));
            } else {
                assert_eq!(
                    init["kinds"],
                    serde_json::json!(["access_request", "access_monitoring_rule"])
                );
                let rules = running.next().await;
                assert_eq!((&rules["step"], &rules["count"]), (&"rules".into(), &0.into()));
            }
            let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
            approve(&cast.alice.cluster, &id).await.expect("a review");
            // Whatever comes next, the plugin has heard of the first review by then.
            let mut steps = Vec::new();
            for expected in ["claimed", "posted", "review"] {
                steps.push(running.next().await);
                assert_eq!(steps.last().expect("a step")["step"], expected, "{steps:?}");
            }
            let expected: &[&str] = match resolution {
                "APPROVED" => {
                    approve(&cast.ivan.cluster, &id).await.expect("a review");
                    &["review", "resolved"]
                }
                "DENIED" => {
                    deny(&cast.ivan.cluster, &id).await.expect("a review");
                    &["review", "resolved"]
                }
                _ => {
                    let delete = proto::RequestId { id: id.clone() };
                    world
                        .admin
                        .auth()
                        .delete_access_request(delete)
                        .await
                        .expect("deleted");
                    &["resolved"]
                }
            };
            let (steps, ok) = running.rest().await;
            assert!(ok, "{steps:?}");
            let names: Vec<&str> = steps
                .iter()
                .map(|step| step["step"].as_str().expect("a step"))
                .collect();
            assert_eq!(names, expected, "{steps:?}");
            let last = steps.last().expect("a step");
            assert_eq!(
                (&last["id"], &last["resolution"]),
                (&id.into(), &resolution.into())
            );
            assert_eq!(last["messages"], "channel/post1");
        }
    })
    .await;
}

#[tokio::test]
async fn errors_have_the_classes_that_other_peoples_programs_expect() {
    with_peer(async |world, peer, _| {
        let all = "allow:\n  review_requests: {roles: ['*']}\n  rules:\n  - {resources: ['*'], verbs: ['*']}";
        world.put_role(role("everything", all)).await.expect("stored");
        let root = world.person("root@example.com", &["everything"]).await;
        let root = peer.file(world, &root.cluster, &root.name).await;
        let said = peer.run(&root, &["errors"]).await;
        assert!(said.ok, "{:#?}", said.lines);
        assert!(said.lines.len() >= 11, "{:?}", said.lines);
        for line in &said.lines {
            assert_eq!(line["class"], line["expected"], "{line}");
        }
    })
    .await;
}

#[tokio::test]
async fn resources_go_there_and_back() {
    with_peer(async |world, peer, cast| {
        let editor = peer.file(world, &cast.editor.cluster, &cast.editor.name).await;
        let yaml = "kind: role\nversion: v7\nmetadata:\n  name: ops\n  labels: {team: red}\nspec:\n  allow:\n    logins: \
                    [root]\n    request:\n      roles: [elevated-access]\n      thresholds: [{name: two, approve: 2, deny: 1}]\n";
        let file = peer.resource("ops.yaml", yaml);
        peer.run(&editor, &["create-role", &file]).await.line();
        let twice = peer.run(&editor, &["create-role", &file]).await;
        assert_eq!(twice.error(), ("AlreadyExists", "role \"ops\" already exists"));
        peer.run(&editor, &["upsert-role", &file]).await.line();
        let read = peer.run(&editor, &["get-role", "ops"]).await;
        assert_eq!(read.line()["spec"]["allow"]["request"]["thresholds"][0]["name"], "two");
        assert_eq!(read.line()["metadata"]["labels"]["team"], "red");
        let roles = peer.run(&editor, &["list-roles"]).await;
        assert!(roles.ok && roles.lines.len() == 7, "{:?}", roles.lines);

        let yaml = "kind: user\nversion: v2\nmetadata:\n  name: carol@example.com\nspec:\n  roles: [ops]\n  traits: {logins: [carol]}\n";
        let file = peer.resource("carol.yaml", yaml);
        peer.run(&editor, &["create-user", &file]).await.line();
        peer.run(&editor, &["upsert-user", &file]).await.line();
        let read = peer.run(&editor, &["get-user", "carol@example.com"]).await;
        assert_eq!(read.line()["spec"]["traits"]["logins"], serde_json::json!(["carol"]));
        let users = peer.run(&editor, &["list-users"]).await;
        assert!(users.ok && users.lines.len() == 5, "{:?}", users.lines);
        let held = peer.run(&editor, &["delete-role", "ops"]).await;
        assert_eq!(held.error().0, "BadParameter");
        peer.run(&editor, &["delete-user", "carol@example.com"]).await.line();
        peer.run(&editor, &["delete-role", "ops"]).await.line();
        for kind in ["host", "user", "openssh", "db"] {
            let found = peer.run(&editor, &["authorities", kind]).await;
            assert!(found.ok, "{kind}: {:?}", found.lines);
        }
        let bob = peer.file(world, &cast.bob.cluster, &cast.bob.name).await;
        let refused = peer.run(&bob, &["list-roles"]).await;
        assert_eq!(
            refused.error(),
            ("AccessDenied", "access denied to perform action \"list\" on \"role\", access denied to perform action \"read\" on \"role\"")
        );
    })
    .await;
}

#[tokio::test]
async fn watches_and_notes_of_other_peoples_client() {
    with_peer(async |world, peer, cast| {
        let bob = peer.file(world, &cast.bob.cluster, &cast.bob.name).await;
        let own = format!("user={}", cast.bob.name);
        let mut watch = peer.start(
            &bob,
            &[
                "watch",
                "-kinds",
                "access_request",
                "-filter",
                &own,
                "-count",
                "2",
            ],
        );
        assert_eq!(watch.next().await["type"], "INIT");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let put = watch.next().await;
        assert_eq!(
            (&put["type"], &put["name"], &put["state"]),
            (&"PUT".into(), &id.clone().into(), &"PENDING".into())
        );
        deny(&cast.alice.cluster, &id).await.expect("a review");
        let put = watch.next().await;
        assert_eq!((&put["state"], &put["reviews"]), (&"DENIED".into(), &1.into()));
        assert!(watch.rest().await.1);
        let refused = peer.run(&bob, &["watch", "-kinds", "role"]).await;
        assert_eq!(refused.error().0, "AccessDenied");
        let partly = peer
            .run(&bob, &["watch", "-kinds", "role,crystal_ball", "-partial"])
            .await;
        assert_eq!(partly.error().0, "BadParameter");

        world.apply(PLUGIN).await;
        let plugin = peer.file(world, &world.admin, "access-plugin").await;
        let written = peer
            .run(
                &plugin,
                &[
                    "plugindata",
                    "-resource",
                    &id,
                    "-set",
                    "a=1",
                    "-set",
                    "b=",
                    "-expect",
                    "a=",
                ],
            )
            .await;
        assert_eq!(written.line()["data"], serde_json::json!({"a": "1"}));
        let lost = peer
            .run(
                &plugin,
                &["plugindata", "-resource", &id, "-set", "a=2", "-expect", "a="],
            )
            .await;
        assert_eq!(lost.error().0, "CompareFailed");
        let decided = peer
            .run(&plugin, &["set-state", "-id", &id, "-state", "APPROVED"])
            .await;
        assert_eq!(
            decided.error(),
            (
                "AccessDenied",
                "access denied to perform action \"update\" on \"access_request\""
            )
        );
    })
    .await;
}
