//! Instances of bots: each machine that has joined as a bot, what it last proved, and what it last said of itself.

pub mod delete;
pub mod get;
pub mod heartbeat;
pub mod list;

use jiff::{SignedDuration, Timestamp};
use wire::pb::teleport::header::v1 as header;
use wire::pb::teleport::machineid::v1 as machineid;

use crate::failure::Failure;
use crate::moment;

/// How many proofs are kept, the last ones.
pub const AUTHENTICATIONS_MAX: usize = 10;
/// How many signs of life are kept, the last ones.
pub const HEARTBEATS_MAX: usize = 10;
/// An instance is known this much longer than its certificate is good.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// Until when an instance is known whose certificate is good until `not_after`.
pub fn ends(not_after: Timestamp) -> Timestamp {
    not_after.saturating_add(MARGIN).unwrap_or(not_after)
}

/// How often the instance's certificate has been issued.
pub fn generation_of(instance: &machineid::BotInstance) -> u64 {
    let status = instance.status.as_ref();
    let last = status.and_then(|status| {
        status
            .latest_authentications
            .last()
            .or(status.initial_authentication.as_ref())
    });
    last.map_or(0, |last| u64::try_from(last.generation).unwrap_or(0))
}

/// What is told of an instance that is not there.
fn no_such_instance(id: &str) -> Failure {
    Failure::not_found(format!("bot_instance {id:?} doesn't exist"))
}

/// An instance that has just joined.
pub fn joined(
    bot: &str,
    id: &str,
    token: &str,
    method: &str,
    public_key: bytes::Bytes,
    not_after: Timestamp,
    now: Timestamp,
) -> machineid::BotInstance {
    let first = machineid::BotInstanceStatusAuthentication {
        authenticated_at: Some(moment::write(now)),
        join_method: method.to_owned(),
        join_token: crate::audit::machines::masked(token),
        generation: 1,
        public_key,
        ..Default::default()
    };
    machineid::BotInstance {
        kind: "bot_instance".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(header::Metadata {
            name: id.to_owned(),
            expires: Some(moment::write(ends(not_after))),
            ..header::Metadata::default()
        }),
        spec: Some(machineid::BotInstanceSpec {
            bot_name: bot.to_owned(),
            instance_id: id.to_owned(),
            ..machineid::BotInstanceSpec::default()
        }),
        status: Some(machineid::BotInstanceStatus {
            initial_authentication: Some(first.clone()),
            latest_authentications: vec![first],
            ..machineid::BotInstanceStatus::default()
        }),
        ..machineid::BotInstance::default()
    }
}
