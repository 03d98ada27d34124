//! Which handler answers which call. What is not listed here answers "unimplemented" by itself.

use std::sync::Arc;

use tonic::codec::CompressionEncoding;
use tonic::codegen::BoxStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::countersign::v1::access_service_server::{AccessService, AccessServiceServer};
use wire::pb::countersign::v1::proxy_presence_service_server::{
    ProxyPresenceService, ProxyPresenceServiceServer,
};
use wire::pb::countersign::v1::sign_in_service_server::{SignInService, SignInServiceServer};
use wire::pb::proto::auth_service_server::{AuthService, AuthServiceServer};
use wire::pb::proto::join_service_server::{JoinService, JoinServiceServer};
use wire::pb::proto::{self};
use wire::pb::teleport::accesslist::v1 as acl;
use wire::pb::teleport::accesslist::v1::access_list_service_server::{
    AccessListService, AccessListServiceServer,
};
use wire::pb::teleport::accessmonitoringrules::v1 as amr;
use wire::pb::teleport::accessmonitoringrules::v1::access_monitoring_rules_service_server::{
    AccessMonitoringRulesService, AccessMonitoringRulesServiceServer,
};
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::teleport::clusterconfig::v1::cluster_config_service_server::{
    ClusterConfigService, ClusterConfigServiceServer,
};
use wire::pb::teleport::healthcheckconfig::v1 as health_check;
use wire::pb::teleport::healthcheckconfig::v1::health_check_config_service_server::{
    HealthCheckConfigService, HealthCheckConfigServiceServer,
};
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::machineid::v1::bot_instance_service_server::{
    BotInstanceService, BotInstanceServiceServer,
};
use wire::pb::teleport::machineid::v1::bot_service_server::{BotService, BotServiceServer};
use wire::pb::teleport::notifications::v1 as notes;
use wire::pb::teleport::notifications::v1::notification_service_server::{
    NotificationService, NotificationServiceServer,
};
use wire::pb::teleport::presence::v1 as presence;
use wire::pb::teleport::presence::v1::presence_service_server::{PresenceService, PresenceServiceServer};
use wire::pb::teleport::trust::v1 as trust;
use wire::pb::teleport::trust::v1::trust_service_server::{TrustService, TrustServiceServer};
use wire::pb::teleport::userloginstate::v1 as login_state;
use wire::pb::teleport::userloginstate::v1::user_login_state_service_server::{
    UserLoginStateService, UserLoginStateServiceServer,
};
use wire::pb::teleport::users::v1 as users;
use wire::pb::teleport::users::v1::users_service_server::{UsersService, UsersServiceServer};
use wire::pb::types;

use crate::auth::Auth;
use crate::call::{enter, leave};
use crate::services::{
    absent, access_check, access_lists, alerts, authorities, bots, certificates, cluster, factors, join,
    links, locks, monitoring_rules, notifications, plugin_data, proxies, requests, resources, roles, session,
    signin, streams, tokens, users as people,
};

/// Largest message accepted, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The Auth Service as all of its gRPC services.
#[derive(Clone)]
struct Server(Arc<Auth>);

macro_rules! serve {
    ($list:ident: $service:ident in $package:literal: $($method:ident $name:literal ($asked:ty) -> $answer:ty = $handler:path;)*) => {
        const $list: &[&str] = &[$(concat!("/", $package, "/", $name)),*];

        #[tonic::async_trait]
        impl $service for Server {
            $(
                async fn $method(&self, request: Request<$asked>) -> Result<Response<$answer>, Status> {
                    let (call, message) = enter(&self.0, request, concat!("/", $package, "/", $name)).await?;
                    let answer = $handler(&self.0, &call, message).await;
                    leave(&self.0, &call, answer).await
                }
            )*
        }
    };
}

