//! What can be watched, by whom, and how a stored change becomes an event.

use access::request::State;
use store::{Change, Prefix};
use wire::keep::Kept;
use wire::pb::proto::{Event, event::Resource};
use wire::pb::types;

use super::{deleted, put, read};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::resources::{Borrowed, Registered, View};
use crate::state::resource::Resource as Stored;
use crate::state::{access_lists, authorities, monitoring_rules};

/// A kind somebody watches.
#[derive(Debug)]
pub struct Watched {
    kind: Kind,
    filter: Filter,
    /// Of an access request only its id is told: enough to know which page is out of date.
    bare: bool,
    /// What the watcher may see of what is registered.
    view: Option<View>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    AccessRequest,
    Role,
    User,
    Lock,
    AuthPreference,
    Networking,
    Recording,
    MonitoringRule,
    AccessList,
    AccessListMember,
    AccessListReview,
    Node,
    App,
    Database,
    KubernetesCluster,
    Authority,
}

/// Which access requests, which authorities.
#[derive(Debug, Default)]
struct Filter {
    /// Types of authorities; all if there are none.
    authorities: Vec<String>,
    id: Option<String>,
    user: Option<String>,
    state: Option<State>,
}

/// Kinds that may be asked for and of which there is never any news. Of join tokens there is none because their names are
/// secrets: they are sealed where they are stored, and leave only as the answer to whoever asks for them.
const SILENT: &[&str] = &[
    "token",
    "namespace",
    "app_server",
    "db_server",
    "kube_server",
    "remote_cluster",
];

impl Watched {
    /// What the caller may watch of `asked`; nothing for kinds without news.
    pub async fn accept(auth: &Auth, call: &Call, asked: &types::WatchKind) -> Answer<Option<Self>> {
        let filter = filter(auth.cluster(), asked)?;
        let kind = match asked.kind.as_str() {
            "access_request" => Kind::AccessRequest,
            "role" => Kind::Role,
            "user" => Kind::User,
            "lock" => Kind::Lock,
            "cluster_auth_preference" => Kind::AuthPreference,
            "cluster_networking_config" => Kind::Networking,
            "session_recording_config" => Kind::Recording,
            "access_monitoring_rule" => Kind::MonitoringRule,
            "access_list" => Kind::AccessList,
            "access_list_member" => Kind::AccessListMember,
            "access_list_review" => Kind::AccessListReview,
            "node" => Kind::Node,
            "app" => Kind::App,
            "db" => Kind::Database,
            "kube_cluster" => Kind::KubernetesCluster,
            "cert_authority" => {
                if asked.load_secrets {
                    return Err(Failure::access_denied(
                        "private keys of authorities are in no news; ask for them",
                    ));
                }
                call.allow("cert_authority", &["readnosecrets"])?;
                return Ok(Some(Self {
                    kind: Kind::Authority,
                    filter,
                    bare: false,
                    view: None,
                }));
            }
            silent if SILENT.contains(&silent) => {
                return call
                    .allow(silent, &["read"])
                    .or_else(|failure| {
                        if silent == "namespace" {
                            Ok(())
                        } else {
                            Err(failure)
                        }
                    })
                    .map(|()| None);
            }
            other => {
                return Err(Failure::bad_parameter(format!(
                    "the kind {other:?} cannot be watched"
                )));
            }
        };
        let own = kind == Kind::AccessRequest
            && filter.user.is_some()
            && filter.user.as_deref() == call.caller.user_name();
        // Proxies keep pages fresh; what a page shows is read with its reader's own certificate.
        let bare = kind == Kind::AccessRequest && call.caller.require_proxy().is_ok();
        if !own && !bare {
            call.allow(rules_of(&asked.kind), &["read"])?;
        }
        let registered = [Kind::Node, Kind::App, Kind::Database, Kind::KubernetesCluster];
        let view = if registered.contains(&kind) {
            Some(View::of(auth, call, Borrowed::default()).await?)
        } else {
            None
        };
        Ok(Some(Self {
            kind,
            filter,
            bare,
            view,
        }))
    }

