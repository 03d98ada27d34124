//! `UsersService.CreateUser`: a user who is not there yet.

use wire::keep::Kept;
use wire::pb::teleport::users::v1::{CreateUserRequest, CreateUserResponse};
use wire::pb::types;

use super::{accept, born, roles_of, with_roles, written};
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: CreateUserRequest) -> Answer<CreateUserResponse> {
    call.allow("user", &["create"])?;
    let user = request
        .user
        .ok_or_else(|| Failure::bad_parameter("missing parameter user"))?;
    Ok(CreateUserResponse {
        user: Some(create(auth, call, user).await?),
    })
}

/// Makes the user, or says that there is one.
pub async fn create(auth: &Auth, call: &Call, user: Kept<types::UserV2>) -> Answer<Kept<types::UserV2>> {
    let user = accept(user)?;
    crate::services::access_check::of_user(auth, call, &user).await;
    let mut tries = Tries::default();
    loop {
        if auth
            .state
            .find::<types::UserV2>(user.name(), call.now)
            .await?
            .is_some()
        {
            return Err(Failure::already_exists(format!(
                "user {:?} already registered",
                user.name()
            )));
        }
        let told = record::user_created(call.actor(), user.name(), user.expires(), roles_of(&user));
        let change = with_roles(
            auth,
            Change::new(call.now, &call.actor().user, told),
            roles_of(&user),
        )
        .await?;
        let (change, user) = born(auth, call, change, user.clone()).await?;
        match auth.state.commit(change).await {
            Ok(committed) => return Ok(written(user, committed.revision)),
            Err(refused) => tries.again(refused)?,
        }
    }
}