serve! { AUTH_SERVICE: AuthService in "proto.AuthService":
    ping "Ping" (proto::PingRequest) -> proto::PingResponse = cluster::ping;
    get_domain_name "GetDomainName" (()) -> proto::GetDomainNameResponse = cluster::domain_name;
    get_cluster_ca_cert "GetClusterCACert" (()) -> proto::GetClusterCaCertResponse = cluster::ca_certificate;
    get_cluster_alerts "GetClusterAlerts" (types::GetClusterAlertsRequest) -> proto::GetClusterAlertsResponse = alerts::list::handle;
    upsert_cluster_alert "UpsertClusterAlert" (proto::UpsertClusterAlertRequest) -> () = alerts::upsert::handle;
    create_alert_ack "CreateAlertAck" (types::AlertAcknowledgement) -> () = alerts::acks::create::handle;
    get_alert_acks "GetAlertAcks" (proto::GetAlertAcksRequest) -> proto::GetAlertAcksResponse = alerts::acks::list::handle;
    clear_alert_acks "ClearAlertAcks" (proto::ClearAlertAcksRequest) -> () = alerts::acks::clear::handle;
    get_current_user "GetCurrentUser" (()) -> Kept<types::UserV2> = streams::current_user;
    get_current_user_roles "GetCurrentUserRoles" (()) -> BoxStream<Kept<types::RoleV6>> = streams::current_roles;
    get_role "GetRole" (proto::GetRoleRequest) -> Kept<types::RoleV6> = roles::get::handle;
    list_roles "ListRoles" (proto::ListRolesRequest) -> proto::ListRolesResponse = roles::list::handle;
    create_role "CreateRole" (proto::CreateRoleRequest) -> Kept<types::RoleV6> = roles::create::handle;
    update_role "UpdateRole" (proto::UpdateRoleRequest) -> Kept<types::RoleV6> = roles::update::handle;
    upsert_role_v2 "UpsertRoleV2" (proto::UpsertRoleRequest) -> Kept<types::RoleV6> = roles::upsert::handle;
    delete_role "DeleteRole" (proto::DeleteRoleRequest) -> () = roles::delete::handle;
    create_reset_password_token "CreateResetPasswordToken" (proto::CreateResetPasswordTokenRequest) -> types::UserTokenV3 = links::create::handle;
    get_reset_password_token "GetResetPasswordToken" (proto::GetResetPasswordTokenRequest) -> types::UserTokenV3 = links::get::handle;
    change_user_authentication "ChangeUserAuthentication" (proto::ChangeUserAuthenticationRequest) -> proto::ChangeUserAuthenticationResponse = links::accept::handle;
    change_password "ChangePassword" (proto::ChangePasswordRequest) -> () = people::password::handle;
    create_authenticate_challenge "CreateAuthenticateChallenge" (proto::CreateAuthenticateChallengeRequest) -> proto::MfaAuthenticateChallenge = factors::challenge;
    is_mfa_required "IsMFARequired" (proto::IsMfaRequiredRequest) -> proto::IsMfaRequiredResponse = factors::is_required;
    create_register_challenge "CreateRegisterChallenge" (proto::CreateRegisterChallengeRequest) -> proto::MfaRegisterChallenge = factors::register::handle;
    add_mfa_device_sync "AddMFADeviceSync" (proto::AddMfaDeviceSyncRequest) -> proto::AddMfaDeviceSyncResponse = factors::add::handle;
    delete_mfa_device_sync "DeleteMFADeviceSync" (proto::DeleteMfaDeviceSyncRequest) -> () = factors::delete::handle;
    get_mfa_devices "GetMFADevices" (proto::GetMfaDevicesRequest) -> proto::GetMfaDevicesResponse = factors::devices;
    generate_user_certs "GenerateUserCerts" (proto::UserCertsRequest) -> proto::Certs = certificates::handle;
    generate_host_certs "GenerateHostCerts" (proto::HostCertsRequest) -> proto::Certs = certificates::part::handle;
    get_lock "GetLock" (proto::GetLockRequest) -> Kept<types::LockV2> = locks::get::handle;
    get_locks "GetLocks" (proto::GetLocksRequest) -> proto::GetLocksResponse = locks::list::handle;
    upsert_lock "UpsertLock" (Kept<types::LockV2>) -> () = locks::upsert::handle;
    delete_lock "DeleteLock" (proto::DeleteLockRequest) -> () = locks::delete::handle;
    create_access_request_v2 "CreateAccessRequestV2" (Kept<types::AccessRequestV3>) -> Kept<types::AccessRequestV3> = requests::create::handle;
    list_access_requests "ListAccessRequests" (proto::ListAccessRequestsRequest) -> proto::ListAccessRequestsResponse = requests::list::handle;
    get_access_requests_v2 "GetAccessRequestsV2" (types::AccessRequestFilter) -> BoxStream<Kept<types::AccessRequestV3>> = streams::access_requests;
    submit_access_review "SubmitAccessReview" (types::AccessReviewSubmission) -> Kept<types::AccessRequestV3> = requests::review::handle;
    set_access_request_state "SetAccessRequestState" (proto::RequestStateSetter) -> () = requests::set_state::handle;
    delete_access_request "DeleteAccessRequest" (proto::RequestId) -> () = requests::delete::handle;
    get_access_capabilities "GetAccessCapabilities" (types::AccessCapabilitiesRequest) -> types::AccessCapabilities = requests::capabilities::handle;
    get_access_request_allowed_promotions "GetAccessRequestAllowedPromotions" (proto::AccessRequestAllowedPromotionRequest) -> proto::AccessRequestAllowedPromotionResponse = requests::promote::allowed;
    get_plugin_data "GetPluginData" (types::PluginDataFilter) -> proto::PluginDataSeq = plugin_data::get;
    update_plugin_data "UpdatePluginData" (types::PluginDataUpdateParams) -> () = plugin_data::update;
    watch_events "WatchEvents" (proto::Watch) -> BoxStream<proto::Event> = streams::watch;
    get_token "GetToken" (types::ResourceRequest) -> Kept<types::ProvisionTokenV2> = tokens::get::handle;
    get_tokens "GetTokens" (()) -> types::ProvisionTokenV2List = tokens::list::handle;
    create_token_v2 "CreateTokenV2" (proto::CreateTokenV2Request) -> () = tokens::create::handle;
    upsert_token_v2 "UpsertTokenV2" (proto::UpsertTokenV2Request) -> () = tokens::upsert::handle;
    delete_token "DeleteToken" (types::ResourceRequest) -> () = tokens::delete::handle;
    get_github_connectors "GetGithubConnectors" (types::ResourcesWithSecretsRequest) -> types::GithubConnectorV3List = streams::github_connectors;
    get_saml_connectors "GetSAMLConnectors" (types::ResourcesWithSecretsRequest) -> types::SamlConnectorV2List = streams::saml_connectors;
    get_oidc_connectors "GetOIDCConnectors" (types::ResourcesWithSecretsRequest) -> types::OidcConnectorV3List = streams::oidc_connectors;
    get_semaphores "GetSemaphores" (types::SemaphoreFilter) -> proto::Semaphores = absent::semaphores;
    get_node "GetNode" (types::ResourceInNamespaceRequest) -> Kept<types::ServerV2> = resources::get::node;
    upsert_node "UpsertNode" (Kept<types::ServerV2>) -> types::KeepAlive = resources::create::upsert_node;
    delete_node "DeleteNode" (types::ResourceInNamespaceRequest) -> () = resources::delete::node;
    get_apps "GetApps" (()) -> types::AppV3List = resources::get::apps;
    get_app "GetApp" (types::ResourceRequest) -> Kept<types::AppV3> = resources::get::handle;
    create_app "CreateApp" (Kept<types::AppV3>) -> () = resources::create::handle;
    update_app "UpdateApp" (Kept<types::AppV3>) -> () = resources::update::handle;
    delete_app "DeleteApp" (types::ResourceRequest) -> () = resources::delete::handle::<types::AppV3>;
    get_databases "GetDatabases" (()) -> types::DatabaseV3List = resources::get::databases;
    get_database "GetDatabase" (types::ResourceRequest) -> Kept<types::DatabaseV3> = resources::get::handle;
    create_database "CreateDatabase" (Kept<types::DatabaseV3>) -> () = resources::create::handle;
    update_database "UpdateDatabase" (Kept<types::DatabaseV3>) -> () = resources::update::handle;
    delete_database "DeleteDatabase" (types::ResourceRequest) -> () = resources::delete::handle::<types::DatabaseV3>;
    get_kubernetes_clusters "GetKubernetesClusters" (()) -> types::KubernetesClusterV3List = resources::get::kubernetes_clusters;
    get_kubernetes_cluster "GetKubernetesCluster" (types::ResourceRequest) -> Kept<types::KubernetesClusterV3> = resources::get::handle;
    create_kubernetes_cluster "CreateKubernetesCluster" (Kept<types::KubernetesClusterV3>) -> () = resources::create::handle;
    update_kubernetes_cluster "UpdateKubernetesCluster" (Kept<types::KubernetesClusterV3>) -> () = resources::update::handle;
    delete_kubernetes_cluster "DeleteKubernetesCluster" (types::ResourceRequest) -> () = resources::delete::handle::<types::KubernetesClusterV3>;
    list_resources "ListResources" (proto::ListResourcesRequest) -> proto::ListResourcesResponse = resources::list;
    list_unified_resources "ListUnifiedResources" (proto::ListUnifiedResourcesRequest) -> proto::ListUnifiedResourcesResponse = resources::list_unified;
    get_ssh_targets "GetSSHTargets" (proto::GetSshTargetsRequest) -> proto::GetSshTargetsResponse = resources::ssh_targets;
    get_session_events "GetSessionEvents" (proto::GetSessionEventsRequest) -> proto::Events = absent::sessions;
    get_trusted_clusters "GetTrustedClusters" (()) -> types::TrustedClusterV2List = streams::trusted_clusters;
}

