//! The kinds of resources: their names, versions and messages, what can be done with them, and how commands speak of them.

use std::fmt;

use prost_reflect::MessageDescriptor;

use crate::pb::descriptors;

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Role,
    User,
    Token,
    Lock,
    Node,
    App,
    Db,
    KubeCluster,
    Proxy,
    AuthServer,
    Github,
    Oidc,
    Saml,
    CertAuthority,
    TrustedCluster,
    RemoteCluster,
    ClusterAuthPreference,
    ClusterNetworkingConfig,
    SessionRecordingConfig,
    UiConfig,
    AccessRequest,
    PluginData,
    AccessMonitoringRule,
    AccessList,
    AccessListMember,
    Bot,
    BotInstance,
    UserToken,
}

/// What a command does with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Verb {
    Create,
    Get,
    Edit,
    Remove,
}

/// What a command did with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// It was not there before.
    Created,
    /// It was there and is now as given.
    Updated,
    /// It is gone.
    Deleted,
    /// The one resource of its kind is as if nobody had set it.
    Reset,
}

struct Info {
    name: &'static str,
    /// What else `tctl get` understands, in lower case.
    aliases: &'static [&'static str],
    message: &'static str,
    versions: &'static [&'static str],
    /// The name of the only resource of the kind.
    singleton: Option<&'static str>,
    /// What commands call it: `role "x" has been created`.
    spoken: &'static str,
    verbs: &'static [Verb],
}

use Verb::{Create, Edit, Get, Remove};

const ALL: &[Verb] = &[Create, Get, Edit, Remove];
const NO_EDIT: &[Verb] = &[Create, Get, Remove];

impl Kind {
    /// Every kind, in the order in which a backup lists them.
    pub const ALL: [Self; 28] = [
        Self::ClusterAuthPreference,
        Self::ClusterNetworkingConfig,
        Self::SessionRecordingConfig,
        Self::UiConfig,
        Self::CertAuthority,
        Self::Role,
        Self::User,
        Self::Github,
        Self::Oidc,
        Self::Saml,
        Self::Bot,
        Self::Token,
        Self::UserToken,
        Self::Lock,
        Self::AccessMonitoringRule,
        Self::AccessList,
        Self::AccessListMember,
        Self::AccessRequest,
        Self::PluginData,
        Self::TrustedCluster,
        Self::RemoteCluster,
        Self::Node,
        Self::App,
        Self::Db,
        Self::KubeCluster,
        Self::Proxy,
        Self::AuthServer,
        Self::BotInstance,
    ];

    /// The three kinds that `connector` stands for.
    pub const CONNECTORS: [Self; 3] = [Self::Oidc, Self::Saml, Self::Github];

