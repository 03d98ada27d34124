//! Setting a state directly: refused where two are asked for, somebody's own counted review where this one suffices.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::review::{passing_thresholds, saw};
use super::ttl::{self, StartError};
use super::{REASON_MAX, Request, Review, ReviewError, Reviewer, State, Voter, resolve};
use crate::class::Class;
use crate::pin::Pin;

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
    /// The same person as a reviewer, as stored now; `None` for the local administrator, who passes no filter.
    pub as_reviewer: Option<Reviewer<'a>>,
    /// What the requested roles grant now: what an approval is for.
    pub sees: &'a [Pin],
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
    #[error(
        "the rule of this request asks for approvals that {setter:?} alone cannot give and cannot be overridden; \
         let reviewers approve it with `tsh request review --approve {request}`"
    )]
    NotByThisOne { setter: String, request: String },
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
    #[error(transparent)]
    Filter(#[from] ReviewError),
}

impl SetStateError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::MayNotUpdate
            | Self::WhileElevated
            | Self::Impersonated(_)
            | Self::Own
            | Self::TwoAreNeeded(_)
            | Self::NotByThisOne { .. } => Class::PermissionDenied,
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
    if let Some(start) = change.assume_start.filter(|_| change.state == State::Approved) {
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
        // Before the roles are narrowed: filters see the request as it was asked.
        after = approved_by_one(after, change, setter, now)?;
        if !change.roles.is_empty() {
            after.roles = change.roles.clone();
            after.roles.sort();
            after.roles.dedup();
        }
    }
    after.state = change.state;
    after.resolve_reason.clone_from(&change.reason);
    if !change.annotations.is_empty() {
        after.resolve_annotations.clone_from(&change.annotations);
    }
    if change.state == State::Approved {
        // An approver may only move the start later (R15).
        after.assume_start = request.assume_start.max(change.assume_start);
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
    let mut own = Review {
        author: setter.user.to_owned(),
        subject: setter.subject.to_owned(),
        voter: Voter::Override,
        state: State::Approved,
        target: None,
        reason: change.reason.clone(),
        created: now,
        thresholds: where_one_suffices(&request),
        assume_start: None,
        roles: Vec::new(),
        saw: saw(State::Approved, setter.sees),
    };
    if !decides_alone(&request, &own) {
        return Err(SetStateError::NeverByOne);
    }
    let passing = match &setter.as_reviewer {
        Some(reviewer) => passing_thresholds(&request, &own, reviewer)?,
        None => open_to_all(&request),
    };
    own.thresholds.retain(|index| passing.contains(index));
    let not_by_this_one = SetStateError::NotByThisOne {
        setter: setter.user.to_owned(),
        request: request.id.clone(),
    };
    if !decides_alone(&request, &own) {
        return Err(not_by_this_one);
    }
    request.reviews.push(own);
    // Stored denials count as well, and an approval that a role has outgrown does not.
    let stand = |at: usize| request.reviews[at].outgrown(&request, setter.sees).is_none();
    if resolve(&request, stand).state != Some(State::Approved) {
        return Err(not_by_this_one);
    }
    request.expiry = request.expires;
    Ok(request)
}

/// The thresholds that one approval satisfies.
fn where_one_suffices(request: &Request) -> Vec<u32> {
    (0..)
        .zip(&request.thresholds)
        .filter(|(_, threshold)| threshold.approve == 1)
        .map(|(index, _)| index)
        .collect()
}

/// The thresholds without a filter that are in every set: what somebody may satisfy of whom no roles are known. Sets that
/// share no threshold may be meant for different people.
fn open_to_all(request: &Request) -> Vec<u32> {
    (0..)
        .zip(&request.thresholds)
        .filter(|(index, threshold)| {
            let mut sets = request.role_thresholds.values().flatten();
            threshold.filter.trim().is_empty() && sets.all(|set| set.contains(index))
        })
        .map(|(index, _)| index)
        .collect()
}

/// Whether this review approves the request without any other.
fn decides_alone(request: &Request, review: &Review) -> bool {
    let alone = Request {
        reviews: vec![review.clone()],
        ..request.clone()
    };
    resolve(&alone, |_| true).state == Some(State::Approved)
}
