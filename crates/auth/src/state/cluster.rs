//! The cluster itself: its name and its settings, one item each.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::Key;
use wire::keep::Kept;
use wire::pb::types;

use super::resource::{Found, Resource};
use super::{Read, State};
use crate::failure::Answer;
use crate::moment;

/// The name of the one resource of each kind.
pub const AUTH_PREFERENCE: &str = "cluster-auth-preference";
/// The same.
pub const NETWORKING: &str = "cluster-networking-config";
/// The same.
pub const RECORDING: &str = "session-recording-config";
/// The label that says where a setting comes from.
pub const ORIGIN: &str = "teleport.dev/origin";

/// Name and id of the cluster, given at the first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The name, in every certificate.
    pub name: String,
    /// A UUID.
    pub id: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where the cluster's name lives.
pub fn identity_key() -> Key {
    Key::of(["cluster", "identity"])
}

/// How people sign in, with the defaults filled in.
#[derive(Debug, Clone)]
pub struct Preference(pub Kept<types::AuthPreferenceV2>);

impl Preference {
    fn spec(&self) -> types::AuthPreferenceSpecV2 {
        self.0.spec.clone().unwrap_or_default()
    }

    /// Whether people of the cluster's own may sign in.
    pub fn allows_local(&self) -> bool {
        self.spec().allow_local_auth.is_none_or(|allowed| allowed.value)
    }

    /// Which second factors there are: one-time codes, authenticators.
    fn factors(&self) -> (bool, bool) {
        let spec = self.spec();
        if !spec.second_factors.is_empty() {
            let has = |kind: types::SecondFactorType| spec.second_factors.contains(&i32::from(kind));
            return (
                has(types::SecondFactorType::Otp),
                has(types::SecondFactorType::Webauthn),
            );
        }
        match spec.second_factor.as_str() {
            "off" => (false, false),
            "webauthn" | "u2f" => (false, true),
            "on" | "optional" => (true, true),
            _ => (true, false),
        }
    }

    /// Whether nobody signs in with a password alone.
    pub fn demands_second_factor(&self) -> bool {
        let spec = self.spec();
        !spec.second_factors.is_empty() || !matches!(spec.second_factor.as_str(), "off" | "optional")
    }

    /// Whether one-time codes are a second factor.
    pub fn allows_codes(&self) -> bool {
        self.factors().0
    }

    /// Whether authenticators that sign are a second factor.
    pub fn allows_authenticators(&self) -> bool {
        self.factors().1
    }

    /// Whether an authenticator alone signs somebody in.
    pub fn allows_passwordless(&self) -> bool {
        self.allows_authenticators() && self.spec().allow_passwordless.is_none_or(|allowed| allowed.value)
    }

    /// The relying party that the setting names.
    pub fn rp_id(&self) -> Option<String> {
        let named = self.spec().webauthn?.rpid;
        (!named.is_empty()).then_some(named)
    }

    /// Whether administrators must confirm what they do with an authenticator.
    pub fn confirms_administration(&self) -> bool {
        let (codes, authenticators) = self.factors();
        let by_connector = self
            .spec()
            .second_factors
            .contains(&i32::from(types::SecondFactorType::Sso));
        self.demands_second_factor() && (authenticators || by_connector) && !codes
    }

    /// How long a certificate lives when nobody says.
    pub fn session_ttl(&self) -> SignedDuration {
        let ttl = moment::span(self.spec().default_session_ttl);
        if ttl.is_positive() {
            ttl
        } else {
            SignedDuration::from_hours(12)
        }
    }

    /// Which kinds of keys clients make.
    pub fn signature_suite(&self) -> i32 {
        self.spec().signature_algorithm_suite
    }
}

impl State {
    /// A setting of which there is one.
    pub async fn setting<M: Resource>(&self, name: &str, now: Timestamp) -> Answer<Option<Found<M>>> {
        self.find::<M>(name, now).await
    }

    /// Name and id of the cluster.
    pub async fn identity(&self, now: Timestamp) -> Answer<Option<Read<ClusterIdentity>>> {
        self.own(&identity_key(), now).await
    }
}

fn one_of_a_kind(name: &str, origin: &str) -> types::Metadata {
    types::Metadata {
        name: name.to_owned(),
        namespace: "default".to_owned(),
        labels: [(ORIGIN.to_owned(), origin.to_owned())].into(),
        ..types::Metadata::default()
    }
}