    const fn info(self) -> Info {
        match self {
            Self::Role => Info {
                name: "role",
                aliases: &["roles"],
                message: "types.RoleV6",
                versions: &["v3", "v4", "v5", "v6", "v7", "v8"],
                singleton: None,
                spoken: "role",
                verbs: ALL,
            },
            Self::User => Info {
                name: "user",
                aliases: &["users"],
                message: "types.UserV2",
                versions: &["v2"],
                singleton: None,
                spoken: "user",
                verbs: ALL,
            },
            Self::Token => Info {
                name: "token",
                aliases: &["tokens", "provision_token"],
                message: "types.ProvisionTokenV2",
                versions: &["v2"],
                singleton: None,
                spoken: "token",
                verbs: ALL,
            },
            Self::Lock => Info {
                name: "lock",
                aliases: &["locks"],
                message: "types.LockV2",
                versions: &["v2"],
                singleton: None,
                spoken: "lock",
                verbs: ALL,
            },
            Self::Node => Info {
                name: "node",
                aliases: &["nodes"],
                message: "types.ServerV2",
                versions: &["v2"],
                singleton: None,
                spoken: "node",
                verbs: ALL,
            },
            Self::App => Info {
                name: "app",
                aliases: &["apps"],
                message: "types.AppV3",
                versions: &["v3"],
                singleton: None,
                spoken: "application",
                verbs: ALL,
            },
            Self::Db => Info {
                name: "db",
                aliases: &["dbs"],
                message: "types.DatabaseV3",
                versions: &["v3"],
                singleton: None,
                spoken: "database",
                verbs: ALL,
            },
            Self::KubeCluster => Info {
                name: "kube_cluster",
                aliases: &["kube_clusters"],
                message: "types.KubernetesClusterV3",
                versions: &["v3"],
                singleton: None,
                spoken: "kubernetes cluster",
                verbs: ALL,
            },
            Self::Proxy => Info {
                name: "proxy",
                aliases: &["proxies"],
                message: "types.ServerV2",
                versions: &["v2"],
                singleton: None,
                spoken: "proxy",
                verbs: &[Get, Remove],
            },
            Self::AuthServer => Info {
                name: "auth_server",
                aliases: &["auth_servers", "auth"],
                message: "types.ServerV2",
                versions: &["v2"],
                singleton: None,
                spoken: "auth server",
                verbs: &[Get],
            },
            Self::Github => Info {
                name: "github",
                aliases: &[],
                message: "types.GithubConnectorV3",
                versions: &["v3"],
                singleton: None,
                spoken: "authentication connector",
                verbs: ALL,
            },
            Self::Oidc => Info {
                name: "oidc",
                aliases: &[],
                message: "types.OIDCConnectorV3",
                versions: &["v3"],
                singleton: None,
                spoken: "authentication connector",
                verbs: ALL,
            },
            Self::Saml => Info {
                name: "saml",
                aliases: &[],
                message: "types.SAMLConnectorV2",
                versions: &["v2"],
                singleton: None,
                spoken: "authentication connector",
                verbs: ALL,
            },
            Self::CertAuthority => Info {
                name: "cert_authority",
                aliases: &["cert_authorities", "cas"],
                message: "types.CertAuthorityV2",
                versions: &["v2"],
                singleton: None,
                spoken: "certificate authority",
                verbs: NO_EDIT,
            },
            Self::TrustedCluster => Info {
                name: "trusted_cluster",
                aliases: &["tc", "cluster", "clusters"],
                message: "types.TrustedClusterV2",
                versions: &["v2"],
                singleton: None,
                spoken: "trusted cluster",
                verbs: NO_EDIT,
            },
            Self::RemoteCluster => Info {
                name: "remote_cluster",
                aliases: &["remote_clusters", "rc", "rcs"],
                message: "types.RemoteClusterV3",
                versions: &["v3"],
                singleton: None,
                spoken: "remote cluster",
                verbs: &[Get, Remove],
            },
            Self::ClusterAuthPreference => Info {
                name: "cluster_auth_preference",
                aliases: &[
                    "cluster_auth_preferences",
                    "cluster_authentication_preference",
                    "cluster_authentication_preferences",
                    "cap",
                ],
                message: "types.AuthPreferenceV2",
                versions: &["v2"],
                singleton: Some("cluster-auth-preference"),
                spoken: "cluster auth preference",
                verbs: ALL,
            },
            Self::ClusterNetworkingConfig => Info {
                name: "cluster_networking_config",
                aliases: &["networking_config", "networking", "net_config", "netconfig"],
                message: "types.ClusterNetworkingConfigV2",
                versions: &["v2"],
                singleton: Some("cluster-networking-config"),
                spoken: "cluster networking configuration",
                verbs: ALL,
            },
            Self::SessionRecordingConfig => Info {
                name: "session_recording_config",
                aliases: &["recording_config", "session_recording", "rec_config", "recconfig"],
                message: "types.SessionRecordingConfigV2",
                versions: &["v2"],
                singleton: Some("session-recording-config"),
                spoken: "session recording configuration",
                verbs: ALL,
            },
            Self::UiConfig => Info {
                name: "ui_config",
                aliases: &["ui"],
                message: "types.UIConfigV1",
                versions: &["v1"],
                singleton: Some("ui-config"),
                spoken: "ui_config",
                verbs: NO_EDIT,
            },
            Self::AccessRequest => Info {
                name: "access_request",
                aliases: &["access_requests", "accessrequest", "accessrequests"],
                message: "types.AccessRequestV3",
                versions: &["v3"],
                singleton: None,
                spoken: "access request",
                verbs: &[Get],
            },
            Self::PluginData => Info {
                name: "plugin_data",
                aliases: &[],
                message: "types.PluginDataV3",
                versions: &["v3"],
                singleton: None,
                spoken: "plugin data",
                verbs: &[],
            },
            Self::AccessMonitoringRule => Info {
                name: "access_monitoring_rule",
                aliases: &["access_monitoring_rules"],
                message: "teleport.accessmonitoringrules.v1.AccessMonitoringRule",
                versions: &["v1"],
                singleton: None,
                spoken: "access monitoring rule",
                verbs: ALL,
            },
            Self::AccessList => Info {
                name: "access_list",
                aliases: &["access_lists", "accesslist", "accesslists"],
                message: "teleport.accesslist.v1.AccessList",
                versions: &["v1"],
                singleton: None,
                spoken: "access list",
                verbs: ALL,
            },
            Self::AccessListMember => Info {
                name: "access_list_member",
                aliases: &["access_list_members", "accesslistmember", "accesslistmembers"],
                message: "teleport.accesslist.v1.Member",
                versions: &["v1"],
                singleton: None,
                spoken: "access list member",
                verbs: ALL,
            },
            Self::Bot => Info {
                name: "bot",
                aliases: &["bots"],
                message: "teleport.machineid.v1.Bot",
                versions: &["v1"],
                singleton: None,
                spoken: "bot",
                verbs: ALL,
            },
            Self::BotInstance => Info {
                name: "bot_instance",
                aliases: &["bot_instances"],
                message: "teleport.machineid.v1.BotInstance",
                versions: &["v1"],
                singleton: None,
                spoken: "bot instance",
                verbs: &[Get, Remove],
            },
            Self::UserToken => Info {
                name: "user_token",
                aliases: &[],
                message: "types.UserTokenV3",
                versions: &["v3"],
                singleton: None,
                spoken: "user token",
                verbs: &[],
            },
        }
    }

