//! One request: who asks for what and why, where it stands, who may still decide, and the commands that decide it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use jiff::Timestamp;
use wire::convert::moment;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::ListAccessRequestsRequest;
use wire::pb::types::{AccessRequestFilter, AccessRequestSpecV3, AccessRequestV3, RequestState};

use super::evidence::{Row, rows};
use super::{Badge, short_id};
use crate::pages::message::{self, Message};
use crate::pages::start::sign_in_command;
use crate::pages::{Browser, Frame, Person};
use crate::proxy::Proxy;
use crate::text::{self, Face, When};
use crate::upstream::of_person;
use crate::visitor::Visitor;

/// So many of those who may review are shown at once.
const REVIEWERS_SHOWN: usize = 6;

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

/// What the visitor can do now.
enum Part {
    /// Decide, with these commands.
    Decide { approve: String, deny: String },
    /// Take up what was approved.
    Assume { command: String },
    /// Nothing, for this reason.
    Look(String),
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
    roles: Vec<String>,
    resources: Vec<String>,
    reason: String,
    resolve_reason: String,
    wanted: String,
    created: Option<When>,
    until: Option<When>,
    start: Option<When>,
    review_until: Option<When>,
    rows: Vec<Row>,
    votes: Vec<Vote>,
    ignored: Vec<Ignored>,
    possible: Vec<Possible>,
    others: Vec<Possible>,
    possible_count: u32,
    digest: String,
    part: Part,
    sign_in: String,
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
    match read(&person, &id).await {
        Ok(Some((request, evidence))) => {
            let page = page(&proxy, &browser, &person, &request, &evidence);
            browser.page(StatusCode::OK, &page)
        }
        Ok(None) => browser.message(no_request(), Some(person.name())),
        Err(status) => browser.failure(&status.into(), Some(person.name())),
    }
}

fn no_request() -> Message {
    Message {
        title: "There is no such request here".to_owned(),
        text: "It does not exist, its time is over, or you may not see it.".to_owned(),
        link: Some(("Go to the access requests", "/web/requests")),
        ..message::not_found()
    }
}

