//! The list of requests, in pages. State, words searched for, order and page are in the address, so that it can be kept
//! and sent; what waits for the reader's review comes first.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest};
use wire::pb::types::{AccessRequestFilter, AccessRequestScope, RequestState};

use super::Listed;
use crate::look::Look;
use crate::pages::{Browser, Frame, Person, encoded};
use crate::proxy::Proxy;
use crate::text;
use crate::upstream::of_person;
use crate::visitor::Visitor;
use crate::words::t;

/// Requests on one page.
const PAGE: i32 = 25;
/// So many that wait for the reader stand above the others.
const WAITING: i32 = 10;
/// What somebody may search for, in bytes.
const SEARCH_BYTES_MAX: usize = 200;

/// The choices of the filter: what the address says, what people read, what is asked for.
const SCOPES: &[(&str, &str, AccessRequestScope)] = &[
    ("", t("All"), AccessRequestScope::Default),
    (
        "waiting",
        t("Waiting for review"),
        AccessRequestScope::NeedsReview,
    ),
    ("mine", t("Mine"), AccessRequestScope::MyRequests),
    ("reviewed", t("Reviewed by me"), AccessRequestScope::Reviewed),
];

const STATES: &[(&str, &str, RequestState)] = &[
    ("", t("Any state"), RequestState::None),
    ("pending", t("Pending"), RequestState::Pending),
    ("approved", t("Approved"), RequestState::Approved),
    ("denied", t("Denied"), RequestState::Denied),
    ("promoted", t("Promoted"), RequestState::Promoted),
];

/// The orders: what the address says, what people read, what is asked for, from high to low.
const ORDERS: &[(&str, &str, AccessRequestSort, bool)] = &[
    ("", t("Newest first"), AccessRequestSort::Created, true),
    ("oldest", t("Oldest first"), AccessRequestSort::Created, false),
    ("state", t("By state"), AccessRequestSort::State, false),
];

/// One of several that can be chosen.
struct Choice {
    value: &'static str,
    says: &'static str,
    address: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "requests/list.html")]
struct Page {
    frame: Frame,
    tabs: Vec<Choice>,
    states: Vec<Choice>,
    orders: Vec<Choice>,
    scope: &'static str,
    search: String,
    waiting: Vec<Listed>,
    more_waiting: bool,
    requests: Vec<Listed>,
    next: String,
    first: String,
    is_first: bool,
    is_filtered: bool,
    empty: &'static str,
    withdrawn: bool,
}

#[derive(Deserialize, Default, Clone)]
struct Query {
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    done: String,
}

impl Query {
    /// The address that says the same; what is not chosen is left out.
    fn address(&self) -> String {
        let pairs = [
            ("scope", &self.scope),
            ("state", &self.state),
            ("q", &self.q),
            ("order", &self.order),
            ("from", &self.from),
        ];
        let said: Vec<String> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if said.is_empty() {
            "/web/requests".to_owned()
        } else {
            format!("/web/requests?{}", said.join("&"))
        }
    }
}

/// What is listed.
pub struct Asked {
    /// Whose and for whom.
    pub scope: AccessRequestScope,
    /// In which state; `None` of the enumeration: any.
    pub state: RequestState,
    /// Words that all have to be there.
    pub words: Vec<String>,
    /// In which order, and whether from high to low.
    pub order: (AccessRequestSort, bool),
    /// At most so many.
    pub limit: i32,
    /// Where the page begins.
    pub from: String,
}

impl Asked {
    /// The newest of a kind.
    pub fn newest(scope: AccessRequestScope, limit: i32) -> Self {
        Self {
            scope,
            state: RequestState::None,
            words: Vec::new(),
            order: (AccessRequestSort::Created, true),
            limit,
            from: String::new(),
        }
    }
}

