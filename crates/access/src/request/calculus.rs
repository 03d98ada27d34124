//! From reviews to a state: the function that says when it is enough.
//!
//! Counted anew over all stored reviews each time, against the thresholds stored with the request. A person counts
//! once; a machine's approval counts only for a threshold that one approval satisfies; a denial always counts. A promotion
//! to an access list is an approval with a target.

use super::{Request, Review, State, Voter};

/// What the stored reviews amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Approved, denied or promoted; `None` while it stays pending.
    pub state: Option<State>,
    /// The review that decided.
    pub by: Option<usize>,
}

const UNDECIDED: Resolution = Resolution {
    state: None,
    by: None,
};

/// Approvals and denials of one threshold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub approvals: u32,
    pub denials: u32,
}

/// Whether this review is the first of its person: authors are told apart by name and by subject.
pub(super) fn is_first_of_its_person(reviews: &[Review], at: usize) -> bool {
    let review = &reviews[at];
    !reviews[..at].iter().any(|other| {
        other.author == review.author || (!review.subject.is_empty() && other.subject == review.subject)
    })
}

/// Whether a review comes from the requester: by name and by subject. Such a review never counts.
pub(super) fn is_by_the_requester(request: &Request, review: &Review) -> bool {
    review.author == request.user || (!request.subject.is_empty() && review.subject == request.subject)
}

/// Whether an approval by this voter counts for a threshold that asks for `approve`.
pub(super) fn counts(voter: Voter, approve: u32) -> bool {
    voter == Voter::Person || approve < 2
}

/// What the reviews that `stand` amount to; `stand` is asked for each review by its position.
pub fn resolve(request: &Request, stand: impl Fn(usize) -> bool) -> Resolution {
    let mut counts_of = vec![Count::default(); request.thresholds.len()];
    for (at, review) in request.reviews.iter().enumerate() {
        if !counts_at_all(request, at, &stand) {
            continue;
        }
        for index in &review.thresholds {
            let index = *index as usize;
            let Some(threshold) = request.thresholds.get(index) else {
                return UNDECIDED;
            };
            match review.state {
                State::Approved | State::Promoted if counts(review.voter, threshold.approve) => {
                    counts_of[index].approvals += 1;
                }
                State::Denied => counts_of[index].denials += 1,
                _ => {}
            }
        }
        let denied = request
            .thresholds
            .iter()
            .zip(&counts_of)
            .any(|(threshold, count)| threshold.deny > 0 && count.denials >= threshold.deny);
        if denied {
            return if review.state == State::Denied {
                Resolution {
                    state: Some(State::Denied),
                    by: Some(at),
                }
            } else {
                UNDECIDED
            };
        }
        if every_role_is_approved(request, &counts_of) {
            // The deciding review must itself approve; otherwise the request waits for one that does. It also says what
            // is approved: the roles for a time, or a place on an access list.
            return match review.state {
                State::Approved | State::Promoted => Resolution {
                    state: Some(review.state),
                    by: Some(at),
                },
                _ => UNDECIDED,
            };
        }
    }
    UNDECIDED
}

/// Whether a review counts for anything: it stands, is not the requester's, and is the first of its person.
pub(super) fn counts_at_all(request: &Request, at: usize, stand: &impl Fn(usize) -> bool) -> bool {
    stand(at)
        && !is_by_the_requester(request, &request.reviews[at])
        && is_first_of_its_person(&request.reviews, at)
}

/// Whether the denials that `stand` deny, whatever the approvals amount to.
pub(super) fn is_denied(request: &Request, stand: impl Fn(usize) -> bool) -> bool {
    (0u32..).zip(&request.thresholds).any(|(index, threshold)| {
        let denials = request
            .reviews
            .iter()
            .enumerate()
            .filter(|(at, review)| {
                review.state == State::Denied
                    && review.thresholds.contains(&index)
                    && counts_at_all(request, *at, &stand)
            })
            .count();
        threshold.deny > 0 && u32::try_from(denials).unwrap_or(u32::MAX) >= threshold.deny
    })
}

fn every_role_is_approved(request: &Request, counts_of: &[Count]) -> bool {
    !request.role_thresholds.is_empty()
        && request.role_thresholds.values().all(|sets| {
            !sets.is_empty()
                && sets.iter().all(|set| {
                    set.iter().any(|index| {
                        let index = *index as usize;
                        request
                            .thresholds
                            .get(index)
                            .zip(counts_of.get(index))
                            .is_some_and(|(threshold, count)| {
                                threshold.approve > 0 && count.approvals >= threshold.approve
                            })
                    })
                })
        })
}