serve! { USERS_SERVICE: UsersService in "teleport.users.v1.UsersService":
    get_user "GetUser" (users::GetUserRequest) -> users::GetUserResponse = people::get::handle;
    list_users "ListUsers" (users::ListUsersRequest) -> users::ListUsersResponse = people::list::handle;
    create_user "CreateUser" (users::CreateUserRequest) -> users::CreateUserResponse = people::create::handle;
    update_user "UpdateUser" (users::UpdateUserRequest) -> users::UpdateUserResponse = people::update::handle;
    upsert_user "UpsertUser" (users::UpsertUserRequest) -> users::UpsertUserResponse = people::upsert::handle;
    delete_user "DeleteUser" (users::DeleteUserRequest) -> () = people::delete::handle;
}

serve! { TRUST_SERVICE: TrustService in "teleport.trust.v1.TrustService":
    get_cert_authority "GetCertAuthority" (trust::GetCertAuthorityRequest) -> types::CertAuthorityV2 = authorities::get;
    generate_host_cert "GenerateHostCert" (trust::GenerateHostCertRequest) -> trust::GenerateHostCertResponse = certificates::host::handle;
    rotate_cert_authority "RotateCertAuthority" (trust::RotateCertAuthorityRequest) -> trust::RotateCertAuthorityResponse = authorities::rotate::handle;
    get_cert_authorities "GetCertAuthorities" (trust::GetCertAuthoritiesRequest) -> trust::GetCertAuthoritiesResponse = authorities::list;
}

