//! Writing resources: new ones, over what is there, or over what is there if nobody has changed it meanwhile.

use cli::Failure;
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::accessmonitoringrules::v1 as monitoring;
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::users::v1 as users;
use wire::pb::{proto, types};
use wire::resource::{Done, Kind, Reference, Resource, Verb, defaults};
use wire::status::Class;

use super::read::{Secrets, read, setting};
use super::{access_lists, message, not_available, not_supported, registered};
use crate::session::{Refusal, Session};

/// What may be written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Nothing.
    Nothing,
    /// Whatever is there.
    Anything,
    /// Whatever is there, a setting from the configuration file included.
    Confirmed,
}

/// Checks what can be known before anything is sent.
pub fn check(resource: &Resource) -> Result<(), Failure> {
    let kind = resource.kind();
    if !kind.can(Verb::Create) {
        return Err(not_supported("creating", kind));
    }
    match kind {
        Kind::Role => {
            let failed = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
            let written = role(resource)?;
            let decided = convert::role(&written).map_err(|error| failed(&error))?;
            access::role_check::check(&decided).map_err(|error| failed(&error))?;
            Ok(())
        }
        Kind::User
        | Kind::Lock
        | Kind::Token
        | Kind::Bot
        | Kind::AccessMonitoringRule
        | Kind::AccessList
        | Kind::AccessListMember
        | Kind::Node
        | Kind::App
        | Kind::Db
        | Kind::KubeCluster
        | Kind::ClusterAuthPreference
        | Kind::ClusterNetworkingConfig
        | Kind::SessionRecordingConfig => Ok(()),
        other => Err(not_available("creating", other)),
    }
}

/// Asks the cluster what would be in the way of a resource, before the first one of a file is made: a name that is
/// taken, a role of a user that is neither there nor among `roles_of_file`.
///
/// What the caller may not read is left to the cluster's own checks.
pub async fn check_place(
    session: &Session,
    resource: &Resource,
    over: Over,
    roles_of_file: &[String],
) -> Result<(), Failure> {
    let name = resource.name();
    if over == Over::Nothing {
        let taken = match resource.kind() {
            Kind::Role => has_role(session, &name).await? == Some(true),
            Kind::User => has_user(session, &name).await? == Some(true),
            _ => false,
        };
        if taken {
            return Err(already_there(&match resource.kind() {
                Kind::User => format!("user {name:?} already registered"),
                kind => format!("{kind} {name:?} already exists"),
            }));
        }
    }
    if resource.kind() == Kind::User {
        let roles = user(resource)?.spec.clone().unwrap_or_default().roles;
        for role in roles.iter().filter(|role| !roles_of_file.contains(role)) {
            if has_role(session, role).await? == Some(false) {
                return Err(Failure::new(format!("role {role} is not found")));
            }
        }
    }
    Ok(())
}

/// Whether a role is there; `None` if the caller may not know.
async fn has_role(session: &Session, name: &str) -> Result<Option<bool>, Failure> {
    let request = proto::GetRoleRequest {
        name: name.to_owned(),
    };
    known(session.find(session.cluster().auth().get_role(request)).await)
}

/// Whether a user is there; `None` if the caller may not know.
async fn has_user(session: &Session, name: &str) -> Result<Option<bool>, Failure> {
    let request = users::GetUserRequest {
        name: name.to_owned(),
        ..users::GetUserRequest::default()
    };
    known(session.find(session.cluster().users().get_user(request)).await)
}

