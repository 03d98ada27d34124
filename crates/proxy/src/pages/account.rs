//! One's own account: another password, and signing out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Deserialize;
use wire::pb::proto::ChangePasswordRequest;
use wire::status::{Class, Failure};

use super::{Browser, Frame, Person, message, see_other, unread};
use crate::proxy::Proxy;
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::{body, cookie, session, text};

#[derive(Template)]
#[template(path = "password.html")]
struct Page {
    frame: Frame,
    name: String,
    errors: Errors,
}

/// What is wrong, beside each field.
#[derive(Default)]
struct Errors {
    general: String,
    new: String,
    repeat: String,
}

/// The fields of the form.
#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    forms: String,
    #[serde(default)]
    old: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    repeat: String,
    #[serde(default)]
    code: String,
}

/// `GET /web/account/password`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    match browser.require_person(&uri).await {
        Ok(person) => page(&browser, &person, StatusCode::OK, Errors::default()),
        Err(answer) => answer,
    }
}

/// `POST /web/account/password`.
pub async fn change_password(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    request: Request,
) -> Response {
    let (headers, fields) = match body::form::<Fields>(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&fields.forms) {
        return browser.message(message::stale_form(), None);
    }
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let mut errors = Errors::default();
    if fields.new.is_empty() {
        "Choose a password.".clone_into(&mut errors.new);
    } else if fields.new != fields.repeat {
        "The two passwords are not the same.".clone_into(&mut errors.repeat);
    }
    if !errors.new.is_empty() || !errors.repeat.is_empty() {
        return page(&browser, &person, StatusCode::BAD_REQUEST, errors);
    }
    let message = ChangePasswordRequest {
        user: person.name().to_owned(),
        old_password: fields.old.into_bytes().into(),
        new_password: fields.new.into_bytes().into(),
        second_factor_token: fields.code.chars().filter(|c| !c.is_whitespace()).collect(),
        webauthn: None,
    };
    let mut auth = person.cluster.auth();
    match auth.change_password(of_person(message)).await {
        Ok(_) => signed_out(&proxy, "/web/login?changed"),
        Err(status) => refused(&browser, &person, &status.into()),
    }
}

fn refused(browser: &Browser, person: &Person, failure: &Failure) -> Response {
    let said = text::visible(failure.message());
    let mut errors = Errors::default();
    let status = match failure.class() {
        Class::AccessDenied if said.starts_with("invalid ") => {
            "The old password or the code is not right. Nothing was changed.".clone_into(&mut errors.general);
            StatusCode::FORBIDDEN
        }
        Class::AccessDenied => {
            errors.general = format!("The cluster refused: {said}.");
            StatusCode::FORBIDDEN
        }
        Class::BadParameter if said.starts_with("password") => {
            errors.new = format!("{}.", text::capitalised(&said));
            StatusCode::BAD_REQUEST
        }
        Class::BadParameter | Class::CompareFailed => {
            errors.general = format!("{}.", text::capitalised(&said));
            StatusCode::BAD_REQUEST
        }
        Class::LimitExceeded => {
            errors.general = format!("Too many tries: {said}.");
            StatusCode::TOO_MANY_REQUESTS
        }
        _ => return browser.failure(failure, Some(person.name())),
    };
    page(browser, person, status, errors)
}

fn page(browser: &Browser, person: &Person, status: StatusCode, errors: Errors) -> Response {
    let page = Page {
        frame: browser.frame_for(person),
        name: text::visible(person.name()),
        errors,
    };
    browser.page(status, &page)
}

#[derive(Deserialize)]
struct SignOut {
    #[serde(default)]
    forms: String,
}

/// `POST /web/logout`.
pub async fn sign_out(State(proxy): State<Arc<Proxy>>, visitor: Visitor, request: Request) -> Response {
    let (headers, SignOut { forms }) = match body::form(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&forms) {
        return browser.message(message::stale_form(), None);
    }
    session::end(&proxy, &browser.visitor, &browser.headers).await;
    signed_out(&proxy, "/web/login?out")
}

/// The browser forgets the session and goes on to `address`.
pub fn signed_out(proxy: &Proxy, address: &str) -> Response {
    let mut response = see_other(address);
    let cookies = response.headers_mut();
    cookies.append(header::SET_COOKIE, cookie::no_session());
    // The secret of the forms was known to the pages of this session: the next one gets another.
    cookies.append(header::SET_COOKIE, cookie::forms(&proxy.secret()));
    response
}
