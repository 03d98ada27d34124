//! `BotInstanceService.SubmitHeartbeat`: an instance says of itself that it runs, and where.

use wire::pb::teleport::machineid::v1 as machineid;

use super::{HEARTBEATS_MAX, no_such_instance};
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::names;
use crate::state::{Change, Tries, instances};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::SubmitHeartbeatRequest,
) -> Answer<machineid::SubmitHeartbeatResponse> {
    let identity = &call.caller.require_user()?.identity;
    let (Some(bot), Some(id)) = (&identity.bot_name, &identity.bot_instance) else {
        return Err(Failure::access_denied("identity did not contain bot instance id"));
    };
    let heartbeat = request
        .heartbeat
        .ok_or_else(|| Failure::bad_parameter("heartbeat: must not be nil"))?;
    let texts = [
        &heartbeat.version,
        &heartbeat.hostname,
        &heartbeat.join_method,
        &heartbeat.architecture,
        &heartbeat.os,
    ];
    for text in texts {
        names::check_mentioned("heartbeat", text)?;
    }
    // When it came is the server's to say.
    let heartbeat = machineid::BotInstanceStatusHeartbeat {
        recorded_at: Some(moment::write(call.now)),
        ..heartbeat
    };
    let mut tries = Tries::default();
    loop {
        let found = auth.state.bot_instance(bot, id, call.now).await?;
        let stored = found.ok_or_else(|| no_such_instance(id))?;
        let mut instance = stored.value;
        let status = instance.status.get_or_insert_default();
        if status.initial_heartbeat.is_none() {
            status.initial_heartbeat = Some(heartbeat.clone());
        }
        status.latest_heartbeats.push(heartbeat.clone());
        let surplus = status.latest_heartbeats.len().saturating_sub(HEARTBEATS_MAX);
        status.latest_heartbeats.drain(..surplus);
        let told = changed(call.actor(), "bot_instance", &format!("{bot}/{id}"), "heartbeat");
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&instances::key(bot, id), Some(stored.revision))
            .put_bot_instance(&instance);
        match auth.state.commit(change).await {
            Ok(_) => return Ok(machineid::SubmitHeartbeatResponse {}),
            Err(refused) => tries.again(refused)?,
        }
    }
}
