//! Reviewing: does this review count, and what follows from it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::calculus::is_denied;
use super::matchers::{self, RightsError};
use super::ttl::{self, StartError};
use super::{
    Evidence, REASON_MAX, Request, Resolution, Review, ReviewRights, Standing, State, Target, Voter,
    evidence, resolve,
};
use crate::class::Class;
use crate::pin::{Pin, Pins};
use crate::predicate::{EvaluateError, FILTER_NAMES, ParseError, Predicate, Value};
use crate::role::{Role, Traits};

/// Who reviews, as stored now: not as a certificate once said (R24).
#[derive(Debug, Clone, Copy)]
pub struct Reviewer<'a> {
    /// Name.
    pub user: &'a str,
    /// Identity that outlives re-creation.
    pub subject: &'a str,
    /// Stored roles, none gained through a request.
    pub roles: &'a [Role],
    /// Stored traits.
    pub traits: &'a Traits,
    /// Person or machine.
    pub voter: Voter,
    /// The credentials were made in this person's name by somebody else.
    pub impersonated: bool,
    /// A lock is in force.
    pub locked: bool,
    /// What the requested roles grant now: what a yes is said to.
    pub sees: &'a [Pin],
}

/// A review as a client sends it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Claimed author; empty means the caller.
    pub author: String,
    /// Wished state.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Roles it is about; empty means all.
    pub roles: Vec<String>,
    /// Whether annotations were given.
    pub has_annotations: bool,
    /// Wished start.
    pub assume_start: Option<Timestamp>,
}

/// A review was counted; this is what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The request after it.
    pub request: Request,
    /// The state it reached with this review, if it reached one.
    pub resolved: Option<State>,
    /// Where it stands and why.
    pub evidence: Evidence,
    /// Authors whose reviews were left out: they may no longer review.
    pub dropped: Vec<String>,
}

/// Why a review was not counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ReviewError {
    #[error("state promoted can be only set when promoting to access list")]
    Promoted,
    #[error("user {caller:?} cannot submit reviews on behalf of {author:?}")]
    ForAnother { caller: String, author: String },
    #[error("user {0:?} cannot submit reviews")]
    NoRights(String),
    #[error("reviews under impersonation do not count; sign in as {0:?} and review again")]
    Impersonated(String),
    #[error("access denied: a lock targeting {0:?} is in force")]
    Locked(String),
    #[error("access request {0:?} has expired")]
    Expired(String),
    #[error("user {user:?} cannot review request {request:?}")]
    NotThisOne { user: String, request: String },
    #[error("invalid state proposal: {} (expected approval/denial)", .0.name())]
    NoProposal(State),
    #[error("request is uninitialized or does not support reviews")]
    NoThresholds,
    #[error("user {0:?} has already reviewed this request")]
    AlreadyReviewed(String),
    #[error("role subselection is not yet supported in reviews, try omitting role list")]
    SomeRoles,
    #[error("annotations are not yet supported in reviews, try omitting annotations field")]
    Annotations,
    #[error("role {0:?} is not a member of this request")]
    ForeignRole(String),
    #[error("the filter {filter:?} of a threshold cannot be evaluated: {cause}")]
    Filter { filter: String, cause: EvaluateError },
    #[error("the filter {filter:?} of a threshold cannot be read: {cause}")]
    FilterText { filter: String, cause: ParseError },
    #[error("the access request has been already {}", .0.word())]
    Resolved(State),
    #[error("access request resolve reason is too long, max {REASON_MAX} bytes")]
    ReasonTooLong,
    #[error("there is no review of {0:?} to withdraw")]
    NothingToWithdraw(String),
    #[error(transparent)]
    Rights(#[from] RightsError),
    #[error(transparent)]
    Start(#[from] StartError),
}

impl ReviewError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::ForAnother { .. }
            | Self::NoRights(_)
            | Self::Impersonated(_)
            | Self::Locked(_)
            | Self::NotThisOne { .. }
            | Self::Resolved(_) => Class::PermissionDenied,
            Self::Expired(_) | Self::NothingToWithdraw(_) => Class::NotFound,
            Self::AlreadyReviewed(_) => Class::AlreadyExists,
            Self::SomeRoles | Self::Annotations => Class::Unimplemented,
            _ => Class::InvalidArgument,
        }
    }
}

/// Applies one review to a pending request and says what follows from it.
///
/// `panel` holds the present standing of the authors of the stored reviews, by name: who is missing there (deleted)
/// or may no longer review is dropped at resolution (R10). The caller's own standing is `reviewer`.
pub fn review(
    request: &Request,
    submission: &Submission,
    reviewer: &Reviewer<'_>,
    panel: &BTreeMap<String, Reviewer<'_>>,
    now: Timestamp,
) -> Result<Outcome, ReviewError> {
    if submission.state == State::Promoted {
        return Err(ReviewError::Promoted);
    }
    add(request, submission, None, reviewer, panel, now)
}

