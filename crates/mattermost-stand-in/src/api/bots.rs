//! Bots: users that sign in by token alone.

use serde_json::{Value, json};

use super::users::{is_username, missing_account};
use super::{Call, Outcome, id, text};
use crate::ambient;
use crate::envelope::{Refusal, Reply};
use crate::model::{BotFacts, User};

pub fn create(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    if caller.bot.is_some() || !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if !state.settings.bot_creation {
        return Err(Refusal::new(
            403,
            "api.bot.create_disabled",
            "Bot creation has been disabled.",
        ));
    }
    let body = call.json("bot")?;
    let username = text(&body, "username");
    if !is_username(username) {
        return Err(Refusal::new(
            400,
            "model.bot.is_valid.username.app_error",
            "Invalid username.",
        ));
    }
    if state.user_named(username).is_some() {
        return Err(Refusal::new(
            400,
            "app.user.save.username_exists.app_error",
            "An account with that username already exists.",
        ));
    }
    let now = state.tick();
    let bot = state.add_user(User {
        id: ambient::id(),
        create_at: now,
        update_at: now,
        delete_at: 0,
        username: username.to_ascii_lowercase(),
        email: format!("{}@localhost", username.to_ascii_lowercase()),
        first_name: text(&body, "display_name").to_owned(),
        roles: "system_user".to_owned(),
        password: None,
        bot: Some(BotFacts {
            description: text(&body, "description").to_owned(),
            owner_id: caller.id,
        }),
    });
    Ok(Reply::new(201, shown(&bot)))
}

pub fn by_id(call: &Call<'_>, bot: &str) -> Outcome {
    let state = call.shared.lock();
    call.caller(&state)?;
    let bot = state
        .users
        .get(id(bot, "bot_user_id")?)
        .filter(|user| user.bot.is_some())
        .ok_or_else(missing_account)?;
    Ok(Reply::ok(shown(bot)))
}

pub fn switch(call: &Call<'_>, bot: &str, verb: &str) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let now = state.tick();
    let bot = state
        .users
        .get_mut(id(bot, "bot_user_id")?)
        .filter(|user| user.bot.is_some())
        .ok_or_else(missing_account)?;
    bot.delete_at = if verb == "disable" { now } else { 0 };
    bot.update_at = now;
    Ok(Reply::ok(shown(bot)))
}

fn shown(bot: &User) -> Value {
    let (description, owner) = bot.bot.as_ref().map_or(("", ""), |facts| {
        (facts.description.as_str(), facts.owner_id.as_str())
    });
    json!({
        "user_id": bot.id, "username": bot.username, "display_name": bot.first_name,
        "description": description, "owner_id": owner, "create_at": bot.create_at,
        "update_at": bot.update_at, "delete_at": bot.delete_at,
    })
}
