//! `UsersService.UpdateUser`: a user who is there, as the client last read him.

use wire::pb::teleport::users::v1::{UpdateUserRequest, UpdateUserResponse};
use wire::pb::types;

use super::{accept, kept, no_such_user, roles_of, with_roles, written};
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::pages::changed_meanwhile;
use crate::state::Change;
use crate::state::resource::{Resource as _, same_stamp};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpdateUserRequest) -> Answer<UpdateUserResponse> {
    call.allow("user", &["update"])?;
    let user = request
        .user
        .ok_or_else(|| Failure::bad_parameter("missing parameter user"))?;
    let user = accept(user)?;
    let found = auth.state.find::<types::UserV2>(user.name(), call.now).await?;
    let stored = found.ok_or_else(|| no_such_user(user.name()))?;
    if !same_stamp(user.stamp(), stored.revision) {
        return Err(changed_meanwhile());
    }
    crate::services::access_check::of_user(auth, call, &user).await;
    let told = record::user_updated(call.actor(), user.name(), user.expires(), roles_of(&user));
    let change = with_roles(
        auth,
        Change::new(call.now, &call.actor().user, told),
        roles_of(&user),
    )
    .await?;
    let (change, user) = kept(change, user, &stored);
    let committed = auth.state.commit(change).await.map_err(|refused| match refused {
        crate::state::Refused::Conflict(_) => changed_meanwhile(),
        crate::state::Refused::Failed(failure) => failure,
    })?;
    Ok(UpdateUserResponse {
        user: Some(written(user, committed.revision)),
    })
}