/// The same for an approval that puts the requester on the access list `target`, in place of lending the roles.
///
/// It counts like any approval, no more: it resolves the request only together with as many others as are asked for. The
/// review that completes them decides whether the request is promoted or approved. Whether the reviewer may put somebody on
/// that list is not judged here.
pub fn promote(
    request: &Request,
    submission: &Submission,
    target: Target,
    reviewer: &Reviewer<'_>,
    panel: &BTreeMap<String, Reviewer<'_>>,
    now: Timestamp,
) -> Result<Outcome, ReviewError> {
    let promotion = Submission {
        state: State::Promoted,
        ..submission.clone()
    };
    add(request, &promotion, Some(target), reviewer, panel, now)
}

fn add(
    request: &Request,
    submission: &Submission,
    target: Option<Target>,
    reviewer: &Reviewer<'_>,
    panel: &BTreeMap<String, Reviewer<'_>>,
    now: Timestamp,
) -> Result<Outcome, ReviewError> {
    let name = reviewer.user;
    if !submission.author.is_empty() && submission.author != name {
        return Err(ReviewError::ForAnother {
            caller: name.to_owned(),
            author: submission.author.clone(),
        });
    }
    if reviewer.impersonated {
        return Err(ReviewError::Impersonated(name.to_owned()));
    }
    if reviewer.locked {
        return Err(ReviewError::Locked(name.to_owned()));
    }
    let rights = ReviewRights::of(reviewer.roles, reviewer.traits)?;
    if !rights.any() {
        return Err(ReviewError::NoRights(name.to_owned()));
    }
    let own = request.user == name || (!request.subject.is_empty() && request.subject == reviewer.subject);
    if own || !rights.cover(request, reviewer.roles, reviewer.traits)? {
        return Err(ReviewError::NotThisOne {
            user: name.to_owned(),
            request: request.id.clone(),
        });
    }
    let promotes = submission.state == State::Promoted && target.is_some();
    if !promotes && !matches!(submission.state, State::Approved | State::Denied) {
        return Err(ReviewError::NoProposal(submission.state));
    }
    if request.thresholds.is_empty() {
        return Err(ReviewError::NoThresholds);
    }
    let same_person = |review: &Review| {
        review.author == name || (!review.subject.is_empty() && review.subject == reviewer.subject)
    };
    if request.reviews.iter().any(same_person) {
        return Err(ReviewError::AlreadyReviewed(name.to_owned()));
    }
    check_extras(request, submission)?;
    let mut review = Review {
        author: name.to_owned(),
        subject: reviewer.subject.to_owned(),
        voter: reviewer.voter,
        state: submission.state,
        target,
        reason: submission.reason.clone(),
        created: now,
        thresholds: Vec::new(),
        assume_start: submission.assume_start,
        roles: submission.roles.clone(),
        saw: saw(submission.state, reviewer.sees),
    };
    review.thresholds = passing_thresholds(request, &review, reviewer)?;
    if request.state != State::Pending {
        return Err(ReviewError::Resolved(request.state));
    }
    if request.is_expired(now) {
        return Err(ReviewError::Expired(request.id.clone()));
    }
    // A denier's wished start is ignored, and an approver may only move the start later (R15).
    let start = submission
        .assume_start
        .filter(|_| submission.state == State::Approved);
    if let Some(start) = start {
        ttl::check_start(start, request.created, request.expires)?;
    }
    let mut after = request.clone();
    after.assume_start = match (request.assume_start, start) {
        (Some(present), Some(wanted)) => Some(present.max(wanted)),
        (present, wanted) => wanted.or(present),
    };
    after.reviews.push(review);
    Ok(conclude(after, panel, reviewer.sees))
}

/// What is kept of the roles with a review: nothing where it says no.
pub(super) fn saw(state: State, sees: &[Pin]) -> Pins {
    if matches!(state, State::Approved | State::Promoted) {
        sees.into()
    } else {
        Pins::default()
    }
}

/// Takes an author's own review back while the request is pending (R17). What was withdrawn is the record's to keep.
pub fn withdraw(request: &Request, author: &str, now: Timestamp) -> Result<Request, ReviewError> {
    let at = request
        .reviews
        .iter()
        .position(|review| review.author == author)
        .ok_or_else(|| ReviewError::NothingToWithdraw(author.to_owned()))?;
    if request.state != State::Pending {
        return Err(ReviewError::Resolved(request.state));
    }
    if request.is_expired(now) {
        return Err(ReviewError::Expired(request.id.clone()));
    }
    let mut after = request.clone();
    after.reviews.remove(at);
    Ok(after)
}

