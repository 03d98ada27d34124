//! Connection upgrade: a way for TLS routing through load balancers that end TLS themselves.
//!
//! Such a balancer hides from the proxy what a client offers in its greeting. So the client asks for an upgrade over plain
//! HTTP, and greets again inside. The second greeting is routed like a first one, except that it cannot ask for a third:
//! inside an upgrade there is no upgrade. What is shown inside is the certificate of the host authority, since the public
//! one lies on the balancer.
//!
//! Everybody may upgrade: who is inside has shown nothing yet, and is judged by whoever ends the TLS in there.

mod frames;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use transport::Peer;
use transport::limits::{Doorkeeper, Limits};
use transport::target::{Target, dial_in_memory};
use transport::websocket;

use crate::api::{Answer, ApiError};
use crate::proxy::Proxy;

/// Where upgraded connections go: there is none inside an upgrade.
#[derive(Clone)]
pub struct Inside(pub Arc<dyn Target>);

/// How often a sign of life goes to clients that ask for it, lest a balancer takes the silence for the end.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// The older way to ask, for balancers that change `Upgrade`.
const LEGACY_HEADER: HeaderName = HeaderName::from_static("x-teleport-upgrade");

/// Behind a balancer everybody comes from its address: one place may have all there are.
static DOOR: LazyLock<Arc<Doorkeeper>> = LazyLock::new(|| {
    let most = Limits::default().connections_per_peer_max;
    Doorkeeper::new(Limits {
        connections_max: most,
        connections_per_peer_max: most,
        handshakes_max: most,
        handshakes_per_peer_max: most,
        ..Limits::default()
    })
});

/// What a client wants from an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The bytes alone.
    Plain,
    /// With signs of life.
    Pinged,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "alpn",
            Self::Pinged => "alpn-ping",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Plain, Self::Pinged]
            .into_iter()
            .find(|kind| name.eq_ignore_ascii_case(kind.name()))
    }

    fn period(self) -> Option<Duration> {
        (self == Self::Pinged).then_some(PING_INTERVAL)
    }
}

/// What a client asks to speak from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    /// A WebSocket; the text answers the client's key.
    WebSocket { kind: Kind, accept: String },
    /// The bytes as they are, or in frames where there are signs of life.
    Legacy(Kind),
}

/// The words of all headers of one name, which commas part.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// What `headers` ask for. A client that asks in both ways gets the WebSocket.
fn wish(headers: &HeaderMap) -> Result<Wish, &'static str> {
    if words(headers, &header::UPGRADE).any(|word| word.eq_ignore_ascii_case("websocket")) {
        let key = headers
            .get(header::SEC_WEBSOCKET_KEY)
            .ok_or("the header Sec-WebSocket-Key is missing")?;
        if !words(headers, &header::SEC_WEBSOCKET_VERSION).any(|version| version == "13") {
            return Err("only version 13 of WebSocket is spoken");
        }
        let kind = words(headers, &header::SEC_WEBSOCKET_PROTOCOL)
            .find_map(Kind::of)
            .ok_or("the sub-protocol must be alpn or alpn-ping")?;
        let accept = websocket::accept(key.as_bytes());
        return Ok(Wish::WebSocket { kind, accept });
    }
    words(headers, &header::UPGRADE)
        .chain(words(headers, &LEGACY_HEADER))
        .find_map(Kind::of)
        .map(Wish::Legacy)
        .ok_or("this address upgrades connections, to a WebSocket with the sub-protocol alpn or alpn-ping")
}

fn bad(message: &str) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, message)
}

/// Handles `GET /webapi/connectionupgrade`.
pub async fn handle(
    State(proxy): State<Arc<Proxy>>,
    inside: Option<Extension<Inside>>,
    mut request: Request<Body>,
) -> Answer {
    let wish = wish(request.headers()).map_err(bad)?;
    let Some(Extension(Inside(target))) = inside else {
        return Err(bad("a connection that was upgraded is not upgraded again"));
    };
    if request.version() != Version::HTTP_11 {
        return Err(bad("connections are upgraded in HTTP/1.1 only"));
    }
    let peer = request
        .extensions()
        .get::<Peer>()
        .map(Peer::address)
        .ok_or_else(|| bad("this connection cannot be upgraded"))?;
    let admission = DOOR.admit(peer.ip()).map_err(|full| {
        tracing::warn!(%peer, %full, "refused to upgrade a connection");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, full.to_string())
    })?;
    let answer = switching(&wish)?;
    let upgrade = hyper::upgrade::on(&mut request);
    let drain = proxy.upstream.road().1.clone();
    drain.clone().spawn(async move {
        let mut admission = admission;
        let Ok(upgraded) = upgrade.await else { return };
        let outside = TokioIo::new(upgraded);
        let pipe = dial_in_memory(&target, peer, &drain);
        admission.established();
        let passed = match wish {
            Wish::WebSocket { kind, .. } => {
                let socket = websocket::accepted(outside).await;
                websocket::pass(socket, pipe, kind.period()).await
            }
            Wish::Legacy(Kind::Plain) => frames::pass_plain(outside, pipe).await,
            Wish::Legacy(Kind::Pinged) => frames::pass(outside, pipe, PING_INTERVAL).await,
        };
        if let Err(error) = passed {
            tracing::debug!(%peer, %error, "an upgraded connection broke");
        }
        drop(admission);
    });
    Ok(answer)
}

/// The answer after which something else is spoken.
fn switching(wish: &Wish) -> Result<Response, ApiError> {
    let mut answer = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    match wish {
        Wish::WebSocket { kind, accept } => {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            let name = HeaderValue::from_static(kind.name());
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
            let accept = HeaderValue::from_str(accept).map_err(|_| bad("the key cannot be answered"))?;
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        Wish::Legacy(kind) => {
            let name = HeaderValue::from_static(kind.name());
            headers.insert(header::UPGRADE, name.clone());
            headers.insert(LEGACY_HEADER, name);
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(&str, &str)]) -> Result<Wish, &'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        wish(&map)
    }

    #[test]
    fn a_client_that_asks_in_both_ways_gets_the_websocket() {
        // The example of RFC 6455.
        let both = [
            ("upgrade", "websocket"),
            ("upgrade", "alpn-ping"),
            ("x-teleport-upgrade", "alpn-ping"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "alpn-ping"),
        ];
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        let kind = Kind::Pinged;
        assert_eq!(asked(&both), Ok(Wish::WebSocket { kind, accept }));
    }

    #[test]
    fn the_older_ways_are_understood() {
        assert_eq!(asked(&[("upgrade", "alpn")]), Ok(Wish::Legacy(Kind::Plain)));
        let changed = [("upgrade", "h2c"), ("x-teleport-upgrade", "alpn-ping")];
        assert_eq!(asked(&changed), Ok(Wish::Legacy(Kind::Pinged)));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(asked(&[]).unwrap_err().contains("alpn-ping"));
        let no_key = [("upgrade", "websocket")];
        assert!(asked(&no_key).unwrap_err().contains("Sec-WebSocket-Key"));
        let old = [
            ("upgrade", "websocket"),
            ("sec-websocket-key", "x"),
            ("sec-websocket-version", "8"),
        ];
        assert!(asked(&old).unwrap_err().contains("version 13"));
        let chat = [
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "x"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat, superchat"),
        ];
        assert!(asked(&chat).unwrap_err().contains("sub-protocol"));
    }
}
