//! What the Auth Service is told at its start.

use wire::keep::Kept;
use wire::pb::types;

use crate::credentials::password::Cost;
use crate::guard::Rates;
use crate::services::requests::votes::VoteConfirmation;

/// What the Auth Service is told at its start. Everything else is in the store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster's name. Counts at the first start; later it must be the same or absent.
    pub cluster_name: Option<String>,
    /// The id of this host, a UUID.
    pub host_id: String,
    /// What this host calls itself.
    pub node_name: String,
    /// Hosts of `auth_service.public_addr`: names the certificate has besides the usual ones.
    pub public_hosts: Vec<String>,
    /// The proxy's public address, `host:port`, for links. Found out from the proxies if absent.
    pub proxy_public_address: Option<String>,
    /// What the configuration file says about signing in; the API cannot change it then.
    pub auth_preference: Option<Kept<types::AuthPreferenceV2>>,
    /// What the configuration file says about networking; the API cannot change it then.
    pub networking: Option<Kept<types::ClusterNetworkingConfigV2>>,
    /// What the configuration file says about recordings; the API cannot change it then.
    pub recording: Option<Kept<types::SessionRecordingConfigV2>>,
    /// How much work a password hash is.
    pub password_cost: Cost,
    /// How often somebody may call and guess.
    pub rates: Rates,
    /// Which votes are confirmed with an authenticator.
    pub vote_confirmation: VoteConfirmation,
}

impl Settings {
    /// The least there can be.
    pub fn new(host_id: impl Into<String>, node_name: impl Into<String>) -> Self {
        Self {
            cluster_name: None,
            host_id: host_id.into(),
            node_name: node_name.into(),
            public_hosts: Vec::new(),
            proxy_public_address: None,
            auth_preference: None,
            networking: None,
            recording: None,
            password_cost: Cost::default(),
            rates: Rates::default(),
            vote_confirmation: VoteConfirmation::default(),
        }
    }
}
