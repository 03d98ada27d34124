//! HTTP/2 and HTTP/1.1 on an accepted connection, told apart by what was agreed on or comes first.
//!
//! Serves any `tower` service: a gRPC router, a web router, or one that holds both. Each request
//! carries the [`Peer`] and the [`Connection`] among its extensions.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncReadExt as _;
use tower::ServiceExt as _;

use crate::connection::Connection;
use crate::endpoint::Handler;
use crate::names;
use crate::peer::{Accepted, Peer};
use crate::target::Serving;

/// The first bytes of every HTTP/2 client.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long answers may still take on a connection that must not go on.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The limits of one HTTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Requests at the same time on one connection.
    pub streams_max: u32,
    /// Headers of one request, in bytes.
    pub header_bytes_max: u32,
    /// Streams that were reset by the client and are not cleaned up yet; more end the connection.
    pub pending_resets_max: usize,
    /// Bytes in flight towards us, for one stream and for the connection.
    pub window_bytes: (u32, u32),
    /// Bytes of one answer that wait for a client that does not read.
    pub unsent_bytes_max: usize,
    /// Asks a silent client for a sign of life this often.
    pub keep_alive_interval: Duration,
    /// Waits this long for it.
    pub keep_alive_timeout: Duration,
    /// The time for the first bytes of a connection, and for the headers of an HTTP/1.1 request.
    pub header_timeout: Duration,
    /// A connection with a request that is not being answered this long after its headers came is ended. Most that takes
    /// so long is a message that never arrives whole.
    pub answer_timeout: Option<Duration>,
}

impl HttpLimits {
    /// For whoever has shown no certificate where others show one: little at once, and not for long.
    pub fn for_strangers() -> Self {
        Self {
            streams_max: 16,
            header_bytes_max: 16 * 1024,
            window_bytes: (64 * 1024, 64 * 1024),
            answer_timeout: Some(Duration::from_secs(20)),
            ..Self::default()
        }
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            streams_max: 1_000,
            header_bytes_max: 64 * 1024,
            pending_resets_max: 50,
            window_bytes: (256 * 1024, 1024 * 1024),
            unsent_bytes_max: 64 * 1024,
            keep_alive_interval: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(180),
            header_timeout: Duration::from_secs(30),
            answer_timeout: None,
        }
    }
}

/// Serves HTTP on every connection with clones of one service.
#[derive(Debug, Clone)]
pub struct HttpHandler<S> {
    service: S,
    limits: HttpLimits,
    strangers: Option<HttpLimits>,
}

impl<S> HttpHandler<S> {
    /// Serves `service` under the usual limits.
    pub fn new(service: S) -> Self {
        Self {
            service,
            limits: HttpLimits::default(),
            strangers: None,
        }
    }

    /// Serves under other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves whoever has shown no certificate under limits of their own.
    #[must_use]
    pub fn with_limits_for_strangers(mut self, limits: HttpLimits) -> Self {
        self.strangers = Some(limits);
        self
    }
}

