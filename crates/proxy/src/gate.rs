//! What every request passes: refused if it is none of ours, bounded in time, counted, logged without its secrets, and
//! answered with the right headers even when a handler panics.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri, header};
use hyper::body::Incoming;
use transport::Peer;
use transport::system::Stopwatch;
use wire::status::Failure;

use crate::api::ApiError;
use crate::headers::{self, Kind};
use crate::metrics::Metrics;
use crate::pages;
use crate::routes::Template;

/// How long an answer may take, calls to the Auth Service included.
const PATIENCE: Duration = Duration::from_secs(30);

/// The one service behind the web port.
#[derive(Clone)]
pub struct Gate {
    router: Router,
    metrics: Metrics,
}

impl Gate {
    /// Lets requests through to `router`.
    pub fn new(router: Router, metrics: Metrics) -> Self {
        Self { router, metrics }
    }
}

impl tower::Service<Request<Incoming>> for Gate {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let metrics = self.metrics.clone();
        let open = metrics.begin();
        let watch = Stopwatch::start();
        let method = method_name(request.method());
        let peer = request.extensions().get::<Peer>().map(Peer::address);
        let kind = Kind::of(request.uri().path());
        let answer: Pin<Box<dyn Future<Output = Response> + Send>> = if is_grpc(&request) {
            // Clients that take this port for an Auth Service learn from the 403 that it is none, and go on.
            Box::pin(std::future::ready(StatusCode::FORBIDDEN.into_response()))
        } else {
            let answer = tower::Service::call(&mut self.router, without_version(request));
            Box::pin(async move { answer.await.unwrap_or_else(|never| match never {}) })
        };
        Box::pin(async move {
            let bounded = tokio::time::timeout(PATIENCE, AssertUnwindSafe(answer).catch_unwind());
            let mut response = match bounded.await {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => {
                    metrics.panicked();
                    tracing::error!(
                        method,
                        "a handler panicked; the request failed, the proxy goes on"
                    );
                    failed(
                        kind,
                        Failure::internal("internal error; the server's log says more"),
                    )
                }
                Err(_) => failed(
                    kind,
                    Failure::connection_problem("the cluster took too long to answer"),
                ),
            };
            headers::complete(kind, response.headers_mut());
            // The path itself may hold the secret of a link: only its template is told.
            let route = response
                .extensions()
                .get::<Template>()
                .map_or("other", |known| known.0);
            let after = watch.elapsed();
            metrics.answered(method, route, response.status(), after);
            tracing::debug!(
                method,
                route,
                status = response.status().as_u16(),
                peer = peer.map(tracing::field::display),
                micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
                "answered"
            );
            drop(open);
            Ok(response)
        })
    }
}

fn is_grpc(request: &Request<Incoming>) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// Methods as they are counted: a stranger must not be able to make new labels.
fn method_name(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// `/v1/webapi/…` means `/webapi/…`.
fn without_version(request: Request<Incoming>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let bare = parts.uri.path_and_query().and_then(|whole| {
        let rest = whole.as_str().strip_prefix("/v1")?;
        rest.starts_with("/webapi/")
            .then(|| rest.parse::<PathAndQuery>().ok())?
    });
    if let Some(bare) = bare {
        let mut pieces = parts.uri.clone().into_parts();
        pieces.path_and_query = Some(bare);
        if let Ok(uri) = Uri::from_parts(pieces) {
            parts.uri = uri;
        }
    }
    Request::from_parts(parts, Body::new(body))
}

fn failed(kind: Kind, failure: Failure) -> Response {
    match kind {
        Kind::Api => ApiError::from(failure).into_response(),
        Kind::Page | Kind::Asset => pages::message::of_failure(&failure, None),
    }
}
