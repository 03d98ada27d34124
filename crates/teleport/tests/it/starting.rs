//! How a server starts: what it makes, what it answers, and what it refuses to start with.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use client::web::WebClient;
use transport::Address;
use transport::dial::Trust;

use crate::world::{World, clock, ping};

/// The names in the certificate that is shown at an address, as OpenSSL reads them.
pub fn names_shown(address: SocketAddr, protocol: Option<&str>) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &address.to_string()]);
    if let Some(protocol) = protocol {
        client.args(["-alpn", protocol]);
    }
    let shown = client
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("openssl runs");
    let mut reader = Command::new("openssl")
        .args(["x509", "-noout", "-ext", "subjectAltName"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    std::io::Write::write_all(&mut reader.stdin.take().expect("piped"), &shown.stdout).expect("read");
    let read = reader.wait_with_output().expect("openssl runs");
    String::from_utf8(read.stdout).expect("text")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .unwrap_or_else(|_| panic!("{}", path.display()))
        .permissions()
        .mode()
        & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_directly_and_through_the_one_port() {
    let world = World::new();
    let server = world.start();
    for address in [server.auth(), server.web()] {
        let (_, answer) = ping(&world, address).await;
        assert_eq!(
            (answer.cluster_name.as_str(), answer.server_version.as_str()),
            ("demo", "18.0.0")
        );
    }
    let web = WebClient::new(
        Address::new("127.0.0.1", server.web().port()),
        &Trust::Anyone,
        &clock(),
    );
    let found = web
        .expect("a client")
        .find()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (found.cluster_name.as_str(), found.server_version.as_str()),
        ("demo", "18.0.0")
    );
    assert!(server.stop().0.success());
}

#[test]
fn the_files_of_the_contract_are_there_and_private() {
    let world = World::new();
    let server = world.start();
    let data = world.data();
    for (path, expected) in [
        (data.clone(), 0o700),
        (data.join("host_uuid"), 0o600),
        (data.join("proc"), 0o700),
        (data.join("proc/admin"), 0o600),
        (data.join("proc/auth_address"), 0o600),
        (data.join("web.pem"), 0o600),
        (data.join("state.db"), 0o600),
        (world.seal_key(), 0o600),
    ] {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
    let id = fs::read_to_string(data.join("host_uuid")).expect("an id");
    assert!(auth::ids::is_uuid(id.trim_end()) && id.ends_with('\n'), "{id:?}");
    let address = fs::read_to_string(data.join("proc/auth_address")).expect("an address");
    assert_eq!(address, format!("{}\n", server.auth()));
}

/// Everything at its usual place, which differs for root: as somebody else, with ports that are free.
#[test]
fn no_file_is_needed() {
    const NOBODY: u32 = 65_534;
    let world = World::new();
    let ports = base64_of(
        "auth_service: {listen_addr: '127.0.0.1:0'}\nproxy_service: {web_listen_addr: '127.0.0.1:0'}\n",
    );
    let mut command = world.teleport(&["start", "--config-string", &ports]);
    if is_root() {
        let program = world.path("teleport");
        fs::copy(command.get_program(), &program).expect("copied");
        let mut as_nobody = Command::new("setpriv");
        as_nobody
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(program);
        as_nobody
            .args(command.get_args())
            .env_clear()
            .stdin(Stdio::null());
        as_nobody.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        std::os::unix::fs::chown(world.path(""), Some(NOBODY), Some(NOBODY)).expect("given");
        command = as_nobody;
    }
    let server = crate::world::Server::spawn(command);
    assert!(world.path("xdg-data/countersign/host_uuid").exists());
    assert_eq!(mode(&world.path("xdg-data/countersign")), 0o700);
    assert_eq!(mode(&world.path("xdg-config/countersign/seal.key")), 0o600);
    assert!(server.stop().0.success());
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").expect("Linux")) == 0
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn public_addresses_become_names_in_the_certificates() {
    let world = World::new();
    let file = world.configuration(
        &["advertise_ip: 192.0.2.7"],
        &["public_addr: ['localhost:3025', 'example.com:3025', '198.51.100.1']"],
        &["public_addr: teleport.example.com"],
    );
    let server = world.start_with(&file, &[]);
    let auth = names_shown(server.auth(), Some("h2"));
    for name in [
        "DNS:demo",
        "DNS:localhost",
        "DNS:example.com",
        "IP Address:198.51.100.1",
        "IP Address:192.0.2.7",
        "IP Address:127.0.0.1",
        "DNS:*.teleport.cluster.local",
        "DNS:teleport.cluster.local",
    ] {
        assert!(auth.contains(name), "{name} in {auth}");
    }
    let web = names_shown(server.web(), None);
    for name in [
        "DNS:teleport.example.com",
        "DNS:localhost",
        "DNS:demo",
        "IP Address:127.0.0.1",
    ] {
        assert!(web.contains(name), "{name} in {web}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_the_cluster_the_host_and_the_certificate() {
    let world = World::new();
    let first = world.start();
    let (_, before) = ping(&world, first.auth()).await;
    let id = fs::read(world.data().join("host_uuid")).expect("an id");
    let certificate = fs::read(world.data().join("web.pem")).expect("a certificate");
    let admin = fs::read(world.data().join("proc/admin")).expect("an identity");
    let (status, _, stdout) = first.stop();
    assert!(status.success());
    assert!(stdout.join("\n").contains("/web/invite/"), "{stdout:?}");

    let second = world.start();
    let (_, after) = ping(&world, second.auth()).await;
    assert_eq!(before.cluster_name, after.cluster_name);
    assert_eq!(id, fs::read(world.data().join("host_uuid")).expect("an id"));
    assert_eq!(
        certificate,
        fs::read(world.data().join("web.pem")).expect("a certificate")
    );
    assert_ne!(
        admin,
        fs::read(world.data().join("proc/admin")).expect("an identity")
    );
    let (_, _, stdout) = second.stop();
    assert_eq!(stdout, Vec::<String>::new(), "the invite is shown once");
}

#[test]
fn the_first_administrators_link_is_shown_and_never_logged() {
    for (format, output) in [("text", "stderr"), ("json", "stderr"), ("json", "log.json")] {
        let world = World::new();
        let file_name = world.path(output);
        let output = if output == "stderr" {
            output
        } else {
            file_name.to_str().expect("a path")
        };
        let log = format!("log: {{severity: debug, output: '{output}', format: {{output: {format}}}}}");
        let file = world.configuration(&[&log], &[], &["public_addr: proxy.example.com:443"]);
        let mut command = world.teleport(&["start", "-c", file.to_str().expect("a path")]);
        let (stdout, log) = if output == "stderr" {
            let server = crate::world::Server::spawn(command);
            let mut log = server.log.clone();
            let (_, rest, stdout) = server.stop();
            log.extend(rest);
            (stdout.join("\n"), log.join("\n"))
        } else {
            let child = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program runs");
            wait_for_text(&file_name, "started successfully");
            let id = child.id().to_string();
            assert!(
                Command::new("kill")
                    .arg(&id)
                    .status()
                    .expect("kill runs")
                    .success()
            );
            let ended = child.wait_with_output().expect("it ends");
            let stdout = String::from_utf8(ended.stdout).expect("text");
            (stdout, fs::read_to_string(&file_name).expect("a log"))
        };
        let link = stdout
            .split_whitespace()
            .find(|word| word.starts_with("https://proxy.example.com:443/web/invite/"))
            .unwrap_or_else(|| panic!("a link in {stdout}"));
        let token = link.rsplit('/').next().expect("a token");
        assert_eq!(token.len(), 32, "{link}");
        assert!(!log.contains(token), "{format}: {log}");
        assert!(
            stdout.contains("`admin`, with the roles access, editor, auditor"),
            "{stdout}"
        );
        let another = format!("tctl -c {} users reset admin", file.display());
        assert!(stdout.contains(&another), "{stdout}");
        assert!(!stdout.contains('\x1b'), "no colour in a pipe");
    }
}

/// Waits until a file holds a text.
fn wait_for_text(file: &Path, text: &str) {
    for _ in 0..12_000 {
        if fs::read_to_string(file).is_ok_and(|read| read.contains(text)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{} never held {text:?}", file.display());
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let world = World::new();
    let first = world.start();
    let file = world.path("teleport.yaml");
    let second = world.run(&["start", "-c", file.to_str().expect("a path")]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains("is already in use by process"), "{said}");
    assert!(
        said.contains("hint: one server works on one data directory"),
        "{said}"
    );
    assert!(first.stop().0.success());
}

/// Starts and expects a refusal; gives what was said on standard error after the log.
fn refused(world: &World, file: &Path) -> String {
    let ended = world.run(&["start", "-c", file.to_str().expect("a path")]);
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    said.lines()
        .skip_while(|line| !line.starts_with("ERROR:"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_port_in_use_is_named_and_no_cluster_is_made() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let file = world.configuration(&[], &[], &[]);
    let text = fs::read_to_string(&file).expect("written");
    let text = text.replace(
        "web_listen_addr: 127.0.0.1:0",
        &format!("web_listen_addr: 127.0.0.1:{port}"),
    );
    fs::write(&file, text).expect("written");
    let said = refused(&world, &file);
    assert!(
        said.starts_with(&format!("ERROR: cannot listen on 127.0.0.1:{port}")),
        "{said}"
    );
    assert!(said.contains("hint: another program listens on port"), "{said}");
    assert!(!world.seal_key().exists() && !world.data().join("host_uuid").exists());
    drop(taken);
    let (_, _, stdout) = world.start_with(&file, &[]).stop();
    assert!(
        stdout.join("\n").contains("/web/invite/"),
        "the next start is the first one"
    );
}

#[test]
fn certificates_that_cannot_be_used_stop_the_start_before_anything_is_made() {
    let world = World::new();
    let key = world.file("key.pem", "no key");
    let pair = format!(
        "https_keypairs: [{{key_file: {}, cert_file: {}}}]",
        key.display(),
        world.path("none.pem").display()
    );
    let file = world.configuration(&[], &[], &[&pair]);
    let said = refused(&world, &file);
    assert!(
        said.contains("none.pem` with `") && said.contains("cannot read"),
        "{said}"
    );
    world.file("none.pem", "no certificate");
    let said = refused(&world, &file);
    assert!(said.contains("there is no certificate to show"), "{said}");
    assert!(!world.data().exists());
}

#[test]
fn a_seal_key_that_is_lost_strange_or_open_stops_the_start() {
    let world = World::new();
    assert!(world.start().stop().0.success());
    let file = world.path("teleport.yaml");
    let key = fs::read(world.seal_key()).expect("a key");

    fs::remove_file(world.seal_key()).expect("removed");
    let said = refused(&world, &file);
    assert!(
        said.contains("is missing") && said.contains("hint: put it back"),
        "{said}"
    );
    assert!(!world.seal_key().exists(), "no other key is made");

    let other = World::new();
    assert!(other.start().stop().0.success());
    fs::copy(other.seal_key(), world.seal_key()).expect("copied");
    let said = refused(&world, &file);
    assert!(said.contains("does not belong to this store"), "{said}");

    fs::write(world.seal_key(), &key).expect("written");
    fs::set_permissions(world.seal_key(), fs::Permissions::from_mode(0o644)).expect("set");
    let said = refused(&world, &file);
    assert!(
        said.contains("can be read by others") && said.contains("hint: chmod 600"),
        "{said}"
    );

    fs::set_permissions(world.seal_key(), fs::Permissions::from_mode(0o600)).expect("set");
    assert!(world.start().stop().0.success());
}

#[test]
fn a_damaged_store_is_not_opened() {
    let world = World::new();
    assert!(world.start().stop().0.success());
    let database = world.data().join("state.db");
    let mut bytes = fs::read(&database).expect("a database");
    bytes[..16].copy_from_slice(b"not any database");
    fs::write(&database, bytes).expect("written");
    let said = refused(&world, &world.path("teleport.yaml"));
    assert!(
        said.contains("is damaged") && said.contains("hint: restore"),
        "{said}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let world = World::new();
    world.file("data", "a file");
    let file = world.configuration(&[], &[], &[]);
    let said = refused(&world, &file);
    assert!(said.contains("is no directory"), "{said}");

    fs::remove_file(world.data()).expect("removed");
    fs::create_dir(world.data()).expect("made");
    fs::set_permissions(world.data(), fs::Permissions::from_mode(0o777)).expect("set");
    let said = refused(&world, &file);
    assert!(
        said.contains("everybody on this machine may write") && said.contains("hint:"),
        "{said}"
    );
}

#[test]
fn a_cluster_keeps_its_name() {
    let world = World::new();
    let file = world.configuration(&[], &["cluster_name: one.example.com"], &[]);
    assert!(world.start_with(&file, &[]).stop().0.success());
    let file = world.configuration(&[], &["cluster_name: two.example.com"], &[]);
    let said = refused(&world, &file);
    assert!(said.contains("the cluster is called `one.example.com`"), "{said}");
    // The node's name is no matter.
    let file = world.configuration(&[], &[], &[]);
    let server = world.start_with(&file, &["--nodename", "elsewhere"]);
    assert!(
        server
            .log
            .iter()
            .any(|line| line.contains("cluster:one.example.com")),
        "{:?}",
        server.log
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_file_says_about_the_cluster_becomes_its_settings() {
    use wire::pb::teleport::clusterconfig::v1 as conf;
    let world = World::new();
    let file = world.configuration(
        &[],
        &[
            "message_of_the_day: be kind",
            "client_idle_timeout: 20m",
            "session_recording: 'off'",
            "authentication: {second_factor: on, default_session_ttl: 2h}",
        ],
        &[],
    );
    let server = world.start_with(&file, &[]);
    let (cluster, _) = ping(&world, server.auth()).await;
    let mut calls = cluster.cluster_config();
    let preference = calls
        .get_auth_preference(conf::GetAuthPreferenceRequest {})
        .await
        .expect("a setting");
    let spec = preference.into_inner().spec.clone().expect("a spec");
    assert_eq!(spec.message_of_the_day, "be kind");
    assert_eq!(spec.second_factor, "on");
    assert_eq!(spec.default_session_ttl, 7_200_000_000_000);
    let networking = calls
        .get_cluster_networking_config(conf::GetClusterNetworkingConfigRequest {})
        .await;
    let networking = networking.expect("a setting").into_inner();
    assert_eq!(
        networking.spec.as_ref().expect("a spec").client_idle_timeout,
        1_200_000_000_000
    );
    let recording = calls
        .get_session_recording_config(conf::GetSessionRecordingConfigRequest {})
        .await;
    assert_eq!(
        recording
            .expect("a setting")
            .into_inner()
            .spec
            .as_ref()
            .expect("a spec")
            .mode,
        "off"
    );
}

#[test]
fn certificates_are_exchanged_when_their_files_change() {
    let world = World::new();
    let make = |name: &str| {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
            ])
            .args(["-subj", "/CN=x", "-addext", &format!("subjectAltName=DNS:{name}")])
            .args(["-keyout", world.path("key.pem").to_str().expect("a path")])
            .args(["-out", world.path("chain.pem").to_str().expect("a path")])
            .stderr(Stdio::null())
            .status()
            .expect("openssl runs");
        assert!(made.success());
    };
    make("one.example.com");
    let pair = format!(
        "https_keypairs: [{{key_file: {}, cert_file: {}}}]",
        world.path("key.pem").display(),
        world.path("chain.pem").display()
    );
    let file = world.configuration(&[], &[], &[&pair, "https_keypairs_reload_interval: 1h"]);
    let mut server = world.start_with(&file, &[]);
    assert!(names_shown(server.web(), None).contains("one.example.com"));
    make("two.example.com");
    server.signal("HUP");
    server.wait_for("The certificates of the web port were read again");
    assert!(names_shown(server.web(), None).contains("two.example.com"));
    world.file("chain.pem", "rubbish");
    server.signal("HUP");
    server.wait_for("keeping those in use");
    assert!(names_shown(server.web(), None).contains("two.example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auth_service_runs_alone_if_asked() {
    let world = World::new();
    let file = world.configuration(&[], &[], &[]);
    let server = world.start_with(&file, &["--roles=auth"]);
    ping(&world, server.auth()).await;
    assert!(
        !server.log.iter().any(|line| line.contains("Web proxy service")),
        "{:?}",
        server.log
    );
    let (status, log, stdout) = server.stop();
    assert!(status.success() && stdout.is_empty(), "{stdout:?}");
    assert!(log.iter().any(|line| line.contains("tctl users add")), "{log:?}");
}

/// The local administrator's identity lies on a disk, so it does not live long.
#[test]
fn the_local_administrators_identity_is_good_for_two_days() {
    let world = World::new();
    let server = world.start();
    let shown = Command::new("openssl")
        .args(["x509", "-noout", "-subject", "-checkend", "172000", "-in"])
        .arg(world.data().join("proc/admin"))
        .output()
        .expect("openssl runs");
    let said = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.status.success() && said.contains("O=Admin") || said.contains("O = Admin"),
        "{said}"
    );
    let ends = Command::new("openssl")
        .args(["x509", "-noout", "-checkend", "172801", "-in"])
        .arg(world.data().join("proc/admin"))
        .stdout(Stdio::null())
        .status()
        .expect("openssl runs");
    assert!(!ends.success(), "it ends");
    drop(server);
}

/// The black-box suite of the older plugins: its configuration, and the lines that it waits for.
#[test]
fn an_older_harness_finds_what_it_waits_for() {
    let world = World::new();
    let file = world.file(
        "teleport.yaml",
        &format!(
            "teleport:\n  data_dir: {}\n  seal_key_file: {}\n  auth_token: t0ken\n  log:\n    output: stdout\n    severity: DEBUG\n  \
             cache:\n    enabled: true\nauth_service:\n  enabled: yes\n  listen_addr: 127.0.0.1:0\n  public_addr: localhost\n  \
             cluster_name: local-site\n  tokens:\n  - node,auth,proxy,app:t0ken\nproxy_service:\n  enabled: no\nssh_service:\n  \
             enabled: no\n",
            world.data().display(),
            world.seal_key().display()
        ),
    );
    let command = world.teleport(&["start", "--debug", "--config", file.to_str().expect("a path")]);
    let server = crate::world::Server::spawn_with_log_on_stdout(command);
    assert_ne!(server.auth().port(), 0);
    server.signal("QUIT");
    let (status, log, _) = server.end();
    assert!(status.success());
    assert!(!log.iter().any(|line| line.contains("t0ken")), "{log:?}");
}

/// What counts is whether anybody was ever known, not whether the cluster is new.
#[test]
fn a_cluster_without_people_invites_when_a_proxy_comes() {
    let world = World::new();
    let file = world.configuration(&[], &[], &[]);
    let (_, _, stdout) = world.start_with(&file, &["--roles=auth"]).stop();
    assert!(stdout.is_empty(), "{stdout:?}");
    let (_, _, stdout) = world.start_with(&file, &[]).stop();
    let shown = stdout.join("\n");
    assert!(
        shown.contains("/web/invite/") && shown.contains("tsh --insecure invite accept"),
        "{shown}"
    );
}
