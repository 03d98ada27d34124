//! People and their tokens.

use serde_json::json;

use super::{Call, Outcome, id, text};
use crate::ambient;
use crate::envelope::{Refusal, Reply};
use crate::model::User;

pub fn create(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let first = state.users.is_empty();
    if !first {
        call.admin(&state)?;
    }
    let body = call.json("user")?;
    let (email, username, password) = (
        text(&body, "email"),
        text(&body, "username"),
        text(&body, "password"),
    );
    if !is_email(email) {
        return Err(Refusal::new(
            400,
            "model.user.is_valid.email.app_error",
            "Invalid email.",
        ));
    }
    if !is_username(username) {
        return Err(Refusal::new(
            400,
            "model.user.is_valid.username.app_error",
            "Username must begin with a letter and contain letters, digits, `.`, `-` and `_`.",
        ));
    }
    if password.len() < 8 {
        return Err(Refusal::new(
            400,
            "model.user.is_valid.pwd_min_length.app_error",
            "The password must have at least 8 characters.",
        ));
    }
    if state.user_named(username).is_some() {
        return Err(Refusal::new(
            400,
            "app.user.save.username_exists.app_error",
            "An account with that username already exists.",
        ));
    }
    if state.user_with_email(email).is_some() {
        return Err(Refusal::new(
            400,
            "app.user.save.email_exists.app_error",
            "An account with that email already exists.",
        ));
    }
    let now = state.tick();
    let roles = if first {
        "system_admin system_user"
    } else {
        "system_user"
    };
    let user = state.add_user(User {
        id: ambient::id(),
        create_at: now,
        update_at: now,
        delete_at: 0,
        username: username.to_ascii_lowercase(),
        email: email.to_ascii_lowercase(),
        first_name: text(&body, "first_name").to_owned(),
        roles: roles.to_owned(),
        password: Some(password.to_owned()),
        bot: None,
    });
    Ok(Reply::new(201, user.shown_to_self()))
}

pub fn login(call: &Call<'_>) -> Outcome {
    let body = call.json("login")?;
    let mut state = call.shared.lock();
    let (login, password) = (text(&body, "login_id"), text(&body, "password"));
    let found = state
        .user_named(login)
        .or_else(|| state.user_with_email(login))
        .filter(|user| user.delete_at == 0 && user.password.as_deref() == Some(password))
        .cloned();
    let Some(user) = found else {
        return Err(Refusal::new(
            401,
            "api.user.login.invalid_credentials_email_username",
            "Enter a valid email or username and/or password.",
        ));
    };
    let token = state.add_token(&user.id, "login");
    let mut reply = Reply::ok(user.shown_to_self());
    reply.token = Some(token.secret);
    Ok(reply)
}

pub fn me(call: &Call<'_>) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    Ok(Reply::tagged(
        caller.shown_to_self(),
        caller.etag(),
        call.known.as_deref(),
    ))
}

pub fn by_email(call: &Call<'_>, email: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    if !is_email(email) {
        return Err(Refusal::bad_url("email"));
    }
    if !state.settings.show_email_address && !caller.is_admin() {
        return Err(Refusal::new(
            403,
            "api.user.get_user_by_email.permissions.app_error",
            "Unable to get user by email.",
        ));
    }
    let user = state.user_with_email(email).ok_or_else(missing_account)?;
    Ok(Reply::tagged(
        state.shown_user(user, &caller),
        user.etag(),
        call.known.as_deref(),
    ))
}

pub fn by_name(call: &Call<'_>, username: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let user = state.user_named(username).ok_or_else(|| {
        Refusal::new(
            404,
            "app.user.get_by_username.app_error",
            "Unable to find an existing account matching your username for this team.",
        )
    })?;
    Ok(Reply::tagged(
        state.shown_user(user, &caller),
        user.etag(),
        call.known.as_deref(),
    ))
}

pub fn by_id(call: &Call<'_>, user: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let user = state
        .users
        .get(id(user, "user_id")?)
        .ok_or_else(missing_account)?;
    Ok(Reply::tagged(
        state.shown_user(user, &caller),
        user.etag(),
        call.known.as_deref(),
    ))
}

pub fn set_active(call: &Call<'_>, user: &str, active: Option<bool>) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let active = match active {
        Some(active) => active,
        None => call.json("active")?["active"]
            .as_bool()
            .ok_or_else(|| Refusal::bad_body("active"))?,
    };
    let now = state.tick();
    let user = state
        .users
        .get_mut(id(user, "user_id")?)
        .ok_or_else(missing_account)?;
    user.delete_at = if active { 0 } else { now };
    user.update_at = now;
    Ok(Reply::done())
}

pub fn set_roles(call: &Call<'_>, user: &str) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let body = call.json("roles")?;
    let roles = text(&body, "roles");
    let known = [
        "system_user",
        "system_admin",
        "system_post_all",
        "system_post_all_public",
    ];
    if roles.is_empty() || !roles.split(' ').all(|role| known.contains(&role)) {
        return Err(Refusal::bad_body("roles"));
    }
    let now = state.tick();
    let user = state
        .users
        .get_mut(id(user, "user_id")?)
        .ok_or_else(missing_account)?;
    roles.clone_into(&mut user.roles);
    user.update_at = now;
    Ok(Reply::done())
}

/// A real server answers 200 here, although its description says 201.
pub fn create_token(call: &Call<'_>, user: &str) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let body = call.json("description")?;
    let description = text(&body, "description");
    if description.is_empty() {
        return Err(Refusal::bad_body("description"));
    }
    if !state.users.contains_key(id(user, "user_id")?) {
        return Err(missing_account());
    }
    let token = state.add_token(user, description);
    Ok(Reply::ok(json!({
        "id": token.id, "token": token.secret, "user_id": token.user_id,
        "description": token.description, "is_active": true,
    })))
}

pub fn switch_token(call: &Call<'_>, verb: &str) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let body = call.json("token_id")?;
    let token_id = text(&body, "token_id");
    let place = state
        .tokens
        .iter()
        .position(|token| token.id == token_id)
        .ok_or_else(|| Refusal::bad_body("token_id"))?;
    match verb {
        "revoke" => {
            state.tokens.remove(place);
        }
        verb => state.tokens[place].active = verb == "enable",
    }
    Ok(Reply::done())
}

pub fn missing_account() -> Refusal {
    Refusal::new(404, "app.user.missing_account.const", "Unable to find the user.")
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.is_empty()
            && !host.contains('@')
            && !text.contains(|mark: char| mark.is_whitespace() || "<>,;\"".contains(mark))
    })
}

pub fn is_username(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|mark: char| mark.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && !["all", "channel", "here", "matterbot", "system"].contains(&text)
}
