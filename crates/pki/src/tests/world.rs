//! A cluster to test with: always the same keys, always the same noon.

use std::sync::OnceLock;

use access::ambient::SeededEntropy;
use access::{SecretText, Traits, UserGrant};
use jiff::{SignedDuration, Timestamp};

use crate::{Algorithm, Authority, AuthorityKind, KeyPair};

pub(crate) const CLUSTER: &str = "teleport.example.com";
pub(crate) const HOST_ID: &str = "5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44";

pub(crate) fn noon() -> Timestamp {
    "2025-08-27T12:00:00Z".parse().expect("a moment")
}

pub(crate) fn after(hours: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(hours)
}

pub(crate) fn authority(kind: AuthorityKind) -> Authority {
    let entropy = SeededEntropy::named(kind.as_str());
    Authority::generate(kind, CLUSTER, noon(), &entropy).expect("an authority")
}

pub(crate) fn key(algorithm: Algorithm) -> KeyPair {
    // RSA keys do not come from the entropy given, so one is kept.
    static RSA: OnceLock<SecretText> = OnceLock::new();
    if algorithm == Algorithm::Rsa {
        let make = || KeyPair::generate(algorithm, &SeededEntropy::new(0)).and_then(|key| key.to_pem());
        let pem = RSA.get_or_init(|| make().expect("a key"));
        return KeyPair::from_pem(pem.expose()).expect("the same key");
    }
    KeyPair::generate(algorithm, &SeededEntropy::named("holder")).expect("a key")
}

/// A user without logins or traits, signed for by the local administrator: the guide's `access-plugin`.
pub(crate) fn grant(user: &str, roles: &[&str]) -> UserGrant {
    UserGrant {
        user: user.to_owned(),
        roles: texts(roles),
        traits: Traits::new(),
        logins: Vec::new(),
        kubernetes_groups: Vec::new(),
        kubernetes_users: Vec::new(),
        active_requests: Vec::new(),
        allowed_resources: Vec::new(),
        not_after: after(12),
        impersonator: None,
        disallow_reissue: false,
        renewable: false,
        generation: 0,
        bot_name: None,
        bot_instance: None,
        join_method: None,
        usage: Vec::new(),
        login_ip: None,
        pin_source_ip: false,
        previous_not_after: None,
        permit_agent_forwarding: false,
        permit_port_forwarding: true,
        permit_x11_forwarding: false,
        extensions: std::collections::BTreeMap::new(),
    }
}

pub(crate) fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
