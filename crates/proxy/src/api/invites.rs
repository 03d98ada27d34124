//! Invitations and resets, for programs: whom a link is for, a secret for an authenticator application, and the new
//! password. Whoever has the link may ask; one refusal for every link that is not good.

use std::sync::Arc;

use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use wire::mfa::browser;
use wire::pb::countersign::v1 as ours;
use wire::pb::webauthn::{CredentialCreation, CredentialCreationResponse};
use wire::status::{Class, Failure};

use super::{Answer, ApiError, value};
use crate::body::Json;
use crate::metrics::Step;
use crate::proxy::Proxy;
use crate::qr::Square;
use crate::upstream::for_visitor;
use crate::visitor::Visitor;
use crate::{cookie, session};

/// `GET /webapi/users/password/token/{token}`: whose the link is, and a first secret.
///
/// That asking makes a secret is how this call is known; the page for people makes none before a button is pressed.
pub async fn show(State(proxy): State<Arc<Proxy>>, visitor: Visitor, Path(token): Path<String>) -> Answer {
    let invite = invite(&proxy, &visitor, &token).await?;
    let picture = if invite.totp_allowed {
        let enrolled = enrol(&proxy, &visitor, &token).await?;
        BASE64.encode(square(&enrolled.url)?.png())
    } else {
        String::new()
    };
    value(&json!({
        "tokenId": token,
        "user": invite.user,
        "qrCode": picture,
        "expiry": "0001-01-01T00:00:00Z",
    }))
}

/// What is to be set up.
#[derive(Deserialize)]
pub struct Device {
    #[serde(rename = "deviceType", default)]
    kind: String,
    #[serde(rename = "deviceUsage", default)]
    usage: String,
}

/// `POST /webapi/mfa/token/{token}/registerchallenge`: another secret; the last one counts.
pub async fn challenge(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    Path(token): Path<String>,
    Json(asked): Json<Device>,
) -> Answer {
    if asked.kind == "webauthn" {
        let options = register(&proxy, &visitor, &token, asked.usage == "passwordless").await?;
        return value(&json!({"webauthn": browser::creation(&options), "totp": null}));
    }
    if asked.kind != "totp" {
        let message = "`deviceType` is `totp` or `webauthn`";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
    }
    let enrolled = enrol(&proxy, &visitor, &token).await?;
    value(&json!({
        "webauthn": null,
        // `uri` is ours: terminals draw their own picture.
        "totp": {"qrCode": BASE64.encode(square(&enrolled.url)?.png()), "uri": enrolled.url},
    }))
}

/// What accepting brings.
#[derive(Deserialize)]
pub struct Acceptance {
    #[serde(default)]
    token: String,
    /// Base64.
    #[serde(default)]
    password: String,
    #[serde(default)]
    second_factor_token: String,
    #[serde(rename = "webauthnCreationResponse", default)]
    webauthn: Option<serde_json::Value>,
    #[serde(rename = "deviceName", default)]
    device_name: String,
}

/// `PUT /webapi/users/password/token`: spends the link.
pub async fn accept(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(asked): Json<Acceptance>,
) -> Answer {
    let bad = |message: &str| ApiError::new(StatusCode::BAD_REQUEST, message);
    let webauthn = match asked.webauthn.as_ref().filter(|answer| !answer.is_null()) {
        None => None,
        Some(answer) => Some(
            browser::creation_answer(answer)
                .ok_or_else(|| bad("the answer of the authenticator is not readable"))?,
        ),
    };
    let password = BASE64
        .decode(asked.password)
        .map_err(|_| bad("the password is not base64"))?;
    let accepted = Accepting {
        token: asked.token,
        password,
        code: asked.second_factor_token,
        webauthn,
        device_name: asked.device_name,
    };
    let opened = spend(&proxy, &visitor, &headers, accepted).await?;
    let mut response = value(&json!({"recovery": {}}))?;
    if let Some(opened) = opened {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie::session(&opened.user, &opened.id));
    }
    Ok(response)
}

/// What somebody chooses who accepts.
pub struct Accepting {
    /// The secret of the link.
    pub token: String,
    /// The new password.
    pub password: Vec<u8>,
    /// What the application shows; empty: no second factor is set up.
    pub code: String,
    /// The authenticator that was set up instead.
    pub webauthn: Option<CredentialCreationResponse>,
    /// What the device is called; empty: as usual.
    pub device_name: String,
}

/// Sets the password and signs in.
pub async fn spend(
    proxy: &Proxy,
    visitor: &Visitor,
    headers: &HeaderMap,
    accepting: Accepting,
) -> Result<Option<ours::WebSession>, Failure> {
    let message = ours::AcceptInviteRequest {
        token: accepting.token,
        new_password: accepting.password.into(),
        totp_code: accepting.code,
        webauthn: accepting.webauthn,
        device_name: accepting.device_name,
        client_address: visitor.address.to_string(),
        open_web_session: true,
        user_agent: visitor.agent.clone(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let accepted = sign_in.accept_invite(for_visitor(visitor, message)).await;
    let accepted = accepted.map(tonic::Response::into_inner).map_err(bad_link);
    let accepted = proxy.metrics.step(Step::Invite, accepted)?;
    session::end(proxy, visitor, headers).await;
    Ok(accepted.web_session)
}

/// Whose the link is.
pub async fn invite(proxy: &Proxy, visitor: &Visitor, token: &str) -> Result<ours::Invite, Failure> {
    let message = ours::GetInviteRequest {
        token: token.to_owned(),
        client_address: visitor.address.to_string(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let found = sign_in.get_invite(for_visitor(visitor, message)).await;
    found.map(tonic::Response::into_inner).map_err(bad_link)
}

/// A new secret for the holder of the link; the one before counts no more.
pub async fn enrol(
    proxy: &Proxy,
    visitor: &Visitor,
    token: &str,
) -> Result<ours::EnrolAuthenticatorResponse, Failure> {
    let message = ours::EnrolAuthenticatorRequest {
        token: token.to_owned(),
        client_address: visitor.address.to_string(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let enrolled = sign_in.enrol_authenticator(for_visitor(visitor, message)).await;
    enrolled.map(tonic::Response::into_inner).map_err(bad_link)
}

/// A challenge for an authenticator of the holder of the link; the one before counts no more.
pub async fn register(
    proxy: &Proxy,
    visitor: &Visitor,
    token: &str,
    passwordless: bool,
) -> Result<CredentialCreation, Failure> {
    let message = ours::RegisterAuthenticatorRequest {
        token: token.to_owned(),
        client_address: visitor.address.to_string(),
        passwordless,
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let asked = sign_in
        .register_authenticator(for_visitor(visitor, message))
        .await;
    asked.map(tonic::Response::into_inner).map_err(bad_link)
}

fn square(url: &str) -> Result<Square, Failure> {
    Square::of(url).ok_or_else(|| Failure::internal("the secret does not fit into a QR code"))
}

/// Unknown, used and expired links read alike, and as programs know it.
fn bad_link(status: tonic::Status) -> Failure {
    let failure = Failure::from(status);
    if failure.class() == Class::NotFound {
        Failure::access_denied("bad or expired token")
    } else {
        failure
    }
}
