//! `BotService.CreateBot`: a bot that is not there yet, with its user and its role.

use wire::keep::Kept;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use super::{accept, role_of, shown, user_of, warn_of_missing_roles};
use crate::audit::machines::{BotChange, bot as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::users::born;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::CreateBotRequest,
) -> Answer<Kept<machineid::Bot>> {
    call.allow("bot", &["create"])?;
    let bot = request
        .bot
        .ok_or_else(|| Failure::bad_parameter("bot: must be non-nil"))?;
    let bot = accept(call, bot)?;
    warn_of_missing_roles(auth, call, &bot.spec.clone().unwrap_or_default()).await?;
    create(auth, call, &bot).await
}

/// Makes the bot, or says that there is one.
pub(super) async fn create(auth: &Auth, call: &Call, bot: &machineid::Bot) -> Answer<Kept<machineid::Bot>> {
    let (user, role) = (user_of(bot), role_of(bot)?);
    let name = bot.metadata.as_ref().map_or("", |metadata| &metadata.name);
    let mut tries = Tries::default();
    loop {
        if auth
            .state
            .find::<types::UserV2>(user.name(), call.now)
            .await?
            .is_some()
        {
            return Err(Failure::already_exists(format!(
                "creating bot user\n\tuser {:?} already registered",
                user.name()
            )));
        }
        if auth
            .state
            .find::<types::RoleV6>(role.name(), call.now)
            .await?
            .is_some()
        {
            return Err(Failure::already_exists(format!(
                "creating bot role\n\trole {:?} already exists",
                role.name()
            )));
        }
        let told = record(BotChange::Created, call.actor(), name);
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&types::RoleV6::key(role.name()), None)
            .put_resource(&role);
        let (change, user) = born(auth, call, change, user.clone()).await?;
        match auth.state.commit(change).await {
            Ok(_) => return Ok(shown(&user, Some(&role))),
            Err(refused) => tries.again(refused)?,
        }
    }
}
