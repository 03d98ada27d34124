//! `AccessService.Withdraw`: an author takes the own review back, or a requester the own pending request.

use access::request::{Request, Review, ReviewError, State, withdraw};
use wire::keep::Kept;
use wire::pb::countersign::v1::WithdrawRequest;
use wire::pb::types;

use super::{refused, resting_on_people};
use crate::audit::access as told;
use crate::auth::Auth;
use crate::call::Call;
use crate::caller::UserCaller;
use crate::failure::{Answer, Failure};
use crate::state::requests::{FoundRequest, put_away, put_request};
use crate::state::resource::{Resource as _, stamp};
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: WithdrawRequest,
) -> Answer<Kept<types::AccessRequestV3>> {
    if call.caller.require_user()?.is_impersonated() {
        return Err(Failure::access_denied(
            "what somebody said cannot be taken back under impersonation",
        ));
    }
    let id = asked.request_id;
    let _turn = auth.turns.take(&id).await;
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let call = &call.again(auth).await?;
        let caller = call.caller.require_user()?;
        let unknown = || Failure::not_found(format!("no access request matching {id:?}"));
        let found = super::visible(auth, call, &id).await?.ok_or_else(unknown)?;
        let (change, mut message) = if asked.review {
            review(call, caller, &found)?
        } else {
            request(call, caller, &found)?
        };
        let change = change.require_same(&types::AccessRequestV3::key(&id), Some(found.revision));
        let change = resting_on_people(change, seen);
        match auth.state.commit(change).await {
            Ok(committed) => {
                message.metadata_mut().revision = stamp(committed.revision);
                return Ok(message);
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// The change that takes an author's own review back.
fn review(
    call: &Call,
    caller: &UserCaller,
    found: &FoundRequest,
) -> Answer<(Change, Kept<types::AccessRequestV3>)> {
    let nothing = || ReviewError::NothingToWithdraw(caller.name().to_owned());
    // Somebody else of that name has not said it.
    let own = |review: &&Review| {
        review.author == caller.name() && (review.subject.is_empty() || review.subject == caller.subject.id)
    };
    let taken = || -> Result<(&Review, Request), ReviewError> {
        let review = found.request.reviews.iter().find(own).ok_or_else(nothing)?;
        Ok((review, withdraw(&found.request, caller.name(), call.now)?))
    };
    let (review, after) = taken().map_err(|error| refused(error.class(), &error))?;
    let event = told::withdrawn(call.actor(), &after, review);
    let change = Change::new(call.now, &call.actor().user, event);
    put_request(change, Some(found), &after)
}

/// The change that takes a requester's own pending request back.
fn request(
    call: &Call,
    caller: &UserCaller,
    found: &FoundRequest,
) -> Answer<(Change, Kept<types::AccessRequestV3>)> {
    let request = &found.request;
    let same_person = request.subject.is_empty() || request.subject == caller.subject.id;
    if request.user != caller.name() || !same_person {
        return Err(Failure::access_denied(
            "only the requester can withdraw a request",
        ));
    }
    if request.state != State::Pending {
        return Err(Failure::compare_failed(format!(
            "the access request has been already {}",
            request.state.word()
        )));
    }
    let event = told::deleted(call.actor(), &request.id);
    let change = Change::new(call.now, &call.actor().user, event);
    Ok((put_away(change, found), found.message.clone()))
}
