//! The old JSON calls on the Auth port that tools still make: which servers there are.

use std::sync::Arc;

use http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tonic::body::Body;
use transport::peer::Peer;

use super::dispatch::{JsonHandler, SERVER_VERSION};
use crate::auth::Auth;
use crate::caller::Caller;
use crate::failure::{Answer, Failure, shown};

/// The handler of all paths.
pub fn handler(auth: &Arc<Auth>) -> JsonHandler {
    let auth = Arc::clone(auth);
    Arc::new(move |request| {
        let auth = Arc::clone(&auth);
        Box::pin(async move { answer(&auth, &request).await })
    })
}

async fn answer(auth: &Auth, request: &Request<()>) -> Response<Body> {
    // The first part of the path is a version; any is accepted.
    let path: Vec<&str> = request
        .uri()
        .path()
        .trim_matches('/')
        .split('/')
        .skip(1)
        .collect();
    let found = match (request.method().as_str(), path.as_slice()) {
        ("GET", ["proxies"]) => listed(auth, request, "proxy").await,
        ("GET", ["authservers"]) => listed(auth, request, "auth_server").await,
        ("GET", ["configuration", "name"]) => cluster_name(auth, request).await,
        _ => return text(StatusCode::NOT_FOUND, "404 page not found"),
    };
    match found {
        Ok(value) => reply(StatusCode::OK, &value),
        Err(failure) => {
            let failure = shown(failure);
            let status =
                StatusCode::from_u16(failure.class().http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            reply(
                status,
                &json!({"error": {"message": failure.message()}, "message": failure.message()}),
            )
        }
    }
}

async fn caller(auth: &Auth, request: &Request<()>) -> Answer<Caller> {
    let now = auth.clock.now();
    let peer = request
        .extensions()
        .get::<Peer>()
        .ok_or_else(|| Failure::internal("a request came without a connection"))?;
    let agent = request
        .headers()
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    let caller = Caller::of(&auth.state, peer, agent, now).await?;
    crate::locks::check_caller(&auth.state, &caller, now).await?;
    caller.require_certificate()?;
    Ok(caller)
}

async fn listed(auth: &Auth, request: &Request<()>, kind: &str) -> Answer<Value> {
    caller(auth, request).await?;
    if kind == "proxy" {
        return Ok(Value::Array(auth.presence.proxies(auth.clock.now())));
    }
    Ok(json!([{
        "kind": "auth_server",
        "version": "v2",
        "metadata": {"name": auth.settings.host_id, "namespace": "default"},
        "spec": {
            "addr": auth.settings.public_hosts.first().cloned().unwrap_or_default(),
            "hostname": auth.settings.node_name,
            "version": SERVER_VERSION,
        },
    }]))
}

async fn cluster_name(auth: &Auth, request: &Request<()>) -> Answer<Value> {
    caller(auth, request).await?;
    Ok(json!({
        "kind": "cluster_name",
        "version": "v2",
        "metadata": {"name": "cluster-name", "namespace": "default"},
        "spec": {"cluster_name": auth.cluster()},
    }))
}

fn reply(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = text(status, &value.to_string());
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(bytes::Bytes::from(
        body.to_owned(),
    ))));
    *response.status_mut() = status;
    response
}
