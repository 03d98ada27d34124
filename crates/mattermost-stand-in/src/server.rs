//! From a connection to an answer: limit, faults, body, dispatch, headers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE, USER_AGENT,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::envelope::{Refusal, Reply, answer};
use crate::faults::Fault;
use crate::handle::Call;
use crate::limit::Verdict;
use crate::state::Shared;
use crate::websocket::{self, Resume};
use crate::{ambient, api, page};

/// What every answer carries.
pub type Body = BoxBody<Bytes, io::Error>;

/// A body that is there as a whole.
pub fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed()
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is cut on command")
    }
}

impl std::error::Error for Cut {}

/// Takes connections until the task is dropped; those under way end with it.
pub async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(Arc::clone(&shared), stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // Small answers must not wait for more to say.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { respond(shared, request, peer).await }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Body>, Cut> {
    let verdict = {
        let mut state = shared.lock();
        let limit = state.settings.rate_limit;
        limit.map(|limit| state.buckets.take(peer.ip(), limit))
    };
    let mut response = match verdict {
        Some(verdict) if !verdict.allowed => {
            shared.lock().calls.push(Call {
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
                user_agent: String::new(),
                body: String::new(),
                status: 429,
            });
            refused(verdict)
        }
        _ => allowed(&shared, request).await?,
    };
    if let Some(verdict) = verdict {
        for (name, value) in [
            ("x-ratelimit-limit", u64::from(verdict.limit)),
            ("x-ratelimit-remaining", u64::from(verdict.remaining)),
            ("x-ratelimit-reset", verdict.reset),
        ] {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value.into());
        }
    }
    Ok(response)
}

fn refused(verdict: Verdict) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::from_static(b"limit exceeded\n")));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(HeaderName::from_static("retry-after"), verdict.retry_after.into());
    response
}

async fn allowed(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let path = request.uri().path().to_owned();
    let Some(below) = path.strip_prefix("/api/v4") else {
        return Ok(page::respond(shared, &request));
    };
    let query: HashMap<String, String> = request.uri().query().map(parse_query).unwrap_or_default();
    let method = request.method().clone();
    let token = token(request.headers());
    if below == "/websocket" && method == Method::GET {
        return websocket(shared, request, &query, token);
    }
    let known = header(request.headers(), &IF_NONE_MATCH);
    let user_agent = header(request.headers(), &USER_AGENT).unwrap_or_default();
    let limit = shared.lock().settings.payload_bytes_max + 512;
    let (body, too_large) = read(request.into_body(), limit).await?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let fault = shared.lock().faults.next(method.as_str(), below, &text);
    let record = |status: u16| {
        shared.lock().calls.push(Call {
            method: method.to_string(),
            path: below.to_owned(),
            user_agent: user_agent.clone(),
            body: text.clone(),
            status,
        });
    };
    match &fault {
        Some(Fault::Answer {
            status,
            headers,
            content_type,
            body,
        }) => {
            record(*status);
            return Ok(commanded(*status, headers, content_type, body));
        }
        Some(Fault::CutBefore) => {
            record(0);
            return Err(Cut);
        }
        Some(Fault::Silence) => {
            record(0);
            return std::future::pending().await;
        }
        _ => {}
    }
    let request_id = ambient::id();
    let is_new_post = method == Method::POST && below == "/posts";
    let wait = match &fault {
        Some(Fault::DelayBefore(wait)) => Some(*wait),
        _ => None,
    };
    if let (Some(wait), false) = (wait, is_new_post) {
        sleep(wait).await;
    }
    // A server carries a call out to its end, also when the caller has hung up meanwhile.
    let carried_out = {
        let (shared, body, below) = (Arc::clone(shared), body.clone(), below.to_owned());
        let method = method.clone();
        tokio::spawn(async move {
            let call = api::Call {
                shared: &shared,
                token,
                query,
                body: &body,
                too_large,
                known,
                wait: wait.filter(|_| is_new_post),
            };
            api::dispatch(&call, method.as_str(), &below).await
        })
    };
    let outcome: Result<Reply, Refusal> = carried_out.await.map_err(|_| Cut)?;
    if method != Method::GET {
        shared.changed();
    }
    let response = answer(outcome, &request_id, &shared.version_id, method == Method::GET);
    record(response.status().as_u16());
    match fault {
        Some(Fault::CutAfter) => Err(Cut),
        Some(Fault::DelayAfter(wait)) => {
            sleep(wait).await;
            Ok(response)
        }
        Some(Fault::EndlessBody) => {
            let blanks = Bytes::from(vec![b' '; 64 * 1024]);
            let endless = stream::repeat_with(move || Ok(Frame::data(blanks.clone())));
            let mut response = response.map(|_| BodyExt::boxed(StreamBody::new(endless)));
            response.headers_mut().remove("content-length");
            Ok(response)
        }
        Some(Fault::CutBody) => {
            let begun = stream::iter([
                Ok(Frame::data(Bytes::from_static(b"{\"id\":"))),
                Err(io::Error::other(Cut)),
            ]);
            let mut response = response.map(|_| BodyExt::boxed(StreamBody::new(begun)));
            response.headers_mut().remove("content-length");
            Ok(response)
        }
        _ => Ok(response),
    }
}

