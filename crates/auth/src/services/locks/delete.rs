//! `AuthService.DeleteLock`: lets somebody or something in again.

use wire::pb::proto::DeleteLockRequest;
use wire::pb::types;

use super::target_fields;
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: DeleteLockRequest) -> Answer<()> {
    call.allow("lock", &["delete"])?;
    let mut tries = Tries::default();
    loop {
        let found = auth.state.find::<types::LockV2>(&request.name, call.now).await?;
        let stored =
            found.ok_or_else(|| Failure::not_found(format!("lock {:?} is not found", request.name)))?;
        let target = target_fields(
            stored
                .resource
                .spec
                .as_ref()
                .and_then(|spec| spec.target.as_ref()),
        );
        let told = record::lock_deleted(call.actor(), &request.name, &target);
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&types::LockV2::key(&request.name), Some(stored.revision))
            .delete(types::LockV2::key(&request.name));
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
