//! Reading requests, and why they are where they are.

use access::request::State;
use cli::Failure;
use client::Cluster;
use tonic::{Code, Status};
use wire::convert;
use wire::keep::Kept;
use wire::pb::countersign::v1::{Evidence, ExplainRequest};
use wire::pb::proto::ListAccessRequestsRequest;
use wire::pb::types::{AccessRequestFilter, AccessRequestSpecV3, AccessRequestV3};

use crate::refusal;

/// A request as the server sends it.
pub type Message = Kept<AccessRequestV3>;

/// The request `id`; `None` if there is none that the caller may see.
pub async fn find(cluster: &Cluster, id: &str) -> Result<Option<Message>, Failure> {
    try_find(cluster, id)
        .await
        .map_err(|status| refusal::of_call(cluster, &status))
}

/// As [`find`], with the server's own words.
pub async fn try_find(cluster: &Cluster, id: &str) -> Result<Option<Message>, Status> {
    let asked = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            id: id.to_owned(),
            ..AccessRequestFilter::default()
        }),
        ..ListAccessRequestsRequest::default()
    };
    let answer = cluster.auth().list_access_requests(asked).await?;
    let requests = answer.into_inner().access_requests;
    // A server that ignores the filter must not make us show another request.
    Ok(requests.into_iter().find(|request| self::id(request) == id))
}

/// Why the request `id` is where it is; `None` if the server does not know how to say that.
pub async fn explain(cluster: &Cluster, id: &str) -> Result<Option<Evidence>, Status> {
    let asked = ExplainRequest {
        request_id: id.to_owned(),
    };
    match cluster.access().explain(asked).await {
        Ok(evidence) => Ok(Some(evidence.into_inner())),
        Err(status) if status.code() == Code::Unimplemented => Ok(None),
        Err(status) => Err(status),
    }
}

/// The request's id.
pub fn id(request: &AccessRequestV3) -> &str {
    request
        .metadata
        .as_ref()
        .map_or("", |metadata| metadata.name.as_str())
}

/// What the request says; nothing if it says nothing.
pub fn spec(request: &AccessRequestV3) -> AccessRequestSpecV3 {
    request.spec.clone().unwrap_or_default()
}

/// Where the request stands; `None` for a state that this program does not know.
pub fn state(request: &AccessRequestV3) -> Option<State> {
    let number = request.spec.as_ref().map_or(0, |spec| spec.state);
    convert::state(number).ok().flatten()
}

/// The state's name on the wire and in output: `PENDING`.
pub fn state_name(state: Option<State>) -> &'static str {
    match state {
        Some(State::Pending) => "PENDING",
        Some(State::Approved) => "APPROVED",
        Some(State::Denied) => "DENIED",
        Some(State::Promoted) => "PROMOTED",
        None => "UNKNOWN",
    }
}
