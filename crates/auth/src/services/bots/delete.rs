//! `BotService.DeleteBot`: the bot goes, with its user, its role, its tokens and what is known of its instances. Locks stay.

use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use super::{BOT_LABEL, bot_of_user, user_name};
use crate::audit::machines::{BotChange, bot as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::tokens::bot_of;
use crate::services::users::delete::without;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries, instances};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: machineid::DeleteBotRequest) -> Answer<()> {
    call.allow("bot", &["delete"])?;
    let bot = request.bot_name;
    if bot.is_empty() {
        return Err(Failure::bad_parameter("bot_name: must be non-empty"));
    }
    let name = user_name(&bot);
    let mut tries = Tries::default();
    loop {
        let user = auth.state.find::<types::UserV2>(&name, call.now).await?;
        let role = auth.state.find::<types::RoleV6>(&name, call.now).await?;
        if user.is_none() && role.is_none() {
            return Err(Failure::not_found(format!(
                "deleting bot user\n\tfetching bot user\n\t\tuser {name:?} not found, deleting bot role\n\tfetching bot role\n\t\trole {name} is not found"
            )));
        }
        if let Some(user) = &user
            && bot_of_user(&user.resource) != Some(bot.as_str())
        {
            return Err(Failure::bad_parameter(format!(
                "user {name:?} does not belong to bot {bot:?}, nothing was deleted"
            )));
        }
        let label = role
            .as_ref()
            .and_then(|role| role.resource.metadata())
            .map(|metadata| metadata.labels.get(BOT_LABEL));
        if label.is_some_and(|label| label != Some(&bot)) {
            return Err(Failure::bad_parameter(format!(
                "role {name:?} does not belong to bot {bot:?}, nothing was deleted"
            )));
        }
        let told = record(BotChange::Deleted, call.actor(), &bot);
        let mut change = Change::new(call.now, &call.actor().user, told).require_same(
            &types::UserV2::key(&name),
            user.as_ref().map(|user| user.revision),
        );
        if user.is_some() {
            change = without(auth, change, &name).await?;
        }
        if let Some(role) = role {
            change = change
                .require_same(&types::RoleV6::key(&name), Some(role.revision))
                .delete(types::RoleV6::key(&name));
        }
        // A bot that is made anew under this name is another one: no old token may let somebody in as it.
        for token in auth.state.tokens(call.now).await? {
            if bot_of(&token.resource) == bot {
                change = change.delete(auth.state.token_key(token.resource.name())?);
            }
        }
        let (items, _) = auth.state.all(instances::of_bot(&bot), call.now).await?;
        for item in items {
            change = change.delete(item.key);
        }
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