fn check_extras(request: &Request, submission: &Submission) -> Result<(), ReviewError> {
    if !submission.roles.is_empty() && submission.roles.len() != request.role_thresholds.len() {
        return Err(ReviewError::SomeRoles);
    }
    if submission.has_annotations {
        return Err(ReviewError::Annotations);
    }
    if let Some(role) = submission
        .roles
        .iter()
        .find(|role| !request.role_thresholds.contains_key(*role))
    {
        return Err(ReviewError::ForeignRole(role.clone()));
    }
    if submission.reason.len() > REASON_MAX {
        return Err(ReviewError::ReasonTooLong);
    }
    Ok(())
}

/// The thresholds whose filter this review passes, now and for good.
pub(super) fn passing_thresholds(
    request: &Request,
    review: &Review,
    reviewer: &Reviewer<'_>,
) -> Result<Vec<u32>, ReviewError> {
    let mut scope = matchers::scope(request, reviewer.roles, reviewer.traits);
    scope.insert("review.reason", Value::Text(review.reason.clone()));
    scope.insert("review.annotations", Value::Map(BTreeMap::new()));
    let mut passing = Vec::new();
    for (index, threshold) in (0..).zip(&request.thresholds) {
        let filter = &threshold.filter;
        let predicate = Predicate::parse(filter, FILTER_NAMES).map_err(|cause| ReviewError::FilterText {
            filter: filter.clone(),
            cause,
        })?;
        let passes = predicate.holds(&scope).map_err(|cause| ReviewError::Filter {
            filter: filter.clone(),
            cause,
        })?;
        if passes {
            passing.push(index);
        }
    }
    Ok(passing)
}

/// Recounts all reviews whose authors still may review, and resolves.
fn conclude(mut request: Request, panel: &BTreeMap<String, Reviewer<'_>>, sees: &[Pin]) -> Outcome {
    let newest = request.reviews.len() - 1;
    let standings: Vec<Standing> = request
        .reviews
        .iter()
        .enumerate()
        .map(|(at, review)| {
            if at == newest {
                Standing::Stands
            } else {
                standing(&request, review, panel.get(&review.author), sees)
            }
        })
        .collect();
    let stood = |at: usize| standings.get(at).copied().unwrap_or(Standing::LostRight);
    let stand = |at: usize| stood(at).stands();
    let mut resolution = resolve(&request, stand);
    if matches!(resolution.state, Some(State::Approved | State::Promoted)) && resolution.by != Some(newest) {
        // Earlier authors have their right back, so that their approvals would be enough now. The newest review decides all
        // the same: a denial never approves, it denies or leaves the request waiting for the next approval; and nobody is
        // put on a list by a review that did not say so.
        let state = match request.reviews[newest].state {
            State::Denied => is_denied(&request, stand).then_some(State::Denied),
            given => Some(given),
        };
        resolution = Resolution {
            state,
            by: Some(newest),
        };
    }
    let Resolution { state, by } = resolution;
    let resolved = match (state, by) {
        (Some(state), Some(by)) => {
            request.state = state;
            request.resolve_reason = request.reviews[by].reason.clone();
            request.expiry = request.expires;
            Some(state)
        }
        _ => None,
    };
    let evidence = evidence(&request, stood);
    let dropped = request
        .reviews
        .iter()
        .enumerate()
        .filter(|(at, _)| !stand(*at))
        .map(|(_, review)| review.author.clone())
        .collect();
    Outcome {
        request,
        resolved,
        evidence,
        dropped,
    }
}

/// Whether an earlier review stands: its author is there, not locked, the same person and with the right, and no requested
/// role grants more than was seen. Denials stand.
pub fn standing(request: &Request, review: &Review, author: Option<&Reviewer<'_>>, sees: &[Pin]) -> Standing {
    if review.state == State::Denied {
        return Standing::Stands;
    }
    if review.outgrown(request, sees).is_some() {
        return Standing::Outgrown;
    }
    let may = |author: &Reviewer<'_>| {
        let same = review.subject.is_empty() || review.subject == author.subject;
        same && !author.locked
            && ReviewRights::of(author.roles, author.traits)
                .and_then(|rights| rights.cover(request, author.roles, author.traits))
                .unwrap_or(false)
    };
    Standing::from(review.voter == Voter::Override || author.is_some_and(may))
}
