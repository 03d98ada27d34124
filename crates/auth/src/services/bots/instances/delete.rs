//! `BotInstanceService.DeleteBotInstance`: its certificate is renewed no more.

use wire::pb::teleport::machineid::v1 as machineid;

use super::no_such_instance;
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::{Change, Tries, instances};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: machineid::DeleteBotInstanceRequest) -> Answer<()> {
    call.allow("bot_instance", &["delete"])?;
    let (bot, id) = (&request.bot_name, &request.instance_id);
    let key = instances::key(bot, id);
    let mut tries = Tries::default();
    loop {
        let found = auth.state.bot_instance(bot, id, call.now).await?;
        let stored = found.ok_or_else(|| no_such_instance(id))?;
        // The original records nothing here.
        let told = changed(call.actor(), "bot_instance", &format!("{bot}/{id}"), "delete");
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&key, Some(stored.revision))
            .delete(key.clone());
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
