//! The keys of the sections that tctl reads. A misspelt one must not send it to another cluster's data unnoticed.
//!
//! What the keys take and mean is `teleport`'s business; here only their names are known.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;

/// The keys of `teleport`.
const PROCESS: &[&str] = &[
    "advertise_ip",
    "auth_server",
    "auth_servers",
    "auth_token",
    "ca_pin",
    "cache",
    "ciphers",
    "ciphersuites",
    "connection_limits",
    "data_dir",
    "diag_addr",
    "join_params",
    "kex_algos",
    "log",
    "mac_algos",
    "nodename",
    "pid_file",
    "proxy_server",
    "seal_key_file",
    "storage",
];

/// The keys of `auth_service`.
const AUTH: &[&str] = &[
    "access_monitoring",
    "authentication",
    "ca_key_params",
    "case_insensitive_routing",
    "client_idle_timeout",
    "client_idle_timeout_message",
    "cluster_name",
    "disconnect_expired_cert",
    "enabled",
    "hosted_plugins",
    "keep_alive_count_max",
    "keep_alive_interval",
    "license_file",
    "listen_addr",
    "load_all_cas",
    "message_of_the_day",
    "proxy_checks_host_keys",
    "proxy_listener_mode",
    "proxy_protocol",
    "proxy_protocol_trusted_peers",
    "public_addr",
    "reverse_tunnels",
    "routing_strategy",
    "session_control_timeout",
    "session_recording",
    "ssh_dial_timeout",
    "tokens",
    "trusted_clusters",
    "tunnel_strategy",
    "web_idle_timeout",
];

/// The first key that nobody knows, and where it stands.
pub fn unknown(text: &str) -> Option<String> {
    let read: Option<Sections> = serde_saphyr::from_str(text).ok()?;
    let Sections {
        teleport,
        auth_service,
    } = read?;
    [
        ("teleport", teleport, PROCESS),
        ("auth_service", auth_service, AUTH),
    ]
    .into_iter()
    .find_map(|(section, written, known)| {
        let written = written?.0;
        let key = written.iter().find(|key| !known.contains(&&*key.value))?;
        Some(format!(
            "line {}: `{section}` has no key `{}`",
            key.referenced.line(),
            cli::text::visible(&key.value)
        ))
    })
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Sections {
    teleport: Option<Keys>,
    auth_service: Option<Keys>,
}

/// The keys of a group in their order, without what they hold.
struct Keys(Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Group;
        impl<'de> Visitor<'de> for Group {
            type Value = Keys;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a group of keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let said = |text| unknown(text);
        assert_eq!(
            said("teleport:\n  nodename: a\n  data_dri: /data\n").as_deref(),
            Some("line 3: `teleport` has no key `data_dri`")
        );
        assert_eq!(
            said("auth_service:\n  enabled: yes\n  listen_adr: [a, b]\n").as_deref(),
            Some("line 3: `auth_service` has no key `listen_adr`")
        );
        assert_eq!(
            said("teleport: {data_dir: /d, log: {any: 1}}\nauth_service:\nother: {x: 1}\n"),
            None
        );
    }

    /// The names in the first column of a section's table and in front of the colons of its lists.
    fn documented(section: &str) -> Vec<String> {
        let page = include_str!("../../../../docs/reference/configuration.md");
        let start = format!("\n## `{section}`\n");
        let (_, rest) = page.split_once(&start).expect("the section");
        let part = rest.split("\n## ").next().unwrap_or_default();
        let mut names: Vec<String> = part
            .lines()
            .filter_map(|line| {
                let row = line.strip_prefix("| `").map(|row| row.split('|').next());
                let item = line.strip_prefix("* `").map(|item| item.split(':').next());
                row.or(item)?
            })
            .flat_map(|names| names.split('`'))
            .filter(|name| name.bytes().any(|byte| byte.is_ascii_alphabetic()))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_known_keys_are_those_of_the_reference() {
        assert_eq!(documented("teleport"), PROCESS);
        assert_eq!(documented("auth_service"), AUTH);
    }
}
