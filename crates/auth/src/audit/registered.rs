//! Resources that were registered, changed, removed, or looked for.

use access::resource::{Kind, Resource};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Actor, Event};

/// Most bytes of labels that a record repeats; the resource itself has them all.
const LABELS_BYTES_MAX: usize = 16 * 1024;

/// What was done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Deed {
    Created,
    Updated,
    Deleted,
}

/// A resource was made, changed or removed. The original writes nothing for servers.
pub fn event(actor: &Actor, deed: Deed, resource: &Resource, kind: Kind, ends: Option<Timestamp>) -> Event {
    let (name, code) = match (kind, deed) {
        (Kind::App, Deed::Created) => ("app.create", "TAP03I"),
        (Kind::App, Deed::Updated) => ("app.update", "TAP04I"),
        (Kind::App, Deed::Deleted) => ("app.delete", "TAP05I"),
        (Kind::Db, Deed::Created) => ("db.create", "TDB03I"),
        (Kind::Db, Deed::Updated) => ("db.update", "TDB04I"),
        (Kind::Db, Deed::Deleted) => ("db.delete", "TDB05I"),
        (Kind::KubeCluster, Deed::Created) => ("kube.create", "T3010I"),
        (Kind::KubeCluster, Deed::Updated) => ("kube.update", "T3011I"),
        (Kind::KubeCluster, Deed::Deleted) => ("kube.delete", "T3012I"),
        (Kind::Node, Deed::Created) => ("node.create", "CS010I"),
        (Kind::Node, Deed::Updated) => ("node.update", "CS011I"),
        (Kind::Node, Deed::Deleted) => ("node.delete", "CS012I"),
    };
    let event = Event::new(name, code)
        .actor(actor)
        .resource(&resource.name, ends)
        .text("hostname", &resource.friendly);
    let bytes: usize = resource
        .labels
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if resource.labels.is_empty() || deed == Deed::Deleted {
        event
    } else if bytes > LABELS_BYTES_MAX {
        event.with("labels_left_out", resource.labels.len())
    } else {
        event.with(
            match kind {
                Kind::App => "app_labels",
                Kind::Db => "db_labels",
                Kind::KubeCluster => "kubernetes_labels",
                Kind::Node => "node_labels",
            },
            texts(&resource.labels),
        )
    }
    .remote(actor)
}

/// Somebody looked for resources with more roles than their own.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What was looked for.
    pub kind: String,
    /// With these labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// With this query.
    pub query: String,
    /// With these words.
    pub words: Vec<String>,
    /// The roles that were borrowed.
    pub roles: Vec<String>,
}

/// Somebody looked for resources with more roles than their own.
pub fn searched(actor: &Actor, search: &Search) -> Event {
    let event = Event::new("access_request.search", "T5004I")
        .actor(actor)
        .list("search_as_roles", &search.roles)
        .text("resource_type", &search.kind)
        .text("predicate_expression", &search.query)
        .list("search_keywords", &search.words);
    if search.labels.is_empty() {
        event
    } else {
        event.with("labels", texts(&search.labels))
    }
    .remote(actor)
}

fn texts(labels: &std::collections::BTreeMap<String, String>) -> Map<String, Value> {
    labels
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect()
}
