//! The permission to sign: a value that only the decisions of this crate can make.
//!
//! `pki` signs user and host certificates from a permit and from nothing else, so a certificate that nobody
//! decided about does not compile. What the permit says is exactly what the certificate will say.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::role::Traits;

/// What a user certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGrant {
    /// The user's name: common name and key id.
    pub user: String,
    /// Roles, in the order in which they were gained.
    pub roles: Vec<String>,
    /// The user's traits, as they were when this was decided.
    pub traits: Traits,
    /// Unix logins: SSH principals. Empty means that nobody can be logged in as.
    pub logins: Vec<String>,
    /// Kubernetes groups.
    pub kubernetes_groups: Vec<String>,
    /// Kubernetes users.
    pub kubernetes_users: Vec<String>,
    /// Identifiers of the access requests whose roles or resources are inside.
    pub active_requests: Vec<String>,
    /// Resources this certificate is limited to, as `/cluster/kind/name`; empty means no limit.
    pub allowed_resources: Vec<String>,
    /// The end, exclusive. Whole seconds.
    pub not_after: Timestamp,
    /// Who asked for this certificate in the user's name.
    pub impersonator: Option<String>,
    /// The holder cannot get another certificate with this one.
    pub disallow_reissue: bool,
    /// The holder may renew it beyond its end (machines only).
    pub renewable: bool,
    /// Counts renewals of a renewable certificate.
    pub generation: u64,
    /// The bot this certificate belongs to.
    pub bot_name: Option<String>,
    /// The instance of that bot.
    pub bot_instance: Option<String>,
    /// How that instance joined, such as `token`.
    pub join_method: Option<String>,
    /// Uses the certificate is limited to; empty means all.
    pub usage: Vec<String>,
    /// Address the user signed in from.
    pub login_ip: Option<String>,
    /// Whether the address is enforced.
    pub pin_source_ip: bool,
    /// End of the certificate that this one was issued with.
    pub previous_not_after: Option<Timestamp>,
    /// SSH agent forwarding.
    pub permit_agent_forwarding: bool,
    /// SSH port forwarding.
    pub permit_port_forwarding: bool,
    /// X11 forwarding.
    pub permit_x11_forwarding: bool,
    /// Further SSH extensions that roles ask for: name and value.
    pub extensions: BTreeMap<String, String>,
}

/// The permission to sign one user certificate (X.509, SSH or both).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuancePermit {
    grant: UserGrant,
}

impl IssuancePermit {
    /// Only decisions of this crate come here.
    pub(crate) fn of(grant: UserGrant) -> Self {
        Self { grant }
    }

    /// What the certificate will say.
    pub fn grant(&self) -> &UserGrant {
        &self.grant
    }
}

/// Roles that belong to parts of the system, not to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SystemRole {
    /// The administrator on the Auth Service's own host.
    Admin,
    /// The Auth Service.
    Auth,
    /// A Proxy Service.
    Proxy,
    /// A server that people log in to.
    Node,
}

impl SystemRole {
    /// The name that certificates carry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Auth => "Auth",
            Self::Proxy => "Proxy",
            Self::Node => "Node",
        }
    }

    /// The role of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Admin, Self::Auth, Self::Proxy, Self::Node]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// What a host certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGrant {
    /// The host's identifier; the certificate's name is `HOST_ID.CLUSTER`.
    pub host_id: String,
    /// The cluster's name.
    pub cluster: String,
    /// What the host is.
    pub role: SystemRole,
    /// Names and addresses the host answers to.
    pub principals: Vec<String>,
    /// The end, exclusive. Whole seconds.
    pub not_after: Timestamp,
}

/// The permission to sign one host certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPermit {
    grant: HostGrant,
}

impl HostPermit {
    /// For the Auth Service's own parts: whoever holds the authorities' keys may name its own process, its proxy
    /// and its local administrator.
    pub fn for_own_part(grant: HostGrant) -> Self {
        Self { grant }
    }

    /// For a host that has shown a token for its role, or the certificate that it got by one. Nobody becomes an Auth
    /// Service or an administrator in this way: there is no permit then.
    pub fn for_joined_host(grant: HostGrant) -> Option<Self> {
        match grant.role {
            SystemRole::Proxy | SystemRole::Node => Some(Self { grant }),
            SystemRole::Admin | SystemRole::Auth => None,
        }
    }

    /// For a host that is no part of the cluster, under the names that somebody who may create host certificates gave it.
    pub fn for_named_host(grant: HostGrant) -> Self {
        Self { grant }
    }

    /// What the certificate will say.
    pub fn grant(&self) -> &HostGrant {
        &self.grant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_makes_an_administrator_or_an_auth_service() {
        let grant = |role| HostGrant {
            host_id: "h".to_owned(),
            cluster: "example.com".to_owned(),
            role,
            principals: Vec::new(),
            not_after: Timestamp::MAX,
        };
        for (role, joins) in [
            (SystemRole::Admin, false),
            (SystemRole::Auth, false),
            (SystemRole::Proxy, true),
            (SystemRole::Node, true),
        ] {
            assert_eq!(
                HostPermit::for_joined_host(grant(role)).is_some(),
                joins,
                "{role:?}"
            );
        }
    }
}