serve! { CLUSTER_CONFIG_SERVICE: ClusterConfigService in "teleport.clusterconfig.v1.ClusterConfigService":
    get_cluster_name "GetClusterName" (conf::GetClusterNameRequest) -> types::ClusterNameV2 = cluster::cluster_name;
    get_auth_preference "GetAuthPreference" (conf::GetAuthPreferenceRequest) -> Kept<types::AuthPreferenceV2> = cluster::settings::preference;
    update_auth_preference "UpdateAuthPreference" (conf::UpdateAuthPreferenceRequest) -> Kept<types::AuthPreferenceV2> = cluster::settings::update_preference;
    upsert_auth_preference "UpsertAuthPreference" (conf::UpsertAuthPreferenceRequest) -> Kept<types::AuthPreferenceV2> = cluster::settings::upsert_preference;
    reset_auth_preference "ResetAuthPreference" (conf::ResetAuthPreferenceRequest) -> Kept<types::AuthPreferenceV2> = cluster::settings::reset_preference;
    get_cluster_networking_config "GetClusterNetworkingConfig" (conf::GetClusterNetworkingConfigRequest) -> Kept<types::ClusterNetworkingConfigV2> = cluster::settings::networking;
    update_cluster_networking_config "UpdateClusterNetworkingConfig" (conf::UpdateClusterNetworkingConfigRequest) -> Kept<types::ClusterNetworkingConfigV2> = cluster::settings::update_networking;
    reset_cluster_networking_config "ResetClusterNetworkingConfig" (conf::ResetClusterNetworkingConfigRequest) -> Kept<types::ClusterNetworkingConfigV2> = cluster::settings::reset_networking;
    upsert_cluster_networking_config "UpsertClusterNetworkingConfig" (conf::UpsertClusterNetworkingConfigRequest) -> Kept<types::ClusterNetworkingConfigV2> = cluster::settings::upsert_networking;
    get_session_recording_config "GetSessionRecordingConfig" (conf::GetSessionRecordingConfigRequest) -> Kept<types::SessionRecordingConfigV2> = cluster::settings::recording;
    update_session_recording_config "UpdateSessionRecordingConfig" (conf::UpdateSessionRecordingConfigRequest) -> Kept<types::SessionRecordingConfigV2> = cluster::settings::update_recording;
    reset_session_recording_config "ResetSessionRecordingConfig" (conf::ResetSessionRecordingConfigRequest) -> Kept<types::SessionRecordingConfigV2> = cluster::settings::reset_recording;
    upsert_session_recording_config "UpsertSessionRecordingConfig" (conf::UpsertSessionRecordingConfigRequest) -> Kept<types::SessionRecordingConfigV2> = cluster::settings::upsert_recording;
}

