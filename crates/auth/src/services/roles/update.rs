//! `AuthService.UpdateRole`: a role that is there, as the client last read it.

use wire::keep::Kept;
use wire::pb::proto::UpdateRoleRequest;
use wire::pb::types;

use super::{accept, no_such_role, written};
use crate::audit::people::{RoleChange, role as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::alerts;
use crate::services::pages::changed_meanwhile;
use crate::state::resource::{Resource as _, same_stamp};
use crate::state::{Change, Refused};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpdateRoleRequest) -> Answer<Kept<types::RoleV6>> {
    let role = request
        .role
        .ok_or_else(|| Failure::bad_parameter("missing parameter role"))?;
    let found = auth.state.find::<types::RoleV6>(role.name(), call.now).await?;
    let old = found.as_ref().and_then(|found| found.resource.metadata.as_ref());
    call.allow_on("role", &["update"], old)?;
    call.allow_on("role", &["update"], role.metadata())?;
    let stored = found.ok_or_else(|| no_such_role(role.name()))?;
    if !same_stamp(role.stamp(), stored.revision) {
        return Err(changed_meanwhile());
    }
    let role = accept(auth, call, role).await?;
    let told = record(RoleChange::Updated, call.actor(), role.name(), role.expires());
    let change = Change::new(call.now, &call.actor().user, told)
        .require_same(&types::RoleV6::key(role.name()), Some(stored.revision))
        .put_resource(&role);
    match auth.state.commit(change).await {
        Ok(committed) => {
            alerts::about_saved(auth, call, role.name()).await;
            Ok(written(role, committed.revision))
        }
        Err(Refused::Conflict(_)) => Err(changed_meanwhile()),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
