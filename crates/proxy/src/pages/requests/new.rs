//! Asking: which roles, why, for how long, from when, whom. The cluster is asked first what would come of it (a dry run):
//! who would have to approve and when access would end. Nothing is made until the last button is pressed.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use wire::convert::{moment, timestamp};
use wire::pb::types::{
    AccessCapabilities, AccessCapabilitiesRequest, AccessRequestSpecV3, AccessRequestV3, Metadata,
    RequestState, ResourceId,
};
use wire::status::{Class, Failure};

use super::evidence::plain_rules;
use super::show::length;
use crate::body::{self, Fields};
use crate::pages::{Browser, Frame, Person, message, see_other, unread};
use crate::proxy::Proxy;
use crate::text::{self, When};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// The lengths that can be chosen, in hours; 0: as long as the roles allow.
const LENGTHS: &[i64] = &[0, 1, 2, 4, 8, 12, 24, 72, 168];

/// A role, reviewer or length that can be chosen.
struct Choice {
    value: String,
    says: String,
    is_chosen: bool,
}

/// What would come of it.
struct Preview {
    until: Option<When>,
    long: String,
    rules: Vec<String>,
    reason_needed: bool,
    prompts: Vec<String>,
}

/// What is wrong, beside each field.
#[derive(Default)]
struct Errors {
    general: String,
    roles: String,
    reason: String,
    start: String,
}

#[derive(Template)]
#[template(path = "requests/new.html")]
struct Page {
    frame: Frame,
    roles: Vec<Choice>,
    resources: Vec<Choice>,
    suggested: Vec<Choice>,
    lengths: Vec<Choice>,
    reviewers: String,
    reason: String,
    start: String,
    zone: String,
    prompt: String,
    preview: Option<Preview>,
    errors: Errors,
}

/// What somebody has filled in.
#[derive(Debug, Default, Clone)]
struct Asked {
    roles: Vec<String>,
    resources: Vec<String>,
    reason: String,
    suggested: Vec<String>,
    reviewers: String,
    hours: i64,
    start: String,
}

impl Asked {
    fn of(fields: &Fields) -> Self {
        Self {
            roles: fields.all("role"),
            resources: fields.all("resource"),
            reason: fields.one("reason").replace("\r\n", "\n"),
            suggested: fields.all("reviewer"),
            reviewers: fields.one("reviewers"),
            hours: fields.one("hours").parse().unwrap_or_default(),
            start: fields.one("start"),
        }
    }

    /// Everybody who is named as reviewer.
    fn named(&self) -> Vec<String> {
        let typed = self
            .reviewers
            .split([',', ' ', '\n', ';'])
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        let mut named = self.suggested.clone();
        named.extend(typed);
        named.dedup();
        named
    }

    /// The resources by their paths `/cluster/kind/name`.
    fn resource_ids(&self) -> Vec<ResourceId> {
        self.resources
            .iter()
            .filter_map(|path| {
                let mut parts = path.strip_prefix('/')?.splitn(4, '/');
                Some(ResourceId {
                    cluster_name: parts.next()?.to_owned(),
                    kind: parts.next()?.to_owned(),
                    name: parts.next()?.to_owned(),
                    sub_resource_name: parts.next().unwrap_or_default().to_owned(),
                })
            })
            .collect()
    }
}

/// `GET /web/requests/new`.
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
    let mut asked = Asked::of(&Fields::of_uri(&uri));
    // An address may come from somebody else: nothing in it turns or hides what stands in the fields.
    asked.reason = text::visible_lines(&asked.reason);
    asked.reviewers = text::visible(&asked.reviewers);
    asked.start = text::visible(&asked.start);
    page(&browser, &person, asked, StatusCode::OK, None, Errors::default()).await
}

/// `POST /web/requests/new`: a preview, or the request itself.
pub async fn submit(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    uri: Uri,
    request: Request,
) -> Response {
    let (headers, fields) = match body::fields(&proxy, request).await {
        Ok(read) => read,
        Err(error) => return unread(error),
    };
    let browser = Browser::new(&proxy, visitor, headers);
    if !browser.sent(&fields.one("forms")) {
        return browser.message(message::stale_form(), None);
    }
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let language = browser.look.language;
    let asked = Asked::of(&fields);
    let mut errors = Errors::default();
    if asked.roles.is_empty() && asked.resources.is_empty() {
        language
            .say("Choose at least one role.")
            .clone_into(&mut errors.roles);
    }
    let start = match start(&browser, &asked.start) {
        Ok(start) => start,
        Err(error) => {
            language.say(error).clone_into(&mut errors.start);
            None
        }
    };
    if !errors.roles.is_empty() || !errors.start.is_empty() {
        return page(&browser, &person, asked, StatusCode::BAD_REQUEST, None, errors).await;
    }
    let preview = fields.one("step") != "ask";
    let message = message(&browser, &person, &asked, start, preview);
    match person
        .cluster
        .auth()
        .create_access_request_v2(of_person(message))
        .await
    {
        Ok(made) if preview => {
            let spec = made.into_inner().into_message().spec.unwrap_or_default();
            let preview = preview_of(&browser, &spec);
            page(&browser, &person, asked, StatusCode::OK, Some(preview), errors).await
        }
        Ok(made) => {
            let made = made.into_inner();
            let id = made
                .metadata
                .as_ref()
                .map_or("", |metadata| metadata.name.as_str());
            see_other(&format!("/web/requests/{id}?done=asked"))
        }
        Err(status) => refused(&browser, &person, asked, &status.into()).await,
    }
}

