//! `AuthService.GetToken`: one token.

use wire::keep::Kept;
use wire::pb::types;

use super::no_such_token;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: types::ResourceRequest,
) -> Answer<Kept<types::ProvisionTokenV2>> {
    call.allow("token", &["read"])?;
    let found = auth.state.token(&request.name, call.now).await?;
    Ok(found.ok_or_else(|| no_such_token(&request.name))?.resource)
}
