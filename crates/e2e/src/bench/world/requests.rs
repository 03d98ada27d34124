//! Requests to review: made by calls, or many at once as a store that is years old would hold them.

use auth::Auth;
use auth::audit::Actor;
use auth::audit::access::created;
use auth::state::Change;
use auth::state::requests::put_request;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use wire::keep::Kept;
use wire::pb::types::{self, AccessRequestV3, AccessReview, AccessReviewSubmission, RequestState};

use super::{Voice, refused};
use crate::bench::trouble::{Outcome, While as _};

/// Calls that make requests run beside each other, to share commits.
const AT_ONCE: usize = 32;
/// Requests in one commit when many are made: few, so that the store ends with no more of its recent past than daily
/// work leaves there.
const IN_ONE_COMMIT: usize = 20;
/// Of so many stored requests one still waits for reviews.
const ONE_PENDING_IN: usize = 5;
/// People whose requests a filled store holds.
const PEOPLE: usize = 500;

/// Makes `count` requests for `elevated-access` in `requester`'s name, by call.
pub async fn ask(requester: &Voice, count: usize) -> Outcome<Vec<Kept<AccessRequestV3>>> {
    let calls = (0..count).map(|_| async {
        let message = AccessRequestV3 {
            kind: "access_request".to_owned(),
            version: "v3".to_owned(),
            metadata: Some(types::Metadata {
                // The service chooses another; clients send one all the same.
                name: "00000000-0000-4000-8000-000000000000".to_owned(),
                namespace: "default".to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::AccessRequestSpecV3 {
                user: requester.name.clone(),
                roles: vec!["elevated-access".to_owned()],
                state: RequestState::Pending.into(),
                request_reason: "the database does not answer, see the incident channel".to_owned(),
                ..types::AccessRequestSpecV3::default()
            }),
            ..AccessRequestV3::default()
        };
        let mut auth = requester.cluster.auth();
        let answer = auth.create_access_request_v2(Kept::from(message)).await;
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| refused("make a request", &status))
    });
    let mut made = futures::stream::iter(calls).buffer_unordered(AT_ONCE);
    let mut requests = Vec::with_capacity(count);
    while let Some(request) = made.next().await {
        requests.push(request?);
    }
    Ok(requests)
}

/// A yes to request `id`.
pub fn approval(id: &str) -> AccessReviewSubmission {
    AccessReviewSubmission {
        request_id: id.to_owned(),
        review: Some(AccessReview {
            proposed_state: RequestState::Approved.into(),
            reason: "looks right".to_owned(),
            ..AccessReview::default()
        }),
    }
}

/// Fills the store until it holds `count` requests more, of many people and over the last year, most of them decided.
///
/// They are written as the service writes them, through [`auth::state::State::commit`] with a record each, twenty in
/// a commit. `pattern` is a request the service has made; ids, people, moments and states vary.
pub async fn fill(auth: &Auth, pattern: &Kept<AccessRequestV3>, count: usize, now: Timestamp) -> Outcome<()> {
    let pattern = wire::convert::request(pattern).to("read a request")?;
    let actor = Actor::system();
    let year = SignedDuration::from_hours(365 * 24);
    let step = year / i32::try_from(count).to("count the requests")?.max(1);
    let mut next = 0;
    while next < count {
        let mut change: Option<Change> = None;
        let end = count.min(next + IN_ONE_COMMIT);
        for number in next..end {
            let age = step * i32::try_from(count - number).to("count the requests")?;
            let mut request = pattern.clone();
            request.created = now - age;
            request.id = auth.chance.uuid_at(request.created);
            request.user = format!("person-{}", (number * 7_919) % PEOPLE);
            request.state = if number % ONE_PENDING_IN == 0 {
                access::request::State::Pending
            } else {
                access::request::State::Approved
            };
            request.expiry = now + year;
            let told = created(&actor, &request, &[]);
            let begun = match change {
                None => Change::new(now, &request.user, told),
                Some(begun) => begun.telling(&request.user, told),
            };
            let (begun, _) = put_request(begun, None, &request).to("write a request")?;
            change = Some(begun);
        }
        if let Some(change) = change {
            auth.state
                .commit(change)
                .await
                .map_err(auth::failure::Failure::from)
                .to("fill the store")?;
        }
        next = end;
    }
    Ok(())
}
