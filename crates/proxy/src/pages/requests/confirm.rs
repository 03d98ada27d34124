//! Confirming a vote: the reviewer's authenticator signs a challenge that the Auth Service made for this request with this
//! content, and the form sends the vote again with the answer.
//!
//! Whether a vote needs this is not decided here: the Auth Service refuses it without, in known words.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use tonic::Request;
use wire::mfa::{browser, header};
use wire::pb::countersign::v1::BeginVoteRequest;
use wire::pb::proto::{MfaAuthenticateResponse, mfa_authenticate_response};
use wire::pb::types::AccessRequestV3;
use wire::status::{Class, Failure};

use crate::pages::sign_in::answer;
use crate::pages::{Browser, Frame, Person};
use crate::text;
use crate::upstream::of_person;

/// The words in which the Auth Service asks for a confirmation.
const NEEDED: &str = "admin-level API request requires MFA verification";

/// A vote that waits for its confirmation, as the form of the request's page sent it.
pub struct Vote<'a> {
    /// The request.
    pub id: &'a str,
    /// `approve` or `deny`.
    pub decision: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The fingerprint of what the page showed.
    pub digest: &'a str,
    /// What is asked for.
    pub request: &'a AccessRequestV3,
}

#[derive(Template)]
#[template(path = "requests/confirm.html")]
struct Page {
    frame: Frame,
    id: String,
    who: String,
    roles: Vec<String>,
    approves: bool,
    decision: String,
    reason: String,
    digest: String,
    options: String,
}

/// Whether a refusal asks for a confirmation.
pub fn is_needed(failure: &Failure) -> bool {
    failure.class() == Class::AccessDenied && failure.message() == NEEDED
}

/// A call of a person's browser, with the confirmation that the form brought, if it brought one.
pub fn call<M>(message: M, confirmation: &str) -> Request<M> {
    let mut request = of_person(message);
    let metadata = request.metadata_mut();
    metadata.insert(
        wire::metadata::FROM_BROWSER,
        tonic::metadata::MetadataValue::from_static("1"),
    );
    let answer = answer(confirmation).map(|answer| MfaAuthenticateResponse {
        response: Some(mfa_authenticate_response::Response::Webauthn(answer)),
    });
    if let Some(value) = answer
        .as_ref()
        .and_then(header::write)
        .and_then(|text| text.parse().ok())
    {
        metadata.insert(wire::metadata::MFA_RESPONSE, value);
    }
    request
}

/// The page that asks for it.
pub async fn page(browser: &Browser, person: &Person, vote: Vote<'_>) -> Result<Response, Failure> {
    let asked = BeginVoteRequest {
        request_id: vote.id.to_owned(),
    };
    let begun = person
        .cluster
        .access()
        .begin_vote(of_person(asked))
        .await?
        .into_inner();
    let options = begun.webauthn.ok_or_else(|| {
        Failure::access_denied("your vote has to be confirmed with an authenticator, and you have none here")
    })?;
    let spec = vote.request.spec.clone().unwrap_or_default();
    let page = Page {
        frame: browser.frame_for(person),
        id: vote
            .id
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect(),
        who: text::visible(&spec.user),
        roles: spec.roles.iter().map(|role| text::visible(role)).collect(),
        approves: vote.decision == "approve",
        decision: vote.decision.to_owned(),
        reason: vote.reason.to_owned(),
        digest: vote.digest.to_owned(),
        options: browser::assertion(&options).to_string(),
    };
    Ok(browser.page(StatusCode::OK, &page))
}
