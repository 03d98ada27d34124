//! The audit record: what happened, by whom, in the form that Teleport's readers know.
//!
//! An [`Event`] is a type name, a code and an ordered list of fields; [`Event::sealed_with`] gives it
//! its identity (uid, time, cluster) and turns it into the one line that is stored. Events of each
//! subject are built in the modules below, so that their keys stand in one place.
//!
//! A record is never written by itself: it goes into the [`crate::state::Change`] whose deed it
//! tells, and both are committed together or not at all.

pub mod access;
pub mod certificates;
pub mod cluster;
pub mod lists;
pub mod login;
pub mod machines;
pub mod people;
pub mod registered;

use std::net::SocketAddr;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// What Teleport writes where a moment is not set.
pub const UNSET_MOMENT: &str = "0001-01-01T00:00:00Z";

/// What kind of being acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    Human,
    /// A bot.
    Bot,
    /// A part of the cluster, such as the proxy or the local administrator.
    System,
}

/// Who did it, from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user, or `HOSTUUID.CLUSTER` of a built-in identity.
    pub user: String,
    /// What kind of being that is; absent for `system` itself.
    pub kind: Option<ActorKind>,
    /// Who acts in that user's name.
    pub impersonator: String,
    /// The access requests whose roles the certificate carries.
    pub access_requests: Vec<String>,
    /// The bot, if it is one.
    pub bot_name: String,
    /// Which run of the bot.
    pub bot_instance: String,
    /// Where the call came from.
    pub remote: Option<SocketAddr>,
    /// What the client calls itself.
    pub user_agent: String,
}

impl Actor {
    /// The Auth Service itself.
    pub fn system() -> Self {
        Self {
            user: "system".to_owned(),
            kind: None,
            impersonator: String::new(),
            access_requests: Vec::new(),
            bot_name: String::new(),
            bot_instance: String::new(),
            remote: None,
            user_agent: String::new(),
        }
    }

    /// The same origin, with another user's name: the proxy acting for somebody.
    #[must_use]
    pub fn acting_for(&self, user: &str) -> Self {
        Self {
            user: user.to_owned(),
            ..self.clone()
        }
    }
}

/// One thing that happened, not yet stamped.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    name: &'static str,
    code: &'static str,
    fields: Map<String, Value>,
}

/// What makes an event this one and no other.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// A random id.
    pub uid: &'a str,
    /// When.
    pub time: Timestamp,
    /// Where.
    pub cluster: &'a str,
}

impl Event {
    /// An event of a type and code.
    pub fn new(name: &'static str, code: &'static str) -> Self {
        Self {
            name,
            code,
            fields: Map::new(),
        }
    }

    /// The type, such as `user.create`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The code, such as `T1002I`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// A field that is always written.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// A text, left out if empty.
    #[must_use]
    pub fn text(self, key: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.with(key, value)
        }
    }

    /// A list, left out if empty.
    #[must_use]
    pub fn list(self, key: &str, values: &[String]) -> Self {
        if values.is_empty() {
            self
        } else {
            self.with(key, values.to_vec())
        }
    }

    /// A moment; the year 1 if it is not set.
    #[must_use]
    pub fn moment(self, key: &str, moment: Option<Timestamp>) -> Self {
        self.with(key, moment_text(moment))
    }

    /// The actor's keys, without the address.
    #[must_use]
    pub fn actor(self, actor: &Actor) -> Self {
        let event = self
            .text("user", &actor.user)
            .text("impersonator", &actor.impersonator)
            .list("access_requests", &actor.access_requests);
        let event = match actor.kind {
            Some(ActorKind::Human) => event.with("user_kind", 1),
            Some(ActorKind::Bot) => event.with("user_kind", 2),
            Some(ActorKind::System) => event.with("user_kind", 3),
            None => event,
        };
        event
            .text("bot_name", &actor.bot_name)
            .text("bot_instance_id", &actor.bot_instance)
    }

    /// Where the call came from.
    #[must_use]
    pub fn remote(self, actor: &Actor) -> Self {
        match actor.remote {
            Some(address) => self.with("addr.remote", address.to_string()),
            None => self,
        }
    }

    /// The name and end of the resource it is about.
    #[must_use]
    pub fn resource(self, name: &str, expires: Option<Timestamp>) -> Self {
        self.text("name", name).moment("expires", expires)
    }

    /// The line that is stored: the event with its identity.
    pub fn sealed_with(&self, stamp: Stamp<'_>) -> String {
        let mut line = Map::with_capacity(self.fields.len() + 6);
        line.insert("ei".to_owned(), 0.into());
        line.insert("event".to_owned(), self.name.into());
        line.insert("uid".to_owned(), stamp.uid.into());
        line.insert("code".to_owned(), self.code.into());
        line.insert("time".to_owned(), milliseconds(stamp.time).to_string().into());
        line.insert("cluster_name".to_owned(), stamp.cluster.into());
        for (key, value) in &self.fields {
            line.insert(key.clone(), value.clone());
        }
        Value::Object(line).to_string()
    }
}

/// A moment as the audit record writes it.
pub fn moment_text(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| UNSET_MOMENT.to_owned(), |moment| moment.to_string())
}

fn milliseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond()).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_one_a_running_server_wrote() {
        let actor = Actor {
            user: "host.C".to_owned(),
            kind: Some(ActorKind::System),
            remote: Some("127.0.0.1:4711".parse().unwrap()),
            ..Actor::system()
        };
        let event = people::user_created(&actor, "bob@example.com", None, &["devops".to_owned()]);
        let line = event.sealed_with(Stamp {
            uid: "u",
            time: "2026-11-23T06:36:25.810912Z".parse().unwrap(),
            cluster: "C",
        });
        assert_eq!(
            line,
            r#"{"ei":0,"event":"user.create","uid":"u","code":"T1002I","time":"2026-11-23T06:36:25.81Z","cluster_name":"C","user":"host.C","user_kind":3,"name":"bob@example.com","expires":"0001-01-01T00:00:00Z","roles":["devops"],"connector":"local","addr.remote":"127.0.0.1:4711"}"#
        );
    }
}
