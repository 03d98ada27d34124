//! What can be done with a request: review it, take the review back, withdraw it, revoke it, take it up, drop it.
//!
//! Each is a form of the request's page and ends with that page again. What another did meanwhile is told there, beside
//! what was typed. Everything is done with the person's own certificate.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use serde::Deserialize;
use wire::convert::timestamp;
use wire::pb::countersign::v1::WithdrawRequest;
use wire::pb::proto::RequestStateSetter;
use wire::pb::types::{AccessReview, AccessReviewSubmission, RequestState};
use wire::status::{Class, Failure};

use super::confirm;
use super::show::{self, Tried};
use crate::pages::{Browser, Person, message, see_other, unread};
use crate::proxy::Proxy;
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::{body, session, text};

/// The fields of every form of the page.
#[derive(Debug, Deserialize)]
struct Fields {
    #[serde(default)]
    forms: String,
    /// `approve` or `deny`.
    #[serde(default)]
    decision: String,
    #[serde(default)]
    reason: String,
    /// The fingerprint of what the page showed.
    #[serde(default)]
    digest: String,
    /// What the reviewer's authenticator answered, where a vote is confirmed.
    #[serde(default)]
    answer: String,
}

/// Somebody and the form that was sent.
struct Sent {
    browser: Browser,
    person: Person,
    fields: Fields,
}

async fn sent(
    proxy: &Arc<Proxy>,
    visitor: Visitor,
    uri: &Uri,
    id: &str,
    request: Request,
) -> Result<Sent, Response> {
    let (headers, fields) = body::form::<Fields>(proxy, request).await.map_err(unread)?;
    let browser = Browser::new(proxy, visitor, headers);
    if !browser.sent(&fields.forms) {
        return Err(browser.message(message::stale_form(), None));
    }
    // Who has to sign in first comes back to the page, not to the deed.
    let back = address(id, "").parse().unwrap_or_else(|_| uri.clone());
    let person = browser.require_person(&back).await?;
    Ok(Sent {
        browser,
        person,
        fields,
    })
}

fn address(id: &str, done: &str) -> String {
    let id: String = id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    match done {
        "" => format!("/web/requests/{id}"),
        done => format!("/web/requests/{id}?done={done}#part"),
    }
}

