//! Reading resources: all of a kind, or the one of a name.

use cli::Failure;
use client::calls::pages;
use futures::TryStreamExt as _;
use pki::AuthorityKind;
use wire::keep::Kept;
use wire::pb::teleport::accessmonitoringrules::v1 as monitoring;
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::trust::v1::GetCertAuthoritiesRequest;
use wire::pb::teleport::users::v1 as users;
use wire::pb::{proto, types};
use wire::resource::{Kind, Reference, Resource};

use super::{access_lists, not_available, registered, resource};
use crate::session::{Refusal, Session};

/// Whether secrets are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// As far as the caller may have them.
    With,
    /// None, not even for those who may.
    Without,
}

/// What a reference names. A name that is not there is an error in the words of the cluster.
pub async fn read(
    session: &Session,
    reference: &Reference,
    secrets: Secrets,
) -> Result<Vec<Resource>, Failure> {
    let mut found = Vec::new();
    for kind in &reference.kinds {
        let part = of_kind(session, *kind, reference, secrets).await;
        match part {
            // `connector/x` looks in three places.
            Err(_) if reference.kinds.len() > 1 && reference.name.is_some() => {}
            other => found.extend(other?),
        }
    }
    if let (true, Some(name)) = (found.is_empty(), &reference.name) {
        return Err(Failure::new(format!("connector {name:?} is not configured")));
    }
    Ok(match secrets {
        Secrets::With => found,
        Secrets::Without => found.into_iter().map(Resource::without_secrets).collect(),
    })
}

async fn of_kind(
    session: &Session,
    kind: Kind,
    reference: &Reference,
    secrets: Secrets,
) -> Result<Vec<Resource>, Failure> {
    let name = reference.name.as_deref();
    match kind {
        Kind::Role => roles(session, name).await,
        Kind::User => people(session, name, secrets).await,
        Kind::Lock => locks(session, name).await,
        Kind::Token => tokens(session, name).await,
        Kind::Bot => bots(session, name).await,
        Kind::BotInstance => bot_instances(session, reference).await,
        Kind::AccessRequest => requests(session, name).await,
        Kind::AccessMonitoringRule => monitoring_rules(session, name).await,
        Kind::AccessList => access_lists::read(session, name).await,
        Kind::AccessListMember => access_lists::read_members(session, reference).await,
        Kind::Github | Kind::Oidc | Kind::Saml => connectors(session, kind, name, secrets).await,
        Kind::CertAuthority => authorities(session, reference, secrets).await,
        Kind::TrustedCluster => trusted_clusters(session, name).await,
        Kind::ClusterAuthPreference | Kind::ClusterNetworkingConfig | Kind::SessionRecordingConfig => {
            setting(session, kind).await.map(|found| vec![found])
        }
        Kind::Node | Kind::App | Kind::Db | Kind::KubeCluster => registered::read(session, kind, name).await,
        other => Err(not_available("reading", other)),
    }
}

async fn roles(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let cluster = session.cluster();
    if let Some(name) = name {
        let request = proto::GetRoleRequest {
            name: name.to_owned(),
        };
        let role = session.call(cluster.auth().get_role(request)).await?;
        return Ok(vec![resource(Kind::Role, &role)?]);
    }
    let listed = pages(|start_key| {
        let mut auth = cluster.auth();
        async move {
            let request = proto::ListRolesRequest {
                start_key,
                ..proto::ListRolesRequest::default()
            };
            let page = session.call(auth.list_roles(request)).await?;
            Ok::<_, Failure>((page.roles, page.next_key))
        }
    });
    let roles: Vec<_> = listed.try_collect().await?;
    roles.iter().map(|role| resource(Kind::Role, role)).collect()
}

async fn people(session: &Session, name: Option<&str>, secrets: Secrets) -> Result<Vec<Resource>, Failure> {
    let cluster = session.cluster();
    let with_secrets = secrets == Secrets::With;
    if let Some(name) = name {
        let request = users::GetUserRequest {
            name: name.to_owned(),
            with_secrets,
            ..users::GetUserRequest::default()
        };
        let answer = session.call(cluster.users().get_user(request)).await?;
        return answer
            .user
            .iter()
            .map(|user| resource(Kind::User, user))
            .collect();
    }
    let listed = pages(|page_token| {
        let mut users = cluster.users();
        async move {
            let request = users::ListUsersRequest {
                page_token,
                with_secrets,
                ..users::ListUsersRequest::default()
            };
            let page = session.call(users.list_users(request)).await?;
            Ok::<_, Failure>((page.users, page.next_page_token))
        }
    });
    let people: Vec<_> = listed.try_collect().await?;
    people.iter().map(|user| resource(Kind::User, user)).collect()
}

async fn locks(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let mut auth = session.cluster().auth();
    if let Some(name) = name {
        let request = proto::GetLockRequest {
            name: name.to_owned(),
        };
        let lock = session.call(auth.get_lock(request)).await?;
        return Ok(vec![resource(Kind::Lock, &lock)?]);
    }
    let answer = session
        .call(auth.get_locks(proto::GetLocksRequest::default()))
        .await?;
    answer
        .locks
        .iter()
        .map(|lock| resource(Kind::Lock, lock))
        .collect()
}

