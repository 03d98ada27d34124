//! Posts: made, read, changed, removed, searched.

use serde_json::{Map, Value, json};

use super::{Call, Outcome, id, text};
use crate::ambient;
use crate::envelope::{Refusal, Reply};
use crate::markdown;
use crate::model::{Channel, Pending, Post, User};
use crate::state::State;
use crate::websocket::Audience;

/// How long a `pending_post_id` stands for its post.
const PENDING_MS: i64 = 30_000;
const PROPS_CHARACTERS_MAX: usize = 800_000;

pub async fn create(call: &Call<'_>) -> Outcome {
    let caller = call.caller(&call.shared.lock())?;
    let body = call.json("post")?;
    let pending_id = text(&body, "pending_post_id").to_owned();
    {
        let mut state = call.shared.lock();
        let channel = may_post(&state, &caller, text(&body, "channel_id"))?;
        check_priority(&body)?;
        if channel.delete_at > 0 {
            return Err(Refusal::new(
                400,
                "api.post.create_post.can_not_post_to_deleted.error",
                "Can not post to deleted channel.",
            ));
        }
        if state.is_restricted_direct(&channel) {
            return Err(Refusal::new(
                400,
                "api.post.create_post.can_not_post_in_restricted_dm.error",
                "Cannot post in a restricted direct message channel.",
            ));
        }
        if !pending_id.is_empty() {
            let now = state.tick();
            match state.pending.get(&pending_id) {
                Some(Pending::InWork) => {
                    return Err(Refusal::new(
                        500,
                        "api.post.deduplicate_create_post.pending",
                        "Rejected post since another client is making the same request.",
                    ));
                }
                Some(Pending::Stored { post_id, since }) if now - since <= PENDING_MS => {
                    let first = state.post(post_id).map(|post| state.shown_post(post));
                    if let Some(mut first) = first {
                        if let Some(first) = first.as_object_mut() {
                            first.shift_remove("metadata");
                        }
                        return Ok(Reply::new(201, first));
                    }
                }
                _ => {}
            }
            state.pending.insert(pending_id.clone(), Pending::InWork);
        }
    }
    if let Some(wait) = call.wait {
        tokio::time::sleep(wait).await;
    }
    let mut state = call.shared.lock();
    let stored = store(
        &mut state,
        &caller,
        &body,
        call.query.get("set_online").is_none_or(|set| set != "false"),
    );
    if !pending_id.is_empty() {
        let now = state.tick();
        match &stored {
            Ok(post) => state.pending.insert(
                pending_id,
                Pending::Stored {
                    post_id: post.id.clone(),
                    since: now,
                },
            ),
            // A refused try leaves the id free.
            Err(_) => state.pending.remove(&pending_id),
        };
    }
    stored.map(|post| Reply::new(201, state.shown_post(&post)))
}

fn may_post(state: &State, caller: &User, channel_id: &str) -> Result<Channel, Refusal> {
    state
        .channels
        .get(channel_id)
        .filter(|channel| State::may_post(channel, caller))
        .cloned()
        .ok_or_else(Refusal::forbidden)
}

fn check_priority(body: &Value) -> Result<(), Refusal> {
    let priority = &body["metadata"]["priority"];
    if !priority.is_object() {
        return Ok(());
    }
    if !text(body, "root_id").is_empty() {
        return Err(Refusal::new(
            400,
            "api.post.post_priority.priority_post_only_allowed_for_root_post.request_error",
            "Only root posts can have a priority.",
        ));
    }
    if priority["requested_ack"] == json!(true) || priority["persistent_notifications"] == json!(true) {
        return Err(Refusal::new(
            501,
            "license_error.feature_unavailable",
            "The feature needs a licence.",
        ));
    }
    Ok(())
}