serve! { ACCESS_MONITORING_RULES_SERVICE: AccessMonitoringRulesService in "teleport.accessmonitoringrules.v1.AccessMonitoringRulesService":
    create_access_monitoring_rule "CreateAccessMonitoringRule" (amr::CreateAccessMonitoringRuleRequest) -> Kept<amr::AccessMonitoringRule> = monitoring_rules::create::handle;
    update_access_monitoring_rule "UpdateAccessMonitoringRule" (amr::UpdateAccessMonitoringRuleRequest) -> Kept<amr::AccessMonitoringRule> = monitoring_rules::update::handle;
    upsert_access_monitoring_rule "UpsertAccessMonitoringRule" (amr::UpsertAccessMonitoringRuleRequest) -> Kept<amr::AccessMonitoringRule> = monitoring_rules::upsert::handle;
    get_access_monitoring_rule "GetAccessMonitoringRule" (amr::GetAccessMonitoringRuleRequest) -> Kept<amr::AccessMonitoringRule> = monitoring_rules::get::handle;
    delete_access_monitoring_rule "DeleteAccessMonitoringRule" (amr::DeleteAccessMonitoringRuleRequest) -> () = monitoring_rules::delete::handle;
    list_access_monitoring_rules "ListAccessMonitoringRules" (amr::ListAccessMonitoringRulesRequest) -> amr::ListAccessMonitoringRulesResponse = monitoring_rules::list::handle;
    list_access_monitoring_rules_with_filter "ListAccessMonitoringRulesWithFilter" (amr::ListAccessMonitoringRulesWithFilterRequest) -> amr::ListAccessMonitoringRulesWithFilterResponse = monitoring_rules::list::handle_filtered;
}

