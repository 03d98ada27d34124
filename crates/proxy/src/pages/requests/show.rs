//! One request, one page: who asks for what and why, what it opens, where it stands, and what its reader can do now.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use wire::convert::{self, moment};
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest};
use wire::pb::types::{AccessRequestFilter, AccessRequestSpecV3, AccessRequestV3, RequestState, RoleV6};

use super::evidence::{Reading, Row};
use super::opens::{Opening, openings};
use super::sentence::{Gap, Piece, pieces};
use super::{Badge, short_id, unusual};
use crate::pages::message::{self, Message};
use crate::pages::start::sign_in_command;
use crate::pages::{Browser, Frame, Person};
use crate::proxy::Proxy;
use crate::text::{self, Face, When};
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// So many of those who may review are shown at once.
const REVIEWERS_SHOWN: usize = 6;
/// So many earlier requests of the same person are looked at.
const EARLIER_MAX: i32 = 50;

/// What somebody has said about the request.
struct Vote {
    face: Face,
    badge: Badge,
    reason: String,
    when: Option<When>,
}

/// A review that counts nowhere.
struct Ignored {
    face: Face,
    why: String,
}

/// Somebody who may still review.
struct Possible {
    face: Face,
    roles: String,
    suggested: bool,
}

/// What a role opens, as far as the reader may know.
struct Opened {
    role: String,
    openings: Vec<Opening>,
    /// Why nothing is shown; empty if something is.
    unknown: &'static str,
}

/// What the reader can do now.
enum Part {
    /// Decide; what follows from a yes, and from a no.
    Decide { approve: String, deny: String },
    /// Take up what was approved.
    Assume { command: String },
    /// Give back what was taken up.
    Drop { until: When },
    /// Nothing, for this reason.
    Look(String),
}

/// What the reader tried and what became of it.
#[derive(Debug, Default)]
pub struct Tried {
    /// Why it was not done.
    pub error: String,
    /// What was typed as a reason.
    pub reason: String,
    /// The status to answer with.
    pub status: StatusCode,
}

#[derive(Template)]
#[template(path = "requests/show.html")]
struct Page {
    frame: Frame,
    id: String,
    short_id: String,
    face: Face,
    is_own: bool,
    badge: Badge,
    sentence: Vec<Piece>,
    marks: Vec<String>,
    resources: Vec<String>,
    reason: String,
    opened: Vec<Opened>,
    resolve_reason: String,
    resolved_by: String,
    /// It was approved, and whoever resolved it took the approval back.
    taken_back: bool,
    created: Option<When>,
    until: Option<When>,
    start: Option<When>,
    review_until: Option<When>,
    rows: Vec<Row>,
    votes: Vec<Vote>,
    ignored: Vec<Ignored>,
    possible: Vec<Possible>,
    others: Vec<Possible>,
    possible_count: usize,
    digest: String,
    part: Part,
    can_take_back_review: bool,
    can_withdraw: bool,
    can_revoke: bool,
    commands: Vec<String>,
    done: &'static str,
    tried: Tried,
}

#[derive(Deserialize, Default)]
struct Query {
    #[serde(default)]
    done: String,
}

/// `GET /web/requests/{id}`.
pub async fn show(
    State(proxy): State<Arc<Proxy>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let browser = Browser::new(&proxy, visitor, headers);
    let person = match browser.require_person(&uri).await {
        Ok(person) => person,
        Err(answer) => return answer,
    };
    let Query { done } = axum::extract::Query::try_from_uri(&uri)
        .map(|axum::extract::Query(query)| query)
        .unwrap_or_default();
    answer(&browser, &person, &id, said(&done), Tried::default()).await
}

/// The page about a request, after something was done or tried there.
pub async fn answer(
    browser: &Browser,
    person: &Person,
    id: &str,
    done: &'static str,
    tried: Tried,
) -> Response {
    match read(person, id).await {
        Ok(Some(found)) => {
            let status = tried.status;
            let page = page(browser, person, found, done, tried).await;
            browser.page(status, &page)
        }
        Ok(None) => browser.message(no_request(), Some(person.name())),
        Err(status) => browser.failure(&status.into(), Some(person.name())),
    }
}

/// What the page says after something was done.
fn said(done: &str) -> &'static str {
    match done {
        "asked" => t("Your request is made. Those who may review it are told."),
        "approved" => t("Your approval is counted."),
        "denied" => t("Your denial is counted."),
        "taken-back" => t("Your review is taken back."),
        "revoked" => t("The approval is revoked. Certificates that carry it are locked."),
        "assumed" => t("You have taken it up in this browser."),
        _ => "",
    }
}

