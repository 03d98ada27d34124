//! What plugins keep about a request: reading it, and changing it if it is as they last saw it.
//!
//! A plugin writes with the kind's `update` verb or with `access_plugin_data`'s; the data says nothing about the
//! request itself and no decision reads it.

use std::collections::BTreeMap;

use access::request::Request;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use prost::Message;
use store::{Key, Prefix, Revision};
use wire::convert;
use wire::pb::proto::PluginDataSeq;
use wire::pb::types;

use crate::audit::access as told;
use crate::auth::Auth;
use crate::authorize::verdict;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::names;
use crate::state::{Change, Tries};

/// The only kind plugins keep something about yet.
const KIND: &str = "access_request";
/// Largest stored resource, in bytes.
const BYTES_MAX: usize = 1_000_000;
/// Kept this long after the access has ended.
const KEPT_AFTER: SignedDuration = SignedDuration::from_hours(1);

fn key(resource: &str) -> Key {
    Key::of(["plugin_data", KIND, resource])
}

/// Handles `AuthService.GetPluginData`.
pub async fn get(auth: &Auth, call: &Call, filter: types::PluginDataFilter) -> Answer<PluginDataSeq> {
    check_kind(&filter.kind)?;
    allow(call, "list")?;
    allow(call, "read")?;
    let stored = if filter.resource.is_empty() {
        let (items, _) = auth
            .state
            .all(Prefix::of(["plugin_data", KIND]), call.now)
            .await?;
        items
            .into_iter()
            .map(|item| (item.value, item.revision))
            .collect()
    } else {
        let item = auth.state.item(&key(&filter.resource), call.now).await?;
        item.map(|item| (item.value, item.revision))
            .into_iter()
            .collect::<Vec<_>>()
    };
    let mut plugin_data = Vec::with_capacity(stored.len());
    for (bytes, revision) in stored {
        let mut data = decode(bytes, revision)?;
        if let Some(spec) = data.spec.as_mut().filter(|_| !filter.plugin.is_empty()) {
            spec.entries.retain(|plugin, _| *plugin == filter.plugin);
            if spec.entries.is_empty() {
                continue;
            }
        }
        plugin_data.push(data);
    }
    Ok(PluginDataSeq { plugin_data })
}

/// Handles `AuthService.UpdatePluginData`.
pub async fn update(auth: &Auth, call: &Call, asked: types::PluginDataUpdateParams) -> Answer<()> {
    check_kind(&asked.kind)?;
    allow(call, "update")?;
    if asked.resource.is_empty() || asked.plugin.is_empty() {
        return Err(Failure::bad_parameter(
            "plugin data needs the name of a resource and of a plugin",
        ));
    }
    names::check_mentioned("plugin data", &asked.resource)?;
    names::check_mentioned("plugin data", &asked.plugin)?;
    let key = key(&asked.resource);
    let _turn = auth.turns.take(&asked.resource).await;
    let mut tries = Tries::default();
    loop {
        let item = auth.state.item(&key, call.now).await?;
        let read = item.as_ref().map(|item| item.revision);
        let mut data = match item {
            Some(item) => decode(item.value, item.revision)?,
            None => {
                let unknown =
                    || Failure::not_found(format!("no access request matching {:?}", asked.resource));
                let found = auth
                    .state
                    .request(&asked.resource, call.now)
                    .await?
                    .ok_or_else(unknown)?;
                empty(&found.request)
            }
        };
        let entries = &mut data.spec.get_or_insert_default().entries;
        let entry = entries.entry(asked.plugin.clone()).or_default();
        expect(&entry.data, &asked.expect)?;
        for (field, value) in &asked.set {
            if value.is_empty() {
                entry.data.remove(field);
            } else {
                entry.data.insert(field.clone(), value.clone());
            }
        }
        if entry.data.is_empty() {
            entries.remove(&asked.plugin);
        }
        let expires = data
            .metadata
            .as_ref()
            .and_then(|metadata| convert::moment(metadata.expires.as_ref()));
        let bytes = encode(&data);
        if bytes.len() > BYTES_MAX {
            return Err(Failure::bad_parameter("plugin data size limit exceeded"));
        }
        let event = told::plugin_data_updated(call.actor(), &asked.plugin, &asked.resource);
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(&key, read)
            .put_until(key.clone(), bytes, expires);
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}

fn check_kind(kind: &str) -> Answer<()> {
    if kind == KIND {
        Ok(())
    } else {
        Err(Failure::bad_parameter(format!(
            "unsupported resource kind {kind:?}"
        )))
    }
}

/// The verb on requests themselves, or on what plugins keep about them.
fn allow(call: &Call, verb: &str) -> Answer<()> {
    call.caller.require_certificate()?;
    let granted = verdict(&call.caller, KIND, verb, None).allows()
        || verdict(&call.caller, "access_plugin_data", verb, None).allows();
    if granted {
        Ok(())
    } else {
        Err(Failure::access_denied(access::rbac::refusal(
            "access_plugin_data",
            verb,
        )))
    }
}

/// Every field must still be as the plugin saw it; empty means absent.
fn expect(present: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) -> Answer<()> {
    let differs = |(field, value): &(&String, &String)| {
        present.get(*field).map_or("", String::as_str) != value.as_str()
    };
    match expected.iter().find(differs) {
        Some((field, _)) => Err(Failure::compare_failed(format!(
            "expectations not met for field {field:?}"
        ))),
        None => Ok(()),
    }
}

fn empty(request: &Request) -> types::PluginDataV3 {
    let until: Option<Timestamp> = request.expires.saturating_add(KEPT_AFTER).ok();
    types::PluginDataV3 {
        kind: "plugin_data".to_owned(),
        sub_kind: KIND.to_owned(),
        version: "v3".to_owned(),
        metadata: Some(types::Metadata {
            name: request.id.clone(),
            namespace: "default".to_owned(),
            expires: convert::timestamp_option(until),
            ..types::Metadata::default()
        }),
        spec: Some(types::PluginDataSpecV3::default()),
    }
}

fn decode(bytes: Bytes, revision: Revision) -> Answer<types::PluginDataV3> {
    let mut data = types::PluginDataV3::decode(bytes)
        .map_err(|error| Failure::internal(format!("stored plugin data is not readable: {error}")))?;
    data.metadata.get_or_insert_default().revision = crate::state::resource::stamp(revision);
    Ok(data)
}

fn encode(data: &types::PluginDataV3) -> Bytes {
    let mut plain = data.clone();
    plain.metadata.get_or_insert_default().revision.clear();
    plain.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_field_must_be_as_it_was_seen() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let present = map(&[("a", "1")]);
        assert!(expect(&present, &map(&[("a", "1"), ("b", "")])).is_ok());
        assert!(expect(&present, &map(&[])).is_ok());
        assert_eq!(
            expect(&present, &map(&[("b", "2")])).unwrap_err().message(),
            "expectations not met for field \"b\""
        );
        assert!(expect(&present, &map(&[("a", "")])).is_err());
    }
}
