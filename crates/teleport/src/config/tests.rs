//! The table of keys, the reader and the reference page say the same.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::keys::{self, Key, Standing};
use super::{ConfigError, File, Flags, Services, Surroundings, Version, read};
use crate::config::{HttpsCertificates, LogFormat, LogOutput};

fn around() -> Surroundings {
    Surroundings {
        host_name: "demo".to_owned(),
        data_dir: "/var/lib/teleport".into(),
        seal_key_file: "/etc/countersign/seal.key".into(),
    }
}

fn file(text: &str) -> File {
    File {
        name: "t.yaml".to_owned(),
        text: text.to_owned(),
    }
}

fn config(text: &str) -> super::Config {
    read(Some(&file(text)), &Flags::default(), &around()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What an Auth Service and a proxy of this process are told.
fn cluster(config: super::Config) -> (super::AuthConfig, Option<super::ProxyConfig>) {
    match config.services {
        Services::Cluster(auth, proxy) => (*auth, proxy),
        Services::Proxy(..) => panic!("no Auth Service runs here"),
    }
}

#[test]
fn without_a_file_everything_has_a_value() {
    let config = read(None, &Flags::default(), &around()).expect("nothing is wrong");
    assert_eq!(config.node_name, "demo");
    assert!(config.diag_address.is_none());
    assert_eq!(
        (&config.log.output, config.log.format),
        (&LogOutput::Stderr, LogFormat::Text)
    );
    let (auth, proxy) = cluster(config);
    assert_eq!(auth.listen_address.to_string(), "0.0.0.0:3025");
    let proxy = proxy.expect("the proxy runs");
    assert_eq!(proxy.listen_address.to_string(), "0.0.0.0:3080");
    assert_eq!(proxy.certificates, HttpsCertificates::Own);
    assert!(auth.preference.is_none() && auth.networking.is_none() && auth.recording.is_none());
}

#[test]
fn flags_win_over_the_file() {
    let text = "teleport: {nodename: a, data_dir: /a, diag_addr: '127.0.0.1:1', log: {severity: error}}\nproxy_service: {enabled: yes}\n";
    let flags = Flags {
        debug: true,
        data_dir: Some("/b".into()),
        roles: Some("auth".to_owned()),
        node_name: Some("b".to_owned()),
        diag_address: Some("127.0.0.1:2".to_owned()),
        listen_ip: Some("127.0.0.1".to_owned()),
        ..Flags::default()
    };
    let config = read(Some(&file(text)), &flags, &around()).expect("nothing is wrong");
    assert_eq!(config.node_name, "b");
    assert_eq!(config.data_dir.to_string_lossy(), "/b");
    assert_eq!(
        config.diag_address.as_ref().map(ToString::to_string).as_deref(),
        Some("127.0.0.1:2")
    );
    assert_eq!(config.log.severity, tracing::Level::DEBUG);
    let (auth, proxy) = cluster(config);
    assert_eq!(auth.listen_address.to_string(), "127.0.0.1:3025");
    assert!(proxy.is_none());
}

#[test]
fn a_proxy_alone_is_told_which_cluster_to_join() {
    let text = "version: v3\nteleport:\n  auth_server: auth.example.com\n  join_params: {token_name: abc}\n  ca_pin: 'sha256:aa'\nauth_service: {enabled: no}\n";
    let Services::Proxy(join, proxy) = config(text).services else {
        panic!("no Auth Service runs here");
    };
    assert_eq!(join.auth_servers[0].to_string(), "auth.example.com:3025");
    assert_eq!(join.token.expect("a token").expose(), "abc");
    assert_eq!(join.pins, ["sha256:aa"]);
    assert!(!proxy.announces_clients);
    let flags = Flags {
        roles: Some("proxy".to_owned()),
        auth_servers: vec!["a:1,b:2".to_owned()],
        token: Some("def".to_owned()),
        pins: vec!["sha256:bb".to_owned()],
        ..Flags::default()
    };
    let by_flags = read(Some(&file(text)), &flags, &around()).expect("nothing is wrong");
    let Services::Proxy(join, _) = by_flags.services else {
        panic!("no Auth Service runs here");
    };
    assert_eq!(join.auth_servers.len(), 2);
    assert_eq!(
        (
            join.token.expect("a token").expose().as_str(),
            join.pins[0].as_str()
        ),
        ("def", "sha256:bb")
    );
}

#[test]
fn the_listener_mode_follows_the_version() {
    use wire::pb::types::ProxyListenerMode as Mode;
    let mode = |text: &str| {
        let setting = cluster(config(text)).0.networking?;
        Some(setting.spec.as_ref()?.proxy_listener_mode)
    };
    let (separate, multiplex) = (Some(i32::from(Mode::Separate)), Some(i32::from(Mode::Multiplex)));
    assert_eq!(mode("auth_service: {}\n"), separate);
    assert_eq!(mode("version: v1\n"), separate);
    assert_eq!(
        mode("version: v2\n"),
        None,
        "the cluster's own default is one port"
    );
    assert_eq!(
        mode("version: v3\nauth_service: {proxy_listener_mode: separate}\n"),
        separate
    );
    assert_eq!(
        mode("version: v1\nauth_service: {proxy_listener_mode: multiplex}\n"),
        multiplex
    );
    assert!(Version::V1 < Version::V3);
}

#[test]
fn a_public_address_without_a_port_gets_the_one_that_is_listened_on() {
    let addresses = |text: &str| {
        let proxy = cluster(config(text)).1.expect("the proxy runs");
        proxy
            .public_addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        addresses("proxy_service: {public_addr: a.example.com}\n"),
        ["a.example.com:3080"]
    );
    assert_eq!(
        addresses(
            "proxy_service: {web_listen_addr: ':443', public_addr: [a.example.com, 'b.example.com:8443']}\n"
        ),
        ["a.example.com:443", "b.example.com:8443"]
    );
}

/// Every key that is used refuses what it cannot mean: so somebody reads it.
#[test]
fn every_key_in_use_is_read() {
    // Texts take nearly everything, so a group stands in for "wrong".
    for (path, key) in used(keys::FILE, "") {
        let mut text = String::new();
        let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
        let mut depth = 0;
        for part in &parts {
            let (name, is_list) = part
                .strip_suffix("[]")
                .map_or((*part, false), |name| (name, true));
            writeln!(text, "{}{name}:", "  ".repeat(depth)).expect("strings take everything");
            depth += 1;
            if is_list {
                writeln!(text, "{}-", "  ".repeat(depth)).expect("strings take everything");
                depth += 1;
            }
        }
        writeln!(text, "{}{}: {{not: this}}", "  ".repeat(depth), key.name).expect("strings take everything");
        let said = match read(Some(&file(&text)), &Flags::default(), &around()) {
            Err(error @ ConfigError::Mistakes { .. }) => error.to_string(),
            other => panic!("{other:?}\n{text}"),
        };
        assert!(said.contains(key.name), "{said}\n{text}");
    }
}

fn used(keys: &'static [Key], path: &str) -> Vec<(String, &'static Key)> {
    let mut found = Vec::new();
    for key in keys {
        match key.standing {
            Standing::Used => found.push((path.to_owned(), key)),
            Standing::Group(keys) => found.extend(used(keys, &format!("{path}.{}", key.name))),
            Standing::Groups(keys) => found.extend(used(keys, &format!("{path}.{}[]", key.name))),
            Standing::Idle(_) | Standing::NotYet(_) | Standing::Service { .. } => {}
        }
    }
    found
}

#[test]
fn the_reference_page_is_printed_from_the_table() {
    expect_file!["../../../../docs/reference/configuration.md"].assert_eq(&page());
}

fn page() -> String {
    let mut page = String::from(HEAD);
    let services: Vec<String> = keys::FILE
        .iter()
        .filter(|key| matches!(key.standing, Standing::Service { .. }))
        .map(|key| format!("`{}`", key.name))
        .collect();
    page.push_str(&format!(
        "These sections belong to services that do not exist yet; they may stand in a file with `enabled: no`: {}.\n",
        services.join(", ")
    ));
    section(&mut page, "The file", keys::FILE, "");
    page
}

const HEAD: &str = "\
# teleport.yaml

`teleport start -c FILE` reads it; without `-c` it reads `/etc/teleport.yaml` if that is there; and no file is needed at all. Flags win over
the file. `teleport configure` prints a file to start from, `teleport configure --test FILE` checks one and starts nothing.

* The whole file is read before anything is opened. Every mistake is told with its line; one mistake, and nothing starts.
* A key that is not on this page is a mistake, and so is a key of a part that does not exist yet, unless its value switches nothing on.
* `yes`, `no`, `on`, `off`, `true` and `false` are booleans, in quotes or not. Durations are written `30s`, `15m`, `12h`, `2d` or `never`.
* An address is `HOST:PORT`. Port 0 lets the system choose, for addresses to listen on; the log says which it is.
* The settings of the cluster (`authentication`, `client_idle_timeout`, `session_recording` and their like) are written into the cluster at each start.
  While one of them stands in the file, it is changed there and nowhere else.

This page is printed from the program's own table of keys, and a test holds the two together.

";

fn section(page: &mut String, title: &str, keys: &'static [Key], path: &str) {
    page.push_str(&format!("\n## {title}\n\n"));
    let rows: Vec<&Key> = keys.iter().filter(|key| is_row(key)).collect();
    if !rows.is_empty() {
        page.push_str("| key | takes | without it | |\n| --- | --- | --- | --- |\n");
    }
    for key in rows {
        let default = if key.default.is_empty() {
            "–"
        } else {
            key.default
        };
        page.push_str(&format!(
            "| `{}` | {} | {default} | {} |\n",
            key.name, key.takes, key.about
        ));
    }
    listed(
        page,
        keys,
        "Accepted, and without effect",
        |standing| match standing {
            Standing::Idle(reason) => Some(reason),
            _ => None,
        },
    );
    listed(page, keys, "Not available yet", |standing| match standing {
        Standing::NotYet(part) => Some(part),
        _ => None,
    });
    for key in keys {
        let full = if path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{path}.{}", key.name)
        };
        match key.standing {
            Standing::Group(keys) => section(page, &format!("`{full}`"), keys, &full),
            Standing::Groups(keys) => section(page, &format!("An entry of `{full}`"), keys, &full),
            _ => {}
        }
    }
}

fn is_row(key: &Key) -> bool {
    matches!(
        key.standing,
        Standing::Used | Standing::Group(_) | Standing::Groups(_)
    )
}

fn listed(
    page: &mut String,
    keys: &'static [Key],
    title: &str,
    pick: impl Fn(Standing) -> Option<&'static str>,
) {
    let picked: Vec<(&str, &str)> = keys
        .iter()
        .filter_map(|key| Some((key.name, pick(key.standing)?)))
        .collect();
    if picked.is_empty() {
        return;
    }
    page.push_str(&format!("\n{title}:\n\n"));
    let mut reasons: Vec<&str> = Vec::new();
    for (_, reason) in &picked {
        if !reasons.contains(reason) {
            reasons.push(reason);
        }
    }
    for reason in reasons {
        let names: Vec<String> = picked
            .iter()
            .filter(|(_, other)| *other == reason)
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        page.push_str(&format!("* {}: {reason}\n", names.join(", ")));
    }
}
