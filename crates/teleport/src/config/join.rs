//! How a process without an Auth Service of its own finds one, and comes in.

use std::fmt;

use access::SecretText;
use transport::Address;

use super::cluster::PORT as AUTH_PORT;
use super::section::{Findings, Section};
use super::{Flags, values};

/// What is said about the cluster to join.
#[derive(Clone)]
pub struct JoinConfig {
    /// Where its Auth Service is; any of them will do.
    pub auth_servers: Vec<Address>,
    /// The token, or the absolute path of a file that holds it.
    pub token: Option<SecretText>,
    /// Pins of the cluster's host authority, or absolute paths of files that hold them.
    pub pins: Vec<String>,
    /// Believe whoever answers.
    pub insecure: bool,
}

impl fmt::Debug for JoinConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinConfig")
            .field("auth_servers", &self.auth_servers)
            .field("pins", &self.pins)
            .finish_non_exhaustive()
    }
}

/// Reads the keys of `teleport` and the flags; `None` where an Auth Service runs here, for which none of it means anything.
pub(super) fn read(
    section: &Section<'_>,
    flags: &Flags,
    runs_auth: bool,
    found: &Findings,
) -> Option<JoinConfig> {
    let newer = section.group("join_params", "teleport.join_params");
    let mut servers: Vec<Address> = section
        .value("auth_server", values::address(AUTH_PORT))
        .into_iter()
        .collect();
    servers.extend(
        section
            .value("auth_servers", values::list(values::address(AUTH_PORT)))
            .unwrap_or_default(),
    );
    let token = section.value("auth_token", values::text);
    let token = newer
        .value("token_name", values::text)
        .or(token)
        .filter(|token| !token.is_empty());
    let _ = newer.value("method", values::choice(&["token"]));
    let pins = section
        .value("ca_pin", values::list(values::text))
        .unwrap_or_default();
    if runs_auth {
        note(section, flags, found);
        return None;
    }
    if !flags.auth_servers.is_empty() {
        servers = flags
            .auth_servers
            .iter()
            .flat_map(|text| text.split(','))
            .filter_map(|text| {
                Address::parse(text.trim(), AUTH_PORT)
                    .map_err(|error| found.wrong(None, format!("--auth-server: {error}")))
                    .ok()
            })
            .collect();
    } else if servers.is_empty() && !section.has_any(&["auth_server", "auth_servers"]) {
        found.wrong(
            section.place(),
            "a process without an Auth Service of its own needs the address of one: `teleport.auth_server`, or `--auth-server`",
        );
    }
    let pins = if flags.pins.is_empty() {
        pins
    } else {
        flags.pins.clone()
    };
    Some(JoinConfig {
        auth_servers: servers,
        token: flags.token.clone().or(token).map(SecretText::new),
        pins: pins.into_iter().filter(|pin| !pin.is_empty()).collect(),
        insecure: flags.insecure,
    })
}

/// Says that what is given has no meaning beside an Auth Service.
fn note(section: &Section<'_>, flags: &Flags, found: &Findings) {
    const REASON: &str = "changes nothing: this process has its own Auth Service and joins no other";
    for name in [
        "auth_server",
        "auth_servers",
        "auth_token",
        "ca_pin",
        "join_params",
    ] {
        if let Some(at) = section.at(name) {
            found.note(at, format!("`{}` {REASON}", section.full(name)));
        }
    }
    for (given, flag) in [
        (!flags.auth_servers.is_empty(), "--auth-server"),
        (flags.token.is_some(), "--token"),
        (!flags.pins.is_empty(), "--ca-pin"),
    ] {
        if given {
            found.wrong(
                None,
                format!("{flag} is for a process without an Auth Service of its own: add `--roles=proxy`"),
            );
        }
    }
}
