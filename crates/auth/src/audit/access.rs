//! Access requests: made, reviewed, set, deleted, expired.

use access::request::{Request, Review};
use serde_json::{Map, Value, json};

use super::people::DeviceFacts;
use super::{Actor, Event, moment_text};

fn about(event: Event, request: &Request) -> Event {
    let resources: Vec<Value> = request
        .resource_ids
        .iter()
        .map(|id| json!({"cluster": id.cluster, "kind": id.kind, "name": id.name, "sub_resource": id.sub_resource}))
        .collect();
    let event = event
        .with("id", request.id.as_str())
        .with("state", request.state.name())
        .list("roles", &request.roles);
    if resources.is_empty() {
        event
    } else {
        event.with("resource_ids", resources)
    }
}

/// A request was made, for resources that people know under `names`. The requester is named also when somebody else
/// made it; who made it is told beside.
pub fn created(actor: &Actor, request: &Request, names: &[String]) -> Event {
    let event = about(Event::new("access_request.create", "T5000I"), request)
        .list("resource_names", names)
        .actor(&actor.acting_for(&request.user))
        .resource("", Some(request.expires))
        .text("reason", &request.reason)
        .moment("max_duration", Some(request.max_duration));
    let event = if actor.user == request.user {
        event
    } else {
        event.text("created_by", &actor.user)
    };
    match request.assume_start {
        Some(start) => event.moment("assume_start_time", Some(start)),
        None => event,
    }
    .remote(actor)
}

/// A review was counted; `request` is what it became.
pub fn reviewed(actor: &Actor, request: &Request, review: &Review, counted: &[String]) -> Event {
    let event = about(Event::new("access_request.review", "T5002I"), request)
        .resource("", Some(request.expires))
        .with("reviewer", review.author.as_str())
        .with("proposed_state", review.state.name())
        .text("reason", &review.reason)
        .text("impersonator", &actor.impersonator)
        .text(
            "promoted_access_list_name",
            review.target.as_ref().map_or("", |target| target.name.as_str()),
        )
        .list("counted", counted)
        .moment("max_duration", Some(request.max_duration));
    match review.assume_start {
        Some(start) => event.moment("assume_start_time", Some(start)),
        None => event,
    }
    .remote(actor)
}

/// The same vote, confirmed with an authenticator: with which, and the digest of what was confirmed, in hex.
pub fn confirmed(event: Event, device: &DeviceFacts, digest: &str) -> Event {
    event
        .with("mfa_device", device.fields())
        .with("content_digest", digest)
}

/// A review was taken back by its author; the record keeps what it said.
pub fn withdrawn(actor: &Actor, request: &Request, review: &Review) -> Event {
    about(Event::new("access_request.review.withdraw", "CS001I"), request)
        .actor(actor)
        .with("reviewer", review.author.as_str())
        .with("proposed_state", review.state.name())
        .text("reason", &review.reason)
        .with("reviewed", moment_text(Some(review.created)))
        .remote(actor)
}

/// A state was set directly.
pub fn updated(actor: &Actor, request: &Request, delegator: &str) -> Event {
    let annotations: Map<String, Value> = request
        .resolve_annotations
        .iter()
        .map(|(key, values)| (key.clone(), json!(values)))
        .collect();
    let event = about(Event::new("access_request.update", "T5001I"), request)
        .resource("", Some(request.expires))
        .text("updated_by", &actor.user)
        .text("reason", &request.resolve_reason)
        .text("delegator", delegator)
        .text("impersonator", &actor.impersonator)
        .moment("max_duration", None);
    if annotations.is_empty() {
        event
    } else {
        event.with("annotations", annotations)
    }
    .remote(actor)
}

/// A request was deleted.
pub fn deleted(actor: &Actor, id: &str) -> Event {
    Event::new("access_request.delete", "T5003I")
        .actor(actor)
        .with("id", id)
        .remote(actor)
}

/// A request's time was over.
pub fn expired(request: &Request) -> Event {
    Event::new("access_request.expire", "T5005I")
        .with("id", request.id.as_str())
        .resource("", Some(request.expires))
        .moment("expiry", Some(request.expiry))
}

/// What a plugin keeps about a request was changed.
pub fn plugin_data_updated(actor: &Actor, plugin: &str, resource: &str) -> Event {
    Event::new("plugin_data.update", "CS002I")
        .actor(actor)
        .with("plugin", plugin)
        .with("id", resource)
        .remote(actor)
}
