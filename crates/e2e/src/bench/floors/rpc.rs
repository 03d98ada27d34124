//! The floor of everything remote: a gRPC call and a streamed message over loopback, without TLS, identity or work.
//!
//! The messages are those of the subject, so that both move the same bytes.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::BroadcastStream;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use transport::system::Stopwatch;
use wire::keep::Kept;
use wire::pb::proto::auth_service_client::AuthServiceClient;
use wire::pb::proto::auth_service_server::{AuthService, AuthServiceServer};
use wire::pb::proto::{Event, Operation, Watch, event::Resource};
use wire::pb::types::{AccessRequestV3, AccessReviewSubmission};

use crate::bench::trouble::{Outcome, While as _};

/// A server that answers at once, and a client for each of its two ways.
pub struct Rpc {
    answer: Kept<AccessRequestV3>,
    told: broadcast::Sender<Event>,
    unary: AuthServiceClient<Channel>,
    stream: tonic::Streaming<Event>,
    serving: tokio::task::JoinHandle<()>,
}

/// Answers every review with the same request; streams what it is told to.
struct Bare {
    answer: Kept<AccessRequestV3>,
    told: broadcast::Sender<Event>,
}

#[tonic::async_trait]
impl AuthService for Bare {
    async fn submit_access_review(
        &self,
        _: Request<AccessReviewSubmission>,
    ) -> Result<Response<Kept<AccessRequestV3>>, Status> {
        Ok(Response::new(self.answer.clone()))
    }

    async fn watch_events(&self, _: Request<Watch>) -> Result<Response<BoxStream<Event>>, Status> {
        let told = BroadcastStream::new(self.told.subscribe());
        let told = told.map(|event| event.map_err(|lagged| Status::unavailable(lagged.to_string())));
        Ok(Response::new(Box::pin(told)))
    }
}

impl Rpc {
    /// Starts the server with `answer` for everything, and connects to it.
    pub async fn start(answer: Kept<AccessRequestV3>) -> Outcome<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").await.to("open a port")?;
        let address = socket.local_addr().to("open a port")?;
        let (told, _) = broadcast::channel(16);
        let bare = Bare {
            answer: answer.clone(),
            told: told.clone(),
        };
        let incoming = TcpIncoming::from(socket).with_nodelay(Some(true));
        let serving = tokio::spawn(async move {
            let server = Server::builder().add_service(AuthServiceServer::new(bare));
            if let Err(error) = server.serve_with_incoming(incoming).await {
                tracing::error!(%error, "the server of the call floor has ended");
            }
        });
        let connect = || async {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
            Ok::<_, tonic::transport::Error>(AuthServiceClient::new(endpoint.connect().await?))
        };
        let unary = connect().await.to("connect to the call floor")?;
        let mut watching = connect().await.to("connect to the call floor")?;
        let stream = watching
            .watch_events(Watch::default())
            .await
            .to("watch the call floor")?
            .into_inner();
        Ok(Self {
            answer,
            told,
            unary,
            stream,
            serving,
        })
    }

    /// `count` calls one after the other; how long each took.
    pub async fn calls(&mut self, count: usize, message: &AccessReviewSubmission) -> Outcome<Vec<Duration>> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let message = message.clone();
            let watch = Stopwatch::start();
            self.unary
                .submit_access_review(message)
                .await
                .to("call the call floor")?;
            took.push(watch.elapsed());
        }
        Ok(took)
    }

    /// `count` messages one after the other; how long each was on its way to the one stream.
    pub async fn deliveries(&mut self, count: usize) -> Outcome<Vec<Duration>> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let event = Event {
                r#type: Operation::Put.into(),
                resource: Some(Resource::AccessRequest(self.answer.clone())),
            };
            let watch = Stopwatch::start();
            self.told.send(event).to("send to the stream floor")?;
            let received = self.stream.message().await.to("read the stream floor")?;
            took.push(watch.elapsed());
            received.to("read the stream floor")?;
        }
        Ok(took)
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_floor_really_moves_messages() {
        let mut rpc = Rpc::start(Kept::from(AccessRequestV3::default()))
            .await
            .expect("a server");
        let calls = rpc.calls(2, &AccessReviewSubmission::default()).await;
        assert_eq!(calls.expect("answers").len(), 2);
        assert_eq!(rpc.deliveries(2).await.expect("messages").len(), 2);
    }
}