fn message(
    browser: &Browser,
    person: &Person,
    asked: &Asked,
    start: Option<Timestamp>,
    dry_run: bool,
) -> wire::keep::Kept<AccessRequestV3> {
    let now = browser.proxy.clock.now();
    let hours = asked.hours.clamp(0, 14 * 24);
    let begin = start.unwrap_or(now);
    wire::keep::Kept::from(AccessRequestV3 {
        kind: "access_request".to_owned(),
        version: "v3".to_owned(),
        metadata: Some(Metadata {
            name: browser.proxy.uuid(),
            namespace: "default".to_owned(),
            ..Metadata::default()
        }),
        spec: Some(AccessRequestSpecV3 {
            user: person.name().to_owned(),
            roles: asked.roles.clone(),
            requested_resource_i_ds: asked.resource_ids(),
            state: RequestState::Pending.into(),
            request_reason: asked.reason.clone(),
            suggested_reviewers: asked.named(),
            max_duration: (hours > 0)
                .then(|| begin.saturating_add(SignedDuration::from_hours(hours)).ok())
                .flatten()
                .map(timestamp),
            assume_start_time: start.map(timestamp),
            dry_run,
            ..AccessRequestSpecV3::default()
        }),
        ..AccessRequestV3::default()
    })
}

/// What was typed as a start, in the reader's zone; nothing: at once.
fn start(browser: &Browser, typed: &str) -> Result<Option<Timestamp>, &'static str> {
    if typed.is_empty() {
        return Ok(None);
    }
    let there: jiff::civil::DateTime = typed
        .parse()
        .map_err(|_| t("Write the start as a day and a time, such as 2026-11-27T18:00."))?;
    let moment = there
        .to_zoned_datetime(browser.look.zone())
        .map_err(|_| t("There is no such moment."))?
        .timestamp();
    if moment < browser.proxy.clock.now() {
        return Err(t("The start has passed already."));
    }
    Ok(Some(moment))
}

fn preview_of(browser: &Browser, spec: &AccessRequestSpecV3) -> Preview {
    let now = browser.proxy.clock.now();
    let look = &browser.look;
    let end = spec.max_duration.as_ref().or(spec.expires.as_ref());
    let enrichment = spec.dry_run_enrichment.clone().unwrap_or_default();
    Preview {
        until: moment(end).map(|end| When::of(end, now, look)),
        long: length(spec)
            .map(|length| text::span(length, look.language))
            .unwrap_or_default(),
        rules: plain_rules(spec, look.language),
        reason_needed: enrichment.reason_mode == "required" && spec.request_reason.trim().is_empty(),
        prompts: enrichment
            .reason_prompts
            .iter()
            .map(|prompt| text::visible(prompt))
            .collect(),
    }
}

async fn refused(browser: &Browser, person: &Person, asked: Asked, failure: &Failure) -> Response {
    let language = browser.look.language;
    let said = text::visible(failure.message());
    let mut errors = Errors::default();
    let told = format!("{}.", text::capitalised(&said));
    let status = match failure.class() {
        Class::BadParameter if said.contains("reason") => {
            errors.reason = told;
            StatusCode::BAD_REQUEST
        }
        Class::BadParameter | Class::NotFound | Class::AlreadyExists | Class::CompareFailed => {
            errors.general = told;
            StatusCode::BAD_REQUEST
        }
        Class::AccessDenied => {
            errors.general = language.fill("The cluster refused: {}.", &[&said]);
            StatusCode::FORBIDDEN
        }
        Class::LimitExceeded => {
            errors.general = language.fill("The cluster asks you to wait: {}.", &[&said]);
            StatusCode::TOO_MANY_REQUESTS
        }
        _ => return browser.failure(failure, Some(person.name())),
    };
    page(browser, person, asked, status, None, errors).await
}

async fn page(
    browser: &Browser,
    person: &Person,
    asked: Asked,
    status: StatusCode,
    preview: Option<Preview>,
    errors: Errors,
) -> Response {
    let wanted = AccessCapabilitiesRequest {
        requestable_roles: true,
        suggested_reviewers: true,
        resource_i_ds: asked.resource_ids(),
        ..AccessCapabilitiesRequest::default()
    };
    let can: AccessCapabilities = match person
        .cluster
        .auth()
        .get_access_capabilities(of_person(wanted))
        .await
    {
        Ok(can) => can.into_inner(),
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let language = browser.look.language;
    let choice = |name: &String, chosen: &[String]| Choice {
        value: name.clone(),
        says: text::visible(name),
        is_chosen: chosen.contains(name),
    };
    let mut roles = can.requestable_roles.clone();
    // What was asked for and cannot be had stays visible: the error beside it says why.
    roles.extend(
        asked
            .roles
            .iter()
            .filter(|role| !can.requestable_roles.contains(role))
            .cloned(),
    );
    let page = Page {
        frame: browser.frame_for(person),
        roles: roles.iter().map(|role| choice(role, &asked.roles)).collect(),
        resources: asked
            .resources
            .iter()
            .map(|path| choice(path, &asked.resources))
            .collect(),
        suggested: can
            .suggested_reviewers
            .iter()
            .map(|name| choice(name, &asked.suggested))
            .collect(),
        lengths: LENGTHS
            .iter()
            .map(|hours| Choice {
                value: hours.to_string(),
                says: if *hours == 0 {
                    language.say("As long as the role allows").to_owned()
                } else {
                    text::span(SignedDuration::from_hours(*hours), language)
                },
                is_chosen: *hours == asked.hours,
            })
            .collect(),
        reviewers: asked.reviewers,
        reason: asked.reason,
        start: asked.start,
        zone: browser.look.zone_name.unwrap_or("UTC").to_owned(),
        prompt: text::visible(&can.request_prompt),
        preview,
        errors,
    };
    browser.page(status, &page)
}
