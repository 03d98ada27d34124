//! Every road to the Auth Service, and what somebody reads at the end of a wrong one.

use std::sync::Arc;

use client::cluster::connection_failure;
use client::{Cluster, ConnectError, Destination};
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tonic::Code;
use transport::tls::ClientAuthorities;
use transport::{Address, Authority as Kind, Drain};
use wire::pb::proto::PingRequest;

use crate::authority::{Authority, Leaf};
use crate::world::{World, listen_at};

async fn ping(cluster: &Cluster) -> Result<(), tonic::Status> {
    cluster.auth().ping(PingRequest {}).await.map(|_| ())
}

/// The whole error with its hint, ports and fingerprints blanked out.
fn told(error: &ConnectError, addresses: &[&Address]) -> String {
    let mut text = error.to_string();
    if let Some(hint) = error.hint() {
        text.push_str("\nhint: ");
        text.push_str(&hint);
    }
    for address in addresses {
        text = text.replace(&format!(":{}", address.port()), ":PORT");
        text = text.replace(&format!("port {}", address.port()), "port PORT");
    }
    text
}

#[tokio::test]
async fn straight_and_through_the_proxy_and_in_this_process() {
    let world = World::new();
    let mut running = world.run().await;
    for destination in [
        Destination::Addresses(vec![running.auth.clone()]),
        Destination::Addresses(vec![running.proxy.clone()]),
        Destination::InProcess(Arc::clone(&running.auth_target), Drain::new()),
    ] {
        let connect = world.connect_with(world.identity("bob"), destination);
        let (cluster, pong) = Cluster::connect(connect).await.expect("connected");
        assert_eq!(pong.cluster_name, "example.com");
        let seen = running.calls.recv().await.expect("seen");
        assert_eq!(seen.call, "Ping");
        assert_eq!(
            seen.headers.get("version").map(http::HeaderValue::as_bytes),
            Some(&b"18.0.0"[..])
        );
        let agent = seen
            .headers
            .get("user-agent")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        assert!(agent.starts_with("test/18.0.0 countersign/"), "{agent}");
        assert_eq!(seen.peer.authority(), Some(Kind::User));
        let identity = cluster.identity().current();
        assert_eq!(seen.peer.certificate(), Some(identity.certificate()));
    }
}

#[tokio::test]
async fn of_several_addresses_one_suffices() {
    let world = World::new();
    let running = world.run().await;
    let closed = {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Address::from(socket.local_addr().expect("an address"))
    };
    let addresses = vec![
        closed,
        Address::new("does-not-exist.invalid", 1),
        running.proxy.clone(),
    ];
    let connect = world.connect_with(world.identity("bob"), Destination::Addresses(addresses));
    Cluster::connect(connect).await.map(|_| ()).expect("connected");
}

#[tokio::test]
async fn another_clusters_identity_is_named_so() {
    let world = World::new();
    let running = world.run().await;
    let other = World::named("other.example.org");
    let addresses = [&running.auth, &running.proxy];

    let through = world
        .connect(other.identity("bob"), &running.proxy)
        .await
        .err()
        .expect("foreign");
    assert_eq!(
        told(&through, &addresses),
        "127.0.0.1:PORT is a proxy of the cluster `example.com`, and the identity file `identity` is for the \
         cluster `other.example.org`\nhint: use an identity of `example.com`, or the address of a proxy of the \
         identity's cluster"
    );
    let straight = world
        .connect(other.identity("bob"), &running.auth)
        .await
        .err()
        .expect("foreign");
    let text = told(&straight, &addresses);
    assert!(
        text.starts_with("cannot reach the cluster `other.example.org`: 127.0.0.1:PORT: "),
        "{text}"
    );

    // The same name and other keys: somebody's test cluster, set up anew.
    let namesake = World::new();
    let text = told(
        &world
            .connect(namesake.identity("bob"), &running.auth)
            .await
            .err()
            .expect("foreign"),
        &addresses,
    );
    assert!(
        text.contains("is signed by an unknown authority: `auth`, issued by `example.com host`"),
        "{text}"
    );
    assert!(
        text.contains("hint: the credentials trust `example.com host`"),
        "{text}"
    );

    // The server's side of it: we believe the server, it does not believe us.
    let forged = Authority::new("forger").issue(&Leaf {
        cluster: Some("example.com"),
        ..Leaf::default()
    });
    let identity =
        client::Identity::new(&world.parts(&forged), client::identity::Origin::Process).expect("parts");
    let text = told(
        &world
            .connect(identity, &running.auth)
            .await
            .err()
            .expect("refused"),
        &addresses,
    );
    assert_eq!(
        text,
        "the cluster `example.com` refused the identity of this service: it does not know the authority that \
         signed our certificate\nhint: log in again, or sign a new identity file in this cluster"
    );
}

