//! `BotService.UpsertBot`: a bot, there or not.

use wire::keep::Kept;
use wire::pb::teleport::machineid::v1 as machineid;

use super::update::{Wanted, write};
use super::{accept, create, find, warn_of_missing_roles};
use crate::audit::machines::BotChange;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Class, Failure};
use crate::state::Tries;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::UpsertBotRequest,
) -> Answer<Kept<machineid::Bot>> {
    call.allow("bot", &["create", "update"])?;
    let bot = request
        .bot
        .ok_or_else(|| Failure::bad_parameter("bot: must be non-nil"))?;
    let bot = accept(call, bot)?;
    let spec = bot.spec.clone().unwrap_or_default();
    warn_of_missing_roles(auth, call, &spec).await?;
    let name = bot.metadata.as_ref().map_or("", |metadata| &metadata.name);
    let mut tries = Tries::default();
    loop {
        let Some(stored) = find(auth, call, name).await? else {
            match create::create(auth, call, &bot).await {
                // Somebody has just made it.
                Err(failure)
                    if failure.class() == Class::AlreadyExists && find(auth, call, name).await?.is_some() => {
                }
                answer => return answer,
            }
            continue;
        };
        let wanted = Wanted::all(&bot);
        match write(auth, call, &stored, &wanted, BotChange::Created).await {
            Ok(bot) => return Ok(bot),
            Err(refused) => tries.again(refused)?,
        }
    }
}
