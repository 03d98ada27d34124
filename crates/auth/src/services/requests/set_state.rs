//! `AuthService.SetAccessRequestState`: a denial, or an approval where one suffices.

use access::request::{LOCAL_ADMIN, Setter, State, StateChange, set_state};
use wire::convert;
use wire::pb::proto::RequestStateSetter;
use wire::pb::types;

use super::{has_verbs, lock_told, person, refused, resting_on_people, revoking_lock, takes_back};
use crate::audit::access as told;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure, denied};
use crate::state::requests::put_set;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: RequestStateSetter) -> Answer<()> {
    call.allow("access_request", &["update"])?;
    if asked.id.is_empty() {
        return Err(Failure::bad_parameter("missing request id"));
    }
    let state = convert::state(asked.state)
        .map_err(|error| Failure::bad_parameter(error.to_string()))?
        .ok_or_else(|| Failure::bad_parameter("missing request state"))?;
    let wanted = StateChange {
        state,
        reason: asked.reason,
        annotations: convert::traits(asked.annotations.as_ref()),
        roles: asked.roles,
        assume_start: convert::moment(asked.assume_start_time.as_ref()),
    };
    let id = asked.id;
    let confirmation = match wanted.state {
        State::Approved => super::votes::check(auth, call, &id).await?,
        _ => None,
    };
    let _turn = auth.turns.take(&id).await;
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let call = &call.again(auth).await?;
        call.allow("access_request", &["update"])?;
        let Some(found) = super::visible(auth, call, &id).await? else {
            return Err(Failure::not_found(format!(
                "cannot set state of access request {id:?} (not found)"
            )));
        };
        let caller = call.caller.user();
        // As stored now: what a certificate once said passes no filter.
        let standing = match caller {
            Some(user) => Some(person(auth, user.name(), call.now).await?.ok_or_else(denied)?),
            None => None,
        };
        let impersonated = caller.is_some_and(crate::caller::UserCaller::is_impersonated);
        let sees = auth.state.pins(&found.request.roles, call.now).await?;
        let setter = Setter {
            user: call.caller.user_name().unwrap_or(LOCAL_ADMIN),
            subject: caller.map_or("", |user| user.subject.id.as_str()),
            may_update: has_verbs(call, &["update"]),
            has_active_requests: caller.is_some_and(|user| !user.identity.active_requests.is_empty()),
            impersonated,
            as_reviewer: standing
                .as_ref()
                .map(|person| person.reviewer(impersonated, &sees)),
            sees: &sees,
        };
        let after = set_state(&found.request, &wanted, &setter, call.now)
            .map_err(|error| refused(error.class(), &error))?;
        if wanted.state == State::Pending {
            // Only a pending request may be set so: there is nothing to do, and nothing to tell.
            return Ok(());
        }
        let event = told::updated(call.actor(), &after, &asked.delegator);
        let event = match &confirmation {
            Some(confirmation) => told::confirmed(event, &confirmation.facts(), confirmation.digest()),
            None => event,
        };
        let mut change = Change::new(call.now, &call.actor().user, event)
            .require_same(&types::AccessRequestV3::key(&id), Some(found.revision));
        if let Some(confirmation) = &confirmation {
            if !confirmation.holds(auth, call.now).await? {
                return Err(Failure::access_denied(crate::services::signin::INVALID_CODE));
            }
            confirmation.still_about(auth, &found.request, call.now).await?;
            change = confirmation.spend(auth, change)?;
        }
        change = resting_on_people(change, seen);
        if takes_back(&found.request, call.now) {
            let lock = revoking_lock(auth, call, &found.request);
            change = change
                .telling(&call.actor().user, lock_told(call, &lock))
                .put_resource(&lock);
        }
        let (change, _) = put_set(change, &found, &after, setter.user)?;
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