#[tokio::test]
async fn an_expired_identity_does_not_even_dial() {
    let world = World::new();
    let running = world.run().await;
    let identity = world.identity("bob");
    world.clock.advance(SignedDuration::from_hours(13));
    let error = world
        .connect(identity, &running.auth)
        .await
        .err()
        .expect("expired");
    assert_eq!(
        told(&error, &[]),
        "the identity file `identity` expired at 2025-08-28T00:00:00Z\nhint: write a new one with `tctl auth \
         sign`, with a longer `--ttl` if it must last longer"
    );
}

#[tokio::test]
async fn nobody_there() {
    let world = World::new();
    let closed = {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Address::from(socket.local_addr().expect("an address"))
    };
    let error = world
        .connect(world.identity("bob"), &closed)
        .await
        .err()
        .expect("nobody");
    assert!(error.is_passing());
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(
        told(&error, &[&closed]),
        "cannot reach the cluster `example.com`: cannot connect to 127.0.0.1:PORT: connection refused\n\
         hint: check that the server runs and listens on port PORT, and that no firewall is in between"
    );
    let nowhere = world.connect_with(world.identity("bob"), Destination::Addresses(Vec::new()));
    let error = Cluster::connect(nowhere).await.err().expect("no address");
    assert_eq!(
        error.to_string(),
        "no address of the cluster `example.com` is known"
    );
}

#[tokio::test]
async fn a_web_server_that_passes_nothing_on_is_recognised() {
    let world = World::new();
    let running = world.run().await;
    let web = crate::world::listen(running.web_target.clone(), &running.drain).await;
    let error = world
        .connect(world.identity("bob"), &web)
        .await
        .err()
        .expect("no road");
    assert!(matches!(error, ConnectError::NoRouting { .. }), "{error:?}");
    assert!(
        error
            .attempts()
            .iter()
            .any(|one| one.outcome.contains("unknown authority")),
        "{:?}",
        error.attempts()
    );
}

/// A cluster that was made anew keeps its name and has other keys: the connection is passed on, and not believed.
#[tokio::test]
async fn a_namesake_of_the_cluster_is_not_believed() {
    let world = World::new();
    let running = world.run().await;
    let mut namesake = World::new();
    namesake.host = Authority::new("example.com host, another one");
    let error = world
        .connect(namesake.identity("bob"), &running.proxy)
        .await
        .err()
        .expect("no road");
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("signed by an unknown authority"),
        "{error}"
    );
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("they are for another cluster"), "{hint}");
}

#[tokio::test]
async fn an_exchanged_identity_is_used_for_the_next_call() {
    let world = World::new();
    let mut running = world.run().await;
    let cluster = world
        .connect(world.identity("bob"), &running.auth)
        .await
        .expect("connected");
    let first = running.calls.recv().await.expect("seen").peer;
    let next = world.identity("bob");
    cluster.identity().replace(next.clone());
    ping(&cluster).await.expect("answered");
    let second = running.calls.recv().await.expect("seen").peer;
    assert_ne!(first.certificate(), second.certificate());
    assert_eq!(second.certificate(), Some(next.certificate()));
    ping(&cluster).await.expect("answered");
    let third = running.calls.recv().await.expect("seen").peer;
    assert_eq!(third.address(), second.address(), "the connection is kept");
}

#[tokio::test]
async fn a_lost_connection_comes_back() {
    let world = World::new();
    let running = world.run().await;
    let cluster = world
        .connect(world.identity("bob"), &running.auth)
        .await
        .expect("connected");
    running.drain.finish(std::time::Duration::ZERO).await;
    let failed = loop {
        // The loss may take a moment to be noticed.
        match ping(&cluster).await {
            Ok(()) => tokio::task::yield_now().await,
            Err(status) => break status,
        }
    };
    assert_eq!(failed.code(), Code::Unavailable, "{failed:?}");
    let failed = ping(&cluster).await.expect_err("still nobody");
    let below = connection_failure(&failed).expect("a connection error");
    assert!(matches!(below, ConnectError::Unreachable { .. }), "{below}");
    assert!(
        cluster
            .explain(&failed)
            .to_string()
            .contains("connection refused")
    );

    let again = Drain::new();
    let at = format!("127.0.0.1:{}", running.auth.port())
        .parse()
        .expect("an address");
    listen_at(at, Arc::clone(&running.auth_target), &again).await;
    ping(&cluster).await.expect("back again");
}

#[tokio::test]
async fn authorities_that_no_longer_count_are_noticed_at_the_next_connection() {
    let world = World::new();
    let running = world.run().await;
    let nobody = ClientAuthorities {
        user: vec![Authority::new("new").certificate.clone()],
        host: Vec::new(),
    };
    running
        .auth_tls
        .replace_client_authorities(nobody)
        .expect("authorities");
    let error = world
        .connect(world.identity("bob"), &running.auth)
        .await
        .err()
        .expect("refused");
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
    assert!(!error.is_passing());
}
