//! The REST calls below `/api/v4`: which path leads where, and what every handler may ask of a call.

mod actions;
mod bots;
mod channels;
mod posts;
mod system;
mod teams;
mod users;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::envelope::{Refusal, Reply};
use crate::model::User;
use crate::server::decode;
use crate::state::{Shared, State};

/// One call, before anybody looked at who made it.
pub struct Call<'a> {
    pub shared: &'a Arc<Shared>,
    pub token: Option<String>,
    pub query: HashMap<String, String>,
    pub body: &'a [u8],
    pub too_large: bool,
    pub known: Option<String>,
    /// How long a new post stays in work before it is stored.
    pub wait: Option<Duration>,
}

type Outcome = Result<Reply, Refusal>;

impl Call<'_> {
    /// The caller, whose token must be in force.
    fn caller(&self, state: &State) -> Result<User, Refusal> {
        if self.token.is_none()
            && self
                .query
                .get("access_token")
                .is_some_and(|token| !token.is_empty())
        {
            return Err(Refusal::new(
                401,
                "api.context.token_provided.app_error",
                "Session is not OAuth but token was provided in the query string.",
            ));
        }
        self.token
            .as_deref()
            .and_then(|token| state.session(token))
            .map(|(_, user)| user.clone())
            .ok_or_else(Refusal::unauthorized)
    }

    fn admin(&self, state: &State) -> Result<User, Refusal> {
        let caller = self.caller(state)?;
        if caller.is_admin() {
            Ok(caller)
        } else {
            Err(Refusal::forbidden())
        }
    }

    fn json(&self, named: &str) -> Result<Value, Refusal> {
        if self.too_large {
            return Err(Refusal::too_large());
        }
        match serde_json::from_slice::<Value>(self.body) {
            Ok(value) if value.is_object() => Ok(value),
            _ => Err(Refusal::bad_body(named)),
        }
    }

    /// A body that must be a list of texts.
    fn list(&self) -> Result<Vec<String>, Refusal> {
        if self.too_large {
            return Err(Refusal::too_large());
        }
        serde_json::from_slice(self.body)
            .map_err(|_| Refusal::new(400, "api.payload.parse.error", "The payload cannot be read."))
    }

    fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true")
    }
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body[key].as_str().unwrap_or_default()
}

fn is_id(id: &str) -> bool {
    id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A path value in a route that takes letters and digits: outside them there is no such route, and a
/// wrong length is a bad parameter.
fn id<'a>(value: &'a str, parameter: &str) -> Result<&'a str, Refusal> {
    if is_id(value) {
        Ok(value)
    } else {
        Err(Refusal::bad_url(parameter))
    }
}

fn only(value: &str, extra: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || extra.as_bytes().contains(&byte))
}

/// Carries out one call.
pub async fn dispatch(call: &Call<'_>, method: &str, path: &str) -> Outcome {
    let decoded = decode(path);
    let segments: Vec<&str> = decoded.trim_start_matches('/').split('/').collect();
    let plain = |value: &str| only(value, "");
    match (method, segments.as_slice()) {
        ("GET", ["system", "ping"]) => Ok(system::ping(call)),
        ("GET", ["config", "client"]) => Ok(system::client_settings(call)),
        ("PUT", ["config", "patch"]) => system::patch_settings(call),

        ("POST", ["users"]) => users::create(call),
        ("POST", ["users", "login"]) => users::login(call),
        ("POST", ["users", "tokens", verb @ ("disable" | "enable" | "revoke")]) => {
            users::switch_token(call, verb)
        }
        ("GET", ["users", "me"]) => users::me(call),
        ("GET", ["users", "email", email]) => users::by_email(call, email),
        ("GET", ["users", "username", name]) if only(name, "_-.") => users::by_name(call, name),
        ("GET", ["users", user]) if plain(user) => users::by_id(call, user),
        ("DELETE", ["users", user]) if plain(user) => users::set_active(call, user, Some(false)),
        ("PUT", ["users", user, "active"]) if plain(user) => users::set_active(call, user, None),
        ("PUT", ["users", user, "roles"]) if plain(user) => users::set_roles(call, user),
        ("POST", ["users", user, "tokens"]) if plain(user) => users::create_token(call, user),
        ("DELETE", ["users", user, "posts", post, "reactions", emoji])
            if plain(user) && plain(post) && only(emoji, "_-+") =>
        {
            actions::remove_reaction(call, user, post, emoji)
        }

        ("POST", ["bots"]) => bots::create(call),
        ("GET", ["bots", bot]) if plain(bot) => bots::by_id(call, bot),
        ("POST", ["bots", bot, verb @ ("disable" | "enable")]) if plain(bot) => bots::switch(call, bot, verb),

        ("POST", ["teams"]) => teams::create(call),
        ("GET", ["teams", "name", team]) if only(team, "_-") => teams::by_name(call, team),
        ("GET", ["teams", "name", team, "channels", "name", channel])
            if only(team, "_-") && only(channel, "_-") =>
        {
            channels::by_names(call, team, channel)
        }
        ("GET", ["teams", team]) if plain(team) => teams::by_id(call, team),
        ("POST", ["teams", team, "members"]) if plain(team) => teams::join(call, team),
        ("GET", ["teams", team, "members", user]) if plain(team) && plain(user) => {
            teams::member(call, team, user)
        }
        ("DELETE", ["teams", team, "members", user]) if plain(team) && plain(user) => {
            teams::leave(call, team, user)
        }
        ("POST", ["teams", team, "posts", "search"]) if plain(team) => posts::search(call, team),

        ("POST", ["channels"]) => channels::create(call),
        ("POST", ["channels", "direct"]) => channels::direct(call),
        ("GET", ["channels", channel]) if plain(channel) => channels::by_id(call, channel),
        ("DELETE", ["channels", channel]) if plain(channel) => channels::archive(call, channel),
        ("POST", ["channels", channel, "members"]) if plain(channel) => channels::join(call, channel),
        ("GET", ["channels", channel, "members", user]) if plain(channel) && plain(user) => {
            channels::member(call, channel, user)
        }
        ("DELETE", ["channels", channel, "members", user]) if plain(channel) && plain(user) => {
            channels::leave(call, channel, user)
        }
        ("GET", ["channels", channel, "posts"]) if plain(channel) => posts::history(call, channel),

        ("POST", ["posts"]) => posts::create(call).await,
        ("POST", ["posts", "ephemeral"]) => posts::ephemeral(call),
        ("GET", ["posts", post]) if plain(post) => posts::by_id(call, post),
        ("PUT", ["posts", post]) if plain(post) => posts::replace(call, post),
        ("PUT", ["posts", post, "patch"]) if plain(post) => posts::patch(call, post),
        ("DELETE", ["posts", post]) if plain(post) => posts::delete(call, post),
        ("GET", ["posts", post, "thread"]) if plain(post) => posts::thread(call, post),
        ("POST", ["posts", post, verb @ ("pin" | "unpin")]) if plain(post) => posts::pin(call, post, verb),
        ("GET", ["posts", post, "reactions"]) if plain(post) => actions::reactions(call, post),
        ("POST", ["posts", post, "actions", action]) if plain(post) && plain(action) => {
            actions::click(call, post, action).await
        }
        ("POST", ["reactions"]) => actions::react(call),
        ("POST", ["actions", "dialogs", "open"]) => actions::open_dialog(call),
        ("POST", ["actions", "dialogs", "submit"]) => actions::submit_dialog(call).await,

        _ => Err(Refusal::no_route(&format!("/api/v4{path}"))),
    }
}
