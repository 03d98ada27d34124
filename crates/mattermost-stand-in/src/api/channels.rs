//! Channels and who is in them.

use std::collections::BTreeSet;

use serde_json::json;

use super::teams::{missing_member, missing_team};
use super::{Call, Outcome, id, is_id, text};
use crate::ambient;
use crate::envelope::{Refusal, Reply};
use crate::model::Channel;

pub fn create(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let body = call.json("channel")?;
    let (team_id, name, kind) = (text(&body, "team_id"), text(&body, "name"), text(&body, "type"));
    if !state.is_team_member(team_id, &caller.id) && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if !state.teams.contains_key(team_id) {
        return Err(Refusal::forbidden());
    }
    let named = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if !named {
        return Err(Refusal::new(
            400,
            "model.channel.is_valid.1_or_more.app_error",
            "The channel's name must be 1 to 64 lower-case letters, digits, dashes and underscores.",
        ));
    }
    let kind = match kind {
        "O" => 'O',
        "P" => 'P',
        _ => {
            return Err(Refusal::new(
                400,
                "model.channel.is_valid.type.app_error",
                "Invalid type.",
            ));
        }
    };
    if state.channel_named(team_id, name).is_some() {
        return Err(Refusal::new(
            400,
            "store.sql_channel.save_channel.exists.app_error",
            "A channel with that name already exists on the same team.",
        ));
    }
    let now = state.tick();
    let channel = Channel {
        id: ambient::id(),
        create_at: now,
        update_at: now,
        delete_at: 0,
        team_id: team_id.to_owned(),
        kind,
        name: name.to_owned(),
        display_name: text(&body, "display_name").to_owned(),
        creator_id: caller.id.clone(),
        members: BTreeSet::from([caller.id]),
        last_post_at: 0,
        last_root_post_at: 0,
        posts_total: 0,
        roots_total: 0,
        posts: Vec::new(),
    };
    let shown = channel.shown();
    state.channels.insert(channel.id.clone(), channel);
    Ok(Reply::new(201, shown))
}

pub fn by_names(call: &Call<'_>, team: &str, channel: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let team = state.team_named(team).ok_or_else(missing_team)?;
    let found = state
        .channel_named(&team.id, channel)
        .filter(|found| found.delete_at == 0 || call.flag("include_deleted"));
    let Some(found) = found else {
        return Err(missing_channel());
    };
    if !state.may_read(found, &caller) {
        // A private channel does not exist for strangers; a public one is merely out of reach.
        return Err(if found.kind == 'P' {
            missing_channel()
        } else {
            Refusal::forbidden()
        });
    }
    Ok(Reply::ok(found.shown()))
}

pub fn by_id(call: &Call<'_>, channel: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state
        .channels
        .get(id(channel, "channel_id")?)
        .ok_or_else(no_channel)?;
    if !state.may_read(found, &caller) {
        return Err(Refusal::forbidden());
    }
    Ok(Reply::ok(found.shown()))
}

pub fn direct(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let mut people = call.list()?;
    if people.len() == 1 {
        people.push(people[0].clone());
    }
    let [one, other] = &people[..] else {
        return Err(Refusal::bad_body("user_ids"));
    };
    if !is_id(one) || !is_id(other) {
        return Err(Refusal::bad_body("user_ids"));
    }
    if *one != caller.id && *other != caller.id && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if !state.users.contains_key(one) || !state.users.contains_key(other) {
        return Err(Refusal::new(
            400,
            "api.channel.create_direct_channel.invalid_user.app_error",
            "Invalid user ID for direct channel creation.",
        ));
    }
    if one != other && state.settings.direct_messages_within_team && !state.share_a_team(one, other) {
        return Err(Refusal::new(
            403,
            "api.channel.create_channel.direct_channel.team_restricted_error",
            "A direct channel cannot be created between these users because they do not share a team.",
        ));
    }
    let (channel, _) = state.direct_channel(&caller.id, one, other);
    Ok(Reply::new(201, channel.shown()))
}

pub fn join(call: &Call<'_>, channel: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let body = call.json("user_id")?;
    let user_id = text(&body, "user_id").to_owned();
    let found = state
        .channels
        .get(id(channel, "channel_id")?)
        .ok_or_else(no_channel)?
        .clone();
    if !caller.is_admin() && !found.members.contains(&caller.id) {
        return Err(Refusal::forbidden());
    }
    if !state.is_team_member(&found.team_id, &user_id) {
        return Err(missing_member());
    }
    state.join_channel(channel, &user_id, &caller.id);
    Ok(Reply::new(201, found.membership(&user_id)))
}

pub fn member(call: &Call<'_>, channel: &str, user: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state
        .channels
        .get(id(channel, "channel_id")?)
        .ok_or_else(no_channel)?;
    let user = if user == "me" {
        caller.id.as_str()
    } else {
        id(user, "user_id")?
    };
    if !state.may_read(found, &caller) {
        return Err(Refusal::forbidden());
    }
    if !found.members.contains(user) {
        return Err(Refusal::new(
            404,
            "app.channel.get_member.missing.app_error",
            "No channel member found for that user ID and channel ID.",
        ));
    }
    Ok(Reply::ok(found.membership(user)))
}

pub fn leave(call: &Call<'_>, channel: &str, user: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    if caller.id != user && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if state.leave_channel(id(channel, "channel_id")?, id(user, "user_id")?, &caller.id) {
        Ok(Reply::done())
    } else {
        Err(Refusal::new(
            404,
            "app.channel.get_member.missing.app_error",
            "No channel member found for that user ID and channel ID.",
        ))
    }
}

pub fn archive(call: &Call<'_>, channel: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state
        .channels
        .get(id(channel, "channel_id")?)
        .ok_or_else(no_channel)?;
    if !caller.is_admin() && (caller.bot.is_some() || !found.members.contains(&caller.id)) {
        return Err(Refusal::forbidden());
    }
    state.archive(channel);
    Ok(Reply::new(200, json!({"status": "OK"})))
}

fn missing_channel() -> Refusal {
    Refusal::new(
        404,
        "app.channel.get_by_name.missing.app_error",
        "Channel does not exist.",
    )
}

fn no_channel() -> Refusal {
    Refusal::new(
        404,
        "app.channel.get.existing.app_error",
        "Unable to find the existing channel.",
    )
}