/// `POST /web/requests/{id}/review`.
pub async fn review(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let Sent {
        browser,
        person,
        fields,
    } = match sent(&proxy, visitor, &uri, &id, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let language = browser.look.language;
    let tried = |status, error: String| Tried {
        error,
        reason: fields.reason.clone(),
        status,
    };
    let (state, done) = match fields.decision.as_str() {
        "approve" => (RequestState::Approved, "approved"),
        "deny" => (RequestState::Denied, "denied"),
        _ => {
            let error = language.say("Choose to approve or to deny.").to_owned();
            return show::answer(&browser, &person, &id, "", tried(StatusCode::BAD_REQUEST, error)).await;
        }
    };
    let found = match show::read(&person, &id).await {
        Ok(Some(found)) if found.evidence.short_digest == fields.digest => found,
        Ok(Some(_)) => {
            let error = language
                .say("What is asked for has changed since you opened this page. Nothing was counted: read it again, then decide.")
                .to_owned();
            return show::answer(&browser, &person, &id, "", tried(StatusCode::CONFLICT, error)).await;
        }
        Ok(None) => return browser.message(show::no_request(), Some(person.name())),
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let submission = AccessReviewSubmission {
        request_id: id.clone(),
        review: Some(AccessReview {
            author: person.name().to_owned(),
            proposed_state: state.into(),
            reason: fields.reason.replace("\r\n", "\n"),
            created: Some(timestamp(proxy.clock.now())),
            ..AccessReview::default()
        }),
    };
    match person
        .cluster
        .auth()
        .submit_access_review(confirm::call(submission, &fields.answer))
        .await
    {
        Ok(_) => see_other(&address(&id, done)),
        Err(status) => {
            let failure = Failure::from(status);
            if confirm::is_needed(&failure) {
                let vote = confirm::Vote {
                    id: &id,
                    decision: &fields.decision,
                    reason: &fields.reason,
                    digest: &fields.digest,
                    request: &found.request,
                };
                return match confirm::page(&browser, &person, vote).await {
                    Ok(page) => page,
                    Err(failure) => refused(&browser, &person, &id, &failure, fields.reason).await,
                };
            }
            // Pressed twice: the first one counts, and this is the same answer.
            if said_already(&person, &id, state).await {
                return see_other(&address(&id, done));
            }
            refused(&browser, &person, &id, &failure, fields.reason.clone()).await
        }
    }
}

/// Whether the person's own review of this kind is there.
async fn said_already(person: &Person, id: &str, state: RequestState) -> bool {
    let Ok(Some(found)) = show::read(person, id).await else {
        return false;
    };
    found
        .request
        .spec
        .iter()
        .flat_map(|spec| &spec.reviews)
        .any(|review| review.author == person.name() && review.proposed_state == i32::from(state))
}

/// The page again, with why it was not done.
async fn refused(
    browser: &Browser,
    person: &Person,
    id: &str,
    failure: &Failure,
    reason: String,
) -> Response {
    let language = browser.look.language;
    let said = text::visible(failure.message());
    let (status, error) = match failure.class() {
        Class::AccessDenied if said.contains("has been already") => (
            StatusCode::CONFLICT,
            language
                .say("Others have decided meanwhile. Your review was not counted; the page shows how it stands now.")
                .to_owned(),
        ),
        Class::AccessDenied => (StatusCode::FORBIDDEN, language.fill("The cluster refused: {}.", &[&said])),
        Class::CompareFailed | Class::AlreadyExists => {
            (StatusCode::CONFLICT, language.fill("That was not done: {}.", &[&said]))
        }
        Class::BadParameter => (StatusCode::BAD_REQUEST, language.fill("That was not done: {}.", &[&said])),
        Class::LimitExceeded => (
            StatusCode::TOO_MANY_REQUESTS,
            language.fill("The cluster asks you to wait: {}.", &[&said]),
        ),
        _ => return browser.failure(failure, Some(person.name())),
    };
    let tried = Tried {
        error,
        reason,
        status,
    };
    show::answer(browser, person, id, "", tried).await
}

/// `POST /web/requests/{id}/take-back`: the own review.
pub async fn take_back(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    withdraw_something(&proxy, visitor, &uri, &id, request, true).await
}

/// `POST /web/requests/{id}/withdraw`: the own request.
pub async fn withdraw(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    withdraw_something(&proxy, visitor, &uri, &id, request, false).await
}

async fn withdraw_something(
    proxy: &Arc<Proxy>,
    visitor: Visitor,
    uri: &Uri,
    id: &str,
    request: Request,
    review: bool,
) -> Response {
    let sent = match sent(proxy, visitor, uri, id, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let asked = WithdrawRequest {
        request_id: id.to_owned(),
        review,
        reason: String::new(),
    };
    match sent.person.cluster.access().withdraw(of_person(asked)).await {
        Ok(_) if review => see_other(&address(id, "taken-back")),
        Ok(_) => see_other("/web/requests?scope=mine&done=withdrawn"),
        Err(status) => refused(&sent.browser, &sent.person, id, &status.into(), String::new()).await,
    }
}

/// `POST /web/requests/{id}/revoke`: an approval is taken back by whoever may set states.
pub async fn revoke(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let sent = match sent(&proxy, visitor, &uri, &id, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let asked = RequestStateSetter {
        id: id.clone(),
        state: RequestState::Denied.into(),
        reason: sent.fields.reason.clone(),
        ..RequestStateSetter::default()
    };
    match sent
        .person
        .cluster
        .auth()
        .set_access_request_state(of_person(asked))
        .await
    {
        Ok(_) => see_other(&address(&id, "revoked")),
        Err(status) => {
            let reason = sent.fields.reason.clone();
            refused(&sent.browser, &sent.person, &id, &status.into(), reason).await
        }
    }
}

/// `POST /web/requests/{id}/assume`: the session takes up an approved request.
pub async fn assume(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let sent = match sent(&proxy, visitor, &uri, &id, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let browser = &sent.browser;
    match session::renew(
        &proxy,
        &browser.visitor,
        &sent.person.session,
        vec![id.clone()],
        Vec::new(),
    )
    .await
    {
        Ok(_) => see_other(&address(&id, "assumed")),
        Err(failure) => refused(browser, &sent.person, &id, &failure, String::new()).await,
    }
}

#[derive(Deserialize)]
struct Dropping {
    #[serde(default)]
    forms: String,
    /// The request to drop; empty: all of them.
    #[serde(default)]
    request: String,
}

/// `POST /web/requests/drop`: the session gives back what it has taken up.
pub async fn drop(State(proxy): State<Arc<Proxy>>, visitor: Visitor, request: Request) -> Response {
    let (headers, fields) = match body::form::<Dropping>(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&fields.forms) {
        return browser.message(message::stale_form(), None);
    }
    let back = Uri::from_static("/web/requests?scope=mine");
    let person = match browser.require_person(&back).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let dropped = if fields.request.is_empty() {
        "*".to_owned()
    } else {
        fields.request
    };
    match session::renew(
        &proxy,
        &browser.visitor,
        &person.session,
        Vec::new(),
        vec![dropped],
    )
    .await
    {
        Ok(_) => see_other("/web?dropped"),
        Err(failure) => browser.failure(&failure, Some(person.name())),
    }
}
