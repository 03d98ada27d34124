//! `teleport.transport.v1.TransportService`: the road on which `tsh` reaches the Auth Service through a proxy.
//!
//! Who shows a certificate of this cluster gets a pipe to its Auth Service. What goes through the pipe is TLS between
//! those two: nothing of it is read here, and who is calling is judged at its other end, as if there were no pipe. What
//! would lead to a node is answered with a refusal, never with silence.

use std::sync::Arc;

use async_stream::try_stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tonic::codegen::BoxStream;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use transport::endpoint::TlsEndpoint;
use transport::http::{HttpHandler, HttpLimits};
use transport::target::{Target, dial_in_memory};
use transport::tls::ServerTls;
use transport::{Drain, Peer};
use wire::pb::teleport::transport::v1 as pb;
use wire::pb::teleport::transport::v1::transport_service_server::{TransportService, TransportServiceServer};

/// The most bytes that one message carries towards the client.
const FRAME_BYTES: usize = 32 * 1024;
/// The largest message accepted, in bytes.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Pipes at the same time on one connection: a command needs one or two.
const STREAMS_MAX: u32 = 16;

/// The service of one cluster's proxy.
#[derive(Clone)]
pub struct Passage {
    cluster: String,
    auth: Arc<dyn Target>,
    drain: Drain,
}

impl Passage {
    /// Pipes lead to `auth`, the Auth Service of `cluster`, and end with `drain`.
    pub fn new(cluster: String, auth: Arc<dyn Target>, drain: Drain) -> Self {
        Self { cluster, auth, drain }
    }

    /// What serves connections whose TLS is `tls`, which must ask for certificates of the cluster.
    pub fn target(self, tls: Arc<ServerTls>) -> Arc<dyn Target> {
        let service = TransportServiceServer::new(self).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let limits = HttpLimits {
            streams_max: STREAMS_MAX,
            ..HttpLimits::default()
        };
        let handler = HttpHandler::new(Routes::new(service).prepare())
            .with_limits(limits)
            .with_limits_for_strangers(HttpLimits::for_strangers());
        Arc::new(TlsEndpoint::new(tls, handler))
    }

    /// A pipe for somebody with a certificate.
    fn pipe(&self, peer: &Peer, cluster: &str) -> Result<tokio::io::DuplexStream, Status> {
        if cluster != self.cluster {
            return Err(Status::not_found(format!("cluster {cluster:?} is not found")));
        }
        Ok(dial_in_memory(&self.auth, peer.address(), &self.drain))
    }
}

/// Who calls; refused without a certificate of the cluster.
fn certified<M>(request: &Request<M>) -> Result<Peer, Status> {
    request
        .extensions()
        .get::<Peer>()
        .filter(|peer| peer.certificate().is_some())
        .cloned()
        .ok_or_else(|| {
            Status::unauthenticated("a certificate of this cluster is needed; log in with `tsh login`")
        })
}

fn no_nodes(what: &str) -> Status {
    Status::unimplemented(format!("this cluster has no {what} to connect to"))
}

#[tonic::async_trait]
impl TransportService for Passage {
    async fn get_cluster_details(
        &self,
        request: Request<pb::GetClusterDetailsRequest>,
    ) -> Result<Response<pb::GetClusterDetailsResponse>, Status> {
        certified(&request)?;
        Ok(Response::new(pb::GetClusterDetailsResponse {
            details: Some(pb::ClusterDetails { fips_enabled: false }),
        }))
    }

    async fn proxy_ssh(
        &self,
        request: Request<Streaming<pb::ProxySshRequest>>,
    ) -> Result<Response<BoxStream<pb::ProxySshResponse>>, Status> {
        certified(&request)?;
        Err(no_nodes("SSH nodes"))
    }

    async fn proxy_cluster(
        &self,
        request: Request<Streaming<pb::ProxyClusterRequest>>,
    ) -> Result<Response<BoxStream<pb::ProxyClusterResponse>>, Status> {
        let peer = certified(&request)?;
        let mut frames = request.into_inner();
        let Some(first) = frames.message().await? else {
            return Err(Status::invalid_argument("the first message must name a cluster"));
        };
        let (reading, mut writing) = tokio::io::split(self.pipe(&peer, &first.cluster)?);
        let address = peer.address();
        self.drain.spawn(async move {
            if let Err(error) = forward(first, &mut frames, &mut writing).await {
                tracing::debug!(peer = %address, %error, "a passage to the Auth Service broke");
            }
            // The other end may still have something to say.
            let _ = writing.shutdown().await;
        });
        Ok(Response::new(Box::pin(backward(reading))))
    }

    async fn proxy_windows_desktop_session(
        &self,
        request: Request<Streaming<pb::ProxyWindowsDesktopSessionRequest>>,
    ) -> Result<Response<BoxStream<pb::ProxyWindowsDesktopSessionResponse>>, Status> {
        certified(&request)?;
        Err(no_nodes("desktops"))
    }
}

/// From the client to the Auth Service, until the client has no more to say.
async fn forward(
    first: pb::ProxyClusterRequest,
    frames: &mut Streaming<pb::ProxyClusterRequest>,
    writing: &mut WriteHalf<tokio::io::DuplexStream>,
) -> Result<(), Status> {
    let mut next = Some(first);
    while let Some(message) = next {
        if let Some(frame) = message.frame {
            writing.write_all(&frame.payload).await?;
        }
        next = frames.message().await?;
    }
    Ok(())
}

/// From the Auth Service to the client, until the Auth Service has no more to say.
fn backward(
    mut reading: ReadHalf<tokio::io::DuplexStream>,
) -> impl futures::Stream<Item = Result<pb::ProxyClusterResponse, Status>> + Send + 'static {
    try_stream! {
        let mut buffer = bytes::BytesMut::with_capacity(FRAME_BYTES);
        loop {
            buffer.reserve(FRAME_BYTES);
            if reading.read_buf(&mut buffer).await? == 0 {
                break;
            }
            let payload = buffer.split().freeze();
            yield pb::ProxyClusterResponse { frame: Some(pb::Frame { payload }) };
        }
    }
}
