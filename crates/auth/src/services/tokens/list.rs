//! `AuthService.GetTokens`: all tokens, those that end first at the front.

use jiff::Timestamp;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::resource::Resource as _;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, (): ()) -> Answer<types::ProvisionTokenV2List> {
    call.allow("token", &["list", "read"])?;
    let mut tokens: Vec<_> = auth
        .state
        .tokens(call.now)
        .await?
        .into_iter()
        .map(|found| found.resource)
        .collect();
    tokens.sort_by(|left, right| {
        let key = |ends: Option<Timestamp>| ends.unwrap_or(Timestamp::MAX);
        (key(left.expires()), left.name()).cmp(&(key(right.expires()), right.name()))
    });
    Ok(types::ProvisionTokenV2List {
        provision_tokens: tokens,
    })
}