serve! { ACCESS_LIST_SERVICE: AccessListService in "teleport.accesslist.v1.AccessListService":
    get_access_lists "GetAccessLists" (acl::GetAccessListsRequest) -> acl::GetAccessListsResponse = access_lists::read::all;
    list_access_lists "ListAccessLists" (acl::ListAccessListsRequest) -> acl::ListAccessListsResponse = access_lists::read::page;
    get_access_list "GetAccessList" (acl::GetAccessListRequest) -> Kept<acl::AccessList> = access_lists::read::get;
    upsert_access_list "UpsertAccessList" (acl::UpsertAccessListRequest) -> Kept<acl::AccessList> = access_lists::write::upsert;
    update_access_list "UpdateAccessList" (acl::UpdateAccessListRequest) -> Kept<acl::AccessList> = access_lists::write::update;
    delete_access_list "DeleteAccessList" (acl::DeleteAccessListRequest) -> () = access_lists::write::delete;
    delete_all_access_lists "DeleteAllAccessLists" (acl::DeleteAllAccessListsRequest) -> () = access_lists::write::delete_all;
    get_access_lists_to_review "GetAccessListsToReview" (acl::GetAccessListsToReviewRequest) -> acl::GetAccessListsToReviewResponse = access_lists::read::to_review;
    count_access_list_members "CountAccessListMembers" (acl::CountAccessListMembersRequest) -> acl::CountAccessListMembersResponse = access_lists::members::count;
    list_access_list_members "ListAccessListMembers" (acl::ListAccessListMembersRequest) -> acl::ListAccessListMembersResponse = access_lists::members::page;
    list_all_access_list_members "ListAllAccessListMembers" (acl::ListAllAccessListMembersRequest) -> acl::ListAllAccessListMembersResponse = access_lists::members::page_of_all;
    get_access_list_member "GetAccessListMember" (acl::GetAccessListMemberRequest) -> Kept<acl::Member> = access_lists::members::get;
    get_access_list_owners "GetAccessListOwners" (acl::GetAccessListOwnersRequest) -> acl::GetAccessListOwnersResponse = access_lists::read::owners;
    upsert_access_list_member "UpsertAccessListMember" (acl::UpsertAccessListMemberRequest) -> Kept<acl::Member> = access_lists::members::upsert;
    update_access_list_member "UpdateAccessListMember" (acl::UpdateAccessListMemberRequest) -> Kept<acl::Member> = access_lists::members::update;
    delete_access_list_member "DeleteAccessListMember" (acl::DeleteAccessListMemberRequest) -> () = access_lists::members::delete;
    delete_all_access_list_members_for_access_list "DeleteAllAccessListMembersForAccessList" (acl::DeleteAllAccessListMembersForAccessListRequest) -> () = access_lists::members::delete_all_of;
    delete_all_access_list_members "DeleteAllAccessListMembers" (acl::DeleteAllAccessListMembersRequest) -> () = access_lists::members::delete_all;
    upsert_access_list_with_members "UpsertAccessListWithMembers" (acl::UpsertAccessListWithMembersRequest) -> acl::UpsertAccessListWithMembersResponse = access_lists::write::upsert_with_members;
    list_access_list_reviews "ListAccessListReviews" (acl::ListAccessListReviewsRequest) -> acl::ListAccessListReviewsResponse = access_lists::reviews::page;
    list_all_access_list_reviews "ListAllAccessListReviews" (acl::ListAllAccessListReviewsRequest) -> acl::ListAllAccessListReviewsResponse = access_lists::reviews::page_of_all;
    create_access_list_review "CreateAccessListReview" (acl::CreateAccessListReviewRequest) -> acl::CreateAccessListReviewResponse = access_lists::reviews::create;
    delete_access_list_review "DeleteAccessListReview" (acl::DeleteAccessListReviewRequest) -> () = access_lists::reviews::delete;
    access_request_promote "AccessRequestPromote" (acl::AccessRequestPromoteRequest) -> acl::AccessRequestPromoteResponse = requests::promote::handle;
    get_suggested_access_lists "GetSuggestedAccessLists" (acl::GetSuggestedAccessListsRequest) -> acl::GetSuggestedAccessListsResponse = requests::promote::suggested;
    get_inherited_grants "GetInheritedGrants" (acl::GetInheritedGrantsRequest) -> acl::GetInheritedGrantsResponse = access_lists::read::inherited;
}

serve! { NOTIFICATION_SERVICE: NotificationService in "teleport.notifications.v1.NotificationService":
    create_user_notification "CreateUserNotification" (notes::CreateUserNotificationRequest) -> notes::Notification = notifications::write::create_for_user;
    delete_user_notification "DeleteUserNotification" (notes::DeleteUserNotificationRequest) -> () = notifications::write::delete_of_user;
    create_global_notification "CreateGlobalNotification" (notes::CreateGlobalNotificationRequest) -> notes::GlobalNotification = notifications::write::create_for_all;
    delete_global_notification "DeleteGlobalNotification" (notes::DeleteGlobalNotificationRequest) -> () = notifications::write::delete_of_all;
    list_notifications "ListNotifications" (notes::ListNotificationsRequest) -> notes::ListNotificationsResponse = notifications::list::handle;
    upsert_user_notification_state "UpsertUserNotificationState" (notes::UpsertUserNotificationStateRequest) -> notes::UserNotificationState = notifications::seen::state;
    upsert_user_last_seen_notification "UpsertUserLastSeenNotification" (notes::UpsertUserLastSeenNotificationRequest) -> notes::UserLastSeenNotification = notifications::seen::last;
}

