//! `AccessService.Withdraw`: an author takes the own review back, or a requester the own pending request.

use access::request::{self, State};
use wire::keep::Kept;
use wire::pb::countersign::v1::WithdrawRequest;
use wire::pb::types;

use super::refused;
use crate::audit::access as told;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::requests::{put_away, put_request};
use crate::state::resource::{Resource as _, stamp};
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: WithdrawRequest,
) -> Answer<Kept<types::AccessRequestV3>> {
    let caller = call.caller.require_user()?;
    if caller.is_impersonated() {
        return Err(Failure::access_denied(
            "what somebody said cannot be taken back under impersonation",
        ));
    }
    let id = asked.request_id;
    let _turn = auth.turns.take(&id).await;
    let mut tries = Tries::default();
    loop {
        let unknown = || Failure::not_found(format!("no access request matching {id:?}"));
        let found = super::visible(auth, call, &id).await?.ok_or_else(unknown)?;
        let key = types::AccessRequestV3::key(&id);
        let (change, mut message) = if asked.review {
            let after = request::withdraw(&found.request, caller.name(), call.now)
                .map_err(|error| refused(error.class(), &error))?;
            let Some(review) = found
                .request
                .reviews
                .iter()
                .find(|review| review.author == caller.name())
            else {
                return Err(unknown());
            };
            let event = told::withdrawn(call.actor(), &after, review);
            let change =
                Change::new(call.now, &call.actor().user, event).require_same(&key, Some(found.revision));
            put_request(change, Some(&found), &after)?
        } else {
            if found.request.user != caller.name() {
                return Err(Failure::access_denied(
                    "only the requester can withdraw a request",
                ));
            }
            if found.request.state != State::Pending {
                let state = found.request.state.word();
                return Err(Failure::compare_failed(format!(
                    "the access request has been already {state}"
                )));
            }
            let event = told::deleted(call.actor(), &id);
            let change =
                Change::new(call.now, &call.actor().user, event).require_same(&key, Some(found.revision));
            (put_away(change, &found), found.message.clone())
        };
        match auth.state.commit(change).await {
            Ok(committed) => {
                message.metadata_mut().revision = stamp(committed.revision);
                return Ok(message);
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}
