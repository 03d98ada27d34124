//! `AuthService.ListAccessRequests` and `GetAccessRequestsV2`: the requests a caller may see.

use access::request::visibility::{Viewer, may_see};
use access::request::{Request, State};
use wire::keep::Kept;
use wire::pb::proto::{AccessRequestSort, ListAccessRequestsRequest, ListAccessRequestsResponse};
use wire::pb::types::{self, AccessRequestScope};

use super::catalogue::{Entry, From, Query};
use super::{viewer, visible};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::requests::{FoundRequest, plain};

const PAGE_DEFAULT: usize = 1_000;
const PAGE_MAX: usize = 16_000;
/// A page ends before its answer would be too large for clients with ordinary limits.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;
/// How many requests are read at once.
const READ_AT_ONCE: usize = 500;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: ListAccessRequestsRequest,
) -> Answer<ListAccessRequestsResponse> {
    let limit = match usize::try_from(asked.limit) {
        Ok(0) => PAGE_DEFAULT,
        Ok(limit) if limit <= PAGE_MAX => limit,
        _ => {
            return Err(Failure::bad_parameter(format!(
                "page size of {} is too large",
                asked.limit
            )));
        }
    };
    let sort = AccessRequestSort::try_from(asked.sort).map_err(|_| {
        Failure::bad_parameter(format!("unsupported access request sort index {}", asked.sort))
    })?;
    let viewer = viewer(call);
    if viewer.denied {
        return Err(Failure::access_denied(access::rbac::refusal(
            "access_request",
            "list",
        )));
    }
    call.caller.require_certificate()?;
    let filter = asked.filter.unwrap_or_default();
    if !filter.id.is_empty() {
        let found = visible(auth, call, &filter.id).await?;
        let access_requests = found
            .filter(|found| fits(&filter, &viewer, &found.request))
            .map(|found| found.message)
            .into_iter()
            .collect();
        return Ok(ListAccessRequestsResponse {
            access_requests,
            next_key: String::new(),
        });
    }
    let mut page = Page {
        limit,
        bytes: 0,
        requests: Vec::new(),
        next_key: String::new(),
    };
    let query = Query {
        sort,
        descending: asked.descending,
        state: state_asked(&filter)?,
        user: user_asked(&filter, &viewer),
    };
    let mut last: Option<Entry> = None;
    'pages: loop {
        let from = last.as_ref().map_or(From::At(&asked.start_key), From::After);
        // One more than fit, to know where the next page begins.
        let count = READ_AT_ONCE.min(limit - page.requests.len() + 1);
        let places = auth
            .catalogue
            .look(&auth.state, call.now, &query, from, count)
            .await?;
        for place in &places {
            let Some(found) = auth.state.find(place.id(), call.now).await? else {
                continue;
            };
            let found = plain(found)?;
            if wanted(&filter, &viewer, &found.request) && !page.add(found.message) {
                page.next_key = place.key();
                break 'pages;
            }
        }
        match places.into_iter().nth(count - 1) {
            Some(end) => last = Some(end),
            None => break,
        }
    }
    Ok(ListAccessRequestsResponse {
        access_requests: page.requests,
        next_key: page.next_key,
    })
}

/// Every request that fits, for the older call that gives them all.
pub async fn all(
    auth: &Auth,
    call: &Call,
    filter: &types::AccessRequestFilter,
) -> Answer<Vec<Kept<types::AccessRequestV3>>> {
    let viewer = viewer(call);
    if viewer.denied {
        return Err(Failure::access_denied(access::rbac::refusal(
            "access_request",
            "list",
        )));
    }
    call.caller.require_certificate()?;
    let mut requests = Vec::new();
    each(auth, call, &mut |found| {
        if (filter.id.is_empty() || filter.id == found.request.id) && wanted(filter, &viewer, &found.request)
        {
            requests.push(found.message);
        }
    })
    .await?;
    Ok(requests)
}