async fn tokens(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let mut auth = session.cluster().auth();
    let answer = session.call(auth.get_tokens(())).await?;
    let all = answer
        .provision_tokens
        .iter()
        .map(|token| resource(Kind::Token, token));
    named(all, name, |name| {
        format!("provisioning token({}) not found", masked(name))
    })
}

async fn bots(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let cluster = session.cluster();
    if let Some(name) = name {
        let request = machineid::GetBotRequest {
            bot_name: name.to_owned(),
        };
        let bot = session.call(cluster.bots().get_bot(request)).await?;
        return Ok(vec![resource(Kind::Bot, &bot)?]);
    }
    let bots = all_bots(session).await?;
    bots.iter().map(|bot| resource(Kind::Bot, bot)).collect()
}

/// All bots.
pub async fn all_bots(session: &Session) -> Result<Vec<Kept<machineid::Bot>>, Failure> {
    let listed = pages(|page_token| {
        let mut bots = session.cluster().bots();
        async move {
            let request = machineid::ListBotsRequest {
                page_token,
                ..machineid::ListBotsRequest::default()
            };
            let page = session.call(bots.list_bots(request)).await?;
            Ok::<_, Failure>((page.bots, page.next_page_token))
        }
    });
    listed.try_collect().await
}

/// All instances, those of a bot (`bot_instance/BOT`), or one (`bot_instance/BOT/ID`).
async fn bot_instances(session: &Session, reference: &Reference) -> Result<Vec<Resource>, Failure> {
    if let (Some(bot), Some(id)) = (&reference.sub_kind, &reference.name) {
        let instance = bot_instance(session, bot, id).await?;
        return Ok(vec![resource(Kind::BotInstance, &instance)?]);
    }
    let found = instances_of(session, reference.name.as_deref().unwrap_or_default()).await?;
    found
        .iter()
        .map(|instance| resource(Kind::BotInstance, instance))
        .collect()
}

/// One instance of a bot.
pub async fn bot_instance(session: &Session, bot: &str, id: &str) -> Result<machineid::BotInstance, Refusal> {
    let request = machineid::GetBotInstanceRequest {
        bot_name: bot.to_owned(),
        instance_id: id.to_owned(),
    };
    let mut instances = session.cluster().bot_instances();
    session.call(instances.get_bot_instance(request)).await
}

/// The instances of a bot; of all bots if none is named.
pub async fn instances_of(session: &Session, bot: &str) -> Result<Vec<machineid::BotInstance>, Failure> {
    let listed = pages(|page_token| {
        let mut instances = session.cluster().bot_instances();
        async move {
            let request = machineid::ListBotInstancesRequest {
                filter_bot_name: bot.to_owned(),
                page_token,
                ..machineid::ListBotInstancesRequest::default()
            };
            let page = session.call(instances.list_bot_instances(request)).await?;
            Ok::<_, Failure>((page.bot_instances, page.next_page_token))
        }
    });
    listed.try_collect().await
}

/// A secret name of which the last quarter may be read.
pub fn masked(name: &str) -> String {
    let hidden = name.chars().count() * 3 / 4;
    "*".repeat(hidden) + &name.chars().skip(hidden).collect::<String>()
}

async fn requests(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let filter = types::AccessRequestFilter {
        id: name.unwrap_or_default().to_owned(),
        ..types::AccessRequestFilter::default()
    };
    let request = proto::ListAccessRequestsRequest {
        filter: Some(filter),
        ..proto::ListAccessRequestsRequest::default()
    };
    let listed = session.cluster().access_requests(request);
    let found: Vec<_> = listed
        .try_collect()
        .await
        .map_err(|status| session.refusal(&status))?;
    let all = found.iter().map(|request| resource(Kind::AccessRequest, request));
    named(all, name, |name| format!("request with ID {name:?} not found"))
}

async fn monitoring_rules(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let kind = Kind::AccessMonitoringRule;
    let mut rules = session.cluster().access_monitoring_rules();
    if let Some(name) = name {
        let request = monitoring::GetAccessMonitoringRuleRequest {
            name: name.to_owned(),
        };
        let rule = session.call(rules.get_access_monitoring_rule(request)).await?;
        return Ok(vec![resource(kind, &rule)?]);
    }
    let listed = pages(|page_token| {
        let mut rules = session.cluster().access_monitoring_rules();
        async move {
            let request = monitoring::ListAccessMonitoringRulesRequest {
                page_token,
                ..monitoring::ListAccessMonitoringRulesRequest::default()
            };
            let page = session.call(rules.list_access_monitoring_rules(request)).await?;
            Ok::<_, Failure>((page.rules, page.next_page_token))
        }
    });
    let found: Vec<_> = listed.try_collect().await?;
    found.iter().map(|rule| resource(kind, rule)).collect()
}

