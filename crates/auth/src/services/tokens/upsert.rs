//! `AuthService.UpsertTokenV2`: a token, there or not.

use wire::pb::proto::UpsertTokenV2Request;
use wire::pb::proto::upsert_token_v2_request::Token;

use super::{accept, making};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpsertTokenV2Request) -> Answer<()> {
    call.allow("token", &["create", "update"])?;
    let Some(Token::V2(token)) = request.token else {
        return Err(Failure::bad_parameter("missing parameter token"));
    };
    let token = accept(call, token)?;
    auth.state.commit(making(auth, call, &token)?).await?;
    Ok(())
}