    /// Where its items live.
    pub fn prefix(&self) -> Prefix {
        match self.kind {
            Kind::AccessRequest => types::AccessRequestV3::prefix(),
            Kind::Role => types::RoleV6::prefix(),
            Kind::User => types::UserV2::prefix(),
            Kind::Lock => types::LockV2::prefix(),
            Kind::AuthPreference => types::AuthPreferenceV2::prefix(),
            Kind::Networking => types::ClusterNetworkingConfigV2::prefix(),
            Kind::Recording => types::SessionRecordingConfigV2::prefix(),
            Kind::MonitoringRule => monitoring_rules::prefix(),
            Kind::AccessList => access_lists::lists(),
            Kind::AccessListMember => access_lists::members(),
            Kind::AccessListReview => access_lists::reviews(),
            Kind::Node => types::ServerV2::prefix(),
            Kind::App => types::AppV3::prefix(),
            Kind::Database => types::DatabaseV3::prefix(),
            Kind::KubernetesCluster => types::KubernetesClusterV3::prefix(),
            Kind::Authority => authorities::public_prefix(),
        }
    }

    /// The event for a change, if it is one of this kind that passes the filter.
    pub async fn tell(&self, auth: &Auth, change: &Change) -> Answer<Option<Event>> {
        if !self.prefix().holds(change.key()) {
            return Ok(None);
        }
        let item = match change {
            Change::Delete(key) => {
                let (kind, version) = self.header();
                let passes = self.filter.passes_gone(auth, &key.name()).await?;
                // Names of members are those of people: which list one was in is told beside.
                let list = match self.kind {
                    Kind::AccessListMember | Kind::AccessListReview => key.segments().nth(1),
                    _ => None,
                };
                let list = list.unwrap_or_default();
                return Ok(passes.then(|| deleted(kind, version, &key.name(), &list)));
            }
            Change::Put(item) => item,
        };
        let told = match self.kind {
            Kind::AccessRequest => {
                let request = read::<types::AccessRequestV3>(item)?;
                if !self.filter.passes(&request) {
                    return Ok(None);
                }
                Resource::AccessRequest(if self.bare { only_id(&request) } else { request })
            }
            Kind::Role => Resource::Role(read(item)?),
            Kind::User => Resource::User(read(item)?),
            Kind::Lock => Resource::Lock(read(item)?),
            Kind::AuthPreference => Resource::AuthPreference(read(item)?),
            Kind::Networking => Resource::ClusterNetworkingConfig(read(item)?),
            Kind::Recording => Resource::SessionRecordingConfig(read(item)?),
            Kind::MonitoringRule => Resource::AccessMonitoringRule(monitoring_rules::read(item)?),
            Kind::AccessList => Resource::AccessList(access_lists::read(item)?.value),
            Kind::AccessListMember => Resource::AccessListMember(access_lists::read(item)?.value),
            Kind::AccessListReview => Resource::AccessListReview(access_lists::read(item)?.value),
            Kind::Node => return Ok(self.registered(read::<types::ServerV2>(item)?, Resource::Server)),
            Kind::App => return Ok(self.registered(read::<types::AppV3>(item)?, Resource::App)),
            Kind::Database => {
                return Ok(self.registered(read::<types::DatabaseV3>(item)?, Resource::Database));
            }
            Kind::KubernetesCluster => {
                let cluster = read::<types::KubernetesClusterV3>(item)?;
                return Ok(self.registered(cluster, Resource::KubernetesCluster));
            }
            Kind::Authority => {
                let wanted = &self.filter.authorities;
                if !wanted.is_empty() && !wanted.iter().any(|kind| *kind == *item.key.name()) {
                    return Ok(None);
                }
                Resource::CertAuthority(authorities::read_shown(item)?)
            }
        };
        Ok(Some(put(told)))
    }

    /// The news of something that is registered; none if the watcher may not see it, as in lists.
    fn registered<M: Registered>(
        &self,
        resource: Kept<M>,
        told: impl FnOnce(Kept<M>) -> Resource,
    ) -> Option<Event> {
        let described = resource.described();
        let shown = self.view.as_ref().is_some_and(|view| view.shows(&described));
        shown.then(|| put(told(resource)))
    }

