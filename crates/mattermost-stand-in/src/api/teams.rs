//! Teams and who is in them.

use std::collections::BTreeSet;

use serde_json::json;

use super::users::missing_account;
use super::{Call, Outcome, id, text};
use crate::ambient;
use crate::envelope::{Refusal, Reply};
use crate::model::Team;
use crate::websocket::Audience;

pub fn create(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    if caller.bot.is_some() {
        return Err(Refusal::forbidden());
    }
    let body = call.json("team")?;
    let (name, kind) = (text(&body, "name"), text(&body, "type"));
    if !is_team_name(name) {
        return Err(Refusal::new(
            400,
            "model.team.is_valid.characters.app_error",
            "The team's name must be 2 to 64 lower-case letters, digits and dashes.",
        ));
    }
    if !["O", "I"].contains(&kind) {
        return Err(Refusal::new(
            400,
            "model.team.is_valid.type.app_error",
            "Invalid type.",
        ));
    }
    if state.team_named(name).is_some() {
        return Err(Refusal::new(
            400,
            "app.team.save.existing.app_error",
            "A team with that name already exists.",
        ));
    }
    let now = state.tick();
    let team = Team {
        id: ambient::id(),
        create_at: now,
        name: name.to_owned(),
        display_name: text(&body, "display_name").to_owned(),
        email: caller.email,
        kind: kind.to_owned(),
        invite_id: ambient::id(),
        members: BTreeSet::from([caller.id]),
    };
    let shown = team.shown(true);
    state.teams.insert(team.id.clone(), team);
    Ok(Reply::new(201, shown))
}

pub fn by_name(call: &Call<'_>, name: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    if name.len() < 2 {
        return Err(Refusal::bad_url("team_name"));
    }
    let team = state.team_named(name).ok_or_else(missing_team)?;
    if !team.members.contains(&caller.id) && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    Ok(Reply::ok(team.shown(caller.is_admin())))
}

pub fn by_id(call: &Call<'_>, team: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let team = state
        .teams
        .get(id(team, "team_id")?)
        .ok_or_else(|| Refusal::new(404, "app.team.get.find.app_error", "Unable to find the team."))?;
    if !team.members.contains(&caller.id) && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    Ok(Reply::ok(team.shown(caller.is_admin())))
}

pub fn join(call: &Call<'_>, team: &str) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let body = call.json("team_member")?;
    let user_id = text(&body, "user_id").to_owned();
    if !state.users.contains_key(&user_id) {
        return Err(missing_account());
    }
    let found = state
        .teams
        .get_mut(id(team, "team_id")?)
        .ok_or_else(missing_team)?;
    found.members.insert(user_id.clone());
    let membership = found.membership(&user_id);
    state.emit(
        "added_to_team",
        json!({"team_id": team, "user_id": user_id}),
        Audience::User(&user_id),
    );
    Ok(Reply::new(201, membership))
}

pub fn member(call: &Call<'_>, team: &str, user: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let team = state.teams.get(id(team, "team_id")?).ok_or_else(missing_team)?;
    let user = if user == "me" {
        caller.id.as_str()
    } else {
        id(user, "user_id")?
    };
    if !team.members.contains(&caller.id) && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if !team.members.contains(user) {
        return Err(missing_member());
    }
    Ok(Reply::ok(team.membership(user)))
}

pub fn leave(call: &Call<'_>, team: &str, user: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    if caller.id != user && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if state.leave_team(id(team, "team_id")?, id(user, "user_id")?, &caller.id) {
        Ok(Reply::done())
    } else {
        Err(missing_member())
    }
}

pub fn missing_team() -> Refusal {
    Refusal::new(
        404,
        "app.team.get_by_name.missing.app_error",
        "Unable to find the existing team.",
    )
}

pub fn missing_member() -> Refusal {
    Refusal::new(
        404,
        "app.team.get_member.missing.app_error",
        "No team member found for that user ID and team ID.",
    )
}

fn is_team_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && name.starts_with(|mark: char| mark.is_ascii_alphanumeric())
        && name.ends_with(|mark: char| mark.is_ascii_alphanumeric())
}
