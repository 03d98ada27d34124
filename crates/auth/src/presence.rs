//! Which proxies and Auth Services are there: said by themselves, forgotten when they fall silent.
//!
//! Kept in memory: it decides nothing, and a proxy repeats itself once a minute.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How long a server counts as there after it last spoke.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// The proxies that have said that they are there.
#[derive(Debug, Default)]
pub struct Presence(Mutex<BTreeMap<String, (Timestamp, Value)>>);

/// The most proxies that are remembered.
const SERVERS_MAX: usize = 1_000;

impl Presence {
    /// A proxy says that it is there. `server` is its resource in JSON.
    pub fn announce(&self, name: &str, server: Value, now: Timestamp) {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|_, (said, _)| now.duration_since(*said) < LIFETIME);
        if servers.len() < SERVERS_MAX || servers.contains_key(name) {
            servers.insert(name.to_owned(), (now, server));
        }
    }

    /// A proxy says goodbye. Says whether it was known.
    pub fn withdraw(&self, name: &str) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name)
            .is_some()
    }

    /// The proxies that are there, in the order of their names.
    pub fn proxies(&self, now: Timestamp) -> Vec<Value> {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers
            .values()
            .filter(|(said, _)| now.duration_since(*said) < LIFETIME)
            .map(|(_, server)| server.clone())
            .collect()
    }

    /// The first public address of any proxy.
    pub fn proxy_address(&self, now: Timestamp) -> Option<String> {
        self.proxies(now).iter().find_map(|server| {
            let addresses = server.pointer("/spec/public_addrs")?.as_array()?;
            addresses.first()?.as_str().map(str::to_owned)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_falls_silent_is_forgotten() {
        let presence = Presence::default();
        let now = Timestamp::UNIX_EPOCH;
        let server = serde_json::json!({"spec": {"public_addrs": ["example.com:443"]}});
        presence.announce("p1", server, now);
        assert_eq!(presence.proxy_address(now).as_deref(), Some("example.com:443"));
        assert_eq!(presence.proxies(now + LIFETIME), Vec::<Value>::new());
        assert!(presence.withdraw("p1") && !presence.withdraw("p1"));
    }
}
