//! Locks: what is locked, locking, and ending a lock.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use jiff::SignedDuration;
use wire::convert::{moment, timestamp};
use wire::keep::Kept;
use wire::pb::proto::{DeleteLockRequest, GetLocksRequest};
use wire::pb::types::{LockSpecV2, LockTarget, LockV2, Metadata};

use super::{Sent, Told, sent, told};
use crate::body::Fields;
use crate::pages::{Browser, Frame, Person, see_other};
use crate::proxy::Proxy;
use crate::text::{self, When};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// What can be locked: the value in the form, and what people read.
const TARGETS: &[(&str, &str)] = &[
    ("user", t("A person")),
    ("role", t("Everybody with a role")),
    ("login", t("A login on servers")),
    ("access_request", t("An access request")),
    ("mfa_device", t("An authenticator")),
    ("server_id", t("A server")),
    ("bot_instance_id", t("One run of a bot")),
    ("join_token", t("A join token")),
];

/// A lock in the list.
struct Listed {
    name: String,
    targets: Vec<(&'static str, String)>,
    message: String,
    by: String,
    expires: Option<When>,
}

#[derive(Template)]
#[template(path = "running/locks.html")]
struct Page {
    frame: Frame,
    locks: Vec<Listed>,
    targets: Vec<(&'static str, &'static str, bool)>,
    may_lock: bool,
    may_unlock: bool,
    typed: Typed,
    error: String,
    done: &'static str,
}

/// What was filled in.
#[derive(Default)]
struct Typed {
    kind: String,
    name: String,
    message: String,
    hours: String,
}

/// `GET /web/locks`, `GET /web/locks/new`.
pub async fn list(
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
    let done = match Fields::of_uri(&uri).one("done").as_str() {
        "locked" => t("Locked. Sessions and certificates are refused at once."),
        "ended" => t("The lock is ended."),
        _ => "",
    };
    page(
        &browser,
        &person,
        StatusCode::OK,
        Typed::default(),
        String::new(),
        done,
    )
    .await
}

async fn page(
    browser: &Browser,
    person: &Person,
    status: StatusCode,
    typed: Typed,
    error: String,
    done: &'static str,
) -> Response {
    let found = match person
        .cluster
        .auth()
        .get_locks(of_person(GetLocksRequest::default()))
        .await
    {
        Ok(found) => found.into_inner().locks,
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let now = browser.proxy.clock.now();
    let may = |verb| person.rights.may("lock", verb);
    let page = Page {
        frame: browser.frame_for(person),
        locks: found
            .iter()
            .map(|lock| {
                let spec = lock.spec.clone().unwrap_or_default();
                Listed {
                    name: lock
                        .metadata
                        .as_ref()
                        .map(|metadata| metadata.name.clone())
                        .unwrap_or_default(),
                    targets: targets(&spec.target.clone().unwrap_or_default()),
                    message: text::visible(&spec.message),
                    by: text::visible(&spec.created_by),
                    expires: moment(spec.expires.as_ref()).map(|at| When::of(at, now, &browser.look)),
                }
            })
            .collect(),
        targets: TARGETS
            .iter()
            .map(|(kind, says)| (*kind, *says, *kind == typed.kind))
            .collect(),
        may_lock: may("create") && may("update"),
        may_unlock: may("delete"),
        typed,
        error,
        done,
    };
    browser.page(status, &page)
}

/// What a lock is on, each with what it is called.
fn targets(target: &LockTarget) -> Vec<(&'static str, String)> {
    let values = [
        &target.user,
        &target.role,
        &target.login,
        &target.access_request,
        &target.mfa_device,
        &target.server_id,
        &target.bot_instance_id,
        &target.join_token,
    ];
    TARGETS
        .iter()
        .zip(values)
        .filter(|(_, value)| !value.is_empty())
        .map(|((_, says), value)| (*says, text::visible(value)))
        .collect()
}

/// `POST /web/locks`: makes a lock, or ends one.
pub async fn change(State(proxy): State<Arc<Proxy>>, visitor: Visitor, request: Request) -> Response {
    let Sent {
        browser,
        person,
        fields,
    } = match sent(&proxy, visitor, "/web/locks", request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let typed = Typed {
        kind: fields.one("kind"),
        name: fields.one("name").trim().to_owned(),
        message: fields.one("message"),
        hours: fields.one("hours"),
    };
    let ends = fields.one("end");
    let done = if ends.is_empty() {
        let Some(target) = target(&typed) else {
            let error = browser.look.language.say("Say what to lock.").to_owned();
            return page(&browser, &person, StatusCode::BAD_REQUEST, typed, error, "").await;
        };
        make(&browser, &person, target, &typed.message, &typed.hours)
            .await
            .map(|()| "locked")
    } else {
        let asked = DeleteLockRequest { name: ends };
        let ended = person.cluster.auth().delete_lock(of_person(asked)).await;
        ended.map(|_| "ended")
    };
    match done {
        Ok(done) => see_other(&format!("/web/locks?done={done}")),
        Err(status) => match told(&browser, &person, &status.into()) {
            Ok(Told { status, error }) => page(&browser, &person, status, typed, error, "").await,
            Err(answer) => answer,
        },
    }
}

fn target(typed: &Typed) -> Option<LockTarget> {
    let mut target = LockTarget::default();
    let place = match typed.kind.as_str() {
        "user" => &mut target.user,
        "role" => &mut target.role,
        "login" => &mut target.login,
        "access_request" => &mut target.access_request,
        "mfa_device" => &mut target.mfa_device,
        "server_id" => &mut target.server_id,
        "bot_instance_id" => &mut target.bot_instance_id,
        "join_token" => &mut target.join_token,
        _ => return None,
    };
    place.clone_from(&typed.name);
    (!typed.name.is_empty()).then_some(target)
}

/// Locks `target`, for so many hours, or until somebody ends it.
pub async fn make(
    browser: &Browser,
    person: &Person,
    target: LockTarget,
    message: &str,
    hours: &str,
) -> Result<(), tonic::Status> {
    let now = browser.proxy.clock.now();
    let hours = match hours.trim() {
        "" => None,
        typed => Some(typed.parse::<u16>().map_err(|_| {
            tonic::Status::invalid_argument("the length of the lock is not a number of hours")
        })?),
    };
    let lock = LockV2 {
        kind: "lock".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(Metadata {
            name: browser.proxy.uuid(),
            namespace: "default".to_owned(),
            ..Metadata::default()
        }),
        spec: Some(LockSpecV2 {
            target: Some(target),
            message: message.trim().to_owned(),
            expires: hours
                .filter(|hours| *hours > 0)
                .and_then(|hours| {
                    now.saturating_add(SignedDuration::from_hours(i64::from(hours)))
                        .ok()
                })
                .map(timestamp),
            ..LockSpecV2::default()
        }),
        ..LockV2::default()
    };
    person
        .cluster
        .auth()
        .upsert_lock(of_person(Kept::from(lock)))
        .await?;
    Ok(())
}
