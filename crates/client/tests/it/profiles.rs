//! The profile directory as other programs see it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use client::profile::{Profile, ProfileDir, ProfileError, ProfileKeys};

const CLUSTER: &str = "teleport.example.com";
const USER: &str = "bob@example.com";

fn keys(mark: &str) -> ProfileKeys {
    ProfileKeys {
        ssh_private_key: format!("ssh key {mark}").into(),
        ssh_public_key: format!("ssh-ed25519 {mark}"),
        tls_private_key: format!("tls key {mark}\n").into(),
        tls_certificate: format!("tls certificate {mark}\n"),
        ssh_certificate: format!("ssh certificate {mark}\n"),
        tls_authorities: BTreeMap::from([(CLUSTER.to_owned(), "authority\n".to_owned())]),
        ssh_authorities: vec![format!("@cert-authority localhost,{CLUSTER} {mark} type=host")],
    }
}

/// Every file and directory below `root` with its mode.
fn listing(root: &Path) -> Vec<String> {
    fn walk(root: &Path, at: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(at).expect("readable") {
            let path = entry.expect("an entry").path();
            let mode = fs::metadata(&path).expect("metadata").permissions().mode() & 0o7777;
            let name = path.strip_prefix(root).expect("below").display().to_string();
            into.push(format!("{name} {mode:o}"));
            if path.is_dir() {
                walk(root, &path, into);
            }
        }
    }
    let mut all = Vec::new();
    walk(root, root, &mut all);
    all.sort();
    all
}

#[test]
fn a_login_leaves_the_known_files_with_the_known_modes() {
    let world = tempfile::tempdir().expect("a directory");
    let root = world.path().join("tsh");
    let directory = ProfileDir::at(&root);
    assert_eq!(directory.current().expect("nobody").map(|p| p.user), None);
    let profile = Profile::on_one_port("localhost:3080", USER, CLUSTER);
    directory.save(&profile, &keys("1")).expect("saved");

    // What the umask of this process leaves of 0660.
    let shared = {
        let probe = world.path().join("probe");
        client::files::write_whole(&probe, b"", client::files::SHARED).expect("written");
        fs::metadata(&probe).expect("metadata").permissions().mode() & 0o777
    };
    assert_eq!(
        listing(&root),
        [
            format!("current-profile {shared:o}"),
            "keys 700".to_owned(),
            "keys/localhost 700".to_owned(),
            "keys/localhost/bob@example.com 600".to_owned(),
            "keys/localhost/bob@example.com-ssh 700".to_owned(),
            "keys/localhost/bob@example.com-ssh/teleport.example.com-cert.pub 600".to_owned(),
            "keys/localhost/bob@example.com.crt 600".to_owned(),
            "keys/localhost/bob@example.com.key 600".to_owned(),
            "keys/localhost/bob@example.com.pub 600".to_owned(),
            "keys/localhost/cas 700".to_owned(),
            format!("keys/localhost/cas/teleport.example.com.pem {shared:o}"),
            format!("keys/localhost/certs.pem {shared:o}"),
            "known_hosts 600".to_owned(),
            format!("localhost.yaml {shared:o}"),
        ]
    );
    let mode = fs::metadata(&root).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let text = |name: &str| fs::read_to_string(root.join(name)).expect("readable");
    assert_eq!(text("current-profile"), "localhost\n");
    assert_eq!(text("keys/localhost/certs.pem"), "authority\n\n");
    assert_eq!(text("keys/localhost/bob@example.com.pub"), "ssh-ed25519 1\n");
    assert_eq!(
        text("known_hosts"),
        format!("@cert-authority localhost,{CLUSTER} 1 type=host\n")
    );
}