/// There is no such request for this reader.
pub fn no_request() -> Message {
    Message {
        title: t("There is no such request here").to_owned(),
        text: t("It does not exist, its time is over, or you may not see it.").to_owned(),
        link: Some((t("Go to the access requests"), "/web/requests")),
        ..message::not_found()
    }
}

/// A request and its evidence.
pub struct Found {
    /// The request.
    pub request: AccessRequestV3,
    /// Where it stands and why.
    pub evidence: ours::Evidence,
}

/// The request and its evidence, as far as the person may see them.
pub async fn read(person: &Person, id: &str) -> Result<Option<Found>, tonic::Status> {
    let asked = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            id: id.to_owned(),
            ..AccessRequestFilter::default()
        }),
        ..ListAccessRequestsRequest::default()
    };
    let mut auth = person.cluster.auth();
    let listed = auth.list_access_requests(of_person(asked)).await?.into_inner();
    let Some(request) = listed.access_requests.into_iter().next() else {
        return Ok(None);
    };
    let asked = ours::ExplainRequest {
        request_id: id.to_owned(),
    };
    match person.cluster.access().explain(of_person(asked)).await {
        Ok(evidence) => Ok(Some(Found {
            request: request.into_message(),
            evidence: evidence.into_inner(),
        })),
        // Its time has ended between the two calls.
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

/// Earlier requests of the same person that the reader may see. Where they cannot be read nothing is told of them.
async fn earlier(person: &Person, id: &str, user: &str) -> Vec<AccessRequestSpecV3> {
    let asked = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            user: user.to_owned(),
            ..AccessRequestFilter::default()
        }),
        sort: AccessRequestSort::Created.into(),
        descending: true,
        limit: EARLIER_MAX,
        ..ListAccessRequestsRequest::default()
    };
    let Ok(listed) = person.cluster.auth().list_access_requests(of_person(asked)).await else {
        return Vec::new();
    };
    listed
        .into_inner()
        .access_requests
        .into_iter()
        .filter(|other| {
            other
                .metadata
                .as_ref()
                .is_some_and(|metadata| metadata.name != id)
        })
        .filter_map(|other| other.spec.clone())
        .collect()
}

/// What each role opens, as the cluster tells it to this reader.
fn opened(browser: &Browser, roles: &[String], evidence: &ours::Evidence) -> Vec<Opened> {
    roles
        .iter()
        .map(|name| {
            let named = |role: &&Kept<RoleV6>| {
                role.metadata
                    .as_ref()
                    .is_some_and(|metadata| metadata.name == *name)
            };
            let (found, unknown) = match evidence
                .requested_roles
                .iter()
                .find(named)
                .map(|role| convert::role(role))
            {
                Some(Ok(role)) => (openings(&role, browser.look.language), ""),
                Some(Err(_)) => (Vec::new(), t("This proxy cannot read what the role says.")),
                None if evidence.requested_roles.is_empty() => (
                    Vec::new(),
                    t("What it opens is shown to those who may review it."),
                ),
                None => (
                    Vec::new(),
                    t("There is no such role now. Approved, the request would open nothing."),
                ),
            };
            Opened {
                role: text::visible(name),
                unknown: if found.is_empty() && unknown.is_empty() {
                    t("Nothing by itself.")
                } else {
                    unknown
                },
                openings: found,
            }
        })
        .collect()
}

