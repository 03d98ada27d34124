//! `AuthService.CreateTokenV2`: a token that is not there yet.

use wire::pb::proto::CreateTokenV2Request;
use wire::pb::proto::create_token_v2_request::Token;

use super::{accept, making};
use crate::audit::machines::masked;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::Refused;
use crate::state::resource::Resource as _;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: CreateTokenV2Request) -> Answer<()> {
    call.allow("token", &["create"])?;
    let Some(Token::V2(token)) = request.token else {
        return Err(Failure::bad_parameter("missing parameter token"));
    };
    let token = accept(call, token)?;
    let change = making(auth, call, &token)?.require_same(&auth.state.token_key(token.name())?, None);
    match auth.state.commit(change).await {
        Ok(_) => Ok(()),
        Err(Refused::Conflict(_)) => Err(Failure::already_exists(format!(
            "token {:?} already exists",
            masked(token.name())
        ))),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