serve! { PRESENCE_SERVICE: PresenceService in "teleport.presence.v1.PresenceService":
    get_remote_cluster "GetRemoteCluster" (presence::GetRemoteClusterRequest) -> types::RemoteClusterV3 = absent::remote_cluster;
    list_remote_clusters "ListRemoteClusters" (presence::ListRemoteClustersRequest) -> presence::ListRemoteClustersResponse = absent::remote_clusters;
}

serve! { USER_LOGIN_STATE_SERVICE: UserLoginStateService in "teleport.userloginstate.v1.UserLoginStateService":
    get_user_login_state "GetUserLoginState" (login_state::GetUserLoginStateRequest) -> login_state::UserLoginState = people::login_state::handle;
}

serve! { HEALTH_CHECK_CONFIG_SERVICE: HealthCheckConfigService in "teleport.healthcheckconfig.v1.HealthCheckConfigService":
    list_health_check_configs "ListHealthCheckConfigs" (health_check::ListHealthCheckConfigsRequest) -> health_check::ListHealthCheckConfigsResponse = absent::health_checks;
}

serve! { SIGN_IN_SERVICE: SignInService in "countersign.v1.SignInService":
    begin "Begin" (ours::BeginRequest) -> ours::BeginResponse = signin::begin;
    finish "Finish" (ours::FinishRequest) -> ours::FinishResponse = signin::finish;
    open_web_session "OpenWebSession" (ours::OpenWebSessionRequest) -> ours::WebSession = signin::open_web_session;
    get_web_session "GetWebSession" (ours::GetWebSessionRequest) -> ours::WebSession = session::get;
    renew_web_session "RenewWebSession" (ours::RenewWebSessionRequest) -> ours::WebSession = session::renew;
    close_web_session "CloseWebSession" (ours::CloseWebSessionRequest) -> ours::CloseWebSessionResponse = session::close;
    list_web_sessions "ListWebSessions" (ours::ListWebSessionsRequest) -> ours::ListWebSessionsResponse = session::all::list;
    close_all_web_sessions "CloseAllWebSessions" (ours::CloseAllWebSessionsRequest) -> ours::CloseAllWebSessionsResponse = session::all::close;
    get_invite "GetInvite" (ours::GetInviteRequest) -> ours::Invite = signin::invites::get;
    enrol_authenticator "EnrolAuthenticator" (ours::EnrolAuthenticatorRequest) -> ours::EnrolAuthenticatorResponse = signin::invites::enrol;
    register_authenticator "RegisterAuthenticator" (ours::RegisterAuthenticatorRequest) -> wire::pb::webauthn::CredentialCreation = signin::invites::register;
    accept_invite "AcceptInvite" (ours::AcceptInviteRequest) -> ours::AcceptInviteResponse = signin::invites::accept_invite;
}

serve! { PROXY_PRESENCE_SERVICE: ProxyPresenceService in "countersign.v1.ProxyPresenceService":
    announce_proxy "AnnounceProxy" (ours::AnnounceProxyRequest) -> ours::AnnounceProxyResponse = proxies::announce;
    withdraw_proxy "WithdrawProxy" (ours::WithdrawProxyRequest) -> ours::WithdrawProxyResponse = proxies::withdraw;
}

serve! { ACCESS_SERVICE: AccessService in "countersign.v1.AccessService":
    explain "Explain" (ours::ExplainRequest) -> ours::Evidence = requests::explain::handle;
    withdraw "Withdraw" (ours::WithdrawRequest) -> Kept<types::AccessRequestV3> = requests::withdraw::handle;
    begin_vote "BeginVote" (ours::BeginVoteRequest) -> ours::BeginVoteResponse = requests::votes::begin;
    get_settings "GetSettings" (ours::GetSettingsRequest) -> ours::Settings = requests::settings;
    access_check "AccessCheck" (ours::AccessCheckRequest) -> ours::AccessReport = access_check::handle;
}

