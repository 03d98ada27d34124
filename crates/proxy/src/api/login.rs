//! Signing in from a terminal, in two steps: the password, then the second factor and the keys to be certified.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wire::mfa::browser;
use wire::pb::countersign::v1 as ours;
use wire::status::{Class, Failure};

use super::{Answer, ApiError, value};
use crate::body::Json;
use crate::metrics::Step;
use crate::proxy::Proxy;
use crate::upstream::for_visitor;
use crate::visitor::Visitor;

/// What the first step brings.
#[derive(Deserialize)]
pub struct Begin {
    #[serde(default)]
    user: String,
    #[serde(default)]
    pass: String,
    #[serde(default)]
    passwordless: bool,
}

/// `POST /webapi/mfa/login/begin`.
pub async fn begin(State(proxy): State<Arc<Proxy>>, visitor: Visitor, Json(asked): Json<Begin>) -> Answer {
    let begun = asking(
        &proxy,
        &visitor,
        asked.user,
        asked.pass.into_bytes(),
        asked.passwordless,
    )
    .await?;
    value(&json!({
        "webauthn_challenge": begun.webauthn.as_ref().map(browser::assertion),
        "totp_challenge": begun.totp,
        "sso_challenge": null,
    }))
}

/// Takes the first step: what may finish the sign-in.
pub async fn asking(
    proxy: &Proxy,
    visitor: &Visitor,
    user: String,
    password: Vec<u8>,
    passwordless: bool,
) -> Result<ours::BeginResponse, Failure> {
    let message = ours::BeginRequest {
        user: if passwordless { String::new() } else { user },
        password: if passwordless { Vec::new() } else { password }.into(),
        passwordless,
        client_address: visitor.address.to_string(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let begun = sign_in.begin(for_visitor(visitor, message)).await;
    let begun = begun.map(tonic::Response::into_inner).map_err(Failure::from);
    proxy.metrics.step(Step::Begin, begun)
}

/// What the second step brings. Keys are base64 of their text; `pub_key` is how older clients send one for both.
#[derive(Deserialize)]
pub struct Finish {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    webauthn_challenge_response: Option<serde_json::Value>,
    #[serde(default)]
    totp_code: String,
    #[serde(default)]
    pub_key: Option<String>,
    #[serde(default)]
    ssh_pub_key: Option<String>,
    #[serde(default)]
    tls_pub_key: Option<String>,
    /// Nanoseconds.
    #[serde(default)]
    ttl: i64,
    /// Ours: the lifetime is to be given as it is or refused, never shortened.
    #[serde(default)]
    ttl_is_exact: bool,
    #[serde(default)]
    compatibility: String,
    #[serde(rename = "RouteToCluster", default)]
    route_to_cluster: String,
    #[serde(rename = "KubernetesCluster", default)]
    kubernetes_cluster: String,
}

#[derive(Serialize)]
struct Finished {
    username: String,
    cert: String,
    tls_cert: String,
    host_signers: Vec<Signer>,
    #[serde(rename = "samlSingleLogoutEnabled")]
    saml_single_logout_enabled: bool,
    mfa_token: &'static str,
}

#[derive(Serialize)]
struct Signer {
    domain_name: String,
    checking_keys: Vec<String>,
    tls_certs: Vec<String>,
}

/// `POST /webapi/mfa/login/finish`.
pub async fn finish(State(proxy): State<Arc<Proxy>>, visitor: Visitor, Json(asked): Json<Finish>) -> Answer {
    let bad = |message: &str| ApiError::new(StatusCode::BAD_REQUEST, message);
    let (ssh, tls) = keys(&asked).map_err(bad)?;
    let second_factor = match asked
        .webauthn_challenge_response
        .as_ref()
        .filter(|answer| !answer.is_null())
    {
        Some(answer) => Some(ours::finish_request::SecondFactor::Webauthn(
            browser::assertion_answer(answer)
                .ok_or_else(|| bad("the answer of the authenticator is not readable"))?,
        )),
        None if asked.totp_code.is_empty() => None,
        None => Some(ours::finish_request::SecondFactor::TotpCode(asked.totp_code)),
    };
    let message = ours::FinishRequest {
        user: asked.user,
        password: asked.password.into_bytes().into(),
        second_factor,
        ssh_public_key: ssh.into(),
        tls_public_key: tls.into(),
        ttl: u64::try_from(asked.ttl)
            .ok()
            .filter(|nanos| *nanos > 0)
            .and_then(|nanos| prost_types::Duration::try_from(Duration::from_nanos(nanos)).ok()),
        ttl_is_exact: asked.ttl_is_exact,
        client_address: visitor.address.to_string(),
        compatibility: asked.compatibility,
        route_to_cluster: asked.route_to_cluster,
        kubernetes_cluster: asked.kubernetes_cluster,
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let finished = sign_in.finish(for_visitor(&visitor, message)).await;
    let finished = finished
        .map(tonic::Response::into_inner)
        .map_err(|status| match Failure::from(status) {
            // Whatever was wrong about the credentials reads the same.
            failure
                if failure.class() == Class::AccessDenied && failure.message() == "invalid credentials" =>
            {
                Failure::access_denied("invalid username, password or second factor")
            }
            failure => failure,
        });
    let finished = proxy.metrics.step(Step::Finish, finished)?;
    value(&Finished {
        username: finished.username,
        cert: BASE64.encode(&finished.ssh_certificate),
        tls_cert: BASE64.encode(&finished.tls_certificate),
        host_signers: finished
            .host_signers
            .into_iter()
            .map(|signer| Signer {
                domain_name: signer.cluster_name,
                checking_keys: signer
                    .checking_keys
                    .iter()
                    .map(|key| BASE64.encode(key))
                    .collect(),
                tls_certs: signer
                    .tls_certificates
                    .iter()
                    .map(|certificate| BASE64.encode(certificate))
                    .collect(),
            })
            .collect(),
        saml_single_logout_enabled: false,
        mfa_token: "",
    })
}

/// The keys to be certified: SSH, TLS.
fn keys(asked: &Finish) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
    let decoded = |key: &Option<String>| {
        BASE64
            .decode(key.as_deref().unwrap_or_default())
            .map_err(|_| "a public key is not base64")
    };
    let (both, ssh, tls) = (
        decoded(&asked.pub_key)?,
        decoded(&asked.ssh_pub_key)?,
        decoded(&asked.tls_pub_key)?,
    );
    match (both.is_empty(), ssh.is_empty(), tls.is_empty()) {
        (true, true, true) => Err("'ssh_pub_key' or 'tls_pub_key' must be set"),
        (true, _, _) => Ok((ssh, tls)),
        (false, false, _) => Err("'pub_key' and 'ssh_pub_key' cannot both be set"),
        (false, true, false) => Err("'pub_key' and 'tls_pub_key' cannot both be set"),
        (false, true, true) => Ok((both.clone(), both)),
    }
}