/// The request and its evidence, as far as the person may see them.
async fn read(person: &Person, id: &str) -> Result<Option<(AccessRequestV3, ours::Evidence)>, tonic::Status> {
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
        Ok(evidence) => Ok(Some((request.into_message(), evidence.into_inner()))),
        // Its time has ended between the two calls.
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

fn page(
    proxy: &Proxy,
    browser: &Browser,
    person: &Person,
    request: &AccessRequestV3,
    evidence: &ours::Evidence,
) -> Page {
    let now = proxy.clock.now();
    let spec = request.spec.clone().unwrap_or_default();
    let id = evidence.request_id.clone();
    let when = |stamp: Option<&prost_types::Timestamp>| moment(stamp).map(|at| When::of(at, now));
    let visible = |texts: &[String]| texts.iter().map(|text| text::visible(text)).collect::<Vec<_>>();
    let mut possible: Vec<Possible> = evidence
        .possible_reviewers
        .iter()
        .map(|possible| Possible {
            face: Face::of(&possible.user),
            roles: text::listed(&visible(&possible.through_roles)),
            suggested: possible.suggested,
        })
        .collect();
    // Whoever was asked by name comes first; a long list is folded.
    possible.sort_by_key(|possible| !possible.suggested);
    let others = if possible.len() > REVIEWERS_SHOWN + 1 {
        possible.split_off(REVIEWERS_SHOWN)
    } else {
        Vec::new()
    };
    Page {
        frame: browser.frame(Some(person.name())),
        short_id: short_id(&id),
        face: Face::of(&spec.user),
        is_own: spec.user == person.name(),
        badge: Badge::of(spec.state),
        roles: visible(&spec.roles),
        resources: spec
            .requested_resource_i_ds
            .iter()
            .map(|resource| {
                let mut path = format!("/{}/{}/{}", resource.cluster_name, resource.kind, resource.name);
                if !resource.sub_resource_name.is_empty() {
                    path.push('/');
                    path.push_str(&resource.sub_resource_name);
                }
                text::visible(&path)
            })
            .collect(),
        reason: text::visible_lines(&spec.request_reason),
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
        wanted: wanted(&spec),
        created: when(spec.created.as_ref()),
        until: when(access_end(&spec)).filter(|_| spec.state != i32::from(RequestState::Denied)),
        start: when(spec.assume_start_time.as_ref()).filter(|_| starts_later(&spec, now)),
        review_until: when(evidence.review_until.as_ref()),
        rows: rows(evidence),
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
        possible_count: evidence.possible_reviewer_count,
        digest: evidence.short_digest.clone(),
        part: part(person.name(), &spec, evidence, now),
        sign_in: sign_in_command(proxy, person.name()),
        id,
    }
}

/// The end of the access.
fn access_end(spec: &AccessRequestSpecV3) -> Option<&prost_types::Timestamp> {
    spec.max_duration.as_ref().or(spec.expires.as_ref())
}

fn starts_later(spec: &AccessRequestSpecV3, now: Timestamp) -> bool {
    moment(spec.assume_start_time.as_ref()).is_some_and(|start| start > now)
}

/// For how long: `8 hours`.
fn wanted(spec: &AccessRequestSpecV3) -> String {
    let begin = moment(spec.assume_start_time.as_ref()).or_else(|| moment(spec.created.as_ref()));
    match (begin, moment(access_end(spec))) {
        (Some(begin), Some(end)) if end > begin => text::span(end.duration_since(begin)),
        _ => String::new(),
    }
}

fn part(viewer: &str, spec: &AccessRequestSpecV3, evidence: &ours::Evidence, now: Timestamp) -> Part {
    let id = text::shell_word(&evidence.request_id);
    let state = RequestState::try_from(spec.state).unwrap_or(RequestState::None);
    let is_own = spec.user == viewer;
    let own_vote = spec.reviews.iter().find(|review| review.author == viewer);
    match state {
        RequestState::Approved if is_own && starts_later(spec, now) => {
            Part::Look("Approved. The access can be taken up when its start has come.".to_owned())
        }
        RequestState::Approved if is_own => Part::Assume {
            command: format!("tsh login --request-id={id}"),
        },
        RequestState::Pending if is_own => Part::Look(
            "You have asked for this; others decide. Who waits in a terminal sees each step arrive."
                .to_owned(),
        ),
        RequestState::Pending => match own_vote {
            Some(vote) if vote.proposed_state == i32::from(RequestState::Approved) => {
                Part::Look("You have approved this. A person counts once.".to_owned())
            }
            Some(_) => Part::Look("You have denied this. A person counts once.".to_owned()),
            None if evidence
                .possible_reviewers
                .iter()
                .any(|possible| possible.user == viewer) =>
            {
                Part::Decide {
                    approve: format!("tsh request review --approve --reason='WHY' {id}"),
                    deny: format!("tsh request review --deny --reason='WHY' {id}"),
                }
            }
            None => Part::Look("You may see this request; your roles do not let you review it.".to_owned()),
        },
        RequestState::Approved => Part::Look("This is decided: approved.".to_owned()),
        RequestState::Denied => Part::Look("This is decided: denied.".to_owned()),
        RequestState::Promoted => Part::Look("This is decided: promoted to an access list.".to_owned()),
        RequestState::None => Part::Look("The state of this request is not known to this proxy.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use wire::pb::types::AccessReview;

    use super::*;

    fn told(part: &Part) -> String {
        match part {
            Part::Decide { approve, deny } => format!("{approve} | {deny}"),
            Part::Assume { command } => command.clone(),
            Part::Look(why) => why.clone(),
        }
    }

    #[test]
    fn everybody_is_told_what_is_theirs_to_do() {
        let evidence = ours::Evidence {
            request_id: "id".to_owned(),
            possible_reviewers: vec![ours::PossibleReviewer {
                user: "ivan".to_owned(),
                ..ours::PossibleReviewer::default()
            }],
            ..ours::Evidence::default()
        };
        let spec = |state: RequestState| AccessRequestSpecV3 {
            user: "bob".to_owned(),
            state: state.into(),
            reviews: vec![AccessReview {
                author: "alice".to_owned(),
                proposed_state: RequestState::Approved.into(),
                ..AccessReview::default()
            }],
            ..AccessRequestSpecV3::default()
        };
        for (viewer, state, begins) in [
            ("bob", RequestState::Pending, "You have asked for this"),
            ("bob", RequestState::Approved, "tsh login --request-id=id"),
            ("alice", RequestState::Pending, "You have approved this"),
            (
                "ivan",
                RequestState::Pending,
                "tsh request review --approve --reason='WHY' id",
            ),
            ("mallory", RequestState::Pending, "You may see this request"),
            ("ivan", RequestState::Denied, "This is decided: denied"),
        ] {
            let part = part(viewer, &spec(state), &evidence, Timestamp::UNIX_EPOCH);
            assert!(told(&part).starts_with(begins), "{viewer}: {}", told(&part));
        }
    }
}
