//! Access requests: the list, one request with everything that leads to a decision, asking and deciding. Everything is
//! read and done with the visitor's own rights.

pub mod confirm;
pub mod decide;
pub mod evidence;
pub mod list;
pub mod new;
pub mod opens;
pub mod sentence;
pub mod show;
mod unusual;

use jiff::Timestamp;
use wire::convert::moment;
use wire::pb::types::{AccessRequestV3, RequestState, ResourceId};

use crate::look::Look;
use crate::text::{self, Face, When};
use crate::words::t;

/// The state of a request as a word and a shape: never told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// The word, in English; pages say it in the reader's language.
    pub word: &'static str,
    /// The name of the shape and colour.
    pub class: &'static str,
}

impl Badge {
    /// The badge of a state's number.
    pub fn of(state: i32) -> Self {
        let (word, class) = match RequestState::try_from(state) {
            Ok(RequestState::Pending) => (t("Pending"), "pending"),
            Ok(RequestState::Approved) => (t("Approved"), "approved"),
            Ok(RequestState::Denied) => (t("Denied"), "denied"),
            Ok(RequestState::Promoted) => (t("Promoted"), "promoted"),
            Ok(RequestState::None) | Err(_) => (t("Unknown"), "unknown"),
        };
        Self { word, class }
    }
}

/// A request in a list.
pub struct Listed {
    /// The whole id.
    pub id: String,
    /// Who asks.
    pub face: Face,
    /// For which roles.
    pub roles: Vec<String>,
    /// For which resources, how many.
    pub resources: usize,
    /// Where it stands.
    pub badge: Badge,
    /// Since when.
    pub created: Option<When>,
    /// Why.
    pub reason: String,
    /// For how long.
    pub long: String,
}

impl Listed {
    /// What a list shows of a request.
    pub fn of(request: &AccessRequestV3, now: Timestamp, look: &Look) -> Self {
        let spec = request.spec.clone().unwrap_or_default();
        let id = request
            .metadata
            .as_ref()
            .map(|metadata| metadata.name.clone())
            .unwrap_or_default();
        Self {
            id,
            face: Face::of(&spec.user),
            roles: spec.roles.iter().map(|role| text::visible(role)).collect(),
            resources: spec.requested_resource_i_ds.len(),
            badge: Badge::of(spec.state),
            created: moment(spec.created.as_ref()).map(|created| When::of(created, now, look)),
            reason: text::visible(&spec.request_reason),
            long: show::length(&spec)
                .map(|length| text::span(length, look.language))
                .unwrap_or_default(),
        }
    }
}

/// The end of an id.
pub fn short_id(id: &str) -> String {
    let skipped = id.chars().count().saturating_sub(6);
    id.chars().skip(skipped).collect()
}

/// A resource as commands write it: `/cluster/kind/name`.
pub fn resource(id: &ResourceId) -> String {
    let mut path = format!("/{}/{}/{}", id.cluster_name, id.kind, id.name);
    if !id.sub_resource_name.is_empty() {
        path.push('/');
        path.push_str(&id.sub_resource_name);
    }
    text::visible(&path)
}
