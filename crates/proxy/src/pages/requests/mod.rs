//! Access requests: the list, and one request with everything that leads to a decision. Read with the visitor's own
//! rights; decided elsewhere.

pub mod evidence;
pub mod list;
pub mod show;

use jiff::Timestamp;
use wire::convert::moment;
use wire::pb::types::{AccessRequestV3, RequestState};

use crate::text::{self, Face, When};

/// The state of a request as a word and a shape: never told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    /// The word.
    pub word: &'static str,
    /// The name of the shape and colour.
    pub class: &'static str,
}

impl Badge {
    /// The badge of a state's number.
    pub fn of(state: i32) -> Self {
        let (word, class) = match RequestState::try_from(state) {
            Ok(RequestState::Pending) => ("Pending", "pending"),
            Ok(RequestState::Approved) => ("Approved", "approved"),
            Ok(RequestState::Denied) => ("Denied", "denied"),
            Ok(RequestState::Promoted) => ("Promoted", "promoted"),
            Ok(RequestState::None) | Err(_) => ("Unknown", "unknown"),
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
}

impl Listed {
    /// What a list shows of a request.
    pub fn of(request: &AccessRequestV3, now: Timestamp) -> Self {
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
            created: moment(spec.created.as_ref()).map(|created| When::of(created, now)),
            reason: text::visible(&spec.request_reason),
        }
    }
}

/// The end of an id.
pub fn short_id(id: &str) -> String {
    let skipped = id.chars().count().saturating_sub(6);
    id.chars().skip(skipped).collect()
}
