//! Every request passes here: gRPC or old JSON, counted, timed, logged without its contents, and
//! answered even when a handler panics.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::FutureExt as _;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use transport::connection::Connection;
use transport::peer::Peer;
use transport::system::Stopwatch;

use super::metrics::Metrics;
use crate::auth::Auth;
use crate::locks::{Vigil, Whom};

/// The header in which both sides say their version.
pub(crate) const VERSION_HEADER: &str = "version";
/// What this server says it is.
pub const SERVER_VERSION: &str = "18.0.0";
/// The oldest client it speaks with.
pub const CLIENT_VERSION_MIN: &str = "16.0.0-aa";

/// The most that somebody without a certificate may send with one call, in bytes: what strangers call for is small.
const STRANGER_BYTES_MAX: usize = 64 * 1024;

/// How the old JSON interface answers one request.
pub(crate) type JsonHandler =
    Arc<dyn Fn(Request<()>) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> + Send + Sync>;

/// The one service behind the Auth port.
#[derive(Clone)]
pub struct Dispatch {
    auth: Weak<Auth>,
    routes: Routes,
    json: JsonHandler,
    metrics: Metrics,
    methods: Arc<HashSet<String>>,
}

impl Dispatch {
    pub(crate) fn new(
        auth: Weak<Auth>,
        routes: Routes,
        json: JsonHandler,
        metrics: Metrics,
        methods: Arc<HashSet<String>>,
    ) -> Self {
        Self {
            auth,
            routes: routes.prepare(),
            json,
            metrics,
            methods,
        }
    }

    /// A connection ends when its peer is locked, whatever is said on it.
    fn mind<B>(&self, request: &Request<B>) {
        let extensions = request.extensions();
        let (Some(connection), Some(peer)) = (extensions.get::<Connection>(), extensions.get::<Peer>())
        else {
            return;
        };
        connection.end_when(|| until_locked(Weak::clone(&self.auth), Whom::of_peer(peer)));
    }
}

impl<B> tower::Service<Request<B>> for Dispatch
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.mind(&request);
        let metrics = self.metrics.clone();
        let open = metrics.begin();
        let watch = Stopwatch::start();
        let path = request.uri().path().to_owned();
        let peer = request.extensions().get::<Peer>().map(Peer::address);
        let rpc = is_rpc(&request);
        let methods = Arc::clone(&self.methods);
        let answer: Pin<Box<dyn Future<Output = Response<Body>> + Send>> = if rpc {
            let answer = tower::Service::call(&mut self.routes, within_bounds(request));
            Box::pin(async move { answer.await.unwrap_or_else(|never| match never {}) })
        } else {
            let (parts, _body) = request.into_parts();
            (self.json)(Request::from_parts(parts, ()))
        };
        Box::pin(async move {
            let mut response = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
                metrics.panicked();
                tracing::error!(method = %path, "a handler panicked; the call failed, the server goes on");
                fault(rpc)
            });
            response
                .headers_mut()
                .insert(VERSION_HEADER, HeaderValue::from_static(SERVER_VERSION));
            if rpc {
                refuse_in_words(&mut response, &path, &methods);
            }
            let code = if rpc {
                rpc_code(&response)
            } else {
                http_code(&response)
            };
            let method = if rpc && !methods.contains(&path) {
                "other"
            } else {
                path.as_str()
            };
            let method = if rpc { method } else { "json" };
            let after = watch.elapsed();
            metrics.answered(method, code, after);
            tracing::debug!(
                method = %path,
                code,
                peer = peer.map(tracing::field::display),
                micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX),
                "answered"
            );
            drop(open);
            Ok(response)
        })
    }
}

/// The request, whose body ends with a refusal where a stranger sends more than strangers need to.
fn within_bounds<B>(request: Request<B>) -> Request<Body>
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let peer = request.extensions().get::<Peer>();
    let known = peer.is_some_and(|peer| peer.certificate().is_some());
    request.map(|body| {
        if known {
            return Body::new(body);
        }
        let bounded = Limited::new(body, STRANGER_BYTES_MAX);
        Body::new(bounded.map_err(too_much))
    })
}

fn too_much(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error + Send + Sync> {
    match error.downcast::<LengthLimitError>() {
        Ok(_) => Box::new(Status::resource_exhausted(format!(
            "a call without a certificate may bring {STRANGER_BYTES_MAX} bytes at most"
        ))),
        Err(other) => other,
    }
}

async fn until_locked(auth: Weak<Auth>, whom: Whom) {
    let Some(auth) = auth.upgrade().filter(|_| !whom.is_nobody()) else {
        return std::future::pending().await;
    };
    let vigil = Vigil::begin(&auth, whom).await;
    drop(auth);
    let reason = match vigil {
        Ok(mut vigil) => vigil.until_locked().await,
        Err(reason) => reason,
    };
    tracing::debug!(reason = reason.message(), "a connection ends");
}

/// Says what is not served where the stubs say nothing, or nothing of use, in the words that Go's servers have for it:
/// other people's tools show them as they are.
fn refuse_in_words(response: &mut Response<Body>, path: &str, methods: &HashSet<String>) {
    let unsaid = |status: &Status| matches!(status.message(), "" | "Not yet implemented");
    let Some(refusal) = Status::from_header_map(response.headers())
        .filter(|status| status.code() == Code::Unimplemented && unsaid(status))
    else {
        return;
    };
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let within = format!("/{service}/");
    let words = if methods.iter().any(|known| known.starts_with(&within)) {
        format!("unknown method {method} for service {service}")
    } else {
        format!("unknown service {service}")
    };
    if let Err(error) = Status::new(refusal.code(), words).add_header(response.headers_mut()) {
        tracing::debug!(%error, "a refusal could not be put in words");
    }
}

fn is_rpc<B>(request: &Request<B>) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

fn fault(rpc: bool) -> Response<Body> {
    if rpc {
        let (parts, ()) = Status::internal("internal error; the server's log says more")
            .into_http::<()>()
            .into_parts();
        Response::from_parts(parts, Body::empty())
    } else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    }
}

fn rpc_code(response: &Response<Body>) -> &'static str {
    match Status::from_header_map(response.headers()).map(|status| status.code()) {
        None | Some(Code::Ok) => "ok",
        Some(Code::Cancelled) => "cancelled",
        Some(Code::InvalidArgument) => "invalid_argument",
        Some(Code::DeadlineExceeded) => "deadline_exceeded",
        Some(Code::NotFound) => "not_found",
        Some(Code::AlreadyExists) => "already_exists",
        Some(Code::PermissionDenied) => "permission_denied",
        Some(Code::ResourceExhausted) => "resource_exhausted",
        Some(Code::FailedPrecondition) => "failed_precondition",
        Some(Code::Unimplemented) => "unimplemented",
        Some(Code::Unavailable) => "unavailable",
        Some(Code::Unauthenticated) => "unauthenticated",
        Some(_) => "internal",
    }
}

fn http_code(response: &Response<Body>) -> &'static str {
    match response.status().as_u16() {
        200..300 => "ok",
        403 => "permission_denied",
        404 => "not_found",
        400..=499 => "invalid_argument",
        501 => "unimplemented",
        _ => "internal",
    }
}
