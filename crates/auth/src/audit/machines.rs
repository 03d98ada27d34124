//! Join tokens, bots and their runs.

use jiff::Timestamp;

use super::{Actor, Event};

/// A secret name as records write it: only its last quarter can be read.
pub fn masked(name: &str) -> String {
    let hidden = name.chars().count() * 3 / 4;
    "*".repeat(hidden) + &name.chars().skip(hidden).collect::<String>()
}

/// A join token was made, or written over.
pub fn token_created(
    actor: &Actor,
    name: &str,
    expires: Option<Timestamp>,
    roles: &[String],
    method: &str,
) -> Event {
    Event::new("join_token.create", "TJT00I")
        .resource(&masked(name), expires)
        .with("updated_by", actor.user.as_str())
        .actor(actor)
        .list("roles", roles)
        .with("join_method", method)
}

/// What happened to a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BotChange {
    /// Made or written over.
    Created,
    /// Changed in place.
    Updated,
    /// Deleted.
    Deleted,
}

/// A bot was made, changed or deleted, with its user and its role.
pub fn bot(change: BotChange, actor: &Actor, name: &str) -> Event {
    let event = match change {
        BotChange::Created => Event::new("bot.create", "TB001I"),
        BotChange::Updated => Event::new("bot.update", "TB002I"),
        BotChange::Deleted => Event::new("bot.delete", "TB003I"),
    };
    event.resource(name, None).actor(actor)
}

/// Which run of which bot.
#[derive(Debug, Clone, Copy)]
pub struct Joined<'a> {
    /// The bot.
    pub bot: &'a str,
    /// The bot's user.
    pub user: &'a str,
    /// The run.
    pub instance: &'a str,
    /// How it joined.
    pub method: &'a str,
    /// With which token.
    pub token: &'a str,
}

/// A bot has joined.
pub fn bot_joined(actor: &Actor, joined: &Joined<'_>) -> Event {
    let event = Event::new("bot.join", "TJ001I")
        .with("success", true)
        .with("bot_name", joined.bot)
        .with("method", joined.method)
        .with("token_name", masked(joined.token))
        .with("user_name", joined.user);
    address(event, actor).with("bot_instance_id", joined.instance)
}

/// Somebody wanted to join as a bot and could not.
pub fn bot_join_refused(actor: &Actor, error: &str) -> Event {
    let event = Event::new("bot.join", "TJ001E")
        .with("success", false)
        .with("error", error);
    address(event, actor)
}

/// A host that has joined as a part of the cluster.
#[derive(Debug, Clone, Copy)]
pub struct JoinedHost<'a> {
    /// Its id.
    pub host_id: &'a str,
    /// What it calls itself.
    pub node_name: &'a str,
    /// What it is.
    pub role: &'a str,
    /// How it joined.
    pub method: &'a str,
    /// With which token.
    pub token: &'a str,
    /// The token's end.
    pub token_expires: Option<Timestamp>,
}

/// A host has joined.
pub fn instance_joined(actor: &Actor, joined: &JoinedHost<'_>) -> Event {
    let event = Event::new("instance.join", "TJ002I")
        .with("success", true)
        .with("host_id", joined.host_id)
        .with("node_name", joined.node_name)
        .with("role", joined.role)
        .with("method", joined.method)
        .with("token_name", masked(joined.token));
    let event = match joined.token_expires {
        Some(end) => event.with("token_expires", end.to_string()),
        None => event,
    };
    address(event, actor)
}

/// Somebody wanted to join as a part of the cluster and could not.
pub fn instance_join_refused(actor: &Actor, role: &str, error: &str) -> Event {
    let event = Event::new("instance.join", "TJ002E")
        .with("success", false)
        .with("error", error)
        .text("role", role);
    address(event, actor)
}

/// A certificate was renewed that had been renewed before: somebody holds a copy.
pub fn generation_mismatch(actor: &Actor) -> Event {
    Event::new("cert.generation_mismatch", "TCB00W").actor(actor)
}

/// Joining is recorded with the host alone.
fn address(event: Event, actor: &Actor) -> Event {
    match actor.remote {
        Some(remote) => event.with("addr.remote", remote.ip().to_string()),
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_quarter_of_a_secret_is_recorded() {
        assert_eq!(
            masked("0123456789abcdef0123456789abcdef"),
            "************************89abcdef"
        );
        assert_eq!(masked("mytok"), "***ok");
        assert_eq!(masked("abc"), "**c");
    }
}
