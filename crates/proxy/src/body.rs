//! Reading what a request brings: of the right kind, from the right place, not too much, not too slowly.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::api::ApiError;
use crate::forgery;
use crate::proxy::Proxy;

/// The most a request may bring. The largest that is ever needed is an RSA key with an attestation.
pub const BYTES_MAX: usize = 64 * 1024;

/// How long it may take to bring it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why what a request brings is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Another site may have sent it.
    #[error("the request comes from another site")]
    FromElsewhere,
    /// It is not what is read here.
    #[error("invalid request")]
    Form,
    /// It is too much.
    #[error("the request is larger than {BYTES_MAX} bytes")]
    TooLarge,
    /// It came too slowly, or broke off.
    #[error("the request did not arrive as a whole")]
    Incomplete,
}

impl BodyError {
    /// The status of an answer that says so.
    pub fn status(self) -> StatusCode {
        match self {
            Self::FromElsewhere => StatusCode::FORBIDDEN,
            Self::Form => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// A JSON value of a program that no other site can have sent.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<std::sync::Arc<Proxy>> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, proxy: &std::sync::Arc<Proxy>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        check_place(proxy, &parts.headers, &parts.uri).map_err(ApiError::from)?;
        check_kind(&parts.headers, "application/json").map_err(ApiError::from)?;
        let bytes = read(body).await.map_err(ApiError::from)?;
        // What the reader says would repeat parts of what came, which may be secret.
        let value = serde_json::from_slice(&bytes).map_err(|_| ApiError::from(BodyError::Form))?;
        Ok(Self(value))
    }
}

/// Reads a form's fields that our own page sent. Whether the browser's secret is with them is asked separately, where it
/// can be answered with the page again.
pub async fn form<T: DeserializeOwned>(proxy: &Proxy, request: Request) -> Result<(HeaderMap, T), BodyError> {
    let (parts, body) = request.into_parts();
    check_place(proxy, &parts.headers, &parts.uri)?;
    check_kind(&parts.headers, "application/x-www-form-urlencoded")?;
    let bytes = read(body).await?;
    let mut replay = Request::new(Body::from(bytes));
    *replay.method_mut() = http::Method::POST;
    let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    replay.headers_mut().insert(header::CONTENT_TYPE, kind);
    let axum::Form(fields) = axum::Form::<T>::from_request(replay, &())
        .await
        .map_err(|_| BodyError::Form)?;
    Ok((parts.headers, fields))
}

/// Fields of a form some of which may stand there several times.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The fields of an address.
    pub fn of_uri(uri: &http::Uri) -> Self {
        axum::extract::Query::try_from_uri(uri)
            .map(|axum::extract::Query(pairs)| Self(pairs))
            .unwrap_or_default()
    }

    /// The first value of a field; empty if it is not there.
    pub fn one(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// All values of a field that say something.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.clone())
            .collect()
    }
}

/// Reads a form like [`form`], with fields that may stand there several times.
pub async fn fields(proxy: &Proxy, request: Request) -> Result<(HeaderMap, Fields), BodyError> {
    let (headers, pairs) = form::<Vec<(String, String)>>(proxy, request).await?;
    Ok((headers, Fields(pairs)))
}

/// Refuses what another site may have sent.
pub fn check_place(proxy: &Proxy, headers: &HeaderMap, uri: &http::Uri) -> Result<(), BodyError> {
    let host = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST)?.to_str().ok());
    if forgery::comes_from_elsewhere(headers, host, &proxy.settings.public_addresses) {
        Err(BodyError::FromElsewhere)
    } else {
        Ok(())
    }
}

fn check_kind(headers: &HeaderMap, wanted: &str) -> Result<(), BodyError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let bare = kind.split(';').next().unwrap_or_default().trim();
    if bare.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(BodyError::Form)
    }
}

async fn read(body: Body) -> Result<Bytes, BodyError> {
    let whole = Limited::new(body, BYTES_MAX).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Ok(Err(_)) | Err(_) => Err(BodyError::Incomplete),
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}
