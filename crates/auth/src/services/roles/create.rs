//! `AuthService.CreateRole`: a role that is not there yet.

use wire::keep::Kept;
use wire::pb::proto::CreateRoleRequest;
use wire::pb::types;

use super::{accept, written};
use crate::audit::people::{RoleChange, role as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::alerts;
use crate::state::resource::Resource as _;
use crate::state::{Change, Refused};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: CreateRoleRequest) -> Answer<Kept<types::RoleV6>> {
    call.allow("role", &["create"])?;
    let role = request
        .role
        .ok_or_else(|| Failure::bad_parameter("missing parameter role"))?;
    let role = accept(auth, call, role).await?;
    let told = record(RoleChange::Created, call.actor(), role.name(), role.expires());
    let change = Change::new(call.now, &call.actor().user, told)
        .require_same(&types::RoleV6::key(role.name()), None)
        .put_resource(&role);
    match auth.state.commit(change).await {
        Ok(committed) => {
            alerts::about_saved(auth, call, role.name()).await;
            Ok(written(role, committed.revision))
        }
        Err(Refused::Conflict(_)) => Err(Failure::already_exists(format!(
            "role {:?} already exists",
            role.name()
        ))),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