fn flag(value: bool) -> types::BoolValue {
    types::BoolValue { value }
}

/// How people sign in when nobody has said.
pub fn default_preference() -> Kept<types::AuthPreferenceV2> {
    types::AuthPreferenceV2 {
        kind: types::AuthPreferenceV2::KIND.to_owned(),
        version: "v2".to_owned(),
        metadata: Some(one_of_a_kind(AUTH_PREFERENCE, "defaults")),
        spec: Some(complete_preference(types::AuthPreferenceSpecV2::default())),
        ..types::AuthPreferenceV2::default()
    }
    .into()
}

/// Fills in what a preference leaves open.
pub fn complete_preference(mut spec: types::AuthPreferenceSpecV2) -> types::AuthPreferenceSpecV2 {
    if spec.r#type.is_empty() {
        "local".clone_into(&mut spec.r#type);
    }
    if spec.second_factor.is_empty() && spec.second_factors.is_empty() {
        spec.second_factors = vec![
            types::SecondFactorType::Webauthn.into(),
            types::SecondFactorType::Otp.into(),
        ];
    }
    let authenticators = spec
        .second_factors
        .contains(&types::SecondFactorType::Webauthn.into())
        || matches!(
            spec.second_factor.as_str(),
            "webauthn" | "u2f" | "on" | "optional"
        );
    if spec.locking_mode.is_empty() {
        "best_effort".clone_into(&mut spec.locking_mode);
    }
    if spec.default_session_ttl == 0 {
        spec.default_session_ttl = moment::nanos(SignedDuration::from_hours(12));
    }
    if spec.signature_algorithm_suite == 0 {
        spec.signature_algorithm_suite = types::SignatureAlgorithmSuite::BalancedV1.into();
    }
    spec.allow_local_auth.get_or_insert(flag(true));
    spec.disconnect_expired_cert.get_or_insert(flag(false));
    spec.allow_passwordless.get_or_insert(flag(authenticators));
    spec.allow_headless.get_or_insert(flag(false));
    spec.idp
        .get_or_insert_default()
        .saml
        .get_or_insert_default()
        .enabled
        .get_or_insert(flag(true));
    spec
}

/// How the cluster is reached when nobody has said.
pub fn default_networking() -> Kept<types::ClusterNetworkingConfigV2> {
    types::ClusterNetworkingConfigV2 {
        kind: types::ClusterNetworkingConfigV2::KIND.to_owned(),
        version: "v2".to_owned(),
        metadata: Some(one_of_a_kind(NETWORKING, "defaults")),
        spec: Some(complete_networking(types::ClusterNetworkingConfigSpecV2 {
            proxy_listener_mode: types::ProxyListenerMode::Multiplex.into(),
            ..types::ClusterNetworkingConfigSpecV2::default()
        })),
        ..types::ClusterNetworkingConfigV2::default()
    }
    .into()
}

/// Fills in what a networking configuration leaves open.
pub fn complete_networking(
    mut spec: types::ClusterNetworkingConfigSpecV2,
) -> types::ClusterNetworkingConfigSpecV2 {
    if spec.keep_alive_interval == 0 {
        spec.keep_alive_interval = moment::nanos(SignedDuration::from_mins(5));
    }
    if spec.keep_alive_count_max == 0 {
        spec.keep_alive_count_max = 3;
    }
    spec.tunnel_strategy.get_or_insert(types::TunnelStrategyV1 {
        strategy: Some(types::tunnel_strategy_v1::Strategy::AgentMesh(
            types::AgentMeshTunnelStrategy {},
        )),
    });
    spec
}

/// How sessions are recorded when nobody has said.
pub fn default_recording() -> Kept<types::SessionRecordingConfigV2> {
    types::SessionRecordingConfigV2 {
        kind: types::SessionRecordingConfigV2::KIND.to_owned(),
        version: "v2".to_owned(),
        metadata: Some(one_of_a_kind(RECORDING, "defaults")),
        spec: Some(complete_recording(types::SessionRecordingConfigSpecV2::default())),
        ..types::SessionRecordingConfigV2::default()
    }
    .into()
}

/// Fills in what a recording configuration leaves open.
pub fn complete_recording(
    mut spec: types::SessionRecordingConfigSpecV2,
) -> types::SessionRecordingConfigSpecV2 {
    if spec.mode.is_empty() {
        "node".clone_into(&mut spec.mode);
    }
    spec.proxy_checks_host_keys.get_or_insert(flag(true));
    spec
}