fn store(state: &mut State, caller: &User, body: &Value, set_online: bool) -> Result<Post, Refusal> {
    if !text(body, "id").is_empty() {
        return Err(Refusal::new(
            400,
            "app.post.save.existing.app_error",
            "You cannot update an existing post.",
        ));
    }
    let channel_id = text(body, "channel_id");
    let root_id = text(body, "root_id");
    if !root_id.is_empty() {
        let root = state
            .post(root_id)
            .filter(|root| root.root_id.is_empty() && root.delete_at == 0 && root.original_id.is_empty())
            .ok_or_else(|| {
                Refusal::new(
                    400,
                    "api.post.create_post.root_id.app_error",
                    "Invalid RootId parameter.",
                )
            })?;
        if root.channel_id != channel_id {
            return Err(Refusal::new(
                400,
                "api.post.create_post.channel_root_id.app_error",
                "Invalid ChannelId for RootId parameter.",
            ));
        }
    }
    let message = text(body, "message");
    check_length(state, message)?;
    let mut props = checked_props(body)?;
    if caller.bot.is_some() {
        props.insert("from_bot".into(), json!("true"));
    } else {
        props.shift_remove("from_bot");
    }
    let linked: Map<String, Value> = markdown::channel_links(message)
        .iter()
        .filter_map(|name| {
            let team = &state.channels.get(channel_id)?.team_id;
            let channel = state
                .channel_named(team, name)
                .filter(|found| found.kind == 'O')?;
            Some((name.clone(), json!({"display_name": channel.display_name})))
        })
        .collect();
    if !linked.is_empty() {
        props.insert("channel_mentions".into(), Value::Object(linked));
    }
    let now = state.tick();
    let post = Post {
        id: ambient::id(),
        create_at: now,
        update_at: now,
        edit_at: 0,
        delete_at: 0,
        is_pinned: body["is_pinned"] == json!(true),
        user_id: caller.id.clone(),
        channel_id: channel_id.to_owned(),
        root_id: root_id.to_owned(),
        original_id: String::new(),
        message: message.to_owned(),
        kind: String::new(),
        props,
        hashtags: tags(message),
        file_ids: Vec::new(),
        has_reactions: false,
        priority: body["metadata"]["priority"]["priority"]
            .as_str()
            .map(str::to_owned),
    };
    state.store_post(post.clone());
    state.announce_post(&post, set_online);
    Ok(post)
}