async fn connectors(
    session: &Session,
    kind: Kind,
    name: Option<&str>,
    secrets: Secrets,
) -> Result<Vec<Resource>, Failure> {
    let mut auth = session.cluster().auth();
    let request = types::ResourcesWithSecretsRequest {
        with_secrets: secrets == Secrets::With,
        ..types::ResourcesWithSecretsRequest::default()
    };
    let all: Vec<_> = match kind {
        Kind::Github => {
            let answer = session.call(auth.get_github_connectors(request)).await?;
            let connectors = answer.github_connectors.iter();
            connectors.map(|connector| resource(kind, connector)).collect()
        }
        Kind::Saml => {
            let answer = session.call(auth.get_saml_connectors(request)).await?;
            let connectors = answer.saml_connectors.iter();
            connectors.map(|connector| resource(kind, connector)).collect()
        }
        _ => {
            let answer = session.call(auth.get_oidc_connectors(request)).await?;
            let connectors = answer.oidc_connectors.iter();
            connectors.map(|connector| resource(kind, connector)).collect()
        }
    };
    named(all.into_iter(), name, |name| match kind {
        Kind::Github => format!("github connector {name:?} is not configured"),
        Kind::Saml => format!("SAML connector {name:?} is not configured"),
        _ => format!("OpenID connector '{name}' is not configured"),
    })
}

/// All authorities, those of a type (`cert_authority/host`), or the one of a cluster (`cert_authority/host/CLUSTER`).
async fn authorities(
    session: &Session,
    reference: &Reference,
    secrets: Secrets,
) -> Result<Vec<Resource>, Failure> {
    let wanted = reference.sub_kind.as_deref().or(reference.name.as_deref());
    let kinds = match wanted {
        Some(word) => vec![
            word.parse::<AuthorityKind>()
                .map_err(|error| Failure::new(error.to_string()).hint("`tctl status` lists them"))?,
        ],
        None => AuthorityKind::ALL.to_vec(),
    };
    let cluster = reference.sub_kind.as_ref().and(reference.name.as_deref());
    let mut found = Vec::new();
    for kind in kinds {
        for authority in authorities_of(session, kind, secrets == Secrets::With).await? {
            if cluster.is_none_or(|cluster| spec(&authority).cluster_name == cluster) {
                found.push(resource(Kind::CertAuthority, &authority)?);
            }
        }
    }
    match (cluster, wanted, found.is_empty()) {
        (Some(cluster), Some(kind), true) => Err(Failure::new(format!(
            "cert_authority \"{kind}/{cluster}\" is not found"
        ))),
        _ => Ok(found),
    }
}

fn spec(authority: &types::CertAuthorityV2) -> types::CertAuthoritySpecV2 {
    authority.spec.clone().unwrap_or_default()
}

/// The authorities of one type.
pub async fn authorities_of(
    session: &Session,
    kind: AuthorityKind,
    include_key: bool,
) -> Result<Vec<types::CertAuthorityV2>, Refusal> {
    let request = GetCertAuthoritiesRequest {
        r#type: kind.as_str().to_owned(),
        include_key,
    };
    let mut trust = session.cluster().trust();
    let answer = session.call(trust.get_cert_authorities(request)).await?;
    Ok(answer.cert_authorities_v2)
}

async fn trusted_clusters(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let mut auth = session.cluster().auth();
    let answer = session.call(auth.get_trusted_clusters(())).await?;
    let all = answer
        .trusted_clusters
        .iter()
        .map(|cluster| resource(Kind::TrustedCluster, cluster));
    named(all, name, |name| format!("trusted cluster {name:?} is not found"))
}

/// The only resource of its kind.
pub async fn setting(session: &Session, kind: Kind) -> Result<Resource, Failure> {
    let mut conf = session.cluster().cluster_config();
    match kind {
        Kind::ClusterAuthPreference => {
            let request = conf::GetAuthPreferenceRequest {};
            resource(kind, &session.call(conf.get_auth_preference(request)).await?)
        }
        Kind::ClusterNetworkingConfig => {
            let request = conf::GetClusterNetworkingConfigRequest {};
            resource(
                kind,
                &session.call(conf.get_cluster_networking_config(request)).await?,
            )
        }
        Kind::SessionRecordingConfig => {
            let request = conf::GetSessionRecordingConfigRequest {};
            resource(
                kind,
                &session.call(conf.get_session_recording_config(request)).await?,
            )
        }
        other => Err(not_available("reading", other)),
    }
}

/// All, or the one of a name.
fn named(
    all: impl Iterator<Item = Result<Resource, Failure>>,
    name: Option<&str>,
    missing: impl Fn(&str) -> String,
) -> Result<Vec<Resource>, Failure> {
    let all: Vec<Resource> = all.collect::<Result<_, _>>()?;
    let Some(name) = name else { return Ok(all) };
    let one: Vec<Resource> = all
        .into_iter()
        .filter(|resource| resource.name() == name)
        .collect();
    if one.is_empty() {
        return Err(Failure::new(missing(name)));
    }
    Ok(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_quarter_of_a_token_is_shown() {
        assert_eq!(masked("nosuch"), "****ch");
        assert_eq!(masked("abc"), "**c");
        assert_eq!(masked(""), "");
    }
}
