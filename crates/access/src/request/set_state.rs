//! Setting a state directly: refused where two are asked for, somebody's own counted review where one suffices.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ttl::{self, StartError};
use super::{REASON_MAX, Request, Review, State, Voter, resolve};
use crate::class::Class;

/// Who sets it.
#[derive(Debug, Clone, Copy)]
pub struct Setter<'a> {
    /// Name; [`LOCAL_ADMIN`](super::LOCAL_ADMIN) for the administrator on the Auth Service's host.
    pub user: &'a str,
    /// Identity that outlives re-creation.
    pub subject: &'a str,
    /// Has the verb `update` on `access_request`.
    pub may_update: bool,
    /// The certificate carries active requests.
    pub has_active_requests: bool,
    /// The credentials were made in this person's name by somebody else.
    pub impersonated: bool,
}

/// What to set.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// The state.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Annotations.
    pub annotations: BTreeMap<String, Vec<String>>,
    /// Fewer roles than asked for; empty means all.
    pub roles: Vec<String>,
    /// Not before.
    pub assume_start: Option<Timestamp>,
}

/// Why a state is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SetStateError {
    #[error("{}", crate::rbac::refusal("access_request", "update"))]
    MayNotUpdate,
    #[error("cannot directly update the state of an access request while using an access request")]
    WhileElevated,
    #[error("approvals under impersonation do not count; sign in as {0:?}")]
    Impersonated(String),
    #[error("state promoted can be only set when promoting to access list")]
    Promoted,
    #[error("directly updating the state of your own access requests is not permitted")]
    Own,
    #[error("cannot override roles when setting state: {}", .0.name())]
    RolesWithoutApproval(State),
    #[error("cannot set request-state {:?} (already {})", .wanted.name(), .present.word())]
    Final { wanted: State, present: State },
    #[error("role {0:?} not in original request, overrides must be a subset of original role list")]
    ForeignRole(String),
    #[error(
        "the rule of this request asks for two or more approvals and cannot be overridden; \
         let reviewers approve it with `tsh request review --approve {0}`"
    )]
    TwoAreNeeded(String),
    #[error("no single approval can satisfy the rule of this request")]
    NeverByOne,
    #[error("pending requests cannot include resolve reason")]
    ResolveReason,
    #[error("pending requests cannot include resolve annotations")]
    ResolveAnnotations,
    #[error("access request resolve reason is too long, max {REASON_MAX} bytes")]
    ReasonTooLong,
    #[error("access request {0:?} has expired")]
    Expired(String),
    #[error("user {0:?} has already reviewed this request")]
    AlreadyReviewed(String),
    #[error(transparent)]
    Start(#[from] StartError),
}

impl SetStateError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::MayNotUpdate
            | Self::WhileElevated
            | Self::Impersonated(_)
            | Self::Own
            | Self::TwoAreNeeded(_) => Class::PermissionDenied,
            Self::Expired(_) => Class::NotFound,
            Self::AlreadyReviewed(_) => Class::AlreadyExists,
            _ => Class::InvalidArgument,
        }
    }
}

/// Sets a request's state. Final states stay, except that an approval can be revoked.
pub fn set_state(
    request: &Request,
    change: &StateChange,
    setter: &Setter<'_>,
    now: Timestamp,
) -> Result<Request, SetStateError> {
    check_setter(request, change, setter)?;
    if !change.roles.is_empty() && change.state != State::Approved {
        return Err(SetStateError::RolesWithoutApproval(change.state));
    }
    let allowed = matches!(
        (request.state, change.state),
        (State::Pending, _) | (State::Approved | State::Denied, State::Denied)
    );
    if !allowed {
        return Err(SetStateError::Final {
            wanted: change.state,
            present: request.state,
        });
    }
    if let Some(role) = change.roles.iter().find(|role| !request.roles.contains(role)) {
        return Err(SetStateError::ForeignRole(role.clone()));
    }
    if let Some(start) = change.assume_start {
        ttl::check_start(start, request.created, request.expires)?;
    }
    if change.reason.len() > REASON_MAX {
        return Err(SetStateError::ReasonTooLong);
    }
    if change.state == State::Pending {
        if !change.reason.is_empty() {
            return Err(SetStateError::ResolveReason);
        }
        if !change.annotations.is_empty() {
            return Err(SetStateError::ResolveAnnotations);
        }
        return Ok(request.clone());
    }
    if request.state == State::Pending && request.is_expired(now) {
        return Err(SetStateError::Expired(request.id.clone()));
    }
    let mut after = request.clone();
    if change.state == State::Approved {
        if !change.roles.is_empty() {
            after.roles = change.roles.clone();
            after.roles.sort();
            after.roles.dedup();
        }
        after = approved_by_one(after, change, setter, now)?;
    }
    after.state = change.state;
    after.resolve_reason.clone_from(&change.reason);
    if !change.annotations.is_empty() {
        after.resolve_annotations.clone_from(&change.annotations);
    }
    if change.assume_start.is_some() && change.state == State::Approved {
        after.assume_start = change.assume_start;
    }
    Ok(after)
}

fn check_setter(request: &Request, change: &StateChange, setter: &Setter<'_>) -> Result<(), SetStateError> {
    if !setter.may_update {
        Err(SetStateError::MayNotUpdate)
    } else if setter.has_active_requests {
        Err(SetStateError::WhileElevated)
    } else if change.state == State::Promoted {
        Err(SetStateError::Promoted)
    } else if request.user == setter.user
        || (!request.subject.is_empty() && request.subject == setter.subject)
    {
        Err(SetStateError::Own)
    } else if setter.impersonated && change.state == State::Approved {
        Err(SetStateError::Impersonated(setter.user.to_owned()))
    } else {
        Ok(())
    }
}

/// Stores the approval as this person's own review and counts again, so that the stored reviews alone explain the state.
fn approved_by_one(
    mut request: Request,
    change: &StateChange,
    setter: &Setter<'_>,
    now: Timestamp,
) -> Result<Request, SetStateError> {
    if request.asks_for_two() {
        return Err(SetStateError::TwoAreNeeded(request.id));
    }
    let same = |review: &Review| {
        review.author == setter.user || (!review.subject.is_empty() && review.subject == setter.subject)
    };
    if request.reviews.iter().any(same) {
        return Err(SetStateError::AlreadyReviewed(setter.user.to_owned()));
    }
    let satisfied_by_one = (0..)
        .zip(&request.thresholds)
        .filter(|(_, threshold)| threshold.approve == 1)
        .map(|(index, _)| index);
    request.reviews.push(Review {
        author: setter.user.to_owned(),
        subject: setter.subject.to_owned(),
        voter: Voter::Override,
        state: State::Approved,
        reason: change.reason.clone(),
        created: now,
        thresholds: satisfied_by_one.collect(),
        assume_start: None,
        roles: Vec::new(),
    });
    if resolve(&request, |_| true).state != Some(State::Approved) {
        return Err(SetStateError::NeverByOne);
    }
    request.expiry = request.expires;
    Ok(request)
}
