//! Who may call what: every served call, made by everybody, and what came of it.
//!
//! The table is `tests/data/matrix.txt`. A call that is served and has no row fails the test. `UPDATE_EXPECT=1` writes
//! the table anew; what has changed in it is then for a person to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use client::cluster::Calls;
use prost::Message;
use tonic::Code;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::accessmonitoringrules::v1 as amr;
use wire::pb::teleport::clusterconfig::v1 as conf;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::teleport::trust::v1 as trust;
use wire::pb::teleport::userloginstate::v1 as login_state;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{self, RequestState};

use crate::bots::{bot, joining, token};
use crate::calls::{dial, raw};
use crate::hosts::{EDGE, registering, renewing};
use crate::people::{Cast, PLUGIN, Person, approve, ask, lock_user, role, send, user, verdict, wanted};
use crate::resources;
use crate::world::{HOST, Plan, World, hours};

/// Each service with its calls; more than one row where it depends on what is asked. A row is `Call` or `Call: what`.
pub const ROWS: &[(&str, &[&str])] = &[
    (
        "proto.AuthService",
        &[
            "Ping",
            "GetDomainName",
            "GetClusterCACert",
            "GetClusterAlerts",
            "UpsertClusterAlert",
            "CreateAlertAck",
            "GetAlertAcks",
            "ClearAlertAcks",
            "GetCurrentUser",
            "GetCurrentUserRoles",
            "GetRole",
            "ListRoles",
            "CreateRole",
            "UpdateRole",
            "UpsertRoleV2: there",
            "UpsertRoleV2: new",
            "DeleteRole",
            "CreateResetPasswordToken: invite",
            "CreateResetPasswordToken: password",
            "GetResetPasswordToken",
            "ChangeUserAuthentication",
            "ChangePassword",
            "CreateAuthenticateChallenge: administration",
            "IsMFARequired",
            "CreateRegisterChallenge",
            "CreateRegisterChallenge: without a link or a proof",
            "AddMFADeviceSync",
            "DeleteMFADeviceSync",
            "GetMFADevices",
            "GenerateUserCerts: one's own",
            "GenerateUserCerts: one's own, with another's request",
            "GenerateUserCerts: another's",
            "GenerateUserCerts: the plugin's",
            "GenerateUserCerts: other roles",
            "GenerateHostCerts: one's own",
            "GenerateHostCerts: another's",
            "GetLock",
            "GetLocks",
            "UpsertLock",
            "DeleteLock",
            "CreateAccessRequestV2: for oneself",
            "CreateAccessRequestV2: for another",
            "CreateAccessRequestV2: for another, approved, one suffices",
            "CreateAccessRequestV2: for another, approved, two are needed",
            "ListAccessRequests: all",
            "ListAccessRequests: another's, by id",
            "GetAccessRequestsV2: another's, by id",
            "SubmitAccessReview: approve another's",
            "SubmitAccessReview: approve one's own",
            "SetAccessRequestState: approve, one suffices",
            "SetAccessRequestState: approve, two are needed",
            "SetAccessRequestState: deny",
            "DeleteAccessRequest",
            "GetAccessCapabilities: one's own",
            "GetAccessCapabilities: another's",
            "GetAccessRequestAllowedPromotions",
            "GetPluginData",
            "UpdatePluginData",
            "WatchEvents: access_request",
            "WatchEvents: access_request, one's own",
            "WatchEvents: role",
            "WatchEvents: user",
            "WatchEvents: lock",
            "WatchEvents: token",
            "WatchEvents: cluster_auth_preference",
            "WatchEvents: cluster_networking_config",
            "WatchEvents: session_recording_config",
            "WatchEvents: node",
            "WatchEvents: access_monitoring_rule",
            "WatchEvents: namespace",
            "WatchEvents: cert_authority",
            "WatchEvents: cert_authority, with private keys",
            "WatchEvents: nothing",
            "GetToken",
            "GetTokens",
            "CreateTokenV2",
            "UpsertTokenV2",
            "DeleteToken",
            "GetGithubConnectors",
            "GetSAMLConnectors",
            "GetOIDCConnectors",
            "GetTrustedClusters",
            "GetNode",
            "UpsertNode",
            "DeleteNode",
            "GetApps",
            "GetApp",
            "CreateApp",
            "UpdateApp",
            "DeleteApp",
            "GetDatabases",
            "GetDatabase",
            "CreateDatabase",
            "UpdateDatabase",
            "DeleteDatabase",
            "GetKubernetesClusters",
            "GetKubernetesCluster",
            "CreateKubernetesCluster",
            "UpdateKubernetesCluster",
            "DeleteKubernetesCluster",
            "ListResources: node",
            "ListUnifiedResources",
            "GetSSHTargets",
            "GetSemaphores",
            "GetSessionEvents",
        ],
    ),
    (
        "teleport.users.v1.UsersService",
        &[
            "GetUser: oneself",
            "GetUser: another",
            "GetUser: another, with secrets",
            "ListUsers",
            "ListUsers: with secrets",
            "CreateUser",
            "UpdateUser",
            "UpsertUser",
            "DeleteUser",
        ],
    ),
    (
        "teleport.trust.v1.TrustService",
        &[
            "GetCertAuthority",
            "GetCertAuthority: with keys",
            "GetCertAuthorities",
            "GetCertAuthorities: with keys",
            "GenerateHostCert",
            "RotateCertAuthority: no step there is",
        ],
    ),
    (
        "teleport.clusterconfig.v1.ClusterConfigService",
        &[
            "GetClusterName",
            "GetAuthPreference",
            "UpdateAuthPreference",
            "UpsertAuthPreference",
            "ResetAuthPreference",
            "GetClusterNetworkingConfig",
            "UpdateClusterNetworkingConfig",
            "UpsertClusterNetworkingConfig",
            "ResetClusterNetworkingConfig",
            "GetSessionRecordingConfig",
            "UpdateSessionRecordingConfig",
            "UpsertSessionRecordingConfig",
            "ResetSessionRecordingConfig",
        ],
    ),
    (
        "teleport.presence.v1.PresenceService",
        &["GetRemoteCluster", "ListRemoteClusters"],
    ),
    (
        "teleport.userloginstate.v1.UserLoginStateService",
        &["GetUserLoginState"],
    ),
    (
        "teleport.healthcheckconfig.v1.HealthCheckConfigService",
        &["ListHealthCheckConfigs"],
    ),
    (
        "teleport.accessmonitoringrules.v1.AccessMonitoringRulesService",
        &[
            "CreateAccessMonitoringRule",
            "UpdateAccessMonitoringRule",
            "UpsertAccessMonitoringRule",
            "GetAccessMonitoringRule",
            "DeleteAccessMonitoringRule",
            "ListAccessMonitoringRules",
            "ListAccessMonitoringRulesWithFilter",
        ],
    ),
    ("teleport.accesslist.v1.AccessListService", crate::lists::ROWS),
    (
        "teleport.notifications.v1.NotificationService",
        &[
            "CreateUserNotification",
            "DeleteUserNotification",
            "CreateGlobalNotification",
            "DeleteGlobalNotification",
            "ListNotifications: one's own",
            "ListNotifications: another's",
            "UpsertUserNotificationState: one's own",
            "UpsertUserNotificationState: another's",
            "UpsertUserLastSeenNotification",
        ],
    ),
    (
        "countersign.v1.SignInService",
        &[
            "Begin",
            "Finish",
            "OpenWebSession",
            "GetWebSession",
            "RenewWebSession",
            "CloseWebSession",
            "ListWebSessions",
            "CloseAllWebSessions",
            "GetInvite",
            "EnrolAuthenticator",
            "RegisterAuthenticator",
            "AcceptInvite",
        ],
    ),
    (
        "countersign.v1.ProxyPresenceService",
        &["AnnounceProxy", "WithdrawProxy"],
    ),
    (
        "proto.JoinService",
        &[
            "RegisterUsingToken: with a token",
            "RegisterUsingToken: as a proxy, with a token",
            "RegisterUsingToken: with none",
        ],
    ),
    (
        "teleport.machineid.v1.BotService",
        &[
            "GetBot",
            "ListBots",
            "CreateBot",
            "UpdateBot",
            "UpsertBot",
            "DeleteBot",
        ],
    ),
    (
        "teleport.machineid.v1.BotInstanceService",
        &[
            "GetBotInstance",
            "ListBotInstances",
            "DeleteBotInstance",
            "SubmitHeartbeat",
        ],
    ),
    (
        "countersign.v1.AccessService",
        &[
            "Explain",
            "BeginVote",
            "Withdraw: another's request",
            "GetSettings",
            "AccessCheck",
        ],
    ),
];

