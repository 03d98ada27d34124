//! Locks: nobody locked gets a certificate or an answer.

pub mod delete;
pub mod get;
pub mod list;
pub mod upsert;

use serde_json::{Map, Value};
use wire::pb::types;

/// The target as audit records write it: only what is set, under the keys of resource files.
pub fn target_fields(target: Option<&types::LockTarget>) -> Map<String, Value> {
    let mut fields = Map::new();
    let Some(target) = target else { return fields };
    for (key, value) in [
        ("user", &target.user),
        ("role", &target.role),
        ("login", &target.login),
        ("node", &target.node),
        ("mfa_device", &target.mfa_device),
        ("windows_desktop", &target.windows_desktop),
        ("access_request", &target.access_request),
        ("device", &target.device),
        ("server_id", &target.server_id),
        ("bot_instance_id", &target.bot_instance_id),
        ("join_token", &target.join_token),
    ] {
        if !value.is_empty() {
            fields.insert(key.to_owned(), value.as_str().into());
        }
    }
    fields
}
