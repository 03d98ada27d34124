//! Sessions of programs that act for a browser: a cookie, and a bearer token beside it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use http::{HeaderMap, Uri, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::pb::countersign::v1 as ours;
use wire::status::{Class, Failure};

use super::{Answer, ApiError, done, value};
use crate::body::{Json, check_place};
use crate::proxy::Proxy;
use crate::upstream::for_visitor;
use crate::visitor::Visitor;
use crate::{cookie, session};

/// What signing in brings.
#[derive(Deserialize)]
pub struct Credentials {
    #[serde(default)]
    user: String,
    #[serde(default)]
    pass: String,
    #[serde(default)]
    second_factor_token: String,
}

/// A call that brings nothing.
#[derive(Deserialize)]
pub struct Nothing {}

#[derive(Serialize)]
struct Opened<'a> {
    r#type: &'static str,
    token: &'a str,
    expires_in: i64,
    #[serde(rename = "sessionExpiresIn")]
    session_expires_in: i64,
    #[serde(rename = "sessionExpires")]
    session_expires: String,
    #[serde(rename = "sessionInactiveTimeout")]
    session_inactive_timeout: i64,
}

/// `POST /webapi/sessions/web`.
pub async fn open(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(asked): Json<Credentials>,
) -> Answer {
    let credentials =
        session::Credentials::with_code(asked.user, asked.pass.into_bytes(), asked.second_factor_token);
    opened(&proxy, &visitor, &headers, credentials).await
}

/// What finishing with an authenticator brings.
#[derive(Deserialize)]
pub struct Signed {
    #[serde(default)]
    user: String,
    #[serde(rename = "webauthnAssertionResponse", default)]
    answer: serde_json::Value,
}

/// `POST /webapi/mfa/login/finishsession`: the second half with an authenticator, or the whole without a name.
pub async fn finish(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(asked): Json<Signed>,
) -> Answer {
    let answer = wire::mfa::browser::assertion_answer(&asked.answer).ok_or_else(|| {
        ApiError::new(
            http::StatusCode::BAD_REQUEST,
            "the answer of the authenticator is not readable",
        )
    })?;
    let credentials = session::Credentials::signed(asked.user, answer);
    opened(&proxy, &visitor, &headers, credentials).await
}

async fn opened(
    proxy: &Proxy,
    visitor: &Visitor,
    headers: &HeaderMap,
    credentials: session::Credentials,
) -> Answer {
    let opened = session::open(proxy, visitor, headers, credentials)
        .await
        .map_err(|failure| match failure.class() {
            // The form of this call knows one text for all credentials that are wrong.
            Class::AccessDenied if failure.message().starts_with("invalid ") => {
                Failure::access_denied("invalid credentials")
            }
            _ => failure,
        })?;
    let mut response = shown(proxy, &opened)?;
    response
        .headers_mut()
        .insert(header::SET_COOKIE, cookie::session(&opened.user, &opened.id));
    Ok(response)
}

/// `POST /webapi/sessions/web/renew`.
pub async fn renew(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(Nothing {}): Json<Nothing>,
) -> Answer {
    let session = session::find_with_bearer(&proxy, &visitor, &headers).await?;
    let asked = ours::RenewWebSessionRequest {
        user: session.user,
        id: session.id,
        ..ours::RenewWebSessionRequest::default()
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let renewed = sign_in
        .renew_web_session(for_visitor(&visitor, asked))
        .await
        .map_err(Failure::from)?;
    shown(&proxy, renewed.get_ref())
}

/// `DELETE /webapi/sessions/web`.
pub async fn close(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    check_place(&proxy, &headers, &uri).map_err(ApiError::from)?;
    session::find_with_bearer(&proxy, &visitor, &headers).await?;
    session::end(&proxy, &visitor, &headers).await;
    let mut response = done()?;
    response
        .headers_mut()
        .insert(header::SET_COOKIE, cookie::no_session());
    Ok(response)
}

/// `GET /webapi/user/status`: whether the session is good.
pub async fn status(State(proxy): State<Arc<Proxy>>, visitor: Visitor, headers: HeaderMap) -> Answer {
    session::find_with_bearer(&proxy, &visitor, &headers).await?;
    done()
}

fn shown(proxy: &Proxy, session: &ours::WebSession) -> Answer {
    let now = proxy.clock.now();
    // Whole seconds, rounded down, as clients expect it: never more than is left.
    let left = |end: Option<Timestamp>| end.map_or(0, |end| (end.duration_since(now).as_secs() - 1).max(0));
    let expires = session::expires(session);
    value(&Opened {
        r#type: "Bearer",
        token: &session.bearer_token,
        expires_in: left(wire::convert::moment(session.bearer_token_expires.as_ref())),
        session_expires_in: left(expires),
        session_expires: expires.map(|end| end.to_string()).unwrap_or_default(),
        session_inactive_timeout: 0,
    })
    .map(|response| response.into_response())
}
