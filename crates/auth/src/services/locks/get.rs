//! `AuthService.GetLock`: one lock.

use wire::keep::Kept;
use wire::pb::proto::GetLockRequest;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: GetLockRequest) -> Answer<Kept<types::LockV2>> {
    call.allow("lock", &["read"])?;
    let found = auth.state.find::<types::LockV2>(&request.name, call.now).await?;
    let missing = || Failure::not_found(format!("lock {:?} is not found", request.name));
    Ok(found.ok_or_else(missing)?.resource)
}
