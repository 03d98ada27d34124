//! The passage by which `tsh` reaches the Auth Service: a pipe for those of the cluster, and nothing more.

use std::time::Duration;

use client::Identity;
use futures::{StreamExt as _, stream};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use transport::dial::{ClientTls, Trust};
use transport::names;
use wire::pb::proto::auth_service_client::AuthServiceClient;
use wire::pb::teleport::transport::v1 as pb;
use wire::pb::teleport::transport::v1::transport_service_client::TransportServiceClient;

use crate::Story;
use crate::world::CLUSTER;

/// TLS as `tsh` speaks it: with the cluster's authorities, and with a certificate if there is one.
fn tls(story: &Story, identity: &Identity, shown: bool, protocols: &[&[u8]]) -> ClientTls {
    let trust = Trust::Authorities(identity.authorities().to_vec());
    let credentials = shown.then(|| identity.credentials());
    ClientTls::new(&trust, credentials, protocols, &story.world.clock).expect("settings")
}

/// A gRPC connection over one stream that is already there.
async fn over<S>(io: S) -> Channel
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let once = std::sync::Mutex::new(Some(io));
    let connector = tower::service_fn(move |_: Uri| {
        let io = once.lock().expect("not poisoned").take();
        async move {
            io.map(TokioIo::new)
                .ok_or_else(|| std::io::Error::other("used up"))
        }
    });
    Endpoint::from_static("https://teleport.cluster.local")
        .connect_with_connector(connector)
        .await
        .expect("HTTP/2")
}

async fn passage(story: &Story, identity: &Identity, shown: bool) -> TransportServiceClient<Channel> {
    let stream = tls(story, identity, shown, &[names::PROXY_SSH_GRPC, names::H2])
        .dial(
            &story.address,
            &names::encoded_cluster(CLUSTER),
            Duration::from_secs(30),
        )
        .await
        .expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(names::PROXY_SSH_GRPC));
    TransportServiceClient::new(over(stream).await)
}

/// The pipe to a cluster, as bytes.
async fn pipe(passage: &mut TransportServiceClient<Channel>, cluster: &str) -> Result<DuplexStream, Status> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (mut reading, mut writing) = tokio::io::split(theirs);
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let first = pb::ProxyClusterRequest {
        cluster: cluster.to_owned(),
        frame: None,
    };
    sender.send(first).await.expect("room");
    let mut answers = passage
        .proxy_cluster(ReceiverStream::new(receiver))
        .await?
        .into_inner();
    tokio::spawn(async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = reading.read(&mut buffer).await {
            let frame = pb::Frame {
                payload: buffer[..read].to_vec().into(),
            };
            let message = pb::ProxyClusterRequest {
                cluster: String::new(),
                frame: Some(frame),
            };
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(Ok(answer)) = answers.next().await {
            let payload = answer.frame.map(|frame| frame.payload).unwrap_or_default();
            if writing.write_all(&payload).await.is_err() {
                return;
            }
        }
    });
    Ok(ours)
}

#[tokio::test]
async fn who_is_of_the_cluster_reaches_its_auth_service_as_themselves() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let identity = story.as_user(&bob.name).await.identity().current();
    let mut passage = passage(&story, &identity, true).await;
    let details = passage
        .get_cluster_details(pb::GetClusterDetailsRequest {})
        .await
        .expect("answered")
        .into_inner();
    assert_eq!(details.details, Some(pb::ClusterDetails { fips_enabled: false }));

    // Two pipes at once, as one command opens them.
    for _ in 0..2 {
        let pipe = pipe(&mut passage, CLUSTER).await.expect("a pipe");
        let inside = tls(&story, &identity, true, &[names::H2])
            .handshake(pipe, &names::encoded_cluster(CLUSTER))
            .await
            .expect("a handshake with the Auth Service");
        let user = AuthServiceClient::new(over(inside).await)
            .get_current_user(())
            .await
            .expect("answered")
            .into_inner();
        assert_eq!(
            user.metadata.as_ref().map(|metadata| metadata.name.as_str()),
            Some("bob@example.com")
        );
    }
}

#[tokio::test]
async fn the_pipe_lends_nobody_an_identity() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let identity = story.as_user(&bob.name).await.identity().current();
    let mut passage = passage(&story, &identity, true).await;
    let pipe = pipe(&mut passage, CLUSTER).await.expect("a pipe");
    // Bob's certificate opened the pipe; inside none is shown.
    let inside = tls(&story, &identity, false, &[names::H2])
        .handshake(pipe, &names::encoded_cluster(CLUSTER))
        .await
        .expect("a handshake");
    let refused = AuthServiceClient::new(over(inside).await)
        .get_current_user(())
        .await;
    assert!(
        matches!(
            refused.map_err(|status| status.code()),
            Err(Code::PermissionDenied | Code::Unauthenticated)
        ),
        "nobody is somebody by the way they came"
    );
}

#[tokio::test]
async fn strangers_get_no_pipe() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let identity = story.as_user(&bob.name).await.identity().current();
    let mut passage = passage(&story, &identity, false).await;
    let details = passage.get_cluster_details(pb::GetClusterDetailsRequest {}).await;
    assert_eq!(details.expect_err("no certificate").code(), Code::Unauthenticated);
    let refused = pipe(&mut passage, CLUSTER).await;
    assert_eq!(refused.expect_err("no certificate").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn what_is_not_here_is_refused_at_once() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let identity = story.as_user(&bob.name).await.identity().current();
    let mut passage = passage(&story, &identity, true).await;
    let other = pipe(&mut passage, "other.example.com")
        .await
        .expect_err("not here");
    assert_eq!(other.code(), Code::NotFound);
    assert!(other.message().contains("other.example.com"), "{other}");
    let nothing = passage.proxy_cluster(stream::empty()).await;
    assert_eq!(
        nothing.expect_err("no cluster named").code(),
        Code::InvalidArgument
    );
    let node = passage.proxy_ssh(stream::pending()).await;
    assert_eq!(node.expect_err("no nodes").code(), Code::Unimplemented);
    let desktop = passage.proxy_windows_desktop_session(stream::pending()).await;
    assert_eq!(desktop.expect_err("no desktops").code(), Code::Unimplemented);
}