/// The newest requests, as many as `count`: of one user, in one state, or all.
pub async fn newest(
    auth: &Auth,
    now: jiff::Timestamp,
    user: Option<&str>,
    state: Option<State>,
    count: usize,
) -> Answer<Vec<FoundRequest>> {
    let query = Query {
        sort: AccessRequestSort::Created,
        descending: true,
        state,
        user,
    };
    let places = auth
        .catalogue
        .look(&auth.state, now, &query, From::Start, count)
        .await?;
    let mut found = Vec::with_capacity(places.len());
    for place in &places {
        if let Some(request) = auth.state.find(place.id(), now).await? {
            found.push(plain(request)?);
        }
    }
    Ok(found)
}

/// A page being filled.
struct Page {
    limit: usize,
    bytes: usize,
    requests: Vec<Kept<types::AccessRequestV3>>,
    next_key: String,
}

impl Page {
    /// Adds a request if there is room.
    fn add(&mut self, message: Kept<types::AccessRequestV3>) -> bool {
        let bytes = prost::Message::encoded_len(&message);
        let full = self.requests.len() == self.limit
            || (!self.requests.is_empty() && self.bytes + bytes > PAGE_BYTES_MAX);
        if !full {
            self.bytes += bytes;
            self.requests.push(message);
        }
        !full
    }
}

/// The one state that fits, if no other does.
fn state_asked(filter: &types::AccessRequestFilter) -> Answer<Option<State>> {
    if AccessRequestScope::try_from(filter.scope) == Ok(AccessRequestScope::NeedsReview) {
        return Ok(Some(State::Pending));
    }
    wire::convert::state(filter.state).map_err(|error| Failure::bad_parameter(error.to_string()))
}

/// The one user whose requests fit, if nobody else's do.
fn user_asked<'a>(filter: &'a types::AccessRequestFilter, viewer: &Viewer<'a>) -> Option<&'a str> {
    let reviews_nothing = viewer.rights.as_ref().is_none_or(|rights| !rights.any());
    let own = AccessRequestScope::try_from(filter.scope) == Ok(AccessRequestScope::MyRequests);
    if !filter.user.is_empty() {
        Some(&filter.user)
    } else if own || (!viewer.sees_all && reviews_nothing) {
        Some(viewer.user)
    } else {
        None
    }
}

/// Shows all stored requests to `take`.
async fn each(auth: &Auth, call: &Call, take: &mut (dyn FnMut(FoundRequest) + Send)) -> Answer<()> {
    let mut from = String::new();
    loop {
        let page = auth
            .state
            .find_page::<types::AccessRequestV3>(&from, READ_AT_ONCE, call.now)
            .await?;
        for found in page.found {
            take(plain(found)?);
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

fn wanted(filter: &types::AccessRequestFilter, viewer: &Viewer<'_>, request: &Request) -> bool {
    fits(filter, viewer, request) && may_see(viewer, request)
}

fn fits(filter: &types::AccessRequestFilter, viewer: &Viewer<'_>, request: &Request) -> bool {
    let own = request.user == viewer.user;
    let reviewed = request.reviews.iter().any(|review| review.author == viewer.user);
    let in_scope = match AccessRequestScope::try_from(filter.scope) {
        Ok(AccessRequestScope::Default) => true,
        Ok(AccessRequestScope::MyRequests) => own,
        Ok(AccessRequestScope::NeedsReview) => !own && request.state == State::Pending && !reviewed,
        Ok(AccessRequestScope::Reviewed) => !own && reviewed,
        Err(_) => false,
    };
    in_scope
        && (filter.user.is_empty() || filter.user == request.user)
        && (filter.state == 0 || filter.state == wire::convert::state_number(request.state))
        && filter
            .search_keywords
            .iter()
            .all(|keyword| mentions(request, &keyword.to_lowercase()))
}

fn mentions(request: &Request, keyword: &str) -> bool {
    let single = [
        &request.id,
        &request.user,
        &request.reason,
        &request.resolve_reason,
    ];
    let resources: Vec<String> = request
        .resource_ids
        .iter()
        .map(access::request::ResourceId::text)
        .collect();
    single
        .into_iter()
        .chain(&request.roles)
        .chain(&request.suggested_reviewers)
        .chain(request.reviews.iter().map(|review| &review.author))
        .chain(&resources)
        .any(|text| text.to_lowercase().contains(keyword))
        || request.state.name().to_lowercase().contains(keyword)
}