/// Everybody who calls, in the order of the columns.
struct Actors(Vec<(&'static str, String, Calls)>);

/// What calls are made about.
pub struct Stage<'a> {
    world: &'a World,
    cast: &'a Cast,
    /// Another requester.
    dana: Person,
    counter: u32,
}

impl<'a> Stage<'a> {
    /// Another requester called `name`, who may ask for `quick` too, with one approval.
    pub async fn new(world: &'a World, cast: &'a Cast, name: &str) -> Self {
        let one = "allow:\n  request:\n    roles: [quick, elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("quick-asker", one)).await.expect("stored");
        world.put_role(role("quick", "allow: {}")).await.expect("stored");
        let reviews = "allow:\n  review_requests:\n    roles: [elevated-access, quick]";
        world.put_role(role("dbreviewer", reviews)).await.expect("stored");
        let dana = world.person(name, &["quick-asker", "devops"]).await;
        Self {
            world,
            cast,
            dana,
            counter: 0,
        }
    }
}

impl Stage<'_> {
    fn fresh(&mut self, what: &str) -> String {
        self.counter += 1;
        format!("{what}{}-{}", self.counter, self.dana.name)
    }

    async fn role(&mut self) -> Kept<types::RoleV6> {
        let name = self.fresh("role");
        self.world
            .put_role(role(&name, "allow: {}"))
            .await
            .expect("stored")
    }

    async fn user(&mut self) -> String {
        let name = self.fresh("user");
        self.world.user(&name, &["access"]).await;
        name
    }

    async fn request(&mut self, role: &str) -> String {
        ask(self.world, &self.dana.cluster, &[role]).await
    }

    async fn link(&mut self) -> String {
        let name = self.user().await;
        self.world.link(&name, "invite").await
    }

    async fn web_session(&mut self) -> ours::WebSession {
        self.world.clock.advance(crate::world::seconds(30));
        let request = ours::OpenWebSessionRequest {
            user: self.dana.name.clone(),
            password: self.dana.password.as_bytes().to_vec().into(),
            second_factor: Some(ours::open_web_session_request::SecondFactor::TotpCode(
                self.code(),
            )),
            ..Default::default()
        };
        let opened = self.world.proxy.sign_in().open_web_session(request).await;
        opened.expect("a session").into_inner()
    }

    fn code(&self) -> String {
        self.dana.seed.code(self.world.now()).expect("a code")
    }

    /// The message of a row, about things made for it, as `actor` would send it.
    pub async fn message(&mut self, row: &str, actor: &str) -> Vec<u8> {
        let world = self.world;
        let other = self.cast.ivan.name.clone();
        match row {
            row if crate::lists::ROWS.contains(&row) => {
                let (name, id) = (self.fresh("list"), self.request("quick").await);
                crate::lists::message(world, &name, &id, row).await
            }
            "Ping"
            | "GetDomainName"
            | "GetClusterCACert"
            | "GetClusterAlerts"
            | "GetAlertAcks"
            | "GetCurrentUser"
            | "GetCurrentUserRoles"
            | "ListRoles"
            | "IsMFARequired"
            | "GetMFADevices"
            | "ChangePassword"
            | "GetLocks"
            | "ListAccessRequests: all"
            | "GetTokens"
            | "GetGithubConnectors"
            | "GetSAMLConnectors"
            | "GetOIDCConnectors"
            | "GetTrustedClusters"
            | "GetApps"
            | "GetDatabases"
            | "GetKubernetesClusters"
            | "ListUnifiedResources"
            | "GetSSHTargets"
            | "ListUsers"
            | "GetClusterName"
            | "ListAccessMonitoringRules"
            | "ListAccessMonitoringRulesWithFilter"
            | "GetAuthPreference"
            | "GetClusterNetworkingConfig"
            | "GetSessionRecordingConfig"
            | "ResetAuthPreference"
            | "ResetClusterNetworkingConfig"
            | "ResetSessionRecordingConfig"
            | "GetSemaphores"
            | "GetSessionEvents"
            | "GetRemoteCluster"
            | "ListRemoteClusters"
            | "ListHealthCheckConfigs"
            | "WatchEvents: nothing"
            | "GetSettings"
            | "ListBots"
            | "ListBotInstances"
            | "RegisterUsingToken: with none"
            | "WithdrawProxy" => Vec::new(),
            "ListResources: node" => encoded(&proto::ListResourcesRequest {
                resource_type: "node".to_owned(),
                ..Default::default()
            }),
            "GetNode" | "DeleteNode" => {
                let name = self.fresh("node");
                let node = resources::node(&name, "demo", "prod");
                world.admin.auth().upsert_node(node).await.expect("stored");
                encoded(&types::ResourceInNamespaceRequest {
                    name,
                    ..Default::default()
                })
            }
            "UpsertNode" => encoded(&resources::node(&self.fresh("node"), "demo", "prod")),
            "CreateApp" => encoded(&resources::app(&self.fresh("app"), "prod")),
            "CreateDatabase" => encoded(&resources::database(&self.fresh("db"), "prod")),
            "CreateKubernetesCluster" => encoded(&resources::kubernetes(&self.fresh("kube"), "prod")),
            "GetApp" | "UpdateApp" | "DeleteApp" => {
                let app = resources::app(&self.fresh("app"), "prod");
                world.admin.auth().create_app(app.clone()).await.expect("stored");
                one(row, &app, app.metadata.as_ref())
            }
            "GetDatabase" | "UpdateDatabase" | "DeleteDatabase" => {
                let database = resources::database(&self.fresh("db"), "prod");
                let mut auth = world.admin.auth();
                auth.create_database(database.clone()).await.expect("stored");
                one(row, &database, database.metadata.as_ref())
            }
            "GetKubernetesCluster" | "UpdateKubernetesCluster" | "DeleteKubernetesCluster" => {
                let cluster = resources::kubernetes(&self.fresh("kube"), "prod");
                let mut auth = world.admin.auth();
                auth.create_kubernetes_cluster(cluster.clone())
                    .await
                    .expect("stored");
                one(row, &cluster, cluster.metadata.as_ref())
            }
            "CreateUserNotification"
            | "DeleteUserNotification"
            | "CreateGlobalNotification"
            | "DeleteGlobalNotification"
            | "ListNotifications: one's own"
            | "ListNotifications: another's"
            | "UpsertUserNotificationState: one's own"
            | "UpsertUserNotificationState: another's"
            | "UpsertUserLastSeenNotification" => {
                crate::notifications::message(world, actor, &other, row).await
            }
            "GetRole" => encoded(&proto::GetRoleRequest {
                name: "dbreviewer".to_owned(),
            }),
            "GetUserLoginState" => encoded(&login_state::GetUserLoginStateRequest { name: other }),
            "CreateRole" => {
                let name = self.fresh("role");
                encoded(&proto::CreateRoleRequest {
                    role: Some(role(&name, "allow: {}").into()),
                })
            }
            "UpdateRole" => encoded(&proto::UpdateRoleRequest {
                role: Some(self.role().await),
            }),
            "UpsertRoleV2: there" => encoded(&proto::UpsertRoleRequest {
                role: Some(self.role().await),
            }),
            "UpsertRoleV2: new" => {
                let name = self.fresh("role");
                encoded(&proto::UpsertRoleRequest {
                    role: Some(role(&name, "allow: {}").into()),
                })
            }
            "DeleteRole" => {
                let role = self.role().await;
                encoded(&proto::DeleteRoleRequest {
                    name: role.metadata.clone().expect("metadata").name,
                })
            }
            "CreateResetPasswordToken: invite" | "CreateResetPasswordToken: password" => {
                encoded(&proto::CreateResetPasswordTokenRequest {
                    name: self.user().await,
                    r#type: row.rsplit(' ').next().unwrap_or_default().to_owned(),
                    ..Default::default()
                })
            }
            "GetResetPasswordToken" => encoded(&proto::GetResetPasswordTokenRequest {
                token_id: self.link().await,
            }),
            "CreateRegisterChallenge" => encoded(&proto::CreateRegisterChallengeRequest {
                token_id: self.link().await,
                ..Default::default()
            }),
            "CreateRegisterChallenge: without a link or a proof" => {
                encoded(&proto::CreateRegisterChallengeRequest {
                    device_type: proto::DeviceType::Totp.into(),
                    ..Default::default()
                })
            }
            "AddMFADeviceSync" => encoded(&proto::AddMfaDeviceSyncRequest::default()),
            "DeleteMFADeviceSync" => encoded(&proto::DeleteMfaDeviceSyncRequest {
                device_name: "otp-device".to_owned(),
                ..Default::default()
            }),
            "ChangeUserAuthentication" => {
                let token = self.link().await;
                let asked = ours::EnrolAuthenticatorRequest {
                    token: token.clone(),
                    ..Default::default()
                };
                let shown = world
                    .proxy
                    .sign_in()
                    .enrol_authenticator(asked)
                    .await
                    .expect("a seed")
                    .into_inner();
                let seed = auth::credentials::totp::Seed::from_base32(&shown.secret).expect("a seed");
                let totp = proto::TotpRegisterResponse {
                    code: seed.code(world.now()).expect("a code"),
                    ..Default::default()
                };
                encoded(&proto::ChangeUserAuthenticationRequest {
                    token_id: token,
                    new_password: b"a password of some length".to_vec().into(),
                    new_mfa_register_response: Some(proto::MfaRegisterResponse {
                        response: Some(proto::mfa_register_response::Response::Totp(totp)),
                    }),
                    ..Default::default()
                })
            }
            "CreateAuthenticateChallenge: administration" => {
                encoded(&proto::CreateAuthenticateChallengeRequest {
                    request: Some(
                        proto::create_authenticate_challenge_request::Request::ContextUser(
                            proto::ContextUser {},
                        ),
                    ),
                    mfa_required_check: Some(proto::IsMfaRequiredRequest::default()),
                    ..Default::default()
                })
            }
            "GenerateUserCerts: one's own" => self.certificate(actor, &[]),
            "GenerateUserCerts: one's own, with another's request" => {
                let id = self.request("quick").await;
                approve(&self.cast.alice.cluster, &id).await.expect("approved");
                self.certificate(actor, &[id])
            }
            "GenerateUserCerts: another's" => self.certificate(&other, &[]),
            "GenerateUserCerts: the plugin's" => self.certificate("access-plugin", &[]),
            "GenerateUserCerts: other roles" => {
                let key = world.key().public().to_ssh_line().into_bytes();
                encoded(&proto::UserCertsRequest {
                    username: actor.to_owned(),
                    role_requests: vec!["access".to_owned()],
                    use_role_requests: true,
                    ssh_public_key: key.clone().into(),
                    tls_public_key: key.into(),
                    ..Default::default()
                })
            }
            "GetToken" | "DeleteToken" => encoded(&types::ResourceRequest {
                name: world.bot_token("robot").await,
            }),
            "CreateTokenV2" => encoded(&proto::CreateTokenV2Request {
                token: Some(proto::create_token_v2_request::Token::V2(
                    token(&world.uuid(), "robot").into(),
                )),
            }),
            "UpsertTokenV2" => encoded(&proto::UpsertTokenV2Request {
                token: Some(proto::upsert_token_v2_request::Token::V2(
                    token(&world.uuid(), "robot").into(),
                )),
            }),
            "RegisterUsingToken: with a token" => {
                let bot = self.fresh("bot");
                let token = world.bot(&bot, &["access"]).await;
                encoded(&joining(&token, &world.key()))
            }
            "RegisterUsingToken: as a proxy, with a token" => {
                let token = world.host_token(&["Proxy"]).await;
                encoded(&registering(&token, "Proxy", EDGE, &world.key()))
            }
            "GenerateHostCerts: one's own" => encoded(&renewing(HOST, "Proxy", &world.key())),
            "GenerateHostCerts: another's" => encoded(&renewing(EDGE, "Proxy", &world.key())),
            "CreateBot" | "UpsertBot" => {
                let name = self.fresh("bot");
                let bot = Some(bot(&name, &["access"]).into());
                if row == "CreateBot" {
                    encoded(&machineid::CreateBotRequest { bot })
                } else {
                    encoded(&machineid::UpsertBotRequest { bot })
                }
            }
            "GetBot" | "DeleteBot" | "UpdateBot" => {
                let bot_name = self.fresh("bot");
                world.bot(&bot_name, &["access"]).await;
                match row {
                    "GetBot" => encoded(&machineid::GetBotRequest { bot_name }),
                    "DeleteBot" => encoded(&machineid::DeleteBotRequest { bot_name }),
                    _ => encoded(&machineid::UpdateBotRequest {
                        bot: Some(bot(&bot_name, &[]).into()),
                        update_mask: Some(prost_types::FieldMask {
                            paths: vec!["spec.roles".to_owned()],
                        }),
                    }),
                }
            }
            "GetBotInstance" | "DeleteBotInstance" => {
                let bot_name = self.fresh("bot");
                let joined = world.machine(&bot_name, &["access"]).await;
                let instance_id = joined.instance();
                if row == "GetBotInstance" {
                    encoded(&machineid::GetBotInstanceRequest {
                        bot_name,
                        instance_id,
                    })
                } else {
                    encoded(&machineid::DeleteBotInstanceRequest {
                        bot_name,
                        instance_id,
                    })
                }
            }
            "SubmitHeartbeat" => encoded(&machineid::SubmitHeartbeatRequest {
                heartbeat: Some(machineid::BotInstanceStatusHeartbeat::default()),
            }),
            "GetLock" | "DeleteLock" => {
                let name = lock_user(&world.admin, world, "nobody").await.expect("locked");
                if row == "GetLock" {
                    encoded(&proto::GetLockRequest { name })
                } else {
                    encoded(&proto::DeleteLockRequest { name })
                }
            }
            "UpsertClusterAlert" => encoded(&proto::UpsertClusterAlertRequest {
                alert: Some(types::ClusterAlert {
                    header: Some(types::ResourceHeader {
                        metadata: Some(types::Metadata {
                            name: world.uuid(),
                            ..Default::default()
                        }),
                        ..Default::default()
                    }),
                    spec: Some(types::ClusterAlertSpec {
                        message: "hello".to_owned(),
                        ..Default::default()
                    }),
                }),
            }),
            "CreateAlertAck" => encoded(&types::AlertAcknowledgement {
                alert_id: world.uuid(),
                reason: "seen".to_owned(),
                expires: Some(wire::convert::timestamp(world.now() + hours(1))),
            }),
            "ClearAlertAcks" => encoded(&proto::ClearAlertAcksRequest {
                alert_id: "*".to_owned(),
            }),
            "CreateAccessMonitoringRule" => {
                let rule = Some(crate::rules::rule(&self.fresh("rule"), "true").into());
                encoded(&amr::CreateAccessMonitoringRuleRequest { rule })
            }
            "UpsertAccessMonitoringRule" => {
                let rule = Some(crate::rules::rule(&self.fresh("rule"), "true").into());
                encoded(&amr::UpsertAccessMonitoringRuleRequest { rule })
            }
            "UpdateAccessMonitoringRule" | "GetAccessMonitoringRule" | "DeleteAccessMonitoringRule" => {
                let name = self.fresh("rule");
                let request = amr::UpsertAccessMonitoringRuleRequest {
                    rule: Some(crate::rules::rule(&name, "true").into()),
                };
                let mut rules = world.admin.access_monitoring_rules();
                let made = rules.upsert_access_monitoring_rule(request).await;
                let rule = Some(made.expect("a rule").into_inner());
                match row {
                    "UpdateAccessMonitoringRule" => encoded(&amr::UpdateAccessMonitoringRuleRequest { rule }),
                    "GetAccessMonitoringRule" => encoded(&amr::GetAccessMonitoringRuleRequest { name }),
                    _ => encoded(&amr::DeleteAccessMonitoringRuleRequest { name }),
                }
            }
            "UpsertLock" => encoded(&types::LockV2 {
                metadata: Some(types::Metadata {
                    name: world.uuid(),
                    ..Default::default()
                }),
                spec: Some(types::LockSpecV2 {
                    target: Some(types::LockTarget {
                        user: "nobody".to_owned(),
                        ..Default::default()
                    }),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            "CreateAccessRequestV2: for oneself" => encoded(&wanted(world, actor, &["elevated-access"])),
            "CreateAccessRequestV2: for another" => {
                encoded(&wanted(world, &self.dana.name, &["elevated-access"]))
            }
            "CreateAccessRequestV2: for another, approved, one suffices"
            | "CreateAccessRequestV2: for another, approved, two are needed" => {
                let role = if row.ends_with("suffices") {
                    "quick"
                } else {
                    "elevated-access"
                };
                let mut request = wanted(world, &self.dana.name, &[role]);
                request.spec.as_mut().expect("a spec").state = RequestState::Approved.into();
                encoded(&request)
            }
            "ListAccessRequests: another's, by id" => encoded(&proto::ListAccessRequestsRequest {
                filter: Some(types::AccessRequestFilter {
                    id: self.request("elevated-access").await,
                    ..Default::default()
                }),
                ..Default::default()
            }),
            "GetAccessRequestsV2: another's, by id" => encoded(&types::AccessRequestFilter {
                id: self.request("elevated-access").await,
                ..Default::default()
            }),
            "SubmitAccessReview: approve another's" => encoded(&verdict(
                &self.request("elevated-access").await,
                RequestState::Approved,
            )),
            "SubmitAccessReview: approve one's own" => {
                let id = match send(&world.admin, wanted(world, actor, &["elevated-access"])).await {
                    Ok(request) => crate::people::id_of(&request),
                    // Somebody who may ask for nothing.
                    Err(_) => self.request("elevated-access").await,
                };
                encoded(&verdict(&id, RequestState::Approved))
            }
            "SetAccessRequestState: approve, one suffices" => {
                self.setting("quick", RequestState::Approved).await
            }
            "SetAccessRequestState: approve, two are needed" => {
                self.setting("elevated-access", RequestState::Approved).await
            }
            "SetAccessRequestState: deny" => self.setting("elevated-access", RequestState::Denied).await,
            "DeleteAccessRequest" => encoded(&proto::RequestId {
                id: self.request("elevated-access").await,
            }),
            "GetAccessCapabilities: one's own" => encoded(&types::AccessCapabilitiesRequest {
                requestable_roles: true,
                ..Default::default()
            }),
            "GetAccessCapabilities: another's" => encoded(&types::AccessCapabilitiesRequest {
                user: self.dana.name.clone(),
                requestable_roles: true,
                ..Default::default()
            }),
            "GetAccessRequestAllowedPromotions" => encoded(&proto::AccessRequestAllowedPromotionRequest {
                access_request_id: self.request("elevated-access").await,
            }),
            "GetPluginData" => encoded(&types::PluginDataFilter {
                kind: "access_request".to_owned(),
                ..Default::default()
            }),
            "UpdatePluginData" => encoded(&types::PluginDataUpdateParams {
                kind: "access_request".to_owned(),
                resource: self.request("elevated-access").await,
                plugin: "mattermost".to_owned(),
                set: [("a".to_owned(), "b".to_owned())].into(),
                ..Default::default()
            }),
            "WatchEvents: access_request, one's own" => encoded(&proto::Watch {
                kinds: vec![types::WatchKind {
                    kind: "access_request".to_owned(),
                    filter: [("user".to_owned(), actor.to_owned())].into(),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            "WatchEvents: cert_authority, with private keys" => encoded(&proto::Watch {
                kinds: vec![types::WatchKind {
                    kind: "cert_authority".to_owned(),
                    load_secrets: true,
                    ..Default::default()
                }],
                ..Default::default()
            }),
            watch if watch.starts_with("WatchEvents: ") => encoded(&proto::Watch {
                kinds: vec![types::WatchKind {
                    kind: watch.trim_start_matches("WatchEvents: ").to_owned(),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            "GetUser: oneself" => encoded(&users::GetUserRequest {
                name: actor.to_owned(),
                ..Default::default()
            }),
            "GetUser: another" => encoded(&users::GetUserRequest {
                name: other,
                ..Default::default()
            }),
            "GetUser: another, with secrets" => encoded(&users::GetUserRequest {
                name: other,
                with_secrets: true,
                ..Default::default()
            }),
            "ListUsers: with secrets" => encoded(&users::ListUsersRequest {
                with_secrets: true,
                ..Default::default()
            }),
            "CreateUser" => {
                let name = self.fresh("user");
                encoded(&users::CreateUserRequest {
                    user: Some(user(&name, &["access"]).into()),
                })
            }
            "UpdateUser" => {
                let name = self.user().await;
                let asked = users::GetUserRequest {
                    name,
                    ..Default::default()
                };
                let found = world
                    .admin
                    .users()
                    .get_user(asked)
                    .await
                    .expect("there")
                    .into_inner();
                encoded(&users::UpdateUserRequest { user: found.user })
            }
            "UpsertUser" => {
                let name = self.user().await;
                encoded(&users::UpsertUserRequest {
                    user: Some(user(&name, &["access"]).into()),
                })
            }
            "DeleteUser" => encoded(&users::DeleteUserRequest {
                name: self.user().await,
            }),
            "GetCertAuthority" | "GetCertAuthority: with keys" => encoded(&trust::GetCertAuthorityRequest {
                r#type: "host".to_owned(),
                domain: crate::world::CLUSTER.to_owned(),
                include_key: row.ends_with("keys"),
            }),
            "GetCertAuthorities" | "GetCertAuthorities: with keys" => {
                encoded(&trust::GetCertAuthoritiesRequest {
                    r#type: "user".to_owned(),
                    include_key: row.ends_with("keys"),
                })
            }
            "RotateCertAuthority: no step there is" => encoded(&trust::RotateCertAuthorityRequest {
                r#type: "host".to_owned(),
                target_phase: "rollback".to_owned(),
                ..Default::default()
            }),
            "GenerateHostCert" => encoded(&trust::GenerateHostCertRequest {
                key: world.key().public().to_ssh_line().into_bytes().into(),
                principals: vec!["demo".to_owned()],
                cluster_name: crate::world::CLUSTER.to_owned(),
                role: "Node".to_owned(),
                ..Default::default()
            }),
            "UpdateAuthPreference" => {
                let found = world
                    .admin
                    .cluster_config()
                    .get_auth_preference(conf::GetAuthPreferenceRequest {})
                    .await;
                encoded(&conf::UpdateAuthPreferenceRequest {
                    auth_preference: Some(found.expect("there").into_inner()),
                })
            }
            "UpsertAuthPreference" => encoded(&conf::UpsertAuthPreferenceRequest {
                auth_preference: Some(types::AuthPreferenceV2::default().into()),
            }),
            "UpdateClusterNetworkingConfig" => {
                let found = world
                    .admin
                    .cluster_config()
                    .get_cluster_networking_config(conf::GetClusterNetworkingConfigRequest {})
                    .await;
                encoded(&conf::UpdateClusterNetworkingConfigRequest {
                    cluster_network_config: Some(found.expect("there").into_inner()),
                })
            }
            "UpsertClusterNetworkingConfig" => encoded(&conf::UpsertClusterNetworkingConfigRequest {
                cluster_network_config: Some(types::ClusterNetworkingConfigV2::default().into()),
            }),
            "UpdateSessionRecordingConfig" => {
                let found = world
                    .admin
                    .cluster_config()
                    .get_session_recording_config(conf::GetSessionRecordingConfigRequest {})
                    .await;
                encoded(&conf::UpdateSessionRecordingConfigRequest {
                    session_recording_config: Some(found.expect("there").into_inner()),
                })
            }
            "UpsertSessionRecordingConfig" => encoded(&conf::UpsertSessionRecordingConfigRequest {
                session_recording_config: Some(types::SessionRecordingConfigV2::default().into()),
            }),
            "Begin" => encoded(&ours::BeginRequest {
                user: self.dana.name.clone(),
                password: self.dana.password.as_bytes().to_vec().into(),
                ..Default::default()
            }),
            "Finish" => {
                world.clock.advance(crate::world::seconds(30));
                encoded(&ours::FinishRequest {
                    user: self.dana.name.clone(),
                    password: self.dana.password.as_bytes().to_vec().into(),
                    second_factor: Some(ours::finish_request::SecondFactor::TotpCode(self.code())),
                    tls_public_key: world.key().public().to_ssh_line().into_bytes().into(),
                    ..Default::default()
                })
            }
            "OpenWebSession" => {
                world.clock.advance(crate::world::seconds(30));
                encoded(&ours::OpenWebSessionRequest {
                    user: self.dana.name.clone(),
                    password: self.dana.password.as_bytes().to_vec().into(),
                    second_factor: Some(ours::open_web_session_request::SecondFactor::TotpCode(
                        self.code(),
                    )),
                    ..Default::default()
                })
            }
            "GetWebSession" => {
                let ours::WebSession { user, id, .. } = self.web_session().await;
                encoded(&ours::GetWebSessionRequest {
                    user,
                    id,
                    ..Default::default()
                })
            }
            "RenewWebSession" => {
                let ours::WebSession { user, id, .. } = self.web_session().await;
                encoded(&ours::RenewWebSessionRequest {
                    user,
                    id,
                    ..Default::default()
                })
            }
            "CloseWebSession" => {
                let ours::WebSession { user, id, .. } = self.web_session().await;
                encoded(&ours::CloseWebSessionRequest { user, id })
            }
            "ListWebSessions" => {
                let ours::WebSession { user, id, .. } = self.web_session().await;
                encoded(&ours::ListWebSessionsRequest { user, id })
            }
            "CloseAllWebSessions" => {
                let ours::WebSession { user, id, .. } = self.web_session().await;
                encoded(&ours::CloseAllWebSessionsRequest { user, id })
            }
            "GetInvite" => encoded(&ours::GetInviteRequest {
                token: self.link().await,
                ..Default::default()
            }),
            "EnrolAuthenticator" => encoded(&ours::EnrolAuthenticatorRequest {
                token: self.link().await,
                ..Default::default()
            }),
            "RegisterAuthenticator" => encoded(&ours::RegisterAuthenticatorRequest {
                token: self.link().await,
                ..Default::default()
            }),
            "AcceptInvite" => {
                let token = self.link().await;
                let asked = ours::EnrolAuthenticatorRequest {
                    token: token.clone(),
                    ..Default::default()
                };
                let shown = world
                    .proxy
                    .sign_in()
                    .enrol_authenticator(asked)
                    .await
                    .expect("a seed")
                    .into_inner();
                let seed = auth::credentials::totp::Seed::from_base32(&shown.secret).expect("a seed");
                encoded(&ours::AcceptInviteRequest {
                    token,
                    new_password: b"a password of some length".to_vec().into(),
                    totp_code: seed.code(world.now()).expect("a code"),
                    ..Default::default()
                })
            }
            "AnnounceProxy" => encoded(&ours::AnnounceProxyRequest {
                address: "10.0.0.1:443".to_owned(),
                public_addresses: vec!["proxy.example.com:443".to_owned()],
                ..Default::default()
            }),
            "Explain" => encoded(&ours::ExplainRequest {
                request_id: self.request("elevated-access").await,
            }),
            "BeginVote" => encoded(&ours::BeginVoteRequest {
                request_id: self.request("elevated-access").await,
            }),
            "AccessCheck" => encoded(&ours::AccessCheckRequest::default()),
            "Withdraw: another's request" => encoded(&ours::WithdrawRequest {
                request_id: self.request("elevated-access").await,
                ..Default::default()
            }),
            unknown => panic!("no message for {unknown:?}"),
        }
    }

    fn certificate(&self, user: &str, requests: &[String]) -> Vec<u8> {
        encoded(&proto::UserCertsRequest {
            username: user.to_owned(),
            access_requests: requests.to_vec(),
            tls_public_key: self.world.key().public().to_ssh_line().into_bytes().into(),
            expires: Some(wire::convert::timestamp(self.world.now() + hours(1))),
            ..Default::default()
        })
    }

    async fn setting(&mut self, role: &str, state: RequestState) -> Vec<u8> {
        encoded(&proto::RequestStateSetter {
            id: self.request(role).await,
            state: state.into(),
            ..Default::default()
        })
    }
}

/// What changes a resource is the resource; everything else names it.
fn one(row: &str, resource: &impl Message, metadata: Option<&types::Metadata>) -> Vec<u8> {
    if row.starts_with("Update") {
        return encoded(resource);
    }
    encoded(&types::ResourceRequest {
        name: metadata.expect("metadata").name.clone(),
    })
}

fn encoded(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}

/// What came of a call, in a word; for lists of requests with how many were seen.
fn outcome(row: &str, answer: Result<bytes::Bytes, tonic::Status>) -> String {
    let word = match answer {
        Ok(bytes) => {
            let seen = match row {
                "ListAccessRequests: another's, by id" => {
                    let page = proto::ListAccessRequestsResponse::decode(bytes).expect("a page");
                    Some(page.access_requests.len())
                }
                "GetAccessRequestsV2: another's, by id" => Some(usize::from(!bytes.is_empty())),
                _ => None,
            };
            return seen.map_or_else(|| "yes".to_owned(), |seen| format!("sees {seen}"));
        }
        Err(status) => match status.code() {
            Code::PermissionDenied => "-",
            Code::NotFound => "not found",
            Code::InvalidArgument => "invalid",
            Code::Unimplemented => "not here",
            code => panic!("{row}: {code:?}: {}", status.message()),
        },
    };
    word.to_owned()
}

async fn actors(world: &World, cast: &Cast) -> Actors {
    world.apply(PLUGIN).await;
    let plugin = world
        .sign_as(&world.admin, "access-plugin", hours(24))
        .await
        .expect("a certificate");
    world.user("twin@example.com", &["dbreviewer"]).await;
    let twin = world
        .sign_as(&world.admin, "twin@example.com", hours(24))
        .await
        .expect("a certificate");
    let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
    for reviewer in [&cast.alice, &cast.ivan] {
        approve(&reviewer.cluster, &id).await.expect("approved");
    }
    let elevated = world
        .assume(&cast.bob.cluster, &[&id])
        .await
        .expect("a certificate");
    let named = |cluster: &client::Cluster| cluster.identity().current().user().to_owned();
    let of = |name, cluster: &client::Cluster| (name, named(cluster), cluster.calls());
    Actors(vec![
        ("nobody", String::new(), dial(world, None)),
        of("bob", &cast.bob.cluster),
        of("bob+", &elevated),
        of("alice", &cast.alice.cluster),
        of("alice*", &twin),
        of("plugin", &plugin),
        of("editor", &cast.editor.cluster),
        of("proxy", &world.proxy),
        of("admin", &world.admin),
    ])
}

const LEGEND: &str = "\
What everybody may call. bob asks, bob+ is bob with an approved request in the certificate, alice reviews, alice* is a
reviewer's certificate made by the local administrator, editor holds the preset roles access and editor, admin is the
administrator on the Auth host. `-` is PermissionDenied, `not found` NotFound, `invalid` InvalidArgument.
";

#[tokio::test]
async fn who_may_call_what() {
    let served: BTreeSet<&str> = auth::server::served().collect();
    let listed: BTreeMap<String, Vec<&str>> = ROWS
        .iter()
        .flat_map(|(service, rows)| rows.iter().map(move |row| (*service, *row)))
        .fold(BTreeMap::new(), |mut listed, (service, row)| {
            let call = row.split(':').next().unwrap_or_default();
            listed.entry(format!("/{service}/{call}")).or_default().push(row);
            listed
        });
    let listed_paths: BTreeSet<&str> = listed.keys().map(String::as_str).collect();
    let missing: Vec<_> = served.difference(&listed_paths).collect();
    assert!(
        missing.is_empty(),
        "calls that are served and have no row: {missing:?}"
    );
    let gone: Vec<_> = listed_paths.difference(&served).collect();
    assert!(gone.is_empty(), "rows of calls that are not served: {gone:?}");

    let world = World::open(Plan::default()).await;
    let cast = world.cast().await;
    let mut stage = Stage::new(&world, &cast, "dana@example.com").await;
    let Actors(actors) = actors(&world, &cast).await;
    let mut table = LEGEND.to_owned();
    let mut plugin_may = Vec::new();
    for (service, rows) in ROWS {
        let _ = write!(table, "\n{service:62}");
        for (name, _, _) in &actors {
            let _ = write!(table, " {name:9}");
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
        for row in *rows {
            let path = format!("/{service}/{}", row.split(':').next().unwrap_or_default());
            let _ = write!(table, "  {row:60}");
            for (column, name, calls) in &actors {
                let message = stage.message(row, name).await;
                let said = outcome(row, raw(calls.clone(), &path, message).await);
                if *column == "plugin" && said == "yes" {
                    plugin_may.push(*row);
                }
                let _ = write!(table, " {said:9}");
            }
            table.truncate(table.trim_end().len());
            table.push('\n');
        }
    }
    world.finish().await;
    expect_test::expect_file!["../data/matrix.txt"].assert_eq(&table);
    d01_what_a_plugin_may(&plugin_may);
}

/// D01: a plugin reads requests, keeps its own notes, and decides nothing.
fn d01_what_a_plugin_may(calls: &[&str]) {
    const MAY: &[&str] = &[
        // What everybody with a certificate may.
        "Ping",
        "GetDomainName",
        "GetClusterCACert",
        "GetClusterAlerts",
        "GetCurrentUser",
        "GetCurrentUserRoles",
        "GetResetPasswordToken",
        "ChangeUserAuthentication",
        "RegisterUsingToken: with a token",
        "RegisterUsingToken: as a proxy, with a token",
        "CreateAuthenticateChallenge: administration",
        "IsMFARequired",
        "CreateRegisterChallenge",
        "GetMFADevices",
        // Lists that hold what one may reach, which is nothing.
        "GetApps",
        "GetDatabases",
        "GetKubernetesClusters",
        "ListResources: node",
        "ListUnifiedResources",
        "GetSSHTargets",
        "GetSessionEvents",
        "ListRemoteClusters",
        "GenerateUserCerts: one's own",
        "GenerateUserCerts: the plugin's",
        "GetAccessCapabilities: one's own",
        "WatchEvents: access_request, one's own",
        "WatchEvents: cluster_auth_preference",
        "WatchEvents: node",
        "WatchEvents: namespace",
        "WatchEvents: cert_authority",
        "GetUser: oneself",
        "GetCertAuthority",
        "GetCertAuthorities",
        "GetClusterName",
        "GetAuthPreference",
        "GetSettings",
        // What its role says.
        "GetRole",
        "ListAccessRequests: all",
        "GetAccessRequestAllowedPromotions",
        "GetPluginData",
        "UpdatePluginData",
        "WatchEvents: access_request",
        "WatchEvents: role",
        "WatchEvents: user",
        "WatchEvents: access_monitoring_rule",
        "GetAccessMonitoringRule",
        "ListAccessMonitoringRules",
        "ListAccessMonitoringRulesWithFilter",
        "GetUser: another",
        "Explain",
        "GetAccessLists",
        "ListAccessLists",
        "GetAccessList",
        "GetAccessListsToReview",
        "CountAccessListMembers",
        "ListAccessListMembers",
        "ListAllAccessListMembers",
        "GetAccessListMember",
        "GetAccessListOwners",
        "ListAccessListReviews",
        "ListAllAccessListReviews",
        "GetSuggestedAccessLists",
        "GetInheritedGrants",
        // What it is told itself, and that it has read it.
        "ListNotifications: one's own",
        "UpsertUserNotificationState: one's own",
        "UpsertUserLastSeenNotification",
    ];
    let more: Vec<_> = calls.iter().filter(|call| !MAY.contains(call)).collect();
    assert!(more.is_empty(), "a plugin may too much: {more:?}");
}
