//! Sessions of the browser: opened, found again, ended. They live in the Auth Service; the proxy only carries secrets
//! between it and the browser.

use http::{HeaderMap, header};
use jiff::Timestamp;
use wire::pb::countersign::v1 as ours;
use wire::pb::webauthn::CredentialAssertionResponse;
use wire::status::{Class, Failure};

use crate::cookie;
use crate::metrics::Step;
use crate::proxy::Proxy;
use crate::upstream::for_visitor;
use crate::visitor::Visitor;

/// What somebody signs in with: name and password and second factor, or the answer of an authenticator alone.
pub struct Credentials {
    /// The name; empty if the authenticator says it.
    pub user: String,
    /// The password; empty if it was right a moment ago, or is not needed.
    pub password: Vec<u8>,
    /// What is shown beside it.
    pub second_factor: Option<ours::open_web_session_request::SecondFactor>,
}

impl Credentials {
    /// Name, password and code.
    pub fn with_code(user: String, password: Vec<u8>, code: String) -> Self {
        Self {
            user,
            password,
            second_factor: (!code.is_empty())
                .then_some(ours::open_web_session_request::SecondFactor::TotpCode(code)),
        }
    }

    /// The answer of an authenticator.
    pub fn signed(user: String, answer: CredentialAssertionResponse) -> Self {
        Self {
            user,
            password: Vec::new(),
            second_factor: Some(ours::open_web_session_request::SecondFactor::Webauthn(answer)),
        }
    }
}

/// Signs in for the browser. The session it had before ends: whoever planted it has nothing of this one.
pub async fn open(
    proxy: &Proxy,
    visitor: &Visitor,
    headers: &HeaderMap,
    credentials: Credentials,
) -> Result<ours::WebSession, Failure> {
    let asked = ours::OpenWebSessionRequest {
        user: credentials.user,
        password: credentials.password.into(),
        second_factor: credentials.second_factor,
        client_address: visitor.address.to_string(),
        user_agent: visitor.agent.clone(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let opened = sign_in.open_web_session(for_visitor(visitor, asked)).await;
    let opened = opened.map(tonic::Response::into_inner).map_err(Failure::from);
    let opened = proxy.metrics.step(Step::Session, opened)?;
    end(proxy, visitor, headers).await;
    Ok(opened)
}

/// The session the browser has; `None` if it has none that is good. Locked people have one and are told.
pub async fn find(
    proxy: &Proxy,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Option<ours::WebSession>, Failure> {
    let Some(claim) = cookie::claim(headers) else {
        return Ok(None);
    };
    let asked = ours::GetWebSessionRequest {
        user: claim.user,
        id: claim.id.expose().clone(),
        bearer_token: String::new(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    match sign_in.get_web_session(for_visitor(visitor, asked)).await {
        Ok(session) => Ok(Some(session.into_inner())),
        Err(status) => match Failure::from(status) {
            failure if failure.class() == Class::NotFound => Ok(None),
            failure => Err(failure),
        },
    }
}

/// The session of a program that acts for the browser: it needs the bearer token besides.
pub async fn find_with_bearer(
    proxy: &Proxy,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<ours::WebSession, Failure> {
    let need = || Failure::access_denied("need auth");
    if cookie::value(headers, cookie::SESSION).is_none() {
        return Err(Failure::access_denied("missing session cookie"));
    }
    let claim = cookie::claim(headers).ok_or_else(need)?;
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .filter(|bearer| !bearer.is_empty())
        .ok_or_else(need)?;
    let asked = ours::GetWebSessionRequest {
        user: claim.user,
        id: claim.id.expose().clone(),
        bearer_token: bearer.to_owned(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    sign_in
        .get_web_session(for_visitor(visitor, asked))
        .await
        .map(tonic::Response::into_inner)
        .map_err(|status| match Failure::from(status) {
            failure if failure.class() == Class::NotFound => need(),
            failure => failure,
        })
}

/// A certificate for the same session: with the requests `assume` taken up, and those of `drop` dropped.
pub async fn renew(
    proxy: &Proxy,
    visitor: &Visitor,
    session: &ours::WebSession,
    assume: Vec<String>,
    drop: Vec<String>,
) -> Result<ours::WebSession, Failure> {
    let asked = ours::RenewWebSessionRequest {
        user: session.user.clone(),
        id: session.id.clone(),
        assume,
        drop,
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    let renewed = sign_in.renew_web_session(for_visitor(visitor, asked)).await?;
    Ok(renewed.into_inner())
}

/// Ends the session the browser has, if it has one. That it could not be ended is told in the log: the browser forgets
/// it either way.
pub async fn end(proxy: &Proxy, visitor: &Visitor, headers: &HeaderMap) {
    let Some(claim) = cookie::claim(headers) else {
        return;
    };
    let asked = ours::CloseWebSessionRequest {
        user: claim.user,
        id: claim.id.expose().clone(),
    };
    let mut sign_in = proxy.upstream.cluster().sign_in();
    if let Err(error) = sign_in.close_web_session(for_visitor(visitor, asked)).await {
        tracing::warn!(%error, "a session could not be ended; it lasts until its time is over");
    }
}

/// When a session ends.
pub fn expires(session: &ours::WebSession) -> Option<Timestamp> {
    wire::convert::moment(session.expires.as_ref())
}
