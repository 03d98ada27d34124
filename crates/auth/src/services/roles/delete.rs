//! `AuthService.DeleteRole`: a role that nobody holds and no access list names.

use store::Require;
use wire::pb::proto::DeleteRoleRequest;
use wire::pb::types;

use crate::audit::people::{RoleChange, role as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::users::roles_of;
use crate::state::resource::{Found, Resource as _};
use crate::state::{Change, Tries, access_lists};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: DeleteRoleRequest) -> Answer<()> {
    let name = request.name;
    if name.is_empty() {
        return Err(Failure::bad_parameter("missing parameter name"));
    }
    let mut tries = Tries::default();
    loop {
        let found = auth.state.find::<types::RoleV6>(&name, call.now).await?;
        let labels = found.as_ref().and_then(|found| found.resource.metadata.as_ref());
        call.allow_on("role", &["delete"], labels)?;
        let stored = found.ok_or_else(|| Failure::not_found(format!("role {name:?} is not found")))?;
        let (items, seen) = auth.state.all(types::UserV2::prefix(), call.now).await?;
        for item in &items {
            let user = Found::<types::UserV2>::read(item)?.resource;
            if roles_of(&user).contains(&name) {
                return Err(Failure::bad_parameter(format!(
                    "failed to delete a role that is still in use by a user: {:?} holds role {name:?}",
                    user.name()
                )));
            }
        }
        let lists_seen = auth.state.revision();
        for list in auth.state.whole_book(call.now).await?.lists.values() {
            let named = [
                &list.grants.roles,
                &list.owner_grants.roles,
                &list.membership_requires.roles,
                &list.ownership_requires.roles,
            ];
            if named.into_iter().any(|roles| roles.contains(&name)) {
                return Err(Failure::bad_parameter(format!(
                    "failed to delete a role that is still in use by an access list: {:?} names role {name:?}",
                    list.title
                )));
            }
        }
        let change = Change::new(
            call.now,
            &call.actor().user,
            record(RoleChange::Deleted, call.actor(), &name, None),
        )
        .require_same(&types::RoleV6::key(&name), Some(stored.revision))
        .require(Require::Unchanged {
            prefix: types::UserV2::prefix(),
            since: seen,
        })
        .require(Require::Unchanged {
            prefix: access_lists::lists(),
            since: lists_seen,
        })
        .delete(types::RoleV6::key(&name));
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