fn known<T>(found: Result<Option<T>, Refusal>) -> Result<Option<bool>, Failure> {
    match found {
        Ok(found) => Ok(Some(found.is_some())),
        Err(refusal) if refusal.class == Class::AccessDenied => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Makes a resource. Gives the line that a command prints.
pub async fn create(session: &Session, resource: &Resource, over: Over) -> Result<String, Failure> {
    let done = match resource.kind() {
        Kind::Role => create_role(session, resource, over).await,
        Kind::User => create_user(session, resource, over).await,
        Kind::Lock => create_lock(session, resource, over).await,
        Kind::Token => create_token(session, resource).await,
        Kind::Bot => create_bot(session, resource, over).await,
        Kind::AccessMonitoringRule => create_monitoring_rule(session, resource, over).await,
        Kind::AccessList | Kind::AccessListMember => access_lists::create(session, resource, over).await,
        Kind::ClusterAuthPreference | Kind::ClusterNetworkingConfig | Kind::SessionRecordingConfig => {
            put_setting(session, resource, over).await
        }
        Kind::Node | Kind::App | Kind::Db | Kind::KubeCluster => {
            registered::create(session, resource, over).await
        }
        other => Err(not_available("creating", other)),
    }?;
    Ok(resource.kind().done(&resource.name(), done))
}

/// Changes a resource that is there as it was when it was read. Gives the line that a command prints.
pub async fn update(session: &Session, resource: &Resource) -> Result<String, Failure> {
    let cluster = session.cluster();
    let mut conf = cluster.cluster_config();
    match resource.kind() {
        Kind::Role => {
            let role = Some(role(resource)?);
            session
                .call(cluster.auth().update_role(proto::UpdateRoleRequest { role }))
                .await?;
        }
        Kind::User => {
            let user = Some(user(resource)?);
            session
                .call(cluster.users().update_user(users::UpdateUserRequest { user }))
                .await?;
        }
        Kind::AccessMonitoringRule => {
            let rule = Some(message(resource)?);
            let request = monitoring::UpdateAccessMonitoringRuleRequest { rule };
            let mut rules = cluster.access_monitoring_rules();
            session.call(rules.update_access_monitoring_rule(request)).await?;
        }
        Kind::ClusterAuthPreference => {
            let request = conf::UpdateAuthPreferenceRequest {
                auth_preference: Some(preference(resource)?),
            };
            session.call(conf.update_auth_preference(request)).await?;
        }
        Kind::ClusterNetworkingConfig => {
            let request = conf::UpdateClusterNetworkingConfigRequest {
                cluster_network_config: Some(networking(resource)?),
            };
            session
                .call(conf.update_cluster_networking_config(request))
                .await?;
        }
        Kind::SessionRecordingConfig => {
            let request = conf::UpdateSessionRecordingConfigRequest {
                session_recording_config: Some(recording(resource)?),
            };
            session
                .call(conf.update_session_recording_config(request))
                .await?;
        }
        Kind::AccessList | Kind::AccessListMember => access_lists::update(session, resource).await?,
        Kind::App | Kind::Db | Kind::KubeCluster => registered::update(session, resource).await?,
        Kind::Lock | Kind::Token | Kind::Bot | Kind::Node => write_over(session, resource).await?,
        other => return Err(not_available("editing", other)),
    }
    Ok(resource.kind().done(&resource.name(), Done::Updated))
}

/// Writes over what no call changes as it was read. What is there now is looked at once more: somebody else's change is
/// not written over unseen.
async fn write_over(session: &Session, resource: &Resource) -> Result<(), Failure> {
    let reference = Reference {
        kinds: vec![resource.kind()],
        sub_kind: None,
        name: Some(resource.name()),
    };
    let now = read(session, &reference, Secrets::Without).await?;
    let same = |other: &Resource| revision(other) == revision(resource);
    if !now.first().is_some_and(same) {
        return Err(Failure::new(
            "resource revision does not match, it may have been concurrently created|modified|deleted; please work from \
             the latest state, or use --force to overwrite",
        ));
    }
    create(session, resource, Over::Anything).await?;
    Ok(())
}

fn revision(resource: &Resource) -> Option<String> {
    let document = resource.to_json();
    let revision = document.pointer("/metadata/revision")?.as_str()?;
    Some(revision.to_owned())
}

/// Whether `tctl edit` can change the kind.
pub fn can_update(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Role
            | Kind::User
            | Kind::AccessMonitoringRule
            | Kind::AccessList
            | Kind::AccessListMember
            | Kind::Lock
            | Kind::Token
            | Kind::Bot
            | Kind::Node
            | Kind::App
            | Kind::Db
            | Kind::KubeCluster
            | Kind::ClusterAuthPreference
            | Kind::ClusterNetworkingConfig
            | Kind::SessionRecordingConfig
    )
}

async fn create_role(session: &Session, resource: &Resource, over: Over) -> Result<Done, Failure> {
    let role = Some(role(resource)?);
    let mut auth = session.cluster().auth();
    if over == Over::Nothing {
        let made = session
            .call(auth.create_role(proto::CreateRoleRequest { role }))
            .await;
        made.map_err(taken)?;
    } else {
        session
            .call(auth.upsert_role_v2(proto::UpsertRoleRequest { role }))
            .await?;
    }
    // The original says "created" also where it wrote over a role.
    Ok(Done::Created)
}

async fn create_user(session: &Session, resource: &Resource, over: Over) -> Result<Done, Failure> {
    let user = user(resource)?;
    let mut people = session.cluster().users();
    let is_there = over != Over::Nothing && has_user(session, &resource.name()).await? == Some(true);
    let user = Some(user);
    if is_there {
        session
            .call(people.upsert_user(users::UpsertUserRequest { user }))
            .await?;
        return Ok(Done::Updated);
    }
    let made = session
        .call(people.create_user(users::CreateUserRequest { user }))
        .await;
    made.map_err(taken)?;
    Ok(Done::Created)
}

async fn create_lock(session: &Session, resource: &Resource, over: Over) -> Result<Done, Failure> {
    let mut lock: Kept<types::LockV2> = message(resource)?;
    defaults::lock(&mut lock);
    let mut auth = session.cluster().auth();
    if over == Over::Nothing {
        let name = resource.name();
        let request = proto::GetLockRequest { name: name.clone() };
        if session.find(auth.get_lock(request)).await?.is_some() {
            return Err(already_there(&format!("lock {name:?} already exists")));
        }
    }
    session.call(auth.upsert_lock(lock)).await?;
    Ok(Done::Created)
}

/// A token is always written over, as in the original.
async fn create_token(session: &Session, resource: &Resource) -> Result<Done, Failure> {
    let mut token: Kept<types::ProvisionTokenV2> = message(resource)?;
    defaults::token(&mut token);
    let request = proto::UpsertTokenV2Request {
        token: Some(proto::upsert_token_v2_request::Token::V2(token)),
    };
    session
        .call(session.cluster().auth().upsert_token_v2(request))
        .await?;
    Ok(Done::Created)
}

async fn create_bot(session: &Session, resource: &Resource, over: Over) -> Result<Done, Failure> {
    let bot = Some(message(resource)?);
    let mut bots = session.cluster().bots();
    if over == Over::Nothing {
        let made = session
            .call(bots.create_bot(machineid::CreateBotRequest { bot }))
            .await;
        made.map_err(taken)?;
    } else {
        session
            .call(bots.upsert_bot(machineid::UpsertBotRequest { bot }))
            .await?;
    }
    Ok(Done::Created)
}

async fn create_monitoring_rule(session: &Session, resource: &Resource, over: Over) -> Result<Done, Failure> {
    let rule = Some(message(resource)?);
    let mut rules = session.cluster().access_monitoring_rules();
    if over == Over::Nothing {
        let request = monitoring::CreateAccessMonitoringRuleRequest { rule };
        let made = session.call(rules.create_access_monitoring_rule(request)).await;
        made.map_err(taken)?;
    } else {
        let request = monitoring::UpsertAccessMonitoringRuleRequest { rule };
        session.call(rules.upsert_access_monitoring_rule(request)).await?;
    }
    Ok(Done::Created)
}

/// Where a setting came from.
fn origin(resource: &Resource) -> String {
    let labels = resource.to_json();
    let labels = labels.pointer("/metadata/labels");
    let origin = labels.and_then(|labels| labels.get(defaults::ORIGIN_LABEL));
    origin
        .and_then(|origin| origin.as_str())
        .unwrap_or_default()
        .to_owned()
}

async fn put_setting(session: &Session, resource: &Resource, over: Over) -> Result<Done, Failure> {
    let kind = resource.kind();
    let stored = origin(&setting(session, kind).await?);
    if stored != "defaults" && over == Over::Nothing {
        return Err(already_there(&format!(
            "non-default {} already exists",
            kind.spoken()
        )));
    }
    if stored == "config-file" && over != Over::Confirmed {
        return Err(Failure::new(format!(
            "The {} resource is managed by static configuration. Change it in the configuration file of the Auth \
             Service, and restart it: what is set here would be written over then.\n\
             If you would still like to proceed, re-run the command with the --confirm flag.",
            kind.spoken()
        )));
    }
    let mut conf = session.cluster().cluster_config();
    match kind {
        Kind::ClusterAuthPreference => {
            let request = conf::UpsertAuthPreferenceRequest {
                auth_preference: Some(preference(resource)?),
            };
            session.call(conf.upsert_auth_preference(request)).await?;
            Ok(Done::Created)
        }
        Kind::ClusterNetworkingConfig => {
            let request = conf::UpsertClusterNetworkingConfigRequest {
                cluster_network_config: Some(networking(resource)?),
            };
            session
                .call(conf.upsert_cluster_networking_config(request))
                .await?;
            Ok(Done::Updated)
        }
        _ => {
            let request = conf::UpsertSessionRecordingConfigRequest {
                session_recording_config: Some(recording(resource)?),
            };
            session
                .call(conf.upsert_session_recording_config(request))
                .await?;
            Ok(Done::Updated)
        }
    }
}

fn role(resource: &Resource) -> Result<Kept<types::RoleV6>, Failure> {
    let mut role: Kept<types::RoleV6> = message(resource)?;
    defaults::role(&mut role);
    Ok(role)
}

fn user(resource: &Resource) -> Result<Kept<types::UserV2>, Failure> {
    let mut user: Kept<types::UserV2> = message(resource)?;
    defaults::user(&mut user);
    Ok(user)
}

fn preference(resource: &Resource) -> Result<Kept<types::AuthPreferenceV2>, Failure> {
    let mut preference: Kept<types::AuthPreferenceV2> = message(resource)?;
    defaults::auth_preference(&mut preference);
    Ok(preference)
}

fn networking(resource: &Resource) -> Result<Kept<types::ClusterNetworkingConfigV2>, Failure> {
    let mut config: Kept<types::ClusterNetworkingConfigV2> = message(resource)?;
    defaults::networking_config(&mut config);
    Ok(config)
}

fn recording(resource: &Resource) -> Result<Kept<types::SessionRecordingConfigV2>, Failure> {
    let mut config: Kept<types::SessionRecordingConfigV2> = message(resource)?;
    defaults::recording_config(&mut config);
    Ok(config)
}

/// The name is taken: says how to take it all the same. Other refusals as they are.
pub(super) fn taken(refusal: Refusal) -> Failure {
    match refusal.class {
        Class::AlreadyExists => already_there(&refusal.message),
        _ => refusal.into(),
    }
}

pub(super) fn already_there(what: &str) -> Failure {
    Failure::new(format!("use -f or --force flag to overwrite\n\t{what}"))
}