    /// The word in `kind:`.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The kind of that name, as documents write it.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind a command means by a word: its name or an alias, in upper or lower case.
    pub fn of_alias(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == word || kind.info().aliases.contains(&word.as_str()))
    }

    /// All words that stand for a kind.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .into_iter()
            .flat_map(|kind| std::iter::once(kind.name()).chain(kind.info().aliases.iter().copied()))
    }

    /// The versions that are understood; the last is the newest.
    pub const fn versions(self) -> &'static [&'static str] {
        self.info().versions
    }

    /// The version of documents that do not name one. A role has none: its version decides what it means.
    pub fn version_default(self) -> Option<&'static str> {
        match self {
            Self::Role => None,
            _ => self.versions().last().copied(),
        }
    }

    /// The name of the only resource of this kind.
    pub const fn singleton(self) -> Option<&'static str> {
        self.info().singleton
    }

    /// What else commands understand, in lower case.
    pub const fn aliases(self) -> &'static [&'static str] {
        self.info().aliases
    }

    /// The full name of its message.
    pub const fn message(self) -> &'static str {
        self.info().message
    }

    /// What commands call it: "role", "authentication connector".
    pub const fn spoken(self) -> &'static str {
        self.info().spoken
    }

    /// Whether a command can do this with the kind.
    pub fn can(self, verb: Verb) -> bool {
        self.info().verbs.contains(&verb)
    }

    /// The descriptor of its message.
    pub fn descriptor(self) -> MessageDescriptor {
        let descriptor = descriptors().get_message_by_name(self.message());
        descriptor.expect("every kind has a message of the contract, as a test of this module sees to")
    }

    /// The line a command prints: `role "x" has been created`.
    pub fn done(self, name: &str, done: Done) -> String {
        let spoken = match (self, done) {
            (Self::Token, Done::Created | Done::Updated) => "provision_token",
            (Self::Github, Done::Deleted) => "github connector",
            (Self::Oidc, Done::Deleted) => "oidc connector",
            (Self::Saml, Done::Deleted) => "saml connector",
            (Self::Bot, Done::Deleted) => "Bot",
            (Self::AccessMonitoringRule, Done::Deleted) => "Access monitoring rule",
            (Self::AccessList, _) => "Access list",
            (Self::Proxy, _) => "Proxy",
            _ => self.spoken(),
        };
        let what = match done {
            Done::Created => "created",
            Done::Updated => "updated",
            Done::Deleted => "deleted",
            Done::Reset => "reset to defaults",
        };
        match (self, done) {
            (Self::Node, Done::Deleted) => format!("{spoken} {name} has been {what}"),
            _ if self.singleton().is_some() => format!("{spoken} has been {what}"),
            _ => format!("{spoken} \"{name}\" has been {what}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Kinds of the original that are known by name and not here yet.
pub(super) const NOT_YET: &[&str] = &[
    "access_graph_settings",
    "app_server",
    "app_servers",
    "audit_query",
    "autoupdate_config",
    "autoupdate_version",
    "cluster_maintenance_config",
    "cmc",
    "crown_jewel",
    "db_object",
    "db_object_import_rule",
    "db_server",
    "db_servers",
    "db_service",
    "db_services",
    "device",
    "devices",
    "discovery_config",
    "dynamic_windows_desktop",
    "external_audit_storage",
    "git_server",
    "installer",
    "installers",
    "integration",
    "integrations",
    "kube_server",
    "kube_servers",
    "login_rule",
    "login_rules",
    "namespace",
    "namespaces",
    "network_restrictions",
    "ns",
    "okta_assignment",
    "okta_import_rule",
    "plugin",
    "plugins",
    "saml_idp_service_provider",
    "security_report",
    "sem",
    "semaphore",
    "semaphores",
    "sems",
    "server_info",
    "spiffe_federation",
    "static_host_user",
    "user_group",
    "user_groups",
    "user_task",
    "vnet_config",
    "windows_desktop",
    "windows_desktop_service",
    "windows_desktops",
    "workload_identities",
    "workload_identity",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_word_means_one_kind() {
        let words: Vec<&str> = Kind::words().chain(NOT_YET.iter().copied()).collect();
        let distinct: BTreeSet<&str> = words.iter().copied().collect();
        assert_eq!(words.len(), distinct.len());
        for kind in Kind::ALL {
            assert_eq!(kind.descriptor().full_name(), kind.message());
            assert_eq!(Kind::of_name(kind.name()), Some(kind));
        }
        let all: BTreeSet<Kind> = Kind::ALL.into_iter().collect();
        assert_eq!(all.len(), Kind::ALL.len());
    }

    #[test]
    fn commands_speak_as_the_original_does() {
        for (kind, name, done, expected) in [
            (Kind::Role, "x", Done::Created, "role \"x\" has been created"),
            (Kind::User, "x", Done::Updated, "user \"x\" has been updated"),
            (
                Kind::Github,
                "x",
                Done::Created,
                "authentication connector \"x\" has been created",
            ),
            (
                Kind::Github,
                "x",
                Done::Deleted,
                "github connector \"x\" has been deleted",
            ),
            (
                Kind::Token,
                "x",
                Done::Created,
                "provision_token \"x\" has been created",
            ),
            (Kind::Token, "x", Done::Deleted, "token \"x\" has been deleted"),
            (Kind::Bot, "x", Done::Created, "bot \"x\" has been created"),
            (Kind::Bot, "x", Done::Deleted, "Bot \"x\" has been deleted"),
            (
                Kind::AccessMonitoringRule,
                "x",
                Done::Created,
                "access monitoring rule \"x\" has been created",
            ),
            (
                Kind::AccessMonitoringRule,
                "x",
                Done::Deleted,
                "Access monitoring rule \"x\" has been deleted",
            ),
            (Kind::Node, "x", Done::Created, "node \"x\" has been created"),
            (Kind::Node, "x", Done::Deleted, "node x has been deleted"),
            (Kind::Lock, "x", Done::Deleted, "lock \"x\" has been deleted"),
            (
                Kind::SessionRecordingConfig,
                "session-recording-config",
                Done::Updated,
                "session recording configuration has been updated",
            ),
            (
                Kind::SessionRecordingConfig,
                "session-recording-config",
                Done::Reset,
                "session recording configuration has been reset to defaults",
            ),
            (
                Kind::ClusterAuthPreference,
                "",
                Done::Created,
                "cluster auth preference has been created",
            ),
        ] {
            assert_eq!(kind.done(name, done), expected);
        }
    }
}