/// The body, and whether it was more than the server takes.
async fn read(mut incoming: Incoming, limit: usize) -> Result<(Bytes, bool), Cut> {
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else {
            continue;
        };
        if body.len() + data.len() > limit {
            return Ok((Bytes::new(), true));
        }
        body.extend_from_slice(&data);
    }
    Ok((body.freeze(), false))
}

fn commanded(status: u16, headers: &[(String, String)], content_type: &str, body: &str) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::from(body.to_owned())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let all = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .chain([("content-type", content_type)]);
    for (name, value) in all {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn websocket(
    shared: &Arc<Shared>,
    mut request: Request<Incoming>,
    query: &HashMap<String, String>,
    token: Option<String>,
) -> Result<Response<Body>, Cut> {
    let fault = shared.lock().faults.next("GET", "/websocket", "");
    if let Some(Fault::Answer {
        status,
        headers,
        content_type,
        body,
    }) = &fault
    {
        return Ok(commanded(*status, headers, content_type, body));
    }
    if fault.is_some() {
        return Err(Cut);
    }
    let Some(key) = header(request.headers(), &SEC_WEBSOCKET_KEY) else {
        let mut refusal = Refusal::new(
            400,
            "api.web_socket.connect.upgrade.app_error",
            "URL Blocked because of CORS.",
        );
        refusal.message = "This address speaks WebSocket.".into();
        return Ok(answer(Err(refusal), &ambient::id(), &shared.version_id, true));
    };
    let resume = match (query.get("connection_id"), query.get("sequence_number")) {
        (Some(id), Some(number)) if !id.is_empty() => number.parse().ok().map(|sequence| Resume {
            connection_id: id.clone(),
            sequence,
        }),
        _ => None,
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let served = Arc::clone(shared);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            websocket::serve(served, upgraded, token, resume).await;
        }
    });
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(value) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, value);
    }
    Ok(response)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// The token of a call: a login cookie wins over the header.
fn token(headers: &HeaderMap) -> Option<String> {
    let cookie = headers.get_all(COOKIE).iter().find_map(|value| {
        value
            .to_str()
            .ok()?
            .split(';')
            .find_map(|pair| pair.trim().strip_prefix("MMAUTHTOKEN=").map(ToOwned::to_owned))
    });
    cookie.or_else(|| {
        let value = header(headers, &hyper::header::AUTHORIZATION)?;
        let (scheme, token) = value.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"))
            .then(|| token.trim().to_owned())
    })
}

fn parse_query(query: &str) -> HashMap<String, String> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(&key.replace('+', " ")), decode(&value.replace('+', " "))))
        .collect()
}

/// Percent-decoding; what is no escape stays as it is.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = escaped {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
