//! `AuthService.GetRole`: one role; the own roles always.

use wire::keep::Kept;
use wire::pb::proto::GetRoleRequest;
use wire::pb::types;

use super::no_such_role;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: GetRoleRequest) -> Answer<Kept<types::RoleV6>> {
    if request.name.is_empty() {
        return Err(Failure::bad_parameter("missing parameter name"));
    }
    let found = auth.state.find::<types::RoleV6>(&request.name, call.now).await?;
    if !call.caller.holds_role(&request.name) {
        let labels = found.as_ref().and_then(|found| found.resource.metadata.as_ref());
        call.allow_on("role", &["read"], labels)?;
    }
    Ok(found.ok_or_else(|| no_such_role(&request.name))?.resource)
}
