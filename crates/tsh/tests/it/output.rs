//! Versions, formats and mistakes.

use crate::world::World;

#[test]
fn the_version_names_the_proxy_of_the_profile() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    let alone = world.tsh(&carol, "version").succeeds();
    assert!(
        alone.stdout.starts_with("Teleport v18.0.0 git:countersign-") && alone.stdout.lines().count() == 1,
        "{alone:?}"
    );
    world.login(&carol);
    let address = world.address();
    let ran = world.tsh(&carol, "version").succeeds();
    assert_eq!(
        ran.stdout,
        format!("{}Proxy version: 18.0.0\nProxy: {address}\n", alone.stdout)
    );
    assert_eq!(
        world.tsh(&carol, "version --client").succeeds().stdout,
        alone.stdout
    );
    let json = world.tsh(&carol, "version -f json").succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["version"], &json["proxyPublicAddress"]),
        (&"18.0.0".into(), &address.as_str().into())
    );
}

#[test]
fn a_status_comes_in_three_forms() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.login(&carol);
    let json = world.tsh(&carol, "status -f json").succeeds().stdout;
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["active"]["username"], "carol@example.com");
    assert_eq!(read["active"]["roles"], serde_json::json!(["access"]));
    assert_eq!(read["profiles"], serde_json::json!([]));
    assert!(
        json.starts_with("{\n  \"active\": {\n    \"profile_url\": \"https://"),
        "{json}"
    );
    let yaml = world.tsh(&carol, "status -f yaml").succeeds().stdout;
    assert!(
        yaml.starts_with("active:\n  cluster: teleport.example.com\n  extensions:\n  - login-ip\n"),
        "{yaml}"
    );
}

#[test]
fn several_profiles_are_listed_the_active_one_first() {
    let world = World::new();
    let carol = world.person("carol@example.com", &["access"]);
    world.login(&carol);
    let address = world.address();
    let by_number = address.replace("localhost", "127.0.0.1");
    let login = format!("login --proxy={by_number} --user=carol@example.com");
    world.tsh(&carol, &login).input(&world.answers(&carol)).succeeds();
    let status = world.tsh(&carol, "status").succeeds().stdout;
    let urls: Vec<&str> = status
        .lines()
        .filter(|line| line.contains("Profile URL:"))
        .collect();
    assert_eq!(
        urls,
        [
            format!("> Profile URL:        https://{by_number}"),
            format!("  Profile URL:        https://{address}")
        ]
    );
    let other = world
        .tsh(&carol, "status")
        .env("TELEPORT_PROXY", "localhost")
        .succeeds();
    assert!(
        other
            .stdout
            .starts_with(&format!("> Profile URL:        https://{address}\n")),
        "{other:?}"
    );
    let verbose = world.tsh(&carol, "status -v").succeeds().stdout;
    assert!(verbose.len() >= status.len(), "{verbose}");
    let json = world.tsh(&carol, "status -f json").succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["profiles"][0]["profile_url"], format!("https://{address}"));
}

#[test]
fn mistakes_end_with_one_and_help_with_nothing_on_standard_output() {
    let world = World::new();
    let home = world.home("nobody");
    let run = |arguments: &[&str]| world.tsh_in(&home, arguments.iter().copied()).run();
    let bare = run(&[]);
    assert_eq!((bare.code, bare.stdout.as_str()), (0, ""));
    assert!(bare.stderr.contains("Usage: tsh"), "{bare:?}");
    let help = run(&["request", "review", "--help"]);
    assert_eq!((help.code, help.stdout.as_str()), (0, ""));
    assert!(help.stderr.contains("--approve"), "{help:?}");
    let command = run(&["help", "request"]);
    assert_eq!((command.code, command.stderr.as_str()), (0, ""));
    assert!(command.stdout.contains("create"), "{command:?}");
    let unknown = run(&["login", "--nosuch"]);
    assert_eq!(
        (unknown.code, unknown.stdout.as_str(), unknown.stderr.as_str()),
        (1, "", "tsh: error: unknown long flag '--nosuch'\n")
    );
    let missing = run(&["request", "review", "--approve"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (1, ""));
    assert!(
        missing
            .stderr
            .contains("\nERROR: required argument 'request-id' not provided\n"),
        "{missing:?}"
    );
}
