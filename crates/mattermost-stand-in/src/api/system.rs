//! The server itself: alive, and how it is set up.

use serde_json::{Value, json};

use super::{Call, Outcome};
use crate::envelope::{Refusal, Reply};

pub fn ping(call: &Call<'_>) -> Reply {
    let mut body = json!({
        "ActiveSearchBackend": "database", "AndroidLatestVersion": "", "AndroidMinVersion": "",
        "IosLatestVersion": "", "IosMinVersion": "", "status": "OK",
    });
    if call.flag("get_server_status") {
        body["database_status"] = json!("OK");
        body["filestore_status"] = json!("OK");
    }
    Reply::ok(body)
}

pub fn client_settings(call: &Call<'_>) -> Reply {
    let settings = call.shared.lock().settings.clone();
    Reply::ok(json!({
        "AsymmetricSigningPublicKey": call.shared.signing.public(),
        "BuildEdition": "team", "CollapsedThreads": "always_on", "EnableBotAccountCreation":
            settings.bot_creation.to_string(),
        "PostEditTimeLimit": settings.post_edit_seconds_max.map_or("-1".to_owned(), |limit| limit.to_string()),
        "RestrictDirectMessage": if settings.direct_messages_within_team { "team" } else { "any" },
        "SiteURL": call.shared.url, "Version": "11.6.0",
    }))
}

/// The few settings of a real server's configuration that this one has.
pub fn patch_settings(call: &Call<'_>) -> Outcome {
    let mut state = call.shared.lock();
    call.admin(&state)?;
    let body = call.json("config")?;
    let at = |section: &str, key: &str| body.get(section).and_then(|section| section.get(key)).cloned();
    let settings = &mut state.settings;
    if let Some(Value::Bool(shown)) = at("PrivacySettings", "ShowEmailAddress") {
        settings.show_email_address = shown;
    }
    if let Some(Value::String(who)) = at("TeamSettings", "RestrictDirectMessage") {
        settings.direct_messages_within_team = who == "team";
    }
    if let Some(seconds) = at("ServiceSettings", "PostEditTimeLimit").and_then(|limit| limit.as_i64()) {
        settings.post_edit_seconds_max = u64::try_from(seconds).ok();
    }
    if let Some(Value::Bool(on)) = at("ServiceSettings", "EnableBotAccountCreation") {
        settings.bot_creation = on;
    }
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Refusal::bad_body("config"));
    }
    Ok(Reply::ok(body))
}
