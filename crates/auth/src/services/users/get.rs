//! `UsersService.GetUser`: one user, oneself always.

use wire::keep::Kept;
use wire::pb::teleport::users::v1::{GetUserRequest, GetUserResponse};
use wire::pb::types;

use super::{no_such_user, with_door};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: GetUserRequest) -> Answer<GetUserResponse> {
    let own = call.caller.user_name();
    let name = match (request.name.as_str(), request.current_user) {
        ("", true) => own
            .ok_or_else(|| Failure::bad_parameter("the caller is not a user"))?
            .to_owned(),
        (_, true) => {
            return Err(Failure::bad_parameter(
                "name must be empty when current_user is set",
            ));
        }
        (name, false) => name.to_owned(),
    };
    if request.with_secrets {
        call.caller.require_admin()?;
    } else if own != Some(name.as_str()) {
        call.allow("user", &["read"])?;
    }
    Ok(GetUserResponse {
        user: Some(read(auth, call, &name).await?),
    })
}

/// The user called `name` as clients see it. Secrets are never part of it.
pub async fn read(auth: &Auth, call: &Call, name: &str) -> Answer<Kept<types::UserV2>> {
    let found = auth.state.find::<types::UserV2>(name, call.now).await?;
    let mut user = found.ok_or_else(|| no_such_user(name))?.resource;
    with_door(auth, call.now, &mut user).await?;
    Ok(user)
}