/// `GET /web/requests`.
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
    let query: Query = axum::extract::Query::try_from_uri(&uri)
        .map(|axum::extract::Query(query)| query)
        .unwrap_or_default();
    let scope = SCOPES
        .iter()
        .find(|(name, _, _)| *name == query.scope)
        .unwrap_or(&SCOPES[0]);
    let state = STATES
        .iter()
        .find(|(name, _, _)| *name == query.state)
        .unwrap_or(&STATES[0]);
    let order = ORDERS
        .iter()
        .find(|(name, ..)| *name == query.order)
        .unwrap_or(&ORDERS[0]);
    let mut cut = query.q.len().min(SEARCH_BYTES_MAX);
    while !query.q.is_char_boundary(cut) {
        cut -= 1;
    }
    // An address may come from somebody else: nothing in it turns or hides what stands in the field.
    let search = text::visible(query.q[..cut].trim());
    let chosen = Query {
        scope: scope.0.to_owned(),
        state: state.0.to_owned(),
        q: search.clone(),
        order: order.0.to_owned(),
        from: String::new(),
        done: String::new(),
    };
    let is_filtered = !search.is_empty() || !state.0.is_empty();
    let is_inbox = chosen.address() == "/web/requests" && query.from.is_empty();
    let read = async {
        let waiting = if is_inbox {
            // The oldest has waited longest.
            let asked = Asked {
                order: (AccessRequestSort::Created, false),
                ..Asked::newest(AccessRequestScope::NeedsReview, WAITING)
            };
            read(&browser, &person, asked).await?
        } else {
            (Vec::new(), String::new())
        };
        let asked = Asked {
            scope: scope.2,
            state: state.2,
            words: search.split_whitespace().map(str::to_owned).collect(),
            order: (order.2, order.3),
            limit: PAGE,
            from: query.from.clone(),
        };
        let listed = read(&browser, &person, asked).await?;
        Ok::<_, tonic::Status>((waiting, listed))
    };
    let ((waiting, more_waiting), (mut requests, next)) = match read.await {
        Ok(read) => read,
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    // What stands above does not stand below once more.
    requests.retain(|request| waiting.iter().all(|above| above.id != request.id));
    let with = |change: &dyn Fn(&mut Query)| {
        let mut other = chosen.clone();
        change(&mut other);
        other.address()
    };
    let page = Page {
        frame: browser.frame_for(&person),
        tabs: SCOPES
            .iter()
            .map(|(value, says, _)| Choice {
                value,
                says,
                address: with(&|query| (*value).clone_into(&mut query.scope)),
                is_chosen: *value == scope.0,
            })
            .collect(),
        states: STATES
            .iter()
            .map(|(value, says, _)| Choice {
                value,
                says,
                address: String::new(),
                is_chosen: *value == state.0,
            })
            .collect(),
        orders: ORDERS
            .iter()
            .map(|(value, says, ..)| Choice {
                value,
                says,
                address: String::new(),
                is_chosen: *value == order.0,
            })
            .collect(),
        scope: scope.0,
        search,
        more_waiting: !more_waiting.is_empty(),
        waiting,
        requests,
        next: if next.is_empty() {
            String::new()
        } else {
            with(&|query| query.from.clone_from(&next))
        },
        first: chosen.address(),
        is_first: query.from.is_empty(),
        is_filtered,
        empty: match scope.2 {
            AccessRequestScope::NeedsReview => t("Nothing waits for your review."),
            AccessRequestScope::MyRequests => t("You have not asked for anything yet."),
            AccessRequestScope::Reviewed => t("You have not reviewed anything that is still kept."),
            AccessRequestScope::Default => t("There are no access requests that you may see."),
        },
        withdrawn: query.done == "withdrawn",
    };
    browser.page(StatusCode::OK, &page)
}

/// One page of the requests a person may see, and where the next page begins.
pub async fn read(
    browser: &Browser,
    person: &Person,
    asked: Asked,
) -> Result<(Vec<Listed>, String), tonic::Status> {
    let state = if asked.scope == AccessRequestScope::NeedsReview {
        RequestState::Pending
    } else {
        asked.state
    };
    let message = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            scope: asked.scope.into(),
            state: state.into(),
            search_keywords: asked.words,
            ..AccessRequestFilter::default()
        }),
        sort: asked.order.0.into(),
        descending: asked.order.1,
        limit: asked.limit,
        start_key: asked.from,
    };
    let mut auth = person.cluster.auth();
    let answer = auth.list_access_requests(of_person(message)).await?.into_inner();
    let now = browser.proxy.clock.now();
    let look: &Look = &browser.look;
    let requests = answer
        .access_requests
        .iter()
        .map(|request| Listed::of(request, now, look))
        .collect();
    Ok((requests, answer.next_key))
}