async fn page(browser: &Browser, person: &Person, found: Found, done: &'static str, tried: Tried) -> Page {
    let Found { request, evidence } = found;
    let proxy = &browser.proxy;
    let look = &browser.look;
    let now = proxy.clock.now();
    let spec = request.spec.unwrap_or_default();
    let id = evidence.request_id.clone();
    let is_pending = spec.state == i32::from(RequestState::Pending);
    let when = |stamp: Option<&prost_types::Timestamp>| moment(stamp).map(|at| When::of(at, now, look));
    let marks = if is_pending {
        let earlier = earlier(person, &id, &spec.user).await;
        unusual::marks(&spec, &earlier, now, look)
    } else {
        Vec::new()
    };
    let (possible, others) = possible_reviewers(&evidence, browser);
    let reading = Reading {
        evidence: &evidence,
        viewer: person.name(),
        reviewed: spec
            .reviews
            .iter()
            .filter_map(|review| Some((review.author.clone(), when(review.created.as_ref())?)))
            .collect::<BTreeMap<_, _>>(),
        look,
    };
    let own_vote = spec.reviews.iter().any(|review| review.author == person.name());
    let is_own = spec.user == person.name();
    Page {
        frame: browser.frame_for(person),
        short_id: short_id(&id),
        face: Face::of(&spec.user),
        is_own,
        badge: Badge::of(spec.state),
        sentence: sentence(&spec, browser),
        marks,
        resources: spec.requested_resource_i_ds.iter().map(super::resource).collect(),
        reason: text::visible_lines(&spec.request_reason),
        opened: opened(browser, &spec.roles, &evidence),
        // A decision by review has its reason beside the review.
        resolve_reason: if spec
            .reviews
            .iter()
            .any(|review| review.reason == spec.resolve_reason)
        {
            String::new()
        } else {
            text::visible_lines(&spec.resolve_reason)
        },
        resolved_by: text::visible(&evidence.resolved_by),
        taken_back: convert::taken_back_by(&evidence).is_some(),
        created: when(spec.created.as_ref()),
        until: when(access_end(&spec)).filter(|_| spec.state != i32::from(RequestState::Denied)),
        start: when(spec.assume_start_time.as_ref()).filter(|_| starts_later(&spec, now)),
        review_until: when(evidence.review_until.as_ref()),
        rows: reading.rows(),
        votes: spec
            .reviews
            .iter()
            .map(|review| Vote {
                face: Face::of(&review.author),
                badge: Badge::of(review.proposed_state),
                reason: text::visible_lines(&review.reason),
                when: when(review.created.as_ref()),
            })
            .collect(),
        ignored: evidence
            .ignored
            .iter()
            .map(|ignored| Ignored {
                face: Face::of(&ignored.author),
                why: text::visible(&ignored.reason),
            })
            .collect(),
        possible,
        others,
        possible_count: usize::try_from(evidence.possible_reviewer_count).unwrap_or(usize::MAX),
        digest: evidence.short_digest.clone(),
        part: part(browser, person, &spec, &evidence, now),
        can_take_back_review: is_pending && own_vote,
        can_withdraw: is_pending && is_own,
        can_revoke: spec.state == i32::from(RequestState::Approved)
            && person.rights.may("access_request", "update"),
        commands: commands(proxy, person, &id),
        done,
        tried,
        id,
    }
}

/// The same in a terminal.
fn commands(proxy: &Proxy, person: &Person, id: &str) -> Vec<String> {
    let id = text::shell_word(id);
    vec![
        sign_in_command(proxy, person.name()),
        format!("tsh request show {id}"),
    ]
}

/// Those who may still review: whoever was asked by name first, a long list folded.
fn possible_reviewers(evidence: &ours::Evidence, browser: &Browser) -> (Vec<Possible>, Vec<Possible>) {
    let mut possible: Vec<Possible> = evidence
        .possible_reviewers
        .iter()
        .map(|possible| {
            let roles: Vec<String> = possible
                .through_roles
                .iter()
                .map(|role| text::visible(role))
                .collect();
            Possible {
                face: Face::of(&possible.user),
                roles: text::listed(&roles, browser.look.language),
                suggested: possible.suggested,
            }
        })
        .collect();
    possible.sort_by_key(|possible| !possible.suggested);
    let others = if possible.len() > REVIEWERS_SHOWN + 1 {
        possible.split_off(REVIEWERS_SHOWN)
    } else {
        Vec::new()
    };
    (possible, others)
}

/// `Bob asks for elevated-access for 8 hours.`
fn sentence(spec: &AccessRequestSpecV3, browser: &Browser) -> Vec<Piece> {
    let language = browser.look.language;
    let wanted = length(spec).map(|length| text::span(length, language));
    let resources = spec.requested_resource_i_ds.len();
    let count = i64::try_from(resources).unwrap_or(i64::MAX);
    let what = match (spec.roles.is_empty(), resources) {
        (false, 0) => Gap::Chips(spec.roles.iter().map(|role| text::visible(role)).collect()),
        _ => Gap::Words(language.count(count, "1 resource", "{} resources")),
    };
    let pattern = if wanted.as_ref().is_some_and(|wanted| !wanted.is_empty()) {
        t("{who} asks for {what} for {long}.")
    } else {
        t("{who} asks for {what}.")
    };
    pieces(
        language.say(pattern),
        &[
            ("who", Gap::Name(text::visible(&spec.user))),
            ("what", what),
            ("long", Gap::Words(wanted.unwrap_or_default())),
        ],
    )
}

/// The end of the access.
fn access_end(spec: &AccessRequestSpecV3) -> Option<&prost_types::Timestamp> {
    spec.max_duration.as_ref().or(spec.expires.as_ref())
}

