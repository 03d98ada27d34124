//! The generated clients of a cluster's services, and lists that come in pages.

use std::future::Future;

use futures::stream::{self, Stream, TryStreamExt as _};
use tonic::Status;
use wire::keep::Kept;
use wire::pb::countersign::v1::access_service_client::AccessServiceClient;
use wire::pb::countersign::v1::proxy_presence_service_client::ProxyPresenceServiceClient;
use wire::pb::countersign::v1::sign_in_service_client::SignInServiceClient;
use wire::pb::proto::auth_service_client::AuthServiceClient;
use wire::pb::proto::join_service_client::JoinServiceClient;
use wire::pb::proto::{ListAccessRequestsRequest, ListAccessRequestsResponse};
use wire::pb::teleport::accesslist::v1::access_list_service_client::AccessListServiceClient;
use wire::pb::teleport::accessmonitoringrules::v1::access_monitoring_rules_service_client::AccessMonitoringRulesServiceClient;
use wire::pb::teleport::auditlog::v1::audit_log_service_client::AuditLogServiceClient;
use wire::pb::teleport::clusterconfig::v1::cluster_config_service_client::ClusterConfigServiceClient;
use wire::pb::teleport::machineid::v1::bot_instance_service_client::BotInstanceServiceClient;
use wire::pb::teleport::machineid::v1::bot_service_client::BotServiceClient;
use wire::pb::teleport::notifications::v1::notification_service_client::NotificationServiceClient;
use wire::pb::teleport::presence::v1::presence_service_client::PresenceServiceClient;
use wire::pb::teleport::trust::v1::trust_service_client::TrustServiceClient;
use wire::pb::teleport::userloginstate::v1::user_login_state_service_client::UserLoginStateServiceClient;
use wire::pb::teleport::userpreferences::v1::user_preferences_service_client::UserPreferencesServiceClient;
use wire::pb::teleport::users::v1::users_service_client::UsersServiceClient;
use wire::pb::types::AccessRequestV3;

use crate::cluster::{Calls, Cluster};

/// One method for each service. Take a client anew for each piece of work: it uses the identity of
/// the moment.
macro_rules! services {
    ($($(#[$doc:meta])* $name:ident: $client:ident;)*) => {
        impl Cluster {
            $($(#[$doc])* pub fn $name(&self) -> $client<Calls> { $client::new(self.calls()) })*
        }
    };
}

services! {
    /// Access requests, certificates, watches and most of the older calls.
    auth: AuthServiceClient;
    /// Users.
    users: UsersServiceClient;
    /// Cluster settings.
    cluster_config: ClusterConfigServiceClient;
    /// Authorities.
    trust: TrustServiceClient;
    /// Access monitoring rules.
    access_monitoring_rules: AccessMonitoringRulesServiceClient;
    /// Access lists.
    access_lists: AccessListServiceClient;
    /// Bots.
    bots: BotServiceClient;
    /// Instances of bots.
    bot_instances: BotInstanceServiceClient;
    /// Servers and clusters that are there.
    presence: PresenceServiceClient;
    /// Notifications.
    notifications: NotificationServiceClient;
    /// The audit log.
    audit_log: AuditLogServiceClient;
    /// People's own settings.
    user_preferences: UserPreferencesServiceClient;
    /// What a sign-in has shown.
    user_login_state: UserLoginStateServiceClient;
    /// Joining.
    join: JoinServiceClient;
    /// What our own clusters know beyond the others.
    access: AccessServiceClient;
    /// Saying that one is there; for proxies.
    proxy_presence: ProxyPresenceServiceClient;
    /// Signing in; for proxies.
    sign_in: SignInServiceClient;
}

impl Cluster {
    /// All access requests that fit, page by page.
    pub fn access_requests(
        &self,
        request: ListAccessRequestsRequest,
    ) -> impl Stream<Item = Result<Kept<AccessRequestV3>, Status>> + Send + 'static {
        let cluster = self.clone();
        pages(move |start_key| {
            let request = ListAccessRequestsRequest {
                start_key,
                ..request.clone()
            };
            let mut auth = cluster.auth();
            async move {
                let ListAccessRequestsResponse {
                    access_requests,
                    next_key,
                } = auth.list_access_requests(request).await?.into_inner();
                Ok((access_requests, next_key))
            }
        })
    }
}

/// Follows a list from page to page.
///
/// `fetch` gets the key of the page (empty for the first) and gives the items with the key of the
/// next page (empty after the last).
pub fn pages<T, E, F, Fut>(fetch: F) -> impl Stream<Item = Result<T, E>> + Send
where
    T: Send,
    E: Send,
    F: FnMut(String) -> Fut + Send,
    Fut: Future<Output = Result<(Vec<T>, String), E>> + Send,
{
    stream::try_unfold((fetch, Some(String::new())), |(mut fetch, key)| async move {
        let Some(key) = key else { return Ok(None) };
        let (items, next) = fetch(key).await?;
        let next = Some(next).filter(|next| !next.is_empty());
        Ok::<_, E>(Some((stream::iter(items.into_iter().map(Ok)), (fetch, next))))
    })
    .try_flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_is_followed_to_its_end() {
        let asked = std::sync::Mutex::new(Vec::new());
        let all: Result<Vec<u8>, String> = pages(|key| {
            asked.lock().expect("not poisoned").push(key.clone());
            std::future::ready(match key.as_str() {
                "" => Ok((vec![1, 2], "a".to_owned())),
                "a" => Ok((vec![], "b".to_owned())),
                _ => Ok((vec![3], String::new())),
            })
        })
        .try_collect()
        .await;
        assert_eq!(all, Ok(vec![1, 2, 3]));
        assert_eq!(*asked.lock().expect("not poisoned"), ["", "a", "b"]);
    }

    #[tokio::test]
    async fn a_failing_page_ends_the_list() {
        let mut stream = std::pin::pin!(pages(|key| {
            std::future::ready(if key.is_empty() {
                Ok((vec![1], "a".to_owned()))
            } else {
                Err("gone")
            })
        }));
        assert_eq!(stream.try_next().await, Ok(Some(1)));
        assert_eq!(stream.try_next().await, Err("gone"));
        assert_eq!(stream.try_next().await, Ok(None));
    }
}