serve! { JOIN_SERVICE: JoinService in "proto.JoinService":
    register_using_token "RegisterUsingToken" (types::RegisterUsingTokenRequest) -> proto::Certs = join::handle;
}

serve! { BOT_SERVICE: BotService in "teleport.machineid.v1.BotService":
    get_bot "GetBot" (machineid::GetBotRequest) -> Kept<machineid::Bot> = bots::get::handle;
    list_bots "ListBots" (machineid::ListBotsRequest) -> machineid::ListBotsResponse = bots::list::handle;
    create_bot "CreateBot" (machineid::CreateBotRequest) -> Kept<machineid::Bot> = bots::create::handle;
    update_bot "UpdateBot" (machineid::UpdateBotRequest) -> Kept<machineid::Bot> = bots::update::handle;
    upsert_bot "UpsertBot" (machineid::UpsertBotRequest) -> Kept<machineid::Bot> = bots::upsert::handle;
    delete_bot "DeleteBot" (machineid::DeleteBotRequest) -> () = bots::delete::handle;
}

serve! { BOT_INSTANCE_SERVICE: BotInstanceService in "teleport.machineid.v1.BotInstanceService":
    get_bot_instance "GetBotInstance" (machineid::GetBotInstanceRequest) -> machineid::BotInstance = bots::instances::get::handle;
    list_bot_instances "ListBotInstances" (machineid::ListBotInstancesRequest) -> machineid::ListBotInstancesResponse = bots::instances::list::handle;
    delete_bot_instance "DeleteBotInstance" (machineid::DeleteBotInstanceRequest) -> () = bots::instances::delete::handle;
    submit_heartbeat "SubmitHeartbeat" (machineid::SubmitHeartbeatRequest) -> machineid::SubmitHeartbeatResponse = bots::instances::heartbeat::handle;
}

/// Every call that is answered by a handler, such as `/proto.AuthService/Ping`.
pub fn served() -> impl Iterator<Item = &'static str> {
    [
        AUTH_SERVICE,
        USERS_SERVICE,
        TRUST_SERVICE,
        CLUSTER_CONFIG_SERVICE,
        ACCESS_MONITORING_RULES_SERVICE,
        ACCESS_LIST_SERVICE,
        NOTIFICATION_SERVICE,
        PRESENCE_SERVICE,
        USER_LOGIN_STATE_SERVICE,
        HEALTH_CHECK_CONFIG_SERVICE,
        SIGN_IN_SERVICE,
        PROXY_PRESENCE_SERVICE,
        ACCESS_SERVICE,
        JOIN_SERVICE,
        BOT_SERVICE,
        BOT_INSTANCE_SERVICE,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// All services.
pub fn routes(auth: &Arc<Auth>) -> Routes {
    let server = || Server(Arc::clone(auth));
    macro_rules! limited {
        ($service:ident) => {
            $service::new(server())
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .accept_compressed(CompressionEncoding::Gzip)
        };
    }
    Routes::new(limited!(AuthServiceServer))
        .add_service(limited!(UsersServiceServer))
        .add_service(limited!(TrustServiceServer))
        .add_service(limited!(ClusterConfigServiceServer))
        .add_service(limited!(AccessMonitoringRulesServiceServer))
        .add_service(limited!(AccessListServiceServer))
        .add_service(limited!(NotificationServiceServer))
        .add_service(limited!(PresenceServiceServer))
        .add_service(limited!(UserLoginStateServiceServer))
        .add_service(limited!(HealthCheckConfigServiceServer))
        .add_service(limited!(SignInServiceServer))
        .add_service(limited!(AccessServiceServer))
        .add_service(limited!(ProxyPresenceServiceServer))
        .add_service(limited!(JoinServiceServer))
        .add_service(limited!(BotServiceServer))
        .add_service(limited!(BotInstanceServiceServer))
}
