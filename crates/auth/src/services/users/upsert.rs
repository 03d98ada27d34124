//! `UsersService.UpsertUser`: a user, there or not.

use wire::keep::Kept;
use wire::pb::teleport::users::v1::{UpsertUserRequest, UpsertUserResponse};
use wire::pb::types;

use super::{accept, born, kept, roles_of, with_roles, written};
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpsertUserRequest) -> Answer<UpsertUserResponse> {
    call.allow("user", &["create", "update"])?;
    let user = request
        .user
        .ok_or_else(|| Failure::bad_parameter("missing parameter user"))?;
    Ok(UpsertUserResponse {
        user: Some(upsert(auth, call, user).await?),
    })
}

/// Makes the user or writes over him.
pub async fn upsert(auth: &Auth, call: &Call, user: Kept<types::UserV2>) -> Answer<Kept<types::UserV2>> {
    let user = accept(user)?;
    crate::services::access_check::of_user(auth, call, &user).await;
    let mut tries = Tries::default();
    loop {
        let stored = auth.state.find::<types::UserV2>(user.name(), call.now).await?;
        let told = record::user_created(call.actor(), user.name(), user.expires(), roles_of(&user));
        let change = with_roles(
            auth,
            Change::new(call.now, &call.actor().user, told),
            roles_of(&user),
        )
        .await?;
        let (change, user) = match &stored {
            Some(stored) => kept(change, user.clone(), stored),
            None => born(auth, call, change, user.clone()).await?,
        };
        match auth.state.commit(change).await {
            Ok(committed) => return Ok(written(user, committed.revision)),
            Err(refused) => tries.again(refused)?,
        }
    }
}
