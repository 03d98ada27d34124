//! The section `proxy_service`: the one public port.

use std::path::PathBuf;
use std::time::Duration;

use transport::Address;
use transport::proxy_header::TrustedPeers;

use super::cluster::{listen_default, trusted_peers};
use super::section::{Findings, Section};
use super::{Flags, values};

/// The port of the proxy.
pub const PORT: u16 = 3080;
/// How often certificate files are looked at.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// What the proxy is told.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// Where it listens.
    pub listen_address: Address,
    /// Where people find it; the first one stands in links.
    pub public_addresses: Vec<Address>,
    /// What it shows.
    pub certificates: HttpsCertificates,
    /// Load balancers whose PROXY headers are believed.
    pub trusted_peers: TrustedPeers,
    /// Whether an Auth Service elsewhere is told where clients come from.
    pub announces_clients: bool,
}

/// Where the certificates of the web port come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpsCertificates {
    /// The proxy makes one for itself.
    Own,
    /// From files, looked at again and again.
    Files {
        /// Certificate chain and private key.
        pairs: Vec<(PathBuf, PathBuf)>,
        /// How often.
        interval: Duration,
    },
}

pub(super) fn read(section: &Section<'_>, flags: &Flags, found: &Findings) -> ProxyConfig {
    let listen = section.value("web_listen_addr", values::listen_address(PORT));
    let listen_address = listen.unwrap_or_else(|| listen_default(flags, PORT));
    let port = match listen_address.port() {
        0 => PORT,
        port => port,
    };
    ProxyConfig {
        public_addresses: section
            .value("public_addr", values::list(values::address(port)))
            .unwrap_or_default(),
        certificates: certificates(section, found),
        trusted_peers: trusted_peers(section),
        announces_clients: section.value("announce_clients", values::switch).unwrap_or(false),
        listen_address,
    }
}

fn certificates(section: &Section<'_>, found: &Findings) -> HttpsCertificates {
    let mut pairs = Vec::new();
    let mut pair = |owner: &Section<'_>, (chain_key, key_key): (&str, &str)| {
        let chain = owner.value(chain_key, values::path);
        let key = owner.value(key_key, values::path);
        match (chain, key) {
            (Some(chain), Some(key)) => pairs.push((chain, key)),
            (Some(_), None) if owner.at(key_key).is_none() => {
                owner.wrong(
                    chain_key,
                    format!("`{}` needs `{key_key}` beside it", owner.full(chain_key)),
                );
            }
            (None, Some(_)) if owner.at(chain_key).is_none() => {
                owner.wrong(
                    key_key,
                    format!("`{}` needs `{chain_key}` beside it", owner.full(key_key)),
                );
            }
            _ => {}
        }
    };
    // The original writes empty texts for "none".
    let plain = |name: &str| {
        section
            .value(name, values::text)
            .is_some_and(|text| !text.is_empty())
    };
    if plain("https_cert_file") || plain("https_key_file") {
        pair(section, ("https_cert_file", "https_key_file"));
    }
    for entry in section.groups("https_keypairs", "proxy_service.https_keypairs") {
        if !entry.has_any(&["cert_file", "key_file"]) {
            found.wrong(
                entry.place(),
                "an entry of `proxy_service.https_keypairs` takes `cert_file` and `key_file`",
            );
        }
        pair(&entry, ("cert_file", "key_file"));
    }
    let interval = section.value("https_keypairs_reload_interval", values::span);
    let interval = interval
        .and_then(|interval| Duration::try_from(interval).ok())
        .filter(|interval| !interval.is_zero())
        .unwrap_or(RELOAD_INTERVAL);
    if pairs.is_empty() {
        HttpsCertificates::Own
    } else {
        HttpsCertificates::Files { pairs, interval }
    }
}
