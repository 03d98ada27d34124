//! Assuming: may this person's certificate carry this request now.

use jiff::Timestamp;

use super::propose::{check_reason, check_requestable};
use super::{ProposeError, Request, Requestable, Requester, State, resolve};
use crate::class::Class;
use crate::pin::{Growth, Pin};

/// Why a request cannot be assumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum AssumeError {
    #[error("access request {0:?} not found")]
    NotFound(String),
    #[error("access request {0:?} has been denied")]
    Denied(String),
    #[error("access request {0:?} has been promoted. Use access list to access resources.")]
    Promoted(String),
    #[error("access request {0:?} is awaiting approval")]
    Pending(String),
    #[error("access request {0:?} has expired")]
    Expired(String),
    #[error("access request {id:?} can not be assumed until {start}")]
    TooEarly { id: String, start: Timestamp },
    #[error("the stored reviews of access request {0:?} do not add up to its approval")]
    NotProven(String),
    #[error(
        "access request {id:?} was approved for what role {:?} granted then, and the role may grant more now \
         ({}); ask again, so that it is approved as it is now",
        .growth.role, .growth.field
    )]
    Outgrown { id: String, growth: Growth },
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

impl AssumeError {
    /// The kind of refusal.
    pub fn class(&self) -> Class {
        match self {
            Self::NotFound(_) => Class::NotFound,
            Self::Denied(_)
            | Self::Promoted(_)
            | Self::Pending(_)
            | Self::NotProven(_)
            | Self::Outgrown { .. } => Class::PermissionDenied,
            Self::Expired(_) | Self::TooEarly { .. } => Class::InvalidArgument,
            Self::Propose(error) => error.class(),
        }
    }
}

/// Checks that `requester` may carry `request` at `now`: it is theirs, approved, within its time, still permissible for
/// their present roles, and its stored reviews, counted from scratch, give the approval for what its roles grant now
/// (`granted`).
pub fn assume(
    request: &Request,
    requester: &Requester<'_>,
    granted: &[Pin],
    now: Timestamp,
) -> Result<(), AssumeError> {
    let id = || request.id.clone();
    let same_person = request.subject.is_empty() || request.subject == requester.subject;
    if request.user != requester.user || !same_person {
        return Err(AssumeError::NotFound(id()));
    }
    match request.state {
        State::Approved => {}
        State::Denied => return Err(AssumeError::Denied(id())),
        State::Promoted => return Err(AssumeError::Promoted(id())),
        State::Pending => return Err(AssumeError::Pending(id())),
    }
    let requestable = Requestable::of(requester.roles, requester.traits).map_err(ProposeError::from)?;
    check_reason(requester, &request.roles, &request.reason)?;
    check_requestable(requester, &requestable, &request.roles, &request.resource_ids)?;
    if now >= request.expires {
        return Err(AssumeError::Expired(id()));
    }
    if let Some(start) = request.assume_start.filter(|start| now < *start) {
        return Err(AssumeError::TooEarly { id: id(), start });
    }
    // Every role it gives must be one that the counted sets decided about.
    let decided = request
        .roles
        .iter()
        .all(|role| request.role_thresholds.contains_key(role));
    // Who approved with a list in mind has approved.
    let counted = resolve(request, |_| true).state;
    if !decided || !matches!(counted, Some(State::Approved | State::Promoted)) {
        return Err(AssumeError::NotProven(id()));
    }
    match unapproved_growth(request, granted) {
        Some(growth) => Err(AssumeError::Outgrown { id: id(), growth }),
        None => Ok(()),
    }
}

/// Where the roles of an approved request grant more now than so many said yes to as it takes.
pub fn unapproved_growth(request: &Request, granted: &[Pin]) -> Option<Growth> {
    let growths: Vec<Option<Growth>> = request
        .reviews
        .iter()
        .map(|review| review.outgrown(request, granted))
        .collect();
    let still = resolve(request, |at| growths.get(at).is_some_and(Option::is_none)).state;
    if matches!(still, Some(State::Approved | State::Promoted)) {
        return None;
    }
    growths.into_iter().flatten().next()
}
