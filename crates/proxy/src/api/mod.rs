//! What programs ask for, in the form that the published clients know: JSON in, JSON out, errors with a message.

pub mod account;
pub mod authorities;
pub mod discovery;
pub mod invites;
pub mod joining;
pub mod login;
pub mod sessions;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use wire::status::{Class, Failure};

use crate::proxy::Proxy;
use crate::visitor::Visitor;

/// The kind of every answer here.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A refusal as programs read it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    /// A refusal in these words.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl From<Failure> for ApiError {
    /// Our own faults are told in the log and nowhere else.
    fn from(failure: Failure) -> Self {
        let status =
            StatusCode::from_u16(failure.class().http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match failure.class() {
            Class::ConnectionProblem | Class::DeadlineExceeded | Class::Cancelled => {
                tracing::warn!(error = %failure, "the Auth Service could not be asked");
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the cluster's Auth Service does not answer, try again later",
                )
            }
            Class::Internal => {
                tracing::error!(error = %failure, "a request failed");
                Self::new(status, "internal error; the server's log says more")
            }
            _ => Self::new(status, failure.message()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = Vec::new();
        let indented = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut writer = serde_json::Serializer::with_formatter(&mut body, indented);
        let value = json!({"error": {"message": self.message}});
        // A value of texts always has a form.
        let _ = value.serialize(&mut writer);
        (self.status, [(header::CONTENT_TYPE, JSON)], body).into_response()
    }
}

/// What a call gives back.
pub type Answer = Result<Response, ApiError>;

/// A value in one line.
pub fn value(value: &impl Serialize) -> Answer {
    let text = serde_json::to_string(value).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, JSON)], text).into_response())
}

/// There is nothing to say but that it was done.
pub fn done() -> Answer {
    value(&json!({"message": "ok"}))
}

/// The answer to every path that means nothing.
pub async fn not_found() -> Response {
    let (major, minor, patch) = version();
    let body = json!({
        "error": {"message": "path not found"},
        "fields": {"proxyVersion": {
            "major": major,
            "minor": minor,
            "patch": patch,
            "preRelease": "",
            "string": client::cluster::COMPATIBLE_VERSION,
        }},
    });
    (
        StatusCode::NOT_FOUND,
        [(header::CONTENT_TYPE, JSON)],
        body.to_string(),
    )
        .into_response()
}

/// The answer to a method that a path does not have.
pub async fn no_such_method() -> Response {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed").into_response()
}

fn version() -> (u32, u32, u32) {
    let mut parts = client::cluster::COMPATIBLE_VERSION
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

/// Counts a stranger's request.
pub fn count_stranger(proxy: &Proxy, visitor: &Visitor) -> Result<(), Failure> {
    let source = transport::limits::network(visitor.address.ip());
    proxy.strangers.take(source, proxy.clock.now()).map_err(|wait| {
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        Failure::limit_exceeded(format!("rate limit exceeded, try again in {}s", seconds.max(1)))
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn an_error_has_the_known_form() {
        let response = ApiError::from(Failure::access_denied("invalid credentials")).into_response();
        assert_eq!(response.status(), 403);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let expected = "{\n    \"error\": {\n        \"message\": \"invalid credentials\"\n    }\n}";
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn our_own_faults_stay_inside() {
        let response = ApiError::from(Failure::internal("/var/lib/secret")).into_response();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
