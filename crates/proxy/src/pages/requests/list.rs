//! The list of requests, newest first, in pages; the filter and the page are in the address.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest};
use wire::pb::types::{AccessRequestFilter, AccessRequestScope, RequestState};

use super::Listed;
use crate::pages::{Browser, Frame, Person};
use crate::proxy::Proxy;
use crate::upstream::of_person;
use crate::visitor::Visitor;

/// Requests on one page.
const PAGE: i32 = 25;

/// The choices of the filter: what the address says, what people read, what is asked for.
const SCOPES: &[(&str, &str, AccessRequestScope)] = &[
    ("", "All", AccessRequestScope::Default),
    ("waiting", "Waiting for review", AccessRequestScope::NeedsReview),
    ("mine", "Mine", AccessRequestScope::MyRequests),
    ("reviewed", "Reviewed by me", AccessRequestScope::Reviewed),
];

struct Tab {
    name: &'static str,
    address: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "requests/list.html")]
struct Page {
    frame: Frame,
    tabs: Vec<Tab>,
    requests: Vec<Listed>,
    next: String,
    is_first: bool,
    empty: &'static str,
}

#[derive(Deserialize, Default)]
struct Query {
    #[serde(default)]
    scope: String,
    #[serde(default)]
    from: String,
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
    let Query { scope, from } = axum::extract::Query::try_from_uri(&uri)
        .map(|axum::extract::Query(query)| query)
        .unwrap_or_default();
    let (chosen, _, asked) = SCOPES
        .iter()
        .find(|(name, _, _)| *name == scope)
        .unwrap_or(&SCOPES[0]);
    let (requests, next) = match read(&proxy, &person, *asked, PAGE, &from).await {
        Ok(read) => read,
        Err(status) => return browser.failure(&status.into(), Some(person.name())),
    };
    let page = Page {
        frame: browser.frame(Some(person.name())),
        tabs: SCOPES
            .iter()
            .map(|(name, shown, _)| Tab {
                name: shown,
                address: address(name, ""),
                is_current: name == chosen,
            })
            .collect(),
        requests,
        next: if next.is_empty() {
            String::new()
        } else {
            address(chosen, &next)
        },
        is_first: from.is_empty(),
        empty: match asked {
            AccessRequestScope::NeedsReview => "Nothing waits for a review.",
            AccessRequestScope::MyRequests => {
                "You have not asked for anything. In a terminal: tsh request create --roles=ROLE --reason=WHY"
            }
            AccessRequestScope::Reviewed => "You have not reviewed anything that is still kept.",
            AccessRequestScope::Default => "There are no access requests that you may see.",
        },
    };
    browser.page(StatusCode::OK, &page)
}

/// One page of the requests a person may see, newest first, and where the next page begins.
pub async fn read(
    proxy: &Proxy,
    person: &Person,
    scope: AccessRequestScope,
    limit: i32,
    from: &str,
) -> Result<(Vec<Listed>, String), tonic::Status> {
    let asked = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            scope: scope.into(),
            state: if scope == AccessRequestScope::NeedsReview {
                RequestState::Pending.into()
            } else {
                0
            },
            ..AccessRequestFilter::default()
        }),
        sort: AccessRequestSort::Created.into(),
        descending: true,
        limit,
        start_key: from.to_owned(),
    };
    let mut auth = person.cluster.auth();
    let answer = auth.list_access_requests(of_person(asked)).await?.into_inner();
    let now = proxy.clock.now();
    let requests = answer
        .access_requests
        .iter()
        .map(|request| Listed::of(request, now))
        .collect();
    Ok((requests, answer.next_key))
}

fn address(scope: &str, from: &str) -> String {
    let encoded: String = from
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    match (scope, encoded.as_str()) {
        ("", "") => "/web/requests".to_owned(),
        (scope, "") => format!("/web/requests?scope={scope}"),
        ("", from) => format!("/web/requests?from={from}"),
        (scope, from) => format!("/web/requests?scope={scope}&from={from}"),
    }
}
