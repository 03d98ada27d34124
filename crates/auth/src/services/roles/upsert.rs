//! `AuthService.UpsertRoleV2`: a role, there or not.

use wire::keep::Kept;
use wire::pb::proto::UpsertRoleRequest;
use wire::pb::types;

use super::{accept, written};
use crate::audit::people::{RoleChange, role as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::alerts;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpsertRoleRequest) -> Answer<Kept<types::RoleV6>> {
    let role = request
        .role
        .ok_or_else(|| Failure::bad_parameter("missing parameter role"))?;
    upsert(auth, call, role).await
}

/// Makes the role or writes over it.
pub async fn upsert(auth: &Auth, call: &Call, role: Kept<types::RoleV6>) -> Answer<Kept<types::RoleV6>> {
    let mut tries = Tries::default();
    let mut accepted = None;
    loop {
        let stored = auth.state.find::<types::RoleV6>(role.name(), call.now).await?;
        match &stored {
            Some(stored) => {
                call.allow_on("role", &["update"], stored.resource.metadata.as_ref())?;
                call.allow_on("role", &["update"], role.metadata())?;
            }
            None => call.allow("role", &["create"])?,
        }
        if accepted.is_none() {
            accepted = Some(accept(auth, call, role.clone()).await?);
        }
        let Some(role) = &accepted else { continue };
        let told = record(RoleChange::Created, call.actor(), role.name(), role.expires());
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(
                &types::RoleV6::key(role.name()),
                stored.map(|stored| stored.revision),
            )
            .put_resource(role);
        match auth.state.commit(change).await {
            Ok(committed) => {
                alerts::about_saved(auth, call, role.name()).await;
                return Ok(written(role.clone(), committed.revision));
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}
