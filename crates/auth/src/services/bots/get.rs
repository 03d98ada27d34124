//! `BotService.GetBot`: one bot.

use wire::keep::Kept;
use wire::pb::teleport::machineid::v1 as machineid;

use super::{find, shown, user_name};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// What clients are told of a bot that is not there, in the original's words.
pub(super) fn no_such_bot(name: &str) -> Failure {
    Failure::not_found(format!(
        "fetching bot user\n\t\"user\" {:?} does not exist",
        user_name(name)
    ))
}

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::GetBotRequest,
) -> Answer<Kept<machineid::Bot>> {
    call.allow("bot", &["read"])?;
    if request.bot_name.is_empty() {
        return Err(Failure::bad_parameter("bot_name: must be non-empty"));
    }
    let found = find(auth, call, &request.bot_name).await?;
    let stored = found.ok_or_else(|| no_such_bot(&request.bot_name))?;
    Ok(shown(
        &stored.user.resource,
        stored.role.as_ref().map(|role| &*role.resource),
    ))
}
