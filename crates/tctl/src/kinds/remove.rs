//! Removing resources.

use cli::Failure;
use wire::pb::teleport::accessmonitoringrules::v1 as monitoring;
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::users::v1 as users;
use wire::pb::{proto, types};
use wire::resource::{Done, Kind, Reference, Verb};

use super::{access_lists, not_available, not_supported, registered};
use crate::session::Session;

/// The one resource that a reference names, if it can be removed.
pub fn check(reference: &Reference) -> Result<(Kind, String), Failure> {
    let kind = reference.kinds.first().copied();
    if let Some(kind) = kind
        && !kind.can(Verb::Remove)
        && kind.singleton().is_none()
    {
        return Err(not_supported("deleting", kind));
    }
    if kind == Some(Kind::CertAuthority) && reference.sub_kind.is_none() {
        return Err(Failure::new(
            "full cert_authority path must be specified (e.g. 'cert_authority/host/clustername')",
        ));
    }
    // The names of these have two parts.
    if let (Some(kind @ (Kind::BotInstance | Kind::AccessListMember)), Some(outer), Some(inner)) =
        (kind, &reference.sub_kind, &reference.name)
    {
        return Ok((kind, format!("{outer}/{inner}")));
    }
    match reference.single() {
        Some((kind, name)) => Ok((kind, name.to_owned())),
        None => Err(Failure::new(
            "provide a full resource name to delete, for example:\n$ tctl rm cluster/east",
        )),
    }
}

/// Removes it. Gives the line that a command prints.
pub async fn remove(session: &Session, kind: Kind, name: &str) -> Result<String, Failure> {
    let cluster = session.cluster();
    let name = name.to_owned();
    let mut conf = cluster.cluster_config();
    let done = match kind {
        Kind::Role => {
            let request = proto::DeleteRoleRequest { name: name.clone() };
            session.call(cluster.auth().delete_role(request)).await?;
            Done::Deleted
        }
        Kind::User => {
            let request = users::DeleteUserRequest { name: name.clone() };
            session.call(cluster.users().delete_user(request)).await?;
            Done::Deleted
        }
        Kind::Lock => {
            let request = proto::DeleteLockRequest { name: name.clone() };
            session.call(cluster.auth().delete_lock(request)).await?;
            Done::Deleted
        }
        Kind::Token => {
            let request = types::ResourceRequest { name: name.clone() };
            session.call(cluster.auth().delete_token(request)).await?;
            Done::Deleted
        }
        Kind::Bot => {
            let request = machineid::DeleteBotRequest {
                bot_name: name.clone(),
            };
            session.call(cluster.bots().delete_bot(request)).await?;
            Done::Deleted
        }
        Kind::BotInstance => {
            let (bot, id) = name.split_once('/').ok_or_else(|| {
                Failure::new("name both the bot and its instance, as in bot_instance/BOT/ID")
                    .hint("`tctl bots instances ls` lists them")
            })?;
            let request = machineid::DeleteBotInstanceRequest {
                bot_name: bot.to_owned(),
                instance_id: id.to_owned(),
            };
            let mut instances = cluster.bot_instances();
            session.call(instances.delete_bot_instance(request)).await?;
            Done::Deleted
        }
        Kind::AccessMonitoringRule => {
            let request = monitoring::DeleteAccessMonitoringRuleRequest { name: name.clone() };
            let mut rules = cluster.access_monitoring_rules();
            session.call(rules.delete_access_monitoring_rule(request)).await?;
            Done::Deleted
        }
        Kind::AccessList | Kind::AccessListMember => {
            access_lists::remove(session, kind, &name).await?;
            Done::Deleted
        }
        Kind::ClusterAuthPreference => {
            let request = conf::ResetAuthPreferenceRequest {};
            session.call(conf.reset_auth_preference(request)).await?;
            Done::Reset
        }
        Kind::ClusterNetworkingConfig => {
            let request = conf::ResetClusterNetworkingConfigRequest {};
            session
                .call(conf.reset_cluster_networking_config(request))
                .await?;
            Done::Reset
        }
        Kind::SessionRecordingConfig => {
            let request = conf::ResetSessionRecordingConfigRequest {};
            session.call(conf.reset_session_recording_config(request)).await?;
            Done::Reset
        }
        Kind::Node | Kind::App | Kind::Db | Kind::KubeCluster => {
            registered::remove(session, kind, &name).await?;
            Done::Deleted
        }
        other => return Err(not_available("deleting", other)),
    };
    Ok(kind.done(&name, done))
}
