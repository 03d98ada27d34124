//! Signing out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::header;
use serde::Deserialize;

use super::{Browser, message, see_other, unread};
use crate::proxy::Proxy;
use crate::visitor::Visitor;
use crate::{body, cookie, session};

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
    let mut response = see_other("/web/login?out");
    let cookies = response.headers_mut();
    cookies.append(header::SET_COOKIE, cookie::no_session());
    // The secret of the forms was known to the pages of this session: the next one gets another.
    cookies.append(header::SET_COOKIE, cookie::forms(&proxy.secret()));
    response
}
