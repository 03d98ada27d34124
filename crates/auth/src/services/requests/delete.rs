//! `AuthService.DeleteAccessRequest`: out of the lists, into the archive; an approval is taken back with it.

use wire::pb::proto::RequestId;
use wire::pb::types;

use super::{lock_told, resting_on_people, revoking_lock, takes_back};
use crate::audit::access as told;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::requests::put_away;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: RequestId) -> Answer<()> {
    call.allow("access_request", &["delete"])?;
    let id = asked.id;
    let _turn = auth.turns.take(&id).await;
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let call = &call.again(auth).await?;
        call.allow("access_request", &["delete"])?;
        let Some(found) = auth.state.request(&id, call.now).await? else {
            return Err(Failure::not_found(format!(
                "cannot delete access request {id:?} (not found)"
            )));
        };
        let mut change = Change::new(call.now, &call.actor().user, told::deleted(call.actor(), &id))
            .require_same(&types::AccessRequestV3::key(&id), Some(found.revision));
        change = resting_on_people(change, seen);
        if takes_back(&found.request, call.now) {
            let lock = revoking_lock(auth, call, &found.request);
            change = change
                .telling(&call.actor().user, lock_told(call, &lock))
                .put_resource(&lock);
        }
        match auth.state.commit(put_away(change, &found)).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