fn tags(message: &str) -> String {
    markdown::hashtags(message)
        .iter()
        .map(|tag| format!("#{tag}"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn check_length(state: &State, message: &str) -> Result<(), Refusal> {
    if message.chars().count() > state.settings.message_characters_max {
        return Err(Refusal::new(
            400,
            "model.post.is_valid.message_length.app_error",
            "Post Message property is longer than the maximum permitted length.",
        ));
    }
    Ok(())
}

fn checked_props(body: &Value) -> Result<Map<String, Value>, Refusal> {
    let mut props = body["props"].as_object().cloned().unwrap_or_default();
    if let Some(attachments) = props.get_mut("attachments") {
        checked_attachments(attachments);
    }
    if Value::Object(props.clone()).to_string().chars().count() > PROPS_CHARACTERS_MAX {
        return Err(Refusal::new(
            400,
            "model.post.is_valid.props.app_error",
            "Invalid props.",
        ));
    }
    Ok(props)
}

/// Fills attachments up to the form every reader sees; actions without an id get one.
pub fn checked_attachments(attachments: &mut Value) {
    let Some(attachments) = attachments.as_array_mut() else {
        return;
    };
    for attachment in attachments {
        let Some(given) = attachment.as_object_mut() else {
            continue;
        };
        let mut whole = Map::new();
        whole.insert("id".into(), json!(0));
        for key in [
            "fallback",
            "color",
            "pretext",
            "author_name",
            "author_link",
            "author_icon",
            "title",
            "title_link",
            "text",
        ] {
            whole.insert(key.into(), given.shift_remove(key).unwrap_or_else(|| json!("")));
        }
        whole.insert(
            "fields".into(),
            given.shift_remove("fields").unwrap_or(Value::Null),
        );
        for key in ["image_url", "thumb_url", "footer", "footer_icon"] {
            whole.insert(key.into(), given.shift_remove(key).unwrap_or_else(|| json!("")));
        }
        whole.insert("ts".into(), given.shift_remove("ts").unwrap_or(Value::Null));
        if let Some(Value::Array(mut actions)) = given.shift_remove("actions") {
            for action in actions.iter_mut().filter_map(Value::as_object_mut) {
                if action.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
                    action.insert("id".into(), json!(ambient::id()));
                }
            }
            whole.insert("actions".into(), Value::Array(actions));
        }
        *given = whole;
    }
}

/// Nobody can post to himself alone what only he sees, except an administrator.
pub fn ephemeral(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.admin(&state)?;
    let body = call.json("body")?;
    let now = state.tick();
    let mut post = body["post"].clone();
    post["id"] = json!(ambient::id());
    post["type"] = json!("system_ephemeral");
    post["user_id"] = json!(caller.id);
    post["create_at"] = json!(now);
    let user = text(&body, "user_id").to_owned();
    state.emit(
        "ephemeral_message",
        json!({"post": post.to_string()}),
        Audience::User(&user),
    );
    Ok(Reply::new(201, post))
}

pub fn by_id(call: &Call<'_>, post: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let deleted_too = call.flag("include_deleted");
    if deleted_too && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    let post = state
        .post(id(post, "post_id")?)
        .filter(|post| deleted_too || post.delete_at == 0)
        .ok_or_else(missing_post)?;
    check_read(&state, &caller, post)?;
    Ok(Reply::tagged(
        state.shown_post(post),
        post.etag(),
        call.known.as_deref(),
    ))
}

pub fn thread(call: &Call<'_>, post: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state
        .post(id(post, "post_id")?)
        .filter(|post| post.delete_at == 0)
        .ok_or_else(missing_post)?;
    let root = state.post(&found.root_id).unwrap_or(found);
    check_read(&state, &caller, root)?;
    let all: Vec<&Post> = std::iter::once(root).chain(state.replies(root)).collect();
    Ok(Reply::ok(list(&state, &all)))
}

pub fn history(call: &Call<'_>, channel: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let channel = state.channels.get(id(channel, "channel_id")?).ok_or_else(|| {
        Refusal::new(
            404,
            "app.channel.get.existing.app_error",
            "Unable to find the channel.",
        )
    })?;
    if !state.may_read(channel, &caller) {
        return Err(Refusal::forbidden());
    }
    let number = |name: &str| call.query.get(name).and_then(|value| value.parse::<i64>().ok());
    let posts: Vec<&Post> = if let Some(since) = number("since") {
        let mut changed: Vec<&Post> = state
            .posts_in(&channel.id)
            .filter(|post| post.update_at > since)
            .collect();
        changed.sort_by_key(|post| std::cmp::Reverse(post.create_at));
        changed.truncate(1_000);
        changed
    } else {
        let per_page = number("per_page").unwrap_or(60).clamp(0, 200);
        let page = number("page").unwrap_or(0).max(0);
        let skip = usize::try_from(page * per_page).unwrap_or(usize::MAX);
        state
            .posts_in(&channel.id)
            .rev()
            .filter(|post| post.delete_at == 0 && post.original_id.is_empty())
            .skip(skip)
            .take(usize::try_from(per_page).unwrap_or(60))
            .collect()
    };
    let latest = state
        .posts_in(&channel.id)
        .map(|post| post.update_at)
        .max()
        .unwrap_or(0);
    Ok(Reply::tagged(
        list(&state, &posts),
        format!("11.6.0.{latest}"),
        call.known.as_deref(),
    ))
}

