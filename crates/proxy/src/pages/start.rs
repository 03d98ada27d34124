//! The start page: who is signed in, what waits, and how to go on in a terminal.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use wire::pb::types::AccessRequestScope;

use super::requests::Listed;
use super::requests::list::{self, Asked};
use super::{Browser, Frame, see_other};
use crate::proxy::Proxy;
use crate::text::{Face, When, shell_word};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::{session, text};

/// So many requests of each kind are shown here; the list shows them all.
const SHOWN: i32 = 5;

#[derive(Template)]
#[template(path = "start.html")]
struct Page {
    frame: Frame,
    face: Face,
    roles: Vec<String>,
    until: Option<When>,
    waiting: Vec<Listed>,
    own: Vec<Listed>,
    sign_in: String,
    is_new: bool,
    dropped: bool,
}

/// `GET /`.
pub async fn root() -> Response {
    see_other("/web")
}

/// `GET /web`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let read = async {
        let user = person.cluster.auth().get_current_user(of_person(())).await?;
        let newest = |scope| list::read(&browser, &person, Asked::newest(scope, SHOWN));
        let waiting = newest(AccessRequestScope::NeedsReview).await?;
        let own = newest(AccessRequestScope::MyRequests).await?;
        Ok::<_, tonic::Status>((user.into_inner(), waiting, own))
    };
    let (user, waiting, own) = match read.await {
        Ok(read) => read,
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let roles = user
        .spec
        .as_ref()
        .map(|spec| spec.roles.as_slice())
        .unwrap_or_default();
    let page = Page {
        frame: browser.frame_for(&person),
        face: Face::of(person.name()),
        roles: roles.iter().map(|role| text::visible(role)).collect(),
        until: session::expires(&person.session).map(|end| When::of(end, proxy.clock.now(), &browser.look)),
        waiting: waiting.0,
        own: own.0,
        sign_in: sign_in_command(&proxy, person.name()),
        is_new: uri.query() == Some("welcome"),
        dropped: uri.query() == Some("dropped"),
    };
    browser.page(StatusCode::OK, &page)
}

/// How somebody signs in from a terminal.
pub fn sign_in_command(proxy: &Proxy, user: &str) -> String {
    format!(
        "tsh login --proxy={} --user={}",
        proxy.settings.public_address(),
        shell_word(user)
    )
}