fn starts_later(spec: &AccessRequestSpecV3, now: Timestamp) -> bool {
    moment(spec.assume_start_time.as_ref()).is_some_and(|start| start > now)
}

/// For how long access is asked for.
pub fn length(spec: &AccessRequestSpecV3) -> Option<SignedDuration> {
    let begin = moment(spec.assume_start_time.as_ref()).or_else(|| moment(spec.created.as_ref()))?;
    let end = moment(access_end(spec))?;
    (end > begin).then(|| end.duration_since(begin))
}

fn part(
    browser: &Browser,
    person: &Person,
    spec: &AccessRequestSpecV3,
    evidence: &ours::Evidence,
    now: Timestamp,
) -> Part {
    let look = &browser.look;
    let language = look.language;
    let viewer = person.name();
    let id = &evidence.request_id;
    let look_only = |words: &str| Part::Look(language.say(words).to_owned());
    let state = RequestState::try_from(spec.state).unwrap_or(RequestState::None);
    let is_own = spec.user == viewer;
    let own_vote = spec.reviews.iter().find(|review| review.author == viewer);
    match state {
        RequestState::Approved if is_own && person.identity.active_requests.contains(id) => Part::Drop {
            until: When::of(person.identity.not_after, now, look),
        },
        RequestState::Approved if is_own && starts_later(spec, now) => {
            look_only(t("Approved. The access can be taken up when its start has come."))
        }
        RequestState::Approved if is_own => Part::Assume {
            command: format!("tsh login --request-id={}", text::shell_word(id)),
        },
        RequestState::Pending if is_own => look_only(t(
            "You have asked for this; others decide. This page shows each step as it arrives.",
        )),
        RequestState::Pending => match own_vote {
            Some(vote) if vote.proposed_state == i32::from(RequestState::Approved) => {
                look_only(t("You have approved this. A person counts once."))
            }
            Some(_) => look_only(t("You have denied this. A person counts once.")),
            None => decide(browser, spec, evidence, now),
        },
        RequestState::Approved => look_only(t("This is decided: approved.")),
        RequestState::Denied if convert::taken_back_by(evidence).is_some() => {
            look_only(t("This was approved, and the approval was taken back."))
        }
        RequestState::Denied => look_only(t("This is decided: denied.")),
        RequestState::Promoted => look_only(t("This is decided: promoted to an access list.")),
        RequestState::None => look_only(t("The state of this request is not known to this proxy.")),
    }
}

/// What follows from a yes and from a no; or why neither would be counted.
fn decide(browser: &Browser, spec: &AccessRequestSpecV3, evidence: &ours::Evidence, now: Timestamp) -> Part {
    let look = &browser.look;
    let language = look.language;
    let (Some(yes), Some(no)) = (&evidence.if_approved, &evidence.if_denied) else {
        let why = text::visible(&evidence.why_not);
        return Part::Look(
            if why.is_empty() || evidence.possible_reviewer_count > 0 && why.contains("cannot") {
                language
                    .say("You may see this request; your roles do not let you review it.")
                    .to_owned()
            } else {
                language.fill("Your review would not be counted: {}.", &[&why])
            },
        );
    };
    let who = text::visible(&spec.user);
    let end = moment(access_end(spec)).map(|end| When::of(end, now, look).near);
    let approve = if yes.state == i32::from(RequestState::Approved) {
        let begins = starts_later(spec, now)
            .then(|| moment(spec.assume_start_time.as_ref()))
            .flatten();
        let given = evidence.approvals + 1;
        let end = end.unwrap_or_default();
        let first = if given > 1 {
            language.fill("You are approval {}, the last one needed:", &[&given.to_string()])
        } else {
            language.say("Your approval is enough:").to_owned()
        };
        let then = match begins {
            Some(begins) => language.fill(
                "{} has access from {}, until {}.",
                &[&who, &When::of(begins, now, look).near, &end],
            ),
            None => language.fill("{} has access at once, until {}.", &[&who, &end]),
        };
        format!("{first} {then}")
    } else {
        language.count(
            i64::from(yes.missing),
            "Your approval is counted. 1 more is needed then.",
            "Your approval is counted. {} more are needed then.",
        )
    };
    let deny = if no.state == i32::from(RequestState::Denied) {
        language.fill("It ends here: {} gets no access by this request.", &[&who])
    } else {
        language
            .say("Your denial is counted. It takes more of them to end the request.")
            .to_owned()
    };
    Part::Decide { approve, deny }
}