impl<S, B> Handler for HttpHandler<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn serve(&self, accepted: Accepted) -> Serving {
        let service = self.service.clone();
        let limits = match self.strangers {
            Some(strangers) if accepted.peer().certificate().is_none() => strangers,
            _ => self.limits,
        };
        Box::pin(serve_http(accepted, service, limits))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Serves one connection to its end.
///
/// When its group drains, HTTP/2 says `GOAWAY` and HTTP/1.1 closes after the running answer; both
/// finish what they have begun. When its [`Connection`] is asked to end, the same happens within half a second, or the
/// connection is cut.
pub async fn serve_http<S, B>(mut accepted: Accepted, service: S, limits: HttpLimits)
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let peer = accepted.peer().clone();
    let drain = accepted.drain().clone();
    let first = tokio::time::timeout(limits.header_timeout, which_version(&mut accepted));
    let Some(first) = drain.greeting(first).await else {
        return;
    };
    let version = match first {
        Ok(Some(version)) => version,
        Ok(None) => return,
        Err(_) => {
            tracing::debug!(peer = %peer.address(), "nothing was asked in time");
            return;
        }
    };
    let handle = Connection::default();
    let _open = handle.open();
    let service = WithPeer {
        service,
        peer: peer.clone(),
        connection: handle.clone(),
        answer_timeout: limits.answer_timeout,
    };
    let io = TokioIo::new(accepted);
    let ended: Result<(), hyper::Error> = match version {
        Version::Http2 => {
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits.streams_max)
                .max_header_list_size(limits.header_bytes_max)
                .max_pending_accept_reset_streams(limits.pending_resets_max)
                .initial_stream_window_size(limits.window_bytes.0)
                .initial_connection_window_size(limits.window_bytes.1)
                .max_send_buf_size(limits.unsent_bytes_max)
                .keep_alive_interval(limits.keep_alive_interval)
                .keep_alive_timeout(limits.keep_alive_timeout)
                .serve_connection(io, service);
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = drain.begun() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
                () = handle.ended() => {
                    connection.as_mut().graceful_shutdown();
                    last_words(connection).await
                }
            }
        }
        Version::Http1 => {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header_timeout)
                .max_buf_size(usize::try_from(limits.header_bytes_max).unwrap_or(usize::MAX))
                .serve_connection(io, service)
                .with_upgrades();
            tokio::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = drain.begun() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
                () = handle.ended() => {
                    connection.as_mut().graceful_shutdown();
                    last_words(connection).await
                }
            }
        }
    };
    if let Err(error) = ended {
        let error: &dyn StdError = &error;
        tracing::debug!(peer = %peer.address(), error, "an HTTP connection broke");
    }
}

/// Lets running answers come to their end, if that is soon.
async fn last_words(connection: impl Future<Output = Result<(), hyper::Error>>) -> Result<(), hyper::Error> {
    tokio::time::timeout(LAST_WORDS, connection)
        .await
        .unwrap_or(Ok(()))
}

/// Reads enough to tell the version; `None` if the connection ends or breaks the agreement.
async fn which_version(accepted: &mut Accepted) -> Option<Version> {
    match accepted.peer().protocol() {
        Some(names::HTTP_1_1) => return Some(Version::Http1),
        Some(other) if !names::OVER_HTTP_2.contains(&other) => {
            tracing::debug!(
                peer = %accepted.peer().address(),
                protocol = %String::from_utf8_lossy(other),
                "no HTTP is spoken under this protocol"
            );
            return None;
        }
        _ => {}
    }
    let agreed_h2 = accepted.peer().protocol().is_some();
    let mut first = BytesMut::with_capacity(PREFACE.len());
    let version = loop {
        if !PREFACE.starts_with(&first) {
            break Version::Http1;
        }
        if first.len() == PREFACE.len() {
            break Version::Http2;
        }
        let mut rest = (&mut accepted.stream).take((PREFACE.len() - first.len()) as u64);
        match rest.read_buf(&mut first).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    };
    if agreed_h2 && version == Version::Http1 {
        return None;
    }
    accepted.stream.put_back(first.freeze());
    Some(version)
}

/// Adds the peer and the connection to each request.
#[derive(Debug, Clone)]
struct WithPeer<S> {
    service: S,
    peer: Peer,
    connection: Connection,
    answer_timeout: Option<Duration>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for WithPeer<S>
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        request.extensions_mut().insert(self.connection.clone());
        let answer = self.service.clone().oneshot(request);
        let Some(timeout) = self.answer_timeout else {
            return Box::pin(answer);
        };
        let connection = self.connection.clone();
        Box::pin(async move {
            match tokio::time::timeout(timeout, answer).await {
                Ok(answer) => answer,
                Err(_) => {
                    tracing::debug!("a request was not answered in time; its connection ends");
                    connection.end();
                    std::future::pending().await
                }
            }
        })
    }
}