#[test]
fn what_was_saved_comes_back() {
    let world = tempfile::tempdir().expect("a directory");
    let directory = ProfileDir::at(world.path().join("tsh"));
    let profile = Profile::on_one_port("localhost:3080", USER, CLUSTER);
    directory.save(&profile, &keys("1")).expect("saved");
    assert_eq!(directory.current().expect("readable"), Some(profile.clone()));
    let read = directory.keys(&profile).expect("readable").expect("logged in");
    assert_eq!(read.ssh_private_key.expose(), "ssh key 1\n");
    assert_eq!(read.tls_certificate, "tls certificate 1\n");
    assert_eq!(read.tls_authorities.keys().collect::<Vec<_>>(), [CLUSTER]);

    directory
        .save_certificates(&profile, "renewed tls", "renewed ssh")
        .expect("saved");
    let read = directory.keys(&profile).expect("readable").expect("logged in");
    assert_eq!(read.tls_certificate, "renewed tls\n");
    assert_eq!(read.ssh_certificate, "renewed ssh\n");
    assert_eq!(read.tls_private_key.expose(), "tls key 1\n");
}

#[test]
fn several_profiles_live_side_by_side() {
    let world = tempfile::tempdir().expect("a directory");
    let directory = ProfileDir::at(world.path().join("tsh"));
    let here = Profile::on_one_port("localhost:3080", USER, CLUSTER);
    let there = Profile::on_one_port("proxy.example.org:443", "alice", "example.org");
    directory.save(&here, &keys("1")).expect("saved");
    directory.save(&there, &keys("2")).expect("saved");
    assert_eq!(
        directory.names().expect("readable"),
        ["localhost", "proxy.example.org"]
    );
    assert_eq!(directory.current().expect("readable"), Some(there.clone()));
    directory.set_current("localhost").expect("exists");
    assert_eq!(directory.current().expect("readable"), Some(here.clone()));

    assert!(directory.remove(&here).expect("removed"));
    assert!(!directory.remove(&here).expect("gone"));
    assert_eq!(directory.current().expect("readable"), None);
    assert!(directory.keys(&here).expect("readable").is_none());
    assert!(directory.keys(&there).expect("readable").is_some());
    assert!(directory.remove_all().expect("removed"));
    assert!(!directory.remove_all().expect("gone"));
    assert_eq!(listing(directory.path()), Vec::<String>::new());
}

#[test]
fn what_is_broken_is_named() {
    let world = tempfile::tempdir().expect("a directory");
    let root = world.path().join("tsh");
    let directory = ProfileDir::at(&root);
    let profile = Profile::on_one_port("localhost:3080", USER, CLUSTER);
    directory.save(&profile, &keys("1")).expect("saved");
    fs::remove_file(root.join("keys/localhost/bob@example.com.key")).expect("removed");
    let error = directory.keys(&profile).err().expect("incomplete");
    assert!(matches!(error, ProfileError::Incomplete { .. }), "{error}");
    assert_eq!(error.hint().as_deref(), Some("log in again with `tsh login`"));

    fs::write(root.join("localhost.yaml"), "user: [").expect("written");
    let error = directory.current().expect_err("malformed").to_string();
    assert!(error.contains("localhost.yaml` cannot be read"), "{error}");
}

/// As the original writes it, with keys that ours does not know.
#[test]
fn a_profile_of_another_program_is_read() {
    let world = tempfile::tempdir().expect("a directory");
    fs::write(
        world.path().join("p.example.com.yaml"),
        "web_proxy_addr: p.example.com:443\nssh_proxy_addr: p.example.com:3023\nuser: carol\ndir: \"\"\n\
         dynamic_forward_ports: [\"5000\"]\nsaml_slo_enabled: true\nmfa_mode: auto\npiv_slot: \"\"\n\
         missingclusterdetails: false\n",
    )
    .expect("written");
    let profile = ProfileDir::at(world.path())
        .load("p.example.com")
        .expect("readable")
        .expect("there");
    assert_eq!(
        (profile.user.as_str(), profile.cluster.as_str()),
        ("carol", "p.example.com")
    );
    assert!(!profile.tls_routing_enabled);
}
