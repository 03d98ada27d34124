//! The form of every answer: JSON with the usual headers, or an error of five keys.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::server::{Body, whole};

/// A good answer, before it has headers.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Option<Value>,
    pub etag: Option<String>,
    pub token: Option<String>,
    pub expires: bool,
}

impl Reply {
    pub fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            etag: None,
            token: None,
            expires: false,
        }
    }

    pub fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub fn done() -> Self {
        Self::ok(json!({"status": "OK"}))
    }

    /// 304 without a body when the caller has this very version already.
    pub fn tagged(body: Value, etag: String, known: Option<&str>) -> Self {
        let mut reply = Self::ok(body);
        if known == Some(etag.as_str()) {
            reply.status = 304;
            reply.body = None;
        }
        reply.etag = Some(etag);
        reply
    }
}

/// A refusal by its stable id.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub id: Cow<'static, str>,
    pub message: Cow<'static, str>,
    pub detail: String,
    /// The router's own 404 has none.
    pub with_request_id: bool,
}

impl Refusal {
    pub fn new(status: u16, id: &'static str, message: &'static str) -> Self {
        Self {
            status,
            id: id.into(),
            message: message.into(),
            detail: String::new(),
            with_request_id: true,
        }
    }

    pub fn unauthorized() -> Self {
        Self::new(
            401,
            "api.context.session_expired.app_error",
            "Invalid or expired session, please login again.",
        )
    }

    pub fn forbidden() -> Self {
        Self::new(
            403,
            "api.context.permissions.app_error",
            "You do not have the appropriate permissions.",
        )
    }

    pub fn no_route(path: &str) -> Self {
        let mut refusal = Self::new(
            404,
            "api.context.404.app_error",
            "Sorry, we could not find the page.",
        );
        refusal.detail = format!("There doesn't appear to be an api call for the url='{path}'.");
        refusal.with_request_id = false;
        refusal
    }

    pub fn bad_url(parameter: &str) -> Self {
        let mut refusal = Self::new(400, "api.context.invalid_url_param.app_error", "");
        refusal.message = format!("Invalid or missing {parameter} parameter in request URL.").into();
        refusal
    }

    pub fn bad_body(parameter: &str) -> Self {
        let mut refusal = Self::new(400, "api.context.invalid_body_param.app_error", "");
        refusal.message = format!("Invalid or missing {parameter} in request body.").into();
        refusal
    }

    pub fn too_large() -> Self {
        Self::new(
            413,
            "api.context.request_body_too_large.app_error",
            "The request body is larger than the server accepts.",
        )
    }
}

/// Puts the headers of a JSON answer around a reply or a refusal.
pub fn answer(
    outcome: Result<Reply, Refusal>,
    request_id: &str,
    version_id: &str,
    is_get: bool,
) -> Response<Body> {
    let (status, body, etag, token, expires) = match outcome {
        Ok(reply) => (
            reply.status,
            reply.body.map(|body| body.to_string()),
            reply.etag,
            reply.token,
            is_get || reply.expires,
        ),
        Err(refusal) => {
            let mut body = json!({
                "id": refusal.id, "message": refusal.message, "detailed_error": refusal.detail,
            });
            if refusal.with_request_id {
                body["request_id"] = json!(request_id);
            }
            body["status_code"] = json!(refusal.status);
            (refusal.status, Some(body.to_string()), None, None, false)
        }
    };
    let length = body.as_ref().map_or(0, String::len);
    let mut response = Response::new(whole(Bytes::from(body.unwrap_or_default())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    if status != 304 {
        set("content-type", "application/json");
        set("content-length", &length.to_string());
    }
    set("permissions-policy", "");
    set("referrer-policy", "no-referrer");
    set("vary", "Accept-Encoding");
    set("x-content-type-options", "nosniff");
    set("x-request-id", request_id);
    set("x-version-id", version_id);
    if expires {
        set("expires", "0");
    }
    if let Some(etag) = etag {
        set("etag", &etag);
    }
    if let Some(token) = token {
        set("token", &token);
    }
    response
}
