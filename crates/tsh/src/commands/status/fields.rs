//! What a status is made of, read from the certificates of a session.

use std::collections::BTreeMap;

use cli::Failure;
use jiff::Timestamp;
use pki::ssh::certificate::Certificate;

use crate::session::Session;

/// What a status is made of.
#[derive(Debug, Default, Clone)]
pub struct Fields {
    pub profile_url: String,
    pub username: String,
    pub active_requests: Vec<String>,
    pub cluster: String,
    pub roles: Vec<String>,
    pub traits: BTreeMap<String, Vec<String>>,
    pub logins: Vec<String>,
    pub kubernetes_enabled: bool,
    pub kubernetes_cluster: String,
    pub kubernetes_users: Vec<String>,
    pub kubernetes_groups: Vec<String>,
    pub valid_until: Timestamp,
    pub extensions: Vec<String>,
    pub critical_options: BTreeMap<String, String>,
    pub allowed_resources: Vec<String>,
}

impl Fields {
    /// Those of a session.
    pub fn of(session: &Session) -> Result<Self, Failure> {
        let certified = session.identity.certified();
        let ssh = session
            .identity
            .ssh_certificate()
            .map(Certificate::from_line)
            .transpose()
            .map_err(|error| {
                Failure::new(format!("the SSH certificate cannot be read: {error}"))
                    .hint("log in again with `tsh login`")
            })?;
        let mut roles = certified.groups.clone();
        roles.sort();
        let mut fields = Self {
            profile_url: format!("https://{}", session.profile.web_proxy_addr),
            username: certified.username.clone(),
            active_requests: certified.active_requests.clone(),
            cluster: session.profile.cluster.clone(),
            roles,
            traits: certified
                .traits
                .iter()
                .map(|(name, values)| (name.clone(), values.clone()))
                .collect(),
            logins: certified
                .principals
                .iter()
                .filter(|login| is_login(login))
                .cloned()
                .collect(),
            kubernetes_enabled: !session.profile.kube_proxy_addr.is_empty(),
            kubernetes_cluster: certified.kubernetes_cluster.clone().unwrap_or_default(),
            kubernetes_users: certified.kubernetes_users.clone(),
            kubernetes_groups: certified.kubernetes_groups.clone(),
            valid_until: certified.not_after,
            allowed_resources: certified.allowed_resources.clone(),
            ..Self::default()
        };
        if let Some(ssh) = ssh {
            // The longer-lived of the two is of no use alone.
            fields.valid_until = ssh
                .valid_before()
                .map_or(fields.valid_until, |end| end.min(fields.valid_until));
            fields.logins = ssh
                .principals()
                .iter()
                .filter(|login| is_login(login))
                .cloned()
                .collect();
            fields.extensions = ssh
                .extensions()
                .keys()
                .filter(|name| !name.starts_with("teleport-"))
                .cloned()
                .collect();
            fields.critical_options = ssh.critical_options().clone();
        }
        Ok(fields)
    }
}

/// Whether a principal is a login that a person chose; the others are the cluster's own.
fn is_login(principal: &str) -> bool {
    !principal.starts_with("-teleport-")
}
