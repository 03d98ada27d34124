//! What people ask for: pages, each a template and a typed value. Every change is a form with the browser's secret in it;
//! asking for a page changes nothing. All of it works without script.

pub mod account;
pub mod assets;
pub mod elsewhere;
pub mod events;
pub mod invite;
pub mod message;
pub mod preferences;
pub mod requests;
mod rights;
pub mod running;
pub mod security;
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
use crate::look::Look;
use crate::proxy::Proxy;
use crate::text::{Face, When};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::{cookie, forgery, session, text};
pub use rights::Rights;

/// What stands around every page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The cluster's name.
    pub cluster: String,
    /// Who is signed in.
    pub user: Option<Face>,
    /// The secret of this browser's forms.
    pub forms: String,
    /// How the reader wants to see it.
    pub look: Look,
    /// Which pages of the administration the reader may open: address and name.
    pub running: Vec<(&'static str, &'static str)>,
    /// What the session has taken up, if anything.
    pub active: Option<Active>,
}

impl Frame {
    /// A sentence of ours in the reader's language.
    pub fn say<'a>(&self, english: &'a str) -> &'a str {
        self.look.language.say(english)
    }

    /// The same with gaps.
    pub fn fill(&self, english: &str, values: &[&str]) -> String {
        self.look.language.fill(english, values)
    }

    /// One of two sentences by number.
    pub fn count(&self, count: &usize, one: &str, many: &str) -> String {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        self.look.language.count(count, one, many)
    }
}

/// Requests whose roles the session carries now.
#[derive(Debug, Clone)]
pub struct Active {
    /// The roles that the person does not hold otherwise.
    pub roles: Vec<String>,
    /// Until when.
    pub until: When,
}

/// Somebody's browser, whoever it is.
pub struct Browser {
    /// The proxy that is asked.
    pub proxy: Arc<Proxy>,
    /// Where it is.
    pub visitor: Visitor,
    /// What it sent.
    pub headers: HeaderMap,
    /// How its reader wants to see pages.
    pub look: Look,
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
    /// What the person may do, as far as that decides what is offered. Whether it happens is decided elsewhere.
    pub rights: Rights,
    /// What the session's certificate says.
    pub identity: pki::Identity,
    /// Roles in it that the person does not hold otherwise.
    taken_up: Vec<String>,
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
            look: Look::of(&headers),
            proxy: Arc::clone(proxy),
            visitor,
            headers,
        }
    }

    /// What stands around a page for `user`.
    pub fn frame(&self, user: Option<&str>) -> Frame {
        Frame {
            cluster: self.proxy.settings.cluster.clone(),
            user: user.map(Face::of),
            forms: self.forms.clone(),
            look: self.look.clone(),
            running: Vec::new(),
            active: None,
        }
    }

    /// What stands around a page for somebody who is signed in.
    pub fn frame_for(&self, person: &Person) -> Frame {
        Frame {
            running: person.rights.running(),
            active: person.active(&self.look, self.proxy.clock.now()),
            ..self.frame(Some(person.name()))
        }
    }

    /// A moment as this browser's reader sees it.
    pub fn when(&self, moment: jiff::Timestamp) -> When {
        When::of(moment, self.proxy.clock.now(), &self.look)
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
        Person::of(&self.proxy, &self.visitor, session).await.map(Some)
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
    /// The person of a session. Where what was taken up has ended and the session has not, it goes on without.
    async fn of(proxy: &Proxy, visitor: &Visitor, session: ours::WebSession) -> Result<Self, Failure> {
        let mut session = session;
        let mut identity = identity(&session)?;
        if !identity.active_requests.is_empty() && identity.not_after <= proxy.clock.now() {
            session = session::renew(proxy, visitor, &session, Vec::new(), vec!["*".to_owned()]).await?;
            identity = self::identity(&session)?;
        }
        let cluster = proxy
            .upstream
            .person(&session, visitor)
            .map_err(|error| Failure::internal(error.to_string()))?;
        let rights = Rights::read(&cluster, &session.user).await?;
        let mut taken_up = Vec::new();
        if !identity.active_requests.is_empty() {
            let user = cluster.auth().get_current_user(of_person(())).await?.into_inner();
            let own = user.spec.as_ref().map_or(&[][..], |spec| &spec.roles);
            taken_up.extend(identity.groups.iter().filter(|role| !own.contains(role)).cloned());
        }
        Ok(Self {
            session,
            cluster,
            rights,
            identity,
            taken_up,
        })
    }

    /// What the session has taken up.
    fn active(&self, look: &Look, now: jiff::Timestamp) -> Option<Active> {
        (!self.identity.active_requests.is_empty()).then(|| Active {
            roles: self.taken_up.iter().map(|role| text::visible(role)).collect(),
            until: When::of(self.identity.not_after, now, look),
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.session.user
    }
}

/// What a session's certificate says.
fn identity(session: &ours::WebSession) -> Result<pki::Identity, Failure> {
    let unreadable =
        |error: &dyn std::fmt::Display| Failure::internal(format!("a session's certificate: {error}"));
    let text = String::from_utf8_lossy(&session.tls_certificate);
    let certificates = pki::certificate::from_pem(&text).map_err(|error| unreadable(&error))?;
    let certificate = certificates.first().ok_or_else(|| unreadable(&"there is none"))?;
    pki::Identity::from_certificate(certificate).map_err(|error| unreadable(&error))
}

fn is_secret_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A value as it stands in an address.
pub fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
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
