//! Reactions, buttons and dialogs.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};

use super::posts::{change, check_read, checked_attachments, missing_post};
use super::{Call, Outcome, id, text};
use crate::ambient;
use crate::envelope::{Refusal, Reply};
use crate::model::Reaction;
use crate::signing::BadTrigger;
use crate::websocket::Audience;

const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);
const INTEGRATION_BYTES_MAX: usize = 1024 * 1024;

/// The emoji this server knows by name; a real one knows some thousands.
const EMOJI: &[&str] = &[
    "+1",
    "-1",
    "100",
    "eyes",
    "heart",
    "hourglass",
    "no_entry",
    "question",
    "rocket",
    "smile",
    "tada",
    "thumbsdown",
    "thumbsup",
    "warning",
    "wave",
    "white_check_mark",
    "x",
];

pub fn react(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let body = call.json("reaction")?;
    let (user, post, emoji) = (
        text(&body, "user_id"),
        text(&body, "post_id"),
        text(&body, "emoji_name"),
    );
    if user != caller.id {
        return Err(Refusal::new(
            403,
            "api.reaction.save_reaction.user_id.app_error",
            "You cannot save reaction for the other user.",
        ));
    }
    let found = state
        .post(post)
        .filter(|found| found.delete_at == 0)
        .ok_or_else(Refusal::forbidden)?
        .clone();
    check_read(&state, &caller, &found)?;
    if !EMOJI.contains(&emoji) {
        return Err(Refusal::new(
            404,
            "app.emoji.get_by_name.no_result",
            "We couldn't find the emoji.",
        ));
    }
    let known = state
        .reactions
        .iter()
        .find(|reaction| reaction.user_id == user && reaction.post_id == post && reaction.emoji_name == emoji)
        .cloned();
    let reaction = if let Some(known) = known {
        known
    } else {
        let now = state.tick();
        let reaction = Reaction {
            user_id: user.to_owned(),
            post_id: post.to_owned(),
            emoji_name: emoji.to_owned(),
            create_at: now,
            channel_id: found.channel_id.clone(),
        };
        state.reactions.push(reaction.clone());
        if let Some(found) = state.post_mut(post) {
            found.has_reactions = true;
            found.update_at = now;
        }
        reaction
    };
    // The event comes again when the same reaction is repeated.
    state.emit(
        "reaction_added",
        json!({"reaction": reaction.shown().to_string()}),
        Audience::Channel(&found.channel_id),
    );
    Ok(Reply::ok(reaction.shown()))
}

pub fn remove_reaction(call: &Call<'_>, user: &str, post: &str, emoji: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let user = if user == "me" {
        caller.id.as_str()
    } else {
        id(user, "user_id")?
    };
    if user != caller.id && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    let found = state.post(id(post, "post_id")?).ok_or_else(missing_post)?.clone();
    check_read(&state, &caller, &found)?;
    state.reactions.retain(|reaction| {
        !(reaction.user_id == user && reaction.post_id == post && reaction.emoji_name == emoji)
    });
    let left = state.reactions.iter().any(|reaction| reaction.post_id == post);
    let now = state.tick();
    if let Some(found) = state.post_mut(post) {
        found.has_reactions = left;
        found.update_at = now;
    }
    let gone = json!({
        "user_id": user, "post_id": post, "emoji_name": emoji, "create_at": 0, "update_at": now,
        "delete_at": now, "remote_id": "", "channel_id": "",
    });
    state.emit(
        "reaction_removed",
        json!({"reaction": gone.to_string()}),
        Audience::Channel(&found.channel_id),
    );
    Ok(Reply::done())
}

pub fn reactions(call: &Call<'_>, post: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state.post(id(post, "post_id")?).ok_or_else(missing_post)?;
    check_read(&state, &caller, found)?;
    let shown: Vec<Value> = state
        .reactions
        .iter()
        .filter(|reaction| reaction.post_id == post)
        .map(Reaction::shown)
        .collect();
    Ok(Reply::ok(json!(shown)))
}

