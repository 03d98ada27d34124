//! Users, their factors, their tokens, roles and locks.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Actor, Event};
use crate::moment::span_text;

fn user_changed(
    event: Event,
    actor: &Actor,
    name: &str,
    expires: Option<Timestamp>,
    roles: &[String],
) -> Event {
    event
        .actor(actor)
        .resource(name, expires)
        .list("roles", roles)
        .with("connector", "local")
        .remote(actor)
}

/// A user was made, or written over.
pub fn user_created(actor: &Actor, name: &str, expires: Option<Timestamp>, roles: &[String]) -> Event {
    user_changed(Event::new("user.create", "T1002I"), actor, name, expires, roles)
}

/// A user was changed in place.
pub fn user_updated(actor: &Actor, name: &str, expires: Option<Timestamp>, roles: &[String]) -> Event {
    user_changed(Event::new("user.update", "T1003I"), actor, name, expires, roles)
}

/// A user was deleted.
pub fn user_deleted(actor: &Actor, name: &str) -> Event {
    Event::new("user.delete", "T1004I")
        .actor(actor)
        .resource(name, None)
        .remote(actor)
}

/// A user chose another password for the own account.
pub fn password_changed(actor: &Actor, user: &str) -> Event {
    Event::new("user.password_change", "T1005I")
        .actor(&actor.acting_for(user))
        .remote(actor)
}

/// An authenticator, as records name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFacts {
    /// What its owner calls it.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `TOTP` or `WebAuthn`.
    pub kind: &'static str,
}

impl DeviceFacts {
    /// The keys that records use for it.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("mfa_device_name".to_owned(), self.name.as_str().into());
        fields.insert("mfa_device_uuid".to_owned(), self.id.as_str().into());
        fields.insert("mfa_device_type".to_owned(), self.kind.into());
        fields
    }
}

fn with_device(event: Event, actor: &Actor, user: &str, device: &DeviceFacts) -> Event {
    let event = event.actor(&actor.acting_for(user));
    device
        .fields()
        .into_iter()
        .fold(event, |event, (key, value)| event.with(&key, value))
        .remote(actor)
}

/// A second factor was added to a user.
pub fn device_added(actor: &Actor, user: &str, device: &DeviceFacts) -> Event {
    with_device(Event::new("mfa.add", "T1006I"), actor, user, device)
}

/// A second factor of a user was removed.
pub fn device_deleted(actor: &Actor, user: &str, device: &DeviceFacts) -> Event {
    with_device(Event::new("mfa.delete", "T1007I"), actor, user, device)
}

/// An invite or reset link was made.
pub fn reset_token_created(actor: &Actor, user: &str, expires: Timestamp, ttl: SignedDuration) -> Event {
    Event::new("reset_password_token.create", "T6000I")
        .resource(user, Some(expires))
        .with("ttl", span_text(ttl))
        .actor(actor)
}

/// What happened to a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleChange {
    /// Made or written over.
    Created,
    /// Changed in place.
    Updated,
    /// Deleted.
    Deleted,
}

/// A role was made, changed or deleted.
pub fn role(change: RoleChange, actor: &Actor, name: &str, expires: Option<Timestamp>) -> Event {
    let event = match change {
        RoleChange::Created => Event::new("role.created", "T9000I"),
        RoleChange::Updated => Event::new("role.updated", "T9002I"),
        RoleChange::Deleted => Event::new("role.deleted", "T9001I"),
    };
    event.resource(name, expires).actor(actor).remote(actor)
}

/// A lock was set. `target` holds the keys of the target as the record writes them.
pub fn lock_created(
    actor: &Actor,
    name: &str,
    expires: Option<Timestamp>,
    target: &Map<String, Value>,
) -> Event {
    Event::new("lock.created", "TLK00I")
        .resource(name, expires)
        .with("updated_by", actor.user.as_str())
        .actor(actor)
        .with("target", target.clone())
        .with("lock", wrapped(target))
}

/// A lock was taken away.
pub fn lock_deleted(actor: &Actor, name: &str, target: &Map<String, Value>) -> Event {
    Event::new("lock.deleted", "TLK01I")
        .resource(name, None)
        .actor(actor)
        .with("lock", wrapped(target))
}

fn wrapped(target: &Map<String, Value>) -> Map<String, Value> {
    let mut outer = Map::new();
    outer.insert("target".to_owned(), Value::Object(target.clone()));
    outer
}
