//! What the plugin knows of an access request: what a message is made from, and no more.

use access::Traits;
use access::request::{State, evidence, resolve};
use jiff::Timestamp;
use wire::convert::{self, ConvertError};
use wire::pb::countersign::v1::Evidence;
use wire::pb::types::AccessRequestV3;

/// Where a request stands, as far as a reader of the chat is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Waits for reviews.
    Pending,
    /// May be assumed.
    Approved,
    /// Refused, or revoked.
    Denied,
    /// Replaced by membership in an access list.
    Promoted,
    /// Nobody decided in time, or it was removed before anybody did.
    Expired,
}

impl Standing {
    /// The word in messages and notes: `PENDING` and so on.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
            Self::Promoted => "PROMOTED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The standing of a word in notes.
    pub fn of_label(label: &str) -> Option<Self> {
        let all = [
            Self::Pending,
            Self::Approved,
            Self::Denied,
            Self::Promoted,
            Self::Expired,
        ];
        all.into_iter().find(|standing| standing.label() == label)
    }
}

impl From<State> for Standing {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Approved => Self::Approved,
            State::Denied => Self::Denied,
            State::Promoted => Self::Promoted,
        }
    }
}

/// One vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who.
    pub author: String,
    /// Which way.
    pub vote: Standing,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// How many approvals are in and how many are asked for, where most are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    /// Whose approvals count there.
    pub by: Vec<String>,
    /// How many are needed there.
    pub needed: u32,
}

/// An access request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// Who asks.
    pub user: String,
    /// For which roles.
    pub roles: Vec<String>,
    /// For which resources, as `/cluster/kind/name`.
    pub resources: Vec<String>,
    /// Why; text of the person who asks.
    pub reason: String,
    /// Where it stands.
    pub standing: Standing,
    /// Why it was resolved so; text of the person who decided.
    pub resolve_reason: String,
    /// Who took an approval back, if that is what happened; empty as long as it is not known who.
    pub taken_back_by: Option<String>,
    /// The votes, oldest first.
    pub reviews: Vec<Review>,
    /// Who is asked to review it.
    pub suggested_reviewers: Vec<String>,
    /// When it was made, if that is known.
    pub created: Option<Timestamp>,
    /// Until when it waits for reviews, if that is known.
    pub waits_until: Option<Timestamp>,
    /// What the roles that let it be asked for say of it.
    pub annotations: Traits,
    /// When the access would end, if that is known.
    pub access_until: Option<Timestamp>,
    /// What is in and what is missing, if that is known.
    pub approvals: Option<Approvals>,
}

impl Request {
    /// Reads a request as it travels.
    pub fn of(message: &AccessRequestV3) -> Result<Self, ConvertError> {
        let request = convert::request(message)?;
        let approvals = furthest(evidence(&request, |_| true).roles.into_iter().map(|role| {
            role.sets
                .into_iter()
                .map(|set| {
                    set.into_iter()
                        .map(|threshold| Approvals {
                            by: threshold.approvals,
                            needed: threshold.approve,
                        })
                        .collect()
                })
                .collect()
        }));
        // The reviews still add up to the approval, and the state says otherwise.
        let is_taken_back =
            request.state == State::Denied && resolve(&request, |_| true).state == Some(State::Approved);
        Ok(Self {
            taken_back_by: is_taken_back.then(String::new),
            id: request.id,
            user: request.user,
            roles: request.roles,
            resources: request.resource_ids.iter().map(|id| id.text()).collect(),
            reason: request.reason,
            standing: request.state.into(),
            resolve_reason: request.resolve_reason,
            reviews: request
                .reviews
                .into_iter()
                .map(|review| Review {
                    author: review.author,
                    vote: review.state.into(),
                    reason: review.reason,
                    at: review.created,
                })
                .collect(),
            suggested_reviewers: request.suggested_reviewers,
            created: Some(request.created),
            waits_until: Some(request.expires),
            annotations: request.system_annotations,
            access_until: Some(request.max_duration.min(request.expires)),
            approvals,
        })
    }

    /// Whether it waits for reviews.
    pub fn is_pending(&self) -> bool {
        self.standing == Standing::Pending
    }

    /// Counts as the cluster counts, which knows whose votes have lapsed.
    pub fn counted(mut self, counted: Evidence) -> Self {
        let sets = counted.roles.into_iter().map(|role| {
            role.sets
                .into_iter()
                .map(|set| {
                    set.thresholds
                        .into_iter()
                        .map(|threshold| Approvals {
                            by: threshold.approved_by,
                            needed: threshold.approvals_needed,
                        })
                        .collect()
                })
                .collect()
        });
        self.approvals = furthest(sets).or(self.approvals);
        if let Some(by) = &mut self.taken_back_by {
            *by = counted.resolved_by;
        }
        self
    }
}

/// The threshold that decides when all roles are satisfied: in each set the nearest, of all sets the furthest.
fn furthest(roles: impl Iterator<Item = Vec<Vec<Approvals>>>) -> Option<Approvals> {
    fn missing(approvals: &Approvals) -> u32 {
        let given = u32::try_from(approvals.by.len()).unwrap_or(u32::MAX);
        approvals.needed.saturating_sub(given)
    }
    roles
        .flatten()
        .filter_map(|set| {
            set.into_iter()
                .filter(|threshold| threshold.needed > 0)
                .min_by_key(missing)
        })
        .max_by_key(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(by: &[&str], needed: u32) -> Approvals {
        Approvals {
            by: by.iter().map(|name| (*name).to_owned()).collect(),
            needed,
        }
    }

    #[test]
    fn what_counts_is_the_nearest_way_of_the_furthest_set() {
        let roles = vec![
            vec![vec![counts(&["alice"], 2), counts(&[], 3)]],
            vec![vec![counts(&["alice"], 1)], vec![counts(&[], 0)]],
        ];
        assert_eq!(furthest(roles.into_iter()), Some(counts(&["alice"], 2)));
        assert_eq!(furthest(std::iter::empty()), None);
    }

    #[test]
    fn words_come_back() {
        for standing in ["PENDING", "APPROVED", "DENIED", "PROMOTED", "EXPIRED"] {
            assert_eq!(Standing::of_label(standing).map(Standing::label), Some(standing));
        }
        assert_eq!(Standing::of_label("pending"), None);
    }
}
