//! `AuthService.GetResetPasswordToken`: what a link is for. Whoever has the link may ask.

use wire::pb::proto::GetResetPasswordTokenRequest;
use wire::pb::types;

use super::shown;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::people::Link;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: GetResetPasswordTokenRequest,
) -> Answer<types::UserTokenV3> {
    auth.limits.guess(call)?;
    let link = living(auth, call, &request.token_id).await?;
    Ok(shown(auth, &request.token_id, &link.1))
}

/// The link with this secret whose user is still who it was made for.
pub async fn living(auth: &Auth, call: &Call, token: &str) -> Answer<(store::Key, Link, store::Revision)> {
    let bad = || Failure::not_found("bad or expired token");
    let (key, read) = auth.state.link(token, call.now).await?.ok_or_else(bad)?;
    let subject = auth.state.subject(&read.value.user, call.now).await?;
    let same = subject
        .is_some_and(|subject| subject.value.ended.is_none() && subject.value.id == read.value.subject);
    if same {
        Ok((key, read.value, read.revision))
    } else {
        Err(bad())
    }
}
