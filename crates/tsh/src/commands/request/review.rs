//! `tsh request review`: yes or no to what somebody asks for.

use access::request::State;
use cli::Failure;
use wire::convert;
use wire::pb::types::{AccessReview, AccessReviewSubmission};

use super::lookup::{state, state_name};
use super::{flow, span};
use crate::args::Review;
use crate::out;
use crate::refusal;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: &Review) -> Result<(), Failure> {
    let proposed = match (asked.approve, asked.deny) {
        (true, false) => State::Approved,
        (false, true) => State::Denied,
        _ => return Err(Failure::new("must supply exactly one of '--approve' or '--deny'")),
    };
    let start = span::moment("--assume-start-time", asked.assume_start_time.as_deref())?;
    let session = Session::require(world)?;
    let cluster = session.connect(world).await?;
    let submission = AccessReviewSubmission {
        request_id: asked.id.clone(),
        review: Some(AccessReview {
            author: session.profile.user.clone(),
            proposed_state: convert::state_number(proposed),
            reason: asked.reason.clone().unwrap_or_default(),
            assume_start_time: convert::timestamp_option(start),
            ..AccessReview::default()
        }),
    };
    let answer = cluster
        .auth()
        .submit_access_review(submission)
        .await
        .map_err(|status| refusal::of_call(&cluster, &status))?;
    for warning in wire::metadata::warnings(answer.metadata()) {
        out::talk(&format!("warning: {warning}"));
    }
    let reached = state(&answer.into_inner());
    out::talk(&said(proposed, reached));
    if reached == Some(State::Pending) {
        flow::say_standing(&cluster, &asked.id).await;
    }
    Ok(())
}

/// What is said after a review.
fn said(proposed: State, reached: Option<State>) -> String {
    let name = state_name(reached);
    if reached == Some(State::Pending) || reached == Some(proposed) {
        // Two spaces, as scripts know it.
        format!("Successfully submitted review.  Request state: {name}")
    } else {
        format!("Warning: ineffectual review. Request state: {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_that_changes_nothing_is_called_so() {
        for (proposed, reached, text) in [
            (
                State::Approved,
                State::Pending,
                "Successfully submitted review.  Request state: PENDING",
            ),
            (
                State::Approved,
                State::Approved,
                "Successfully submitted review.  Request state: APPROVED",
            ),
            (
                State::Approved,
                State::Denied,
                "Warning: ineffectual review. Request state: DENIED",
            ),
        ] {
            assert_eq!(said(proposed, Some(reached)), text);
        }
    }
}
