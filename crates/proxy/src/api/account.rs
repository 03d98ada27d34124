//! One's own password, for programs that act for a browser.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use wire::pb::proto::ChangePasswordRequest;
use wire::status::Failure;

use super::{Answer, ApiError, done};
use crate::body::Json;
use crate::proxy::Proxy;
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::{cookie, session};

/// What changing a password brings. Passwords are base64.
#[derive(Deserialize)]
pub struct Passwords {
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    second_factor_token: String,
}

/// `PUT /webapi/users/password`: every session of the browser ends with it, this one too.
pub async fn change_password(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Json(asked): Json<Passwords>,
) -> Answer {
    let session = session::find_with_bearer(&proxy, &visitor, &headers).await?;
    let decoded = |text: &str| {
        BASE64
            .decode(text)
            .map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "a password is not base64"))
    };
    let person = proxy
        .upstream
        .person(&session, &visitor)
        .map_err(|error| Failure::internal(error.to_string()))?;
    let message = ChangePasswordRequest {
        user: session.user.clone(),
        old_password: decoded(&asked.old_password)?.into(),
        new_password: decoded(&asked.new_password)?.into(),
        second_factor_token: asked.second_factor_token,
        webauthn: None,
    };
    person
        .auth()
        .change_password(of_person(message))
        .await
        .map_err(Failure::from)?;
    let mut response = done()?.into_response();
    response
        .headers_mut()
        .insert(header::SET_COOKIE, cookie::no_session());
    Ok(response)
}