    fn header(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::AccessRequest => ("access_request", "v3"),
            Kind::Role => ("role", "v8"),
            Kind::User => ("user", "v2"),
            Kind::Lock => ("lock", "v2"),
            Kind::AuthPreference => ("cluster_auth_preference", "v2"),
            Kind::Networking => ("cluster_networking_config", "v2"),
            Kind::Recording => ("session_recording_config", "v2"),
            Kind::MonitoringRule => ("access_monitoring_rule", "v1"),
            Kind::AccessList => ("access_list", "v1"),
            Kind::AccessListMember => ("access_list_member", "v1"),
            Kind::AccessListReview => ("access_list_review", "v1"),
            Kind::Node => ("node", "v2"),
            Kind::App => ("app", "v3"),
            Kind::Database => ("db", "v3"),
            Kind::KubernetesCluster => ("kube_cluster", "v3"),
            Kind::Authority => ("cert_authority", "v2"),
        }
    }
}

impl Filter {
    /// Whether the end of a request is told: to whoever watches that one, and of one person's only that person's. In
    /// which state it was does not matter.
    async fn passes_gone(&self, auth: &Auth, id: &str) -> Answer<bool> {
        if self.id.as_deref().is_some_and(|wanted| wanted != id) {
            return Ok(false);
        }
        let Some(wanted) = &self.user else { return Ok(true) };
        let decided = auth.state.decided(id, auth.clock.now()).await?;
        let user = decided
            .as_ref()
            .and_then(|request| request.spec.as_ref())
            .map(|spec| &spec.user);
        Ok(user == Some(wanted))
    }

    fn passes(&self, request: &types::AccessRequestV3) -> bool {
        let id = request
            .metadata
            .as_ref()
            .map_or("", |metadata| metadata.name.as_str());
        let Some(spec) = &request.spec else { return false };
        self.id.as_deref().is_none_or(|wanted| wanted == id)
            && self.user.as_deref().is_none_or(|wanted| wanted == spec.user)
            && self
                .state
                .is_none_or(|wanted| wire::convert::state_number(wanted) == spec.state)
    }
}

/// Nothing of a request but which one it is.
fn only_id(request: &types::AccessRequestV3) -> Kept<types::AccessRequestV3> {
    Kept::from(types::AccessRequestV3 {
        kind: request.kind.clone(),
        version: request.version.clone(),
        metadata: Some(types::Metadata {
            name: request
                .metadata
                .as_ref()
                .map(|metadata| metadata.name.clone())
                .unwrap_or_default(),
            ..types::Metadata::default()
        }),
        ..types::AccessRequestV3::default()
    })
}

/// The kind that rules of roles speak of: what belongs to a list is the list's.
fn rules_of(kind: &str) -> &str {
    match kind {
        "access_list_member" | "access_list_review" => "access_list",
        other => other,
    }
}

fn filter(own: &str, asked: &types::WatchKind) -> Answer<Filter> {
    let mut filter = Filter::default();
    if asked.kind == "cert_authority" {
        // Clients say for each type of which cluster; there is one here, and `*` means it too.
        for (kind, cluster) in &asked.filter {
            if kind.parse::<pki::AuthorityKind>().is_err() {
                return Err(Failure::bad_parameter(format!(
                    "{kind:?} authority type is not supported"
                )));
            }
            if cluster == "*" || cluster == own {
                filter.authorities.push(kind.clone());
            }
        }
        if filter.authorities.is_empty() && !asked.filter.is_empty() {
            // Of another cluster there is no news; a type that is no authority's stands for that.
            filter.authorities.push(String::new());
        }
        return Ok(filter);
    }
    if asked.kind != "access_request" {
        return match asked.filter.keys().next() {
            Some(key) => Err(Failure::bad_parameter(format!(
                "the kind {:?} knows no filter {key:?}",
                asked.kind
            ))),
            None => Ok(filter),
        };
    }
    for (key, value) in &asked.filter {
        match key.as_str() {
            "id" => filter.id = Some(value.clone()),
            "user" => filter.user = Some(value.clone()),
            "state" => {
                let states = [State::Pending, State::Approved, State::Denied, State::Promoted];
                let state = states.into_iter().find(|state| state.name() == value);
                filter.state = Some(
                    state
                        .ok_or_else(|| Failure::bad_parameter(format!("unknown request state {value:?}")))?,
                );
            }
            other => {
                return Err(Failure::bad_parameter(format!(
                    "unknown access request filter {other:?}"
                )));
            }
        }
    }
    Ok(filter)
}