/// A user presses a button: the integration behind it is told, and its answer is carried out.
pub async fn click(call: &Call<'_>, post: &str, action: &str) -> Outcome {
    let (url, told, caller, trigger) = {
        let mut state = call.shared.lock();
        let caller = call.caller(&state)?;
        let found = state
            .post(id(post, "post_id")?)
            .filter(|found| found.delete_at == 0)
            .ok_or_else(missing_post)?
            .clone();
        check_read(&state, &caller, &found)?;
        let integration = found
            .props
            .get("attachments")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|attachment| attachment["actions"].as_array())
            .flatten()
            .find(|known| known["id"] == json!(action) && known["integration"].is_object())
            .cloned()
            .ok_or_else(|| {
                Refusal::new(
                    404,
                    "api.post.do_action.action_id.app_error",
                    "Invalid action id.",
                )
            })?;
        let chosen = serde_json::from_slice::<Value>(call.body).unwrap_or_default();
        let mut context = integration["integration"]["context"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        if let Some(option) = chosen["selected_option"]
            .as_str()
            .filter(|option| !option.is_empty())
        {
            context.insert("selected_option".into(), json!(option));
        }
        let now = state.tick();
        let trigger = call.shared.signing.trigger(&caller.id, now);
        let channel = state.channels.get(&found.channel_id);
        let team = channel.and_then(|channel| state.teams.get(&channel.team_id));
        let told = json!({
            "user_id": caller.id, "user_name": caller.username, "channel_id": found.channel_id,
            "channel_name": channel.map_or("", |channel| channel.name.as_str()),
            "team_id": team.map_or("", |team| team.id.as_str()),
            "team_domain": team.map_or("", |team| team.name.as_str()),
            "post_id": post, "trigger_id": trigger.0, "type": integration["type"],
            "data_source": integration["data_source"].as_str().unwrap_or_default(), "context": context,
        });
        (
            text(&integration["integration"], "url").to_owned(),
            told,
            caller,
            trigger.1,
        )
    };
    let failed = || {
        Refusal::new(
            400,
            "api.post.do_action.action_integration.app_error",
            "Action integration error.",
        )
    };
    let (status, body) = tell(&url, &told).await.map_err(|()| failed())?;
    if status != 200 {
        return Err(failed());
    }
    let answer: Value = if body.trim().is_empty() {
        json!({})
    } else {
        serde_json::from_str(&body).map_err(|_| failed())?
    };
    let mut state = call.shared.lock();
    if answer["update"].is_object() && state.post(post).is_some() {
        let update = &answer["update"];
        let props = update["props"]
            .as_object()
            .cloned()
            .map(|mut props: Map<String, Value>| {
                if let Some(attachments) = props.get_mut("attachments") {
                    checked_attachments(attachments);
                }
                props
            });
        let changed = change(
            &mut state,
            post,
            Some(text(update, "message").to_owned()),
            props,
            None,
        );
        state.announce_edit(&changed);
    }
    let ephemeral = text(&answer, "ephemeral_text").to_owned();
    if !ephemeral.is_empty() {
        let now = state.tick();
        let found = state.post(post).cloned();
        let shown = json!({
            "id": ambient::id(), "create_at": now, "update_at": now, "user_id": caller.id,
            "channel_id": found.map_or_else(String::new, |found| found.channel_id), "root_id": post,
            "message": ephemeral, "type": "system_ephemeral", "props": {},
        });
        state.emit(
            "ephemeral_message",
            json!({"post": shown.to_string()}),
            Audience::User(&caller.id),
        );
    }
    Ok(Reply::ok(json!({"status": "OK", "trigger_id": trigger})))
}

/// The trigger id is the proof; a sign-in is not needed, and the id may be used again while it is young.
pub fn open_dialog(call: &Call<'_>) -> Outcome {
    let body = call.json("dialog")?;
    let mut state = call.shared.lock();
    let now = state.tick();
    let age_max = i64::try_from(INTEGRATION_TIMEOUT.as_millis()).unwrap_or(i64::MAX);
    let (short, user) = call
        .shared
        .signing
        .open(text(&body, "trigger_id"), now, age_max)
        .map_err(|bad| {
            let mut refusal = Refusal::new(400, "", "The trigger ID is not accepted.");
            refusal.id = format!(
                "interactive_message.decode_trigger_id.{}",
                match bad {
                    BadTrigger::NotBase64 => "base64_decode_failed",
                    BadTrigger::Malformed => "missing_data",
                    BadTrigger::Expired => "expired",
                    BadTrigger::Signature => "base64_decode_failed_signature",
                }
            )
            .into();
            refusal
        })?;
    let mut dialog = body["dialog"].clone();
    dialog["trigger_id"] = json!(short);
    dialog["url"] = body["url"].clone();
    state.emit(
        "open_dialog",
        json!({"dialog": dialog.to_string()}),
        Audience::User(&user),
    );
    Ok(Reply::done())
}

pub async fn submit_dialog(call: &Call<'_>) -> Outcome {
    let body = call.json("submit")?;
    let caller = call.caller(&call.shared.lock())?;
    let told = json!({
        "type": "dialog_submission", "callback_id": text(&body, "callback_id"),
        "state": text(&body, "state"), "user_id": caller.id, "channel_id": text(&body, "channel_id"),
        "team_id": text(&body, "team_id"), "submission": body["submission"],
        "cancelled": body["cancelled"] == json!(true),
    });
    let failed = || {
        Refusal::new(
            400,
            "app.submit_interactive_dialog.json_error",
            "The dialog's integration did not answer.",
        )
    };
    let (status, answer) = tell(text(&body, "url"), &told).await.map_err(|()| failed())?;
    if status != 200 {
        return Err(failed());
    }
    if answer.trim().is_empty() {
        return Ok(Reply::ok(json!({})));
    }
    serde_json::from_str(&answer).map(Reply::ok).map_err(|_| failed())
}

/// Calls an integration, by plain HTTP alone.
async fn tell(url: &str, told: &Value) -> Result<(u16, String), ()> {
    let request = Request::post(url)
        .header("user-agent", "Mattermost-Bot/1.1")
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(told.to_string())))
        .map_err(|_| ())?;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let call = async {
        let response = client.request(request).await.map_err(|_| ())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), INTEGRATION_BYTES_MAX)
            .collect()
            .await
            .map_err(|_| ())?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    tokio::time::timeout(INTEGRATION_TIMEOUT, call)
        .await
        .map_err(|_| ())?
}
