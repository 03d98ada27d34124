//! `find`, `ping` and `motd`: what this proxy is, how people sign in, what they are to read first. Nothing here is
//! secret, and anybody may ask.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use client::cluster::COMPATIBLE_VERSION;
use client::web::{
    AuthSettings, AutoUpdate, DeviceTrust, LocalSettings, Ping, ProxySettings, SshSettings, WebauthnSettings,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Mutex;
use wire::pb::teleport::clusterconfig::v1::GetAuthPreferenceRequest;
use wire::pb::types;
use wire::status::Failure;

use super::{Answer, ApiError, count_stranger, value};
use crate::proxy::Proxy;
use crate::visitor::Visitor;

/// The oldest client that may call.
const CLIENT_VERSION_MIN: &str = "16.0.0-aa";

/// How long an answer of the Auth Service is taken for granted: `find` is free to everybody.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// How long the Auth Service may take to answer while others wait for the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long clients wait for a connection through the proxy, in nanoseconds.
const DIAL_TIMEOUT_NANOS: i64 = 30_000_000_000;

/// What the Auth Service has said about the cluster, and when.
#[derive(Default)]
pub struct Discovery(Mutex<Option<(Timestamp, Arc<ClusterSettings>)>>);

/// What the cluster decides about signing in.
#[derive(Debug, Clone, Default)]
pub struct ClusterSettings {
    preference: types::AuthPreferenceSpecV2,
}

impl Discovery {
    /// What the cluster decides, at most two seconds old. While the Auth Service does not answer, what it said last.
    pub async fn settings(&self, proxy: &Proxy) -> Result<Arc<ClusterSettings>, Failure> {
        // Whoever comes while somebody is asking waits for that answer.
        let mut kept = self.0.lock().await;
        let now = proxy.clock.now();
        if let Some((since, settings)) = &*kept
            && now.duration_since(*since) < FRESH
            && now >= *since
        {
            return Ok(Arc::clone(settings));
        }
        let asked = tokio::time::timeout(PATIENCE, ask(proxy)).await;
        let answer = asked.unwrap_or_else(|_| Err(Failure::connection_problem("no answer in time")));
        match answer {
            Ok(settings) => {
                let settings = Arc::new(settings);
                *kept = Some((now, Arc::clone(&settings)));
                Ok(settings)
            }
            Err(failure) => match &mut *kept {
                Some((since, settings)) => {
                    tracing::debug!(error = %failure, "the cluster's settings could not be read anew");
                    // Not every caller has to find out for itself that nobody answers.
                    *since = now;
                    Ok(Arc::clone(settings))
                }
                None => Err(failure),
            },
        }
    }
}

async fn ask(proxy: &Proxy) -> Result<ClusterSettings, Failure> {
    let mut config = proxy.upstream.cluster().cluster_config();
    let preference = config
        .get_auth_preference(crate::upstream::of_person(GetAuthPreferenceRequest {}))
        .await?
        .into_inner();
    Ok(ClusterSettings {
        preference: preference.spec.clone().unwrap_or_default(),
    })
}

/// `GET /webapi/find`: never limited.
pub async fn find(State(proxy): State<Arc<Proxy>>) -> Answer {
    let settings = proxy.discovery.settings(&proxy).await?;
    value(&Ping {
        auth: AuthSettings {
            default_session_ttl: "0s".to_owned(),
            signature_algorithm_suite: settings.signature_suite(),
            ..AuthSettings::default()
        },
        ..describe(&proxy)
    })
}

/// `GET /webapi/ping`.
pub async fn ping(State(proxy): State<Arc<Proxy>>, visitor: Visitor) -> Answer {
    count_stranger(&proxy, &visitor)?;
    let settings = proxy.discovery.settings(&proxy).await?;
    value(&Ping {
        auth: settings.signing_in(""),
        ..describe(&proxy)
    })
}

/// `GET /webapi/ping/{connector}`.
pub async fn ping_connector(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    Path(connector): Path<String>,
) -> Answer {
    /// The one connector of a cluster whose people are its own.
    const LOCAL: &str = "local";
    count_stranger(&proxy, &visitor)?;
    if connector != LOCAL {
        let shown: String = connector.escape_debug().take(64).collect();
        let message = format!("invalid connector name: {shown}; valid options: {LOCAL}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
    }
    let settings = proxy.discovery.settings(&proxy).await?;
    value(&Ping {
        auth: AuthSettings {
            default_session_ttl: "0s".to_owned(),
            ..settings.signing_in(LOCAL)
        },
        auto_update: AutoUpdate::default(),
        edition: String::new(),
        ..describe(&proxy)
    })
}

/// `GET /webapi/motd`.
pub async fn message_of_the_day(State(proxy): State<Arc<Proxy>>, visitor: Visitor) -> Answer {
    count_stranger(&proxy, &visitor)?;
    let settings = proxy.discovery.settings(&proxy).await?;
    value(&json!({"Text": settings.preference.message_of_the_day}))
}

/// Everything but the ways to sign in.
fn describe(proxy: &Proxy) -> Ping {
    let listens = proxy.settings.listen_address.to_string();
    Ping {
        auth: AuthSettings::default(),
        proxy: ProxySettings {
            ssh: SshSettings {
                listen_addr: listens.clone(),
                tunnel_listen_addr: listens.clone(),
                web_listen_addr: listens,
                public_addr: proxy.settings.public_address().to_string(),
                dial_timeout: DIAL_TIMEOUT_NANOS,
                ..SshSettings::default()
            },
            // The one port routes in every mode.
            tls_routing_enabled: true,
            // Neither Kubernetes nor databases are served: nothing is said to be.
            ..ProxySettings::default()
        },
        server_version: COMPATIBLE_VERSION.to_owned(),
        min_client_version: CLIENT_VERSION_MIN.to_owned(),
        auto_update: AutoUpdate {
            tools_version: COMPATIBLE_VERSION.to_owned(),
            agent_version: COMPATIBLE_VERSION.to_owned(),
            agent_update_jitter_seconds: 60,
            ..AutoUpdate::default()
        },
        cluster_name: proxy.settings.cluster.clone(),
        automatic_upgrades: false,
        edition: "oss".to_owned(),
        fips: false,
    }
}

impl ClusterSettings {
    fn signature_suite(&self) -> String {
        use types::SignatureAlgorithmSuite as Suite;
        match Suite::try_from(self.preference.signature_algorithm_suite) {
            Ok(Suite::Legacy) => "legacy",
            Ok(Suite::BalancedV1) => "balanced-v1",
            Ok(Suite::FipsV1) => "fips-v1",
            Ok(Suite::HsmV1) => "hsm-v1",
            Ok(Suite::Unspecified) | Err(_) => "",
        }
        .to_owned()
    }

    /// How people sign in; `connector` is the name they chose.
    fn signing_in(&self, connector: &str) -> AuthSettings {
        let spec = &self.preference;
        let (second_factor, codes, authenticators) = self.second_factor();
        // Without a relying party nobody can register one.
        let webauthn = spec
            .webauthn
            .as_ref()
            .filter(|webauthn| authenticators && !webauthn.rpid.is_empty())
            .map(|webauthn| WebauthnSettings {
                rp_id: webauthn.rpid.clone(),
            });
        let authenticators = webauthn.is_some();
        let preferred = match (authenticators, codes) {
            (true, _) => "webauthn",
            (false, true) => "otp",
            (false, false) => "",
        };
        let is_on = |flag: &Option<types::BoolValue>| flag.as_ref().is_some_and(|flag| flag.value);
        AuthSettings {
            kind: "local".to_owned(),
            second_factor: second_factor.to_owned(),
            preferred_local_mfa: preferred.to_owned(),
            allow_passwordless: authenticators && is_on(&spec.allow_passwordless),
            allow_headless: authenticators && is_on(&spec.allow_headless),
            local: Some(LocalSettings {
                name: connector.to_owned(),
            }),
            webauthn,
            private_key_policy: "none".to_owned(),
            device_trust: DeviceTrust {
                disabled: true,
                auto_enroll: false,
            },
            has_motd: !spec.message_of_the_day.is_empty(),
            default_session_ttl: wire::resource::duration::text(SignedDuration::from_nanos(
                spec.default_session_ttl,
            )),
            signature_algorithm_suite: self.signature_suite(),
            ..AuthSettings::default()
        }
    }

    /// Whether people sign in with authenticators, and whether with one alone.
    pub fn authenticators(&self) -> (bool, bool) {
        let said = self.signing_in("");
        (said.webauthn.is_some(), said.allow_passwordless)
    }

    /// The old name of what is demanded; whether codes and authenticators are second factors.
    fn second_factor(&self) -> (&str, bool, bool) {
        let spec = &self.preference;
        if spec.second_factors.is_empty() {
            return match spec.second_factor.as_str() {
                "off" => ("off", false, false),
                "webauthn" | "u2f" => ("webauthn", false, true),
                "on" => ("on", true, true),
                "optional" => ("optional", true, true),
                _ => ("otp", true, false),
            };
        }
        let has = |kind: types::SecondFactorType| spec.second_factors.contains(&i32::from(kind));
        let (codes, authenticators) = (
            has(types::SecondFactorType::Otp),
            has(types::SecondFactorType::Webauthn),
        );
        let name = match (codes, authenticators) {
            (false, true) => "webauthn",
            (true, false) => "otp",
            // Both; or single sign-on confirms, for which older clients know no better name.
            (true, true) | (false, false) => "on",
        };
        (name, codes, authenticators)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(second_factor: &str, second_factors: &[types::SecondFactorType]) -> ClusterSettings {
        ClusterSettings {
            preference: types::AuthPreferenceSpecV2 {
                second_factor: second_factor.to_owned(),
                second_factors: second_factors.iter().map(|kind| i32::from(*kind)).collect(),
                webauthn: Some(types::Webauthn {
                    rpid: "example.com".to_owned(),
                    ..types::Webauthn::default()
                }),
                ..types::AuthPreferenceSpecV2::default()
            },
        }
    }

    #[test]
    fn the_second_factor_has_the_name_clients_know() {
        use types::SecondFactorType::{Otp, Webauthn};
        for (old, new, name, preferred) in [
            ("", &[][..], "otp", "otp"),
            ("otp", &[], "otp", "otp"),
            ("off", &[], "off", ""),
            ("on", &[], "on", "webauthn"),
            ("", &[Otp], "otp", "otp"),
            ("", &[Webauthn], "webauthn", "webauthn"),
            ("", &[Webauthn, Otp], "on", "webauthn"),
        ] {
            let said = settings(old, new).signing_in("");
            assert_eq!(
                (said.second_factor.as_str(), said.preferred_local_mfa.as_str()),
                (name, preferred)
            );
        }
    }
}
