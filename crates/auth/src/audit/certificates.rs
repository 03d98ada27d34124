//! Certificates: for whom, with what, made by whom.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Actor, Event, UNSET_MOMENT, moment_text};

/// What an issued user certificate says, as the record shows it.
#[derive(Debug, Clone, Default)]
pub struct UserIdentity {
    /// Whose.
    pub user: String,
    /// Who asked for it in that name.
    pub impersonator: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its logins, as the certificate lists them.
    pub logins: Vec<String>,
    /// Its end.
    pub expires: Option<Timestamp>,
    /// The cluster it leads to.
    pub route_to_cluster: String,
    /// Its traits.
    pub traits: Map<String, Value>,
    /// The cluster that issued it.
    pub cluster: String,
    /// Where its holder signed in from.
    pub client_ip: String,
    /// The access requests behind it.
    pub access_requests: Vec<String>,
    /// Whether it can get no other.
    pub disallow_reissue: bool,
    /// The bot.
    pub bot_name: String,
    /// Which run of the bot.
    pub bot_instance: String,
}

/// A user certificate was issued.
pub fn user_certificate(actor: &Actor, identity: &UserIdentity) -> Event {
    let text = |map: &mut Map<String, Value>, key: &str, value: &str| {
        if !value.is_empty() {
            map.insert(key.to_owned(), value.into());
        }
    };
    let mut inner = Map::new();
    text(&mut inner, "user", &identity.user);
    text(&mut inner, "impersonator", &identity.impersonator);
    inner.insert("roles".to_owned(), identity.roles.clone().into());
    inner.insert("logins".to_owned(), identity.logins.clone().into());
    inner.insert("expires".to_owned(), moment_text(identity.expires).into());
    text(&mut inner, "route_to_cluster", &identity.route_to_cluster);
    if !identity.traits.is_empty() {
        inner.insert("traits".to_owned(), Value::Object(identity.traits.clone()));
    }
    text(&mut inner, "teleport_cluster", &identity.cluster);
    text(&mut inner, "client_ip", &identity.client_ip);
    if !identity.access_requests.is_empty() {
        inner.insert(
            "access_requests".to_owned(),
            identity.access_requests.clone().into(),
        );
    }
    if identity.disallow_reissue {
        inner.insert("disallow_reissue".to_owned(), true.into());
    }
    inner.insert("prev_identity_expires".to_owned(), UNSET_MOMENT.into());
    inner.insert("private_key_policy".to_owned(), "none".into());
    text(&mut inner, "bot_name", &identity.bot_name);
    text(&mut inner, "bot_instance_id", &identity.bot_instance);
    Event::new("cert.create", "TC000I")
        .with("cert_type", "user")
        .with("identity", inner)
        .text("user_agent", &actor.user_agent)
}

/// A host certificate was issued. The original writes nothing here.
pub fn host_certificate(
    actor: &Actor,
    host: &str,
    role: &str,
    principals: &[String],
    expires: Option<Timestamp>,
) -> Event {
    let mut inner = Map::new();
    inner.insert("user".to_owned(), host.into());
    inner.insert("roles".to_owned(), vec![role].into());
    inner.insert("logins".to_owned(), principals.to_vec().into());
    inner.insert("expires".to_owned(), moment_text(expires).into());
    Event::new("cert.create", "TC000I")
        .actor(actor)
        .with("cert_type", "host")
        .with("identity", inner)
        .text("user_agent", &actor.user_agent)
}
