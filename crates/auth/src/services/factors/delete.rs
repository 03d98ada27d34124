//! `AuthService.DeleteMFADeviceSync`: somebody removes a second factor, having shown one.

use wire::pb::proto::DeleteMfaDeviceSyncRequest;

use super::{confirm, owner, with_weakest};
use crate::audit::{login, people as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::Change;
use crate::state::challenges::Purpose;
use crate::state::people::without_device;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: DeleteMfaDeviceSyncRequest) -> Answer<()> {
    if !asked.token_id.is_empty() {
        return Err(Failure::access_denied("bad or expired token"));
    }
    let user = owner(call)?;
    let confirmed = confirm::shown(auth, call, user, asked.existing_mfa_response, Purpose::Devices).await?;
    let mut devices = auth.state.devices(user, call.now).await?;
    let found = devices
        .iter()
        .position(|(_, read)| read.value.name == asked.device_name)
        .or_else(|| {
            devices
                .iter()
                .position(|(_, read)| read.value.id == asked.device_name)
        })
        .ok_or_else(|| Failure::not_found(format!("MFA device {:?} does not exist", asked.device_name)))?;
    let (key, gone) = devices.remove(found);
    if devices.is_empty() && auth.preference(call.now).await?.demands_second_factor() {
        return Err(Failure::bad_parameter(
            "cannot delete the last MFA device for this user; add a replacement device first to avoid getting locked out",
        ));
    }
    let used = confirmed.facts();
    let told = login::validated(call.actor(), user, Purpose::Devices.name(), Some(&used), None);
    let change = Change::new(call.now, user, told).telling(
        user,
        record::device_deleted(call.actor(), user, &gone.value.facts()),
    );
    // The one that was shown may be the one that goes.
    let change = if used.id == gone.value.id {
        confirmed
            .spend_challenge(change)
            .require_same(&key, Some(gone.revision))
    } else {
        confirmed
            .spend(&auth.state, change)?
            .require_same(&key, Some(gone.revision))
    };
    let change = without_device(change, key, &gone.value);
    let change = with_weakest(auth, change, user, devices.iter().map(|(_, read)| &read.value)).await?;
    auth.state.commit(change).await?;
    Ok(())
}
