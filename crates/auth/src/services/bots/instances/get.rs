//! `BotInstanceService.GetBotInstance`: one instance.

use wire::pb::teleport::machineid::v1 as machineid;

use super::no_such_instance;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::GetBotInstanceRequest,
) -> Answer<machineid::BotInstance> {
    call.allow("bot_instance", &["read"])?;
    let found = auth
        .state
        .bot_instance(&request.bot_name, &request.instance_id, call.now)
        .await?;
    Ok(found.ok_or_else(|| no_such_instance(&request.instance_id))?.value)
}
