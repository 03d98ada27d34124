//! Access requests: what they hold, and the decisions about them.
//!
//! | question | function |
//! | --- | --- |
//! | may Bob ask, and what exactly does he ask? | [`propose()`] |
//! | does Alice's review count, and what follows? | [`review()`], [`promote()`] |
//! | may somebody set the state directly? | [`set_state()`] |
//! | may Bob's certificate carry it now? | [`assume()`] |
//! | who may see it? | [`visibility`] |

mod assume;
mod calculus;
mod digest;
mod evidence;
pub(crate) mod matchers;
mod missing;
mod propose;
mod review;
mod set_state;
mod thresholds;
pub mod ttl;
pub mod visibility;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use assume::{AssumeError, assume, unapproved_growth};
pub use calculus::{Resolution, resolve};
pub use digest::{Content, short_form};
pub use evidence::{Evidence, RoleEvidence, Skipped, Standing, ThresholdEvidence, evidence};
pub use matchers::{Requestable, ReviewRights};
pub use missing::{could_count_for, fewest_approvals};
pub use propose::{
    Capabilities, Creator, Intent, Proposal, ProposeError, Requester, capabilities, may_create, needs_reason,
    propose,
};
pub use review::{Outcome, ReviewError, Reviewer, Submission, promote, review, standing, withdraw};
pub use set_state::{SetStateError, Setter, StateChange, set_state};
pub use thresholds::{CompiledThresholds, compile as compile_thresholds};

use crate::pin::{Growth, Pin, Pins, growth};
use crate::role::Threshold;

/// Longest reason, in bytes.
pub const REASON_MAX: usize = 4096;
/// Longest time that a request may wait, and latest start after its creation.
pub const PENDING_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most resources of one request, before doubles are left out.
pub const RESOURCES_MAX: usize = 300;
/// Most bytes of all identifiers of one request, without doubles.
pub const RESOURCES_BYTES_MAX: usize = 2048;
/// Most distinct thresholds of one request.
pub const THRESHOLDS_MAX: usize = 4096;
/// The author under which the local administrator's own review is stored.
pub const LOCAL_ADMIN: &str = "@local-admin";

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits for reviews.
    Pending,
    /// May be assumed.
    Approved,
    /// Refused, or revoked.
    Denied,
    /// Replaced by membership in an access list.
    Promoted,
}

impl State {
    /// The name on the wire: `PENDING`, `APPROVED`, `DENIED`, `PROMOTED`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
            Self::Promoted => "PROMOTED",
        }
    }

    /// The word in a sentence: `pending`, `approved`, …
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Promoted => "promoted",
        }
    }
}

/// A resource that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    /// Cluster it is in.
    pub cluster: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// A part of it.
    pub sub_resource: String,
}

impl ResourceId {
    /// `/cluster/kind/name` or `/cluster/kind/name/sub`.
    pub fn text(&self) -> String {
        let Self {
            cluster,
            kind,
            name,
            sub_resource,
        } = self;
        let tail = if sub_resource.is_empty() {
            String::new()
        } else {
            format!("/{sub_resource}")
        };
        format!("/{cluster}/{kind}/{name}{tail}")
    }
}

/// Who a review comes from, as far as counting goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Voter {
    /// A person.
    #[default]
    Person,
    /// A bot or an automatic rule: counts only where one approval suffices.
    Machine,
    /// Somebody who set the state directly where one approval suffices.
    Override,
}

/// An access list that a review puts the requester on, in place of lending the roles for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name of the list.
    pub name: String,
    /// Its title when the review was made.
    pub title: String,
}

/// A stored review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who reviewed.
    pub author: String,
    /// The author's identity that outlives renaming and re-creation; empty where unknown.
    pub subject: String,
    /// What kind of author.
    pub voter: Voter,
    /// Approved or denied, or promoted: an approval with a target.
    pub state: State,
    /// The list that a promotion is to.
    pub target: Option<Target>,
    /// Why.
    pub reason: String,
    /// When.
    pub created: Timestamp,
    /// Indexes of the request's thresholds it counts for, fixed when it was submitted.
    pub thresholds: Vec<u32>,
    /// Wished start of the access.
    pub assume_start: Option<Timestamp>,
    /// Roles named in the review (must be all roles of the request).
    pub roles: Vec<String>,
    /// What the requested roles granted when an approval was given: it is good for that and no more (R9).
    pub saw: Pins,
}

impl Review {
    /// Where the request's roles grant more `now` than its author said yes to. A denial says no to anything.
    pub fn outgrown(&self, request: &Request, now: &[Pin]) -> Option<Growth> {
        if matches!(self.state, State::Approved | State::Promoted) {
            growth(&request.roles, &self.saw, now)
        } else {
            None
        }
    }
}

/// Sets of threshold indexes for each role: every set must be satisfied, by any one of its thresholds.
pub type RoleThresholds = BTreeMap<String, Vec<Vec<u32>>>;

/// A stored request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// UUIDv7.
    pub id: String,
    /// Who asked.
    pub user: String,
    /// The asker's identity that outlives re-creation; empty where unknown.
    pub subject: String,
    /// Requested roles, sorted.
    pub roles: Vec<String>,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub created: Timestamp,
    /// End of the access.
    pub expires: Timestamp,
    /// End of the waiting, and after resolution of the record.
    pub expiry: Timestamp,
    /// End of one web session with it.
    pub session_ttl: Timestamp,
    /// End of the access, as granted by `max_duration`.
    pub max_duration: Timestamp,
    /// Why, in the asker's words.
    pub reason: String,
    /// Why it was resolved so.
    pub resolve_reason: String,
    /// Annotations given at resolution.
    pub resolve_annotations: BTreeMap<String, Vec<String>>,
    /// Annotations from the asker's roles.
    pub system_annotations: BTreeMap<String, Vec<String>>,
    /// Distinct thresholds.
    pub thresholds: Vec<Threshold>,
    /// Which thresholds decide which role.
    pub role_thresholds: RoleThresholds,
    /// Reviews in the order of their commit.
    pub reviews: Vec<Review>,
    /// Who was suggested.
    pub suggested_reviewers: Vec<String>,
    /// Resources asked for.
    pub resource_ids: Vec<ResourceId>,
    /// Login asked for.
    pub login_hint: String,
    /// Not before this moment.
    pub assume_start: Option<Timestamp>,
    /// Only tried, never stored.
    pub dry_run: bool,
    /// Labels the client gave.
    pub labels: BTreeMap<String, String>,
}

impl Request {
    /// The roles as first asked, before a resolver narrowed them.
    pub fn original_roles(&self) -> Vec<String> {
        if self.role_thresholds.is_empty() {
            self.roles.clone()
        } else {
            self.role_thresholds.keys().cloned().collect()
        }
    }

    /// The access list that it was promoted to.
    pub fn promoted_to(&self) -> Option<&Target> {
        let decided = self
            .reviews
            .iter()
            .rev()
            .find(|review| review.state == State::Promoted);
        decided.filter(|_| self.state == State::Promoted)?.target.as_ref()
    }

    /// Whether nobody may review it any more at `now`, because its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expiry || now >= self.expires
    }

    /// Whether some threshold set asks for two or more approvals.
    pub fn asks_for_two(&self) -> bool {
        self.role_thresholds.values().flatten().flatten().any(|index| {
            self.thresholds
                .get(*index as usize)
                .is_none_or(|threshold| threshold.approve >= 2)
        })
    }
}
