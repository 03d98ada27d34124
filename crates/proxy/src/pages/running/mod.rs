//! Running a cluster: people, roles, locks, and what else there is. Everything is read and written with the visitor's own
//! certificate; what the cluster refuses is told where it was tried.

pub mod inventory;
pub mod locks;
pub mod people;
pub mod resources;
pub mod roles;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::{StatusCode, Uri};
use wire::status::{Class, Failure};

use super::{Browser, Person, message, unread};
use crate::body::{self, Fields};
use crate::proxy::Proxy;
use crate::text;
use crate::visitor::Visitor;

/// Somebody and a form that was sent from one of these pages.
pub struct Sent {
    /// The browser.
    pub browser: Browser,
    /// Who sent it.
    pub person: Person,
    /// What it says.
    pub fields: Fields,
}

/// Reads a form of the page at `back`, where whoever has to sign in first is led afterwards.
pub async fn sent(
    proxy: &Arc<Proxy>,
    visitor: Visitor,
    back: &str,
    request: Request,
) -> Result<Sent, Response> {
    let (headers, fields) = body::fields(proxy, request).await.map_err(unread)?;
    let browser = Browser::new(proxy, visitor, headers);
    if !browser.sent(&fields.one("forms")) {
        return Err(browser.message(message::stale_form(), None));
    }
    let back: Uri = back.parse().unwrap_or(Uri::from_static("/web"));
    let person = browser.require_person(&back).await?;
    Ok(Sent {
        browser,
        person,
        fields,
    })
}

/// A refusal as it stands beside what was tried.
#[derive(Debug)]
pub struct Told {
    /// The status of the page.
    pub status: StatusCode,
    /// The sentence.
    pub error: String,
}

/// What is told of a failure in place; one that no reader could mend is a page of its own.
pub fn told(browser: &Browser, person: &Person, failure: &Failure) -> Result<Told, Response> {
    let language = browser.look.language;
    let said = text::visible(failure.message());
    let (status, error) = match failure.class() {
        Class::AccessDenied => (
            StatusCode::FORBIDDEN,
            language.fill("The cluster refused: {}.", &[&said]),
        ),
        Class::BadParameter | Class::NotFound => (
            StatusCode::BAD_REQUEST,
            language.fill("That was not done: {}.", &[&said]),
        ),
        Class::AlreadyExists | Class::CompareFailed => (
            StatusCode::CONFLICT,
            language.fill("That was not done: {}.", &[&said]),
        ),
        Class::LimitExceeded => (
            StatusCode::TOO_MANY_REQUESTS,
            language.fill("The cluster asks you to wait: {}.", &[&said]),
        ),
        _ => return Err(browser.failure(failure, Some(person.name()))),
    };
    Ok(Told { status, error })
}

/// Names with commas, spaces or lines between them.
pub fn names(typed: &str) -> Vec<String> {
    typed
        .split([',', ' ', '\n', '\r', '\t', ';'])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}