pub fn search(call: &Call<'_>, team: &str) -> Outcome {
    let state = call.shared.lock();
    let caller = call.caller(&state)?;
    let body = call.json("search")?;
    if !state.is_team_member(id(team, "team_id")?, &caller.id) && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    let terms = text(&body, "terms");
    if terms.trim().is_empty() {
        return Err(Refusal::bad_body("terms"));
    }
    let any = body["is_or_search"] == json!(true);
    let (mut channels, mut authors, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for term in terms.split_whitespace() {
        if let Some(name) = term.strip_prefix("in:") {
            channels.push(name);
        } else if let Some(name) = term.strip_prefix("from:") {
            authors.push(name.trim_start_matches('@'));
        } else {
            words.push(term.trim_matches('"').to_lowercase());
        }
    }
    // As the database splits text: a word of letters and digits with a dash inside is not found again.
    let has = |post: &Post, word: &str| {
        post.message
            .to_lowercase()
            .split(|mark: char| mark.is_whitespace() || ",.;:!?()`*\"".contains(mark))
            .any(|found| found == word && !word.contains('-'))
    };
    let found: Vec<&Post> = state
        .posts
        .iter()
        .rev()
        .filter(|post| post.delete_at == 0 && post.kind.is_empty() && post.original_id.is_empty())
        .filter(|post| {
            state.channels.get(&post.channel_id).is_some_and(|channel| {
                channel.members.contains(&caller.id)
                    && (channel.team_id == team || channel.is_direct())
                    && (channels.is_empty() || channels.contains(&channel.name.as_str()))
            })
        })
        .filter(|post| {
            authors.is_empty()
                || state
                    .users
                    .get(&post.user_id)
                    .is_some_and(|user| authors.contains(&user.username.as_str()))
        })
        .filter(|post| {
            words.is_empty()
                || if any {
                    words.iter().any(|word| has(post, word))
                } else {
                    words.iter().all(|word| has(post, word))
                }
        })
        .take(100)
        .collect();
    let mut list = list(&state, &found);
    list["matches"] = Value::Null;
    Ok(Reply::ok(list))
}

/// The full update: what is not sent is gone.
pub fn replace(call: &Call<'_>, post: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let body = call.json("post")?;
    if text(&body, "id") != post {
        return Err(Refusal::bad_body("id"));
    }
    check_change(&state, &caller, id(post, "post_id")?, "update_post")?;
    let message = body["message"].as_str().map(str::to_owned);
    check_limit(&state, post, message.as_deref(), false)?;
    check_length(&state, message.as_deref().unwrap_or_default())?;
    let props = checked_props(&body)?;
    let files = body["file_ids"].as_array().cloned();
    let changed = change(&mut state, post, message, Some(props), files);
    if let Some(found) = state.post_mut(post) {
        found.is_pinned = body["is_pinned"] == json!(true);
        found.has_reactions = body["has_reactions"] == json!(true);
    }
    state.announce_edit(&changed);
    let shown = state.post(post).map(|post| state.shown_post(post));
    shown.map(Reply::ok).ok_or_else(Refusal::forbidden)
}

/// The partial update: what is not sent stays.
pub fn patch(call: &Call<'_>, post: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let body = call.json("post")?;
    check_change(&state, &caller, id(post, "post_id")?, "patch_post")?;
    let message = body["message"].as_str().map(str::to_owned);
    if message.is_some() {
        check_limit(&state, post, message.as_deref(), true)?;
    }
    check_length(&state, message.as_deref().unwrap_or_default())?;
    let props = if body["props"].is_object() {
        Some(checked_props(&body)?)
    } else {
        None
    };
    let files = body["file_ids"].as_array().cloned();
    if let Some(found) = state.post_mut(post) {
        if let Some(pinned) = body["is_pinned"].as_bool() {
            found.is_pinned = pinned;
        }
        if let Some(reactions) = body["has_reactions"].as_bool() {
            found.has_reactions = reactions;
        }
    }
    let changed = change(&mut state, post, message, props, files);
    state.announce_edit(&changed);
    Ok(Reply::ok(state.shown_post(&changed)))
}

/// Writes new content and keeps the earlier version when the text is another.
pub fn change(
    state: &mut State,
    post: &str,
    message: Option<String>,
    props: Option<Map<String, Value>>,
    files: Option<Vec<Value>>,
) -> Post {
    let now = state.tick();
    let Some(found) = state.post_mut(post) else {
        unreachable!("the caller has looked the post up under the same lock");
    };
    let before = found.clone();
    found.update_at = now;
    if let Some(message) = message {
        found.hashtags = tags(&message);
        found.message = message;
    }
    if let Some(props) = props {
        found.props = props;
    }
    if let Some(files) = files {
        found.file_ids = files;
    }
    let attachments = |post: &Post| post.props.get("attachments").cloned();
    let edited = found.message != before.message || attachments(found) != attachments(&before);
    if edited {
        found.edit_at = now;
    }
    let after = found.clone();
    if edited {
        state.store_post(Post {
            id: ambient::id(),
            original_id: before.id.clone(),
            delete_at: now,
            update_at: now,
            ..before
        });
    }
    after
}

/// May the caller change this post at all; `verb` names the call in the error's id.
fn check_change(state: &State, caller: &User, post: &str, verb: &str) -> Result<(), Refusal> {
    let found = state
        .post(post)
        .filter(|found| found.delete_at == 0 && found.original_id.is_empty())
        .ok_or_else(Refusal::forbidden)?;
    let channel = state
        .channels
        .get(&found.channel_id)
        .filter(|channel| State::may_edit_in(channel, caller))
        .ok_or_else(Refusal::forbidden)?;
    if found.user_id != caller.id && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    let mut refusal = Refusal::new(400, "", "The post cannot be changed here any more.");
    if channel.delete_at > 0 {
        refusal.id = format!("api.post.{verb}.can_not_update_post_in_deleted.error").into();
        return Err(refusal);
    }
    if state.is_restricted_direct(channel) {
        refusal.id = format!("api.post.{verb}.can_not_update_post_in_restricted_dm.error").into();
        return Err(refusal);
    }
    if !found.kind.is_empty() {
        refusal.id = format!("api.post.{verb}.system_message.app_error").into();
        return Err(refusal);
    }
    Ok(())
}

/// After the time limit a full update may not change the text, and a patch may not even name it.
fn check_limit(state: &State, post: &str, message: Option<&str>, any: bool) -> Result<(), Refusal> {
    let (Some(limit), Some(found)) = (state.settings.post_edit_seconds_max, state.post(post)) else {
        return Ok(());
    };
    let age = ambient::now_ms() - found.create_at;
    let over = age > i64::try_from(limit).unwrap_or(i64::MAX).saturating_mul(1_000);
    if over && (any || message != Some(found.message.as_str())) {
        return Err(Refusal::new(
            400,
            "api.post.update_post.permissions_time_limit.app_error",
            "Post edit is only allowed for a limited time.",
        ));
    }
    Ok(())
}

pub fn delete(call: &Call<'_>, post: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state
        .post(id(post, "post_id")?)
        .filter(|found| found.delete_at == 0)
        .ok_or_else(missing_post)?
        .clone();
    let channel = state
        .channels
        .get(&found.channel_id)
        .filter(|channel| State::may_edit_in(channel, &caller))
        .ok_or_else(Refusal::forbidden)?;
    if found.user_id != caller.id && !caller.is_admin() {
        return Err(Refusal::forbidden());
    }
    if channel.delete_at > 0 {
        return Err(Refusal::new(
            400,
            "api.post.delete_post.can_not_delete_post_in_deleted.error",
            "Can not delete a post in a deleted channel.",
        ));
    }
    let shown = state.shown_post(&found).to_string();
    let replies: Vec<String> = state
        .replies(&found)
        .iter()
        .map(|reply| reply.id.clone())
        .collect();
    let now = state.tick();
    for gone in replies.iter().chain([&found.id]) {
        if let Some(post) = state.post_mut(gone) {
            post.delete_at = now;
            post.update_at = now;
            post.message = String::new();
        }
    }
    state.emit(
        "post_deleted",
        json!({"post": shown}),
        Audience::Channel(&found.channel_id),
    );
    Ok(Reply::done())
}

pub fn pin(call: &Call<'_>, post: &str, verb: &str) -> Outcome {
    let mut state = call.shared.lock();
    let caller = call.caller(&state)?;
    let found = state
        .post(id(post, "post_id")?)
        .filter(|found| found.delete_at == 0)
        .ok_or_else(missing_post)?
        .clone();
    check_read(&state, &caller, &found)?;
    let now = state.tick();
    if let Some(found) = state.post_mut(post) {
        found.is_pinned = verb == "pin";
        found.update_at = now;
        let found = found.clone();
        state.announce_edit(&found);
    }
    Ok(Reply::done())
}

pub fn check_read(state: &State, caller: &User, post: &Post) -> Result<(), Refusal> {
    state
        .channels
        .get(&post.channel_id)
        .filter(|channel| state.may_read(channel, caller))
        .map(|_| ())
        .ok_or_else(Refusal::forbidden)
}

pub fn missing_post() -> Refusal {
    Refusal::new(404, "app.post.get.app_error", "Unable to get the post.")
}

fn list(state: &State, posts: &[&Post]) -> Value {
    let order: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    let shown: Map<String, Value> = posts
        .iter()
        .map(|post| {
            let mut shown = state.shown_post(post);
            if post.delete_at > 0 {
                shown["message"] = json!("");
            }
            (post.id.clone(), shown)
        })
        .collect();
    json!({
        "order": order, "posts": shown, "next_post_id": "", "prev_post_id": "",
        "has_next": false, "first_inaccessible_post_time": 0,
    })
}
