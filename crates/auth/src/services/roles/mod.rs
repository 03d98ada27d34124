//! Roles: reading, making, changing, deleting, and the checks before one is stored.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod update;
pub mod upsert;

use store::Revision;
use wire::keep::Kept;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::names;
use crate::state::resource::{Resource as _, stamp};

/// What clients are told of a role that is not there.
pub fn no_such_role(name: &str) -> Failure {
    Failure::not_found(format!("role {name} is not found"))
}

/// Whether a role belongs to the system and not to people.
pub fn is_system(role: &types::RoleV6) -> bool {
    let labels = role.metadata().map(|metadata| &metadata.labels);
    labels.is_some_and(|labels| {
        labels
            .get("teleport.internal/resource-type")
            .is_some_and(|kind| kind == "system")
    })
}

/// A role as a client sent it, checked; warnings go into the call.
async fn accept(auth: &Auth, call: &Call, mut role: Kept<types::RoleV6>) -> Answer<Kept<types::RoleV6>> {
    names::check_role(role.name())?;
    if !matches!(role.kind.as_str(), "" | "role") {
        return Err(Failure::bad_parameter(format!(
            "resource is of kind {:?}, not \"role\"",
            role.kind
        )));
    }
    "role".clone_into(&mut role.kind);
    role.metadata_mut().namespace = "default".to_owned();
    for warning in crate::policy::check_role_write(auth, call.now, &role).await? {
        call.warn(warning);
    }
    super::access_check::of_role(auth, call, &role).await;
    Ok(role)
}

/// The role as the answer to a write shows it.
fn written(mut role: Kept<types::RoleV6>, revision: Revision) -> Kept<types::RoleV6> {
    role.metadata_mut().revision = stamp(revision);
    role
}
