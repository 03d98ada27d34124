//! What people ask for: pages, each a template and a typed value. Every change is a form with the browser's secret in it;
//! asking for a page changes nothing. All of it works without script.

pub mod account;
pub mod assets;
pub mod elsewhere;
pub mod invite;
pub mod message;
pub mod requests;
pub mod sign_in;
pub mod start;

use std::sync::Arc;

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use client::Cluster;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use wire::pb::countersign::v1 as ours;
use wire::status::Failure;

use crate::api::count_stranger;
use crate::body::BodyError;
use crate::proxy::Proxy;
use crate::visitor::Visitor;
use crate::{cookie, forgery, session, text};

/// What stands around every page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The cluster's name.
    pub cluster: String,
    /// Who is signed in.
    pub user: Option<String>,
    /// The secret of this browser's forms.
    pub forms: String,
}

/// Somebody's browser, whoever it is.
pub struct Browser {
    /// The proxy that is asked.
    pub proxy: Arc<Proxy>,
    /// Where it is.
    pub visitor: Visitor,
    /// What it sent.
    pub headers: HeaderMap,
    /// The secret of its forms, new if it had none.
    forms: String,
    is_new: bool,
}

/// Somebody who is signed in.
pub struct Person {
    /// The session.
    pub session: ours::WebSession,
    /// The cluster, called as this person.
    pub cluster: Cluster,
}

impl Browser {
    /// The browser that sent a request.
    pub fn new(proxy: &Arc<Proxy>, visitor: Visitor, headers: HeaderMap) -> Self {
        let kept = cookie::value(&headers, cookie::FORMS)
            .filter(|kept| kept.len() == 43 && kept.bytes().all(is_secret_byte))
            .map(str::to_owned);
        Self {
            is_new: kept.is_none(),
            forms: kept.unwrap_or_else(|| proxy.secret()),
            proxy: Arc::clone(proxy),
            visitor,
            headers,
        }
    }

    /// What stands around a page for `user`.
    pub fn frame(&self, user: Option<&str>) -> Frame {
        Frame {
            cluster: self.proxy.settings.cluster.clone(),
            user: user.map(text::visible),
            forms: self.forms.clone(),
        }
    }

    /// A page.
    pub fn page(&self, status: StatusCode, page: &impl Template) -> Response {
        self.with_secret(render(status, page))
    }

    /// A page that says one thing.
    pub fn message(&self, message: message::Message, user: Option<&str>) -> Response {
        self.with_secret(message.respond(Some(self.frame(user))))
    }

    /// A page about a failure.
    pub fn failure(&self, failure: &Failure, user: Option<&str>) -> Response {
        self.with_secret(message::of_failure(failure, Some(self.frame(user))))
    }

    /// The browser keeps the secret that stands in the page's forms.
    fn with_secret(&self, mut page: Response) -> Response {
        if self.is_new {
            page.headers_mut()
                .append(header::SET_COOKIE, cookie::forms(&self.forms));
        }
        page
    }

    /// Whether a form of this browser bears its secret.
    pub fn sent(&self, secret: &str) -> bool {
        forgery::is_our_form(&self.headers, secret)
    }

    /// The person signed in here; `None` if nobody is.
    pub async fn person(&self) -> Result<Option<Person>, Failure> {
        let found = session::find(&self.proxy, &self.visitor, &self.headers).await?;
        let Some(session) = found else {
            count_stranger(&self.proxy, &self.visitor)?;
            return Ok(None);
        };
        let cluster = self
            .proxy
            .upstream
            .person(&session, &self.visitor)
            .map_err(|error| Failure::internal(error.to_string()))?;
        Ok(Some(Person { session, cluster }))
    }

    /// The person signed in here, or the answer for whoever is not: sign in, then come back.
    pub async fn require_person(&self, uri: &Uri) -> Result<Person, Response> {
        match self.person().await {
            Ok(Some(person)) => Ok(person),
            Ok(None) => Err(see_other(&sign_in::address(uri))),
            Err(failure) => Err(self.failure(&failure, None)),
        }
    }
}

impl Person {
    /// The name.
    pub fn name(&self) -> &str {
        &self.session.user
    }
}

fn is_secret_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The browser asks for another page.
pub fn see_other(address: &str) -> Response {
    let location = HeaderValue::try_from(address).unwrap_or(HeaderValue::from_static("/web"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// The answer to a form that is not read.
pub fn unread(error: BodyError) -> Response {
    message::unread(error).respond(None)
}

fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made.").into_response()
        }
    }
}
