//! Calls by their path, with bytes for messages, and a door through which all calls pass, so that a test can bend what
//! comes in.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use access::ambient::Clock;
use auth::server::Dispatch;
use bytes::{Buf, BufMut, Bytes};
use client::cluster::{Announce, Calls};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio_rustls::client::TlsStream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use transport::dial::{ClientTls, HandshakeError, Trust};
use transport::target::dial_in_memory;
use transport::tls::Credentials;
use transport::{Peer, names};

use crate::world::World;

/// Gives what the Auth Service is to believe about who calls: a planted flaw.
pub type Distortion = Arc<dyn Fn(&http::request::Parts, &Peer) -> Option<Peer> + Send + Sync>;

/// The Auth Service behind a distortion.
#[derive(Clone)]
pub struct Door {
    inner: Dispatch,
    distortion: Option<Distortion>,
}

impl Door {
    pub fn new(inner: Dispatch, distortion: Option<Distortion>) -> Self {
        Self { inner, distortion }
    }
}

impl tower::Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if let (Some(distortion), Some(peer)) = (&self.distortion, parts.extensions.get::<Peer>().cloned())
            && let Some(other) = distortion(&parts, &peer)
        {
            parts.extensions.insert(other);
        }
        tower::Service::call(&mut self.inner, Request::from_parts(parts, body))
    }
}

/// Messages as bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Makes the call at `path` with the encoded `message`, which may be anything; the first answer is given back.
///
/// Calls that stream and calls that do not look the same on the wire.
pub async fn raw(calls: Calls, path: &str, message: Vec<u8>) -> Result<Bytes, Status> {
    raw_with(calls, path, message, &[]).await
}

/// The same with headers.
pub async fn raw_with(
    calls: Calls,
    path: &str,
    message: Vec<u8>,
    headers: &[(&'static str, &str)],
) -> Result<Bytes, Status> {
    let mut grpc = tonic::client::Grpc::new(calls);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = tonic::Request::new(Bytes::from(message));
    for (name, value) in headers {
        request
            .metadata_mut()
            .insert(*name, value.parse().expect("a header"));
    }
    let path = path.parse().expect("a path");
    let mut answers: Streaming<Bytes> = grpc.server_streaming(request, path, Plain).await?.into_inner();
    Ok(answers.message().await?.unwrap_or_default())
}

/// A TLS connection of somebody who shows `credentials` or none.
pub async fn connect(
    world: &World,
    credentials: Option<Credentials>,
    protocol: &[u8],
) -> TlsStream<DuplexStream> {
    let clock: Arc<dyn Clock> = Arc::<access::ambient::ManualClock>::clone(&world.clock);
    let tls = ClientTls::new(&Trust::Anyone, credentials.as_ref(), &[protocol], &clock).expect("settings");
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let pipe = dial_in_memory(&world.door, here, &world.drain);
    tls.handshake(pipe, names::CLUSTER_DOMAIN)
        .await
        .expect("a connection")
}

/// What a generated client calls through, for somebody who shows `credentials` or none.
pub fn dial(world: &World, credentials: Option<Credentials>) -> Calls {
    InterceptedService::new(channel(world, credentials), Announce::default())
}

/// What somebody else's client calls through, which adds nothing of ours to its calls.
pub fn channel(world: &World, credentials: Option<Credentials>) -> Channel {
    let clock: Arc<dyn Clock> = Arc::<access::ambient::ManualClock>::clone(&world.clock);
    let tls = ClientTls::new(&Trust::Anyone, credentials.as_ref(), &[names::H2], &clock).expect("settings");
    let (door, drain) = (Arc::clone(&world.door), world.drain.clone());
    let connector = tower::service_fn(move |_: http::Uri| {
        let (tls, door, drain) = (tls.clone(), Arc::clone(&door), drain.clone());
        async move {
            let pipe = dial_in_memory(&door, SocketAddr::from(([127, 0, 0, 1], 0)), &drain);
            let stream = tls.handshake(pipe, names::CLUSTER_DOMAIN).await?;
            Ok::<_, HandshakeError>(TokioIo::new(stream))
        }
    });
    Endpoint::from_static("https://teleport.cluster.local").connect_with_connector_lazy(connector)
}
