//! One port: who gets where by the TLS greeting, and who is refused without waiting.

use std::time::Duration;

use client::identity::IdentityHandle;
use client::{Cluster, Connect, Destination};
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use transport::dial::{ClientTls, Trust};
use transport::names;

use crate::Story;
use crate::browser::Browser;
use crate::world::CLUSTER;

async fn dial(
    story: &Story,
    name: &str,
    protocols: &[&[u8]],
) -> Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>, transport::dial::DialError> {
    ClientTls::new(&story.trust(), None, protocols, &story.world.clock)
        .expect("settings")
        .dial(&story.address, name, Duration::from_secs(30))
        .await
}

#[tokio::test]
async fn the_auth_service_is_reached_through_the_proxys_address() {
    let story = Story::begin().await;
    let bob = story.person("bob@example.com", &["devops"]).await;
    let identity = story.as_user(&bob.name).await.identity().current();
    let (_, ping) = Cluster::connect(Connect {
        identity: IdentityHandle::new((*identity).clone()),
        destination: Destination::Addresses(vec![story.address.clone()]),
        insecure: false,
        clock: std::sync::Arc::clone(&story.world.clock),
        program: "test",
    })
    .await
    .expect("connected");
    assert_eq!(ping.cluster_name, CLUSTER);
}

#[tokio::test]
async fn clients_that_take_the_port_for_an_auth_service_are_told_403() {
    let story = Story::begin().await;
    let mut browser = Browser::new(&story);
    for kind in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
    ] {
        let answer = browser
            .send(
                Method::POST,
                "/proto.AuthService/Ping",
                &[("content-type", kind)],
                "",
            )
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{kind}");
    }
}

#[tokio::test]
async fn browsers_get_http_2_and_programs_without_a_protocol_http_1() {
    let story = Story::begin().await;
    for (offered, agreed) in [
        (&[names::H2, names::HTTP_1_1][..], Some(names::H2)),
        (&[names::HTTP_1_1, names::H2], Some(names::H2)),
        (&[names::HTTP_1_1], Some(names::HTTP_1_1)),
        (&[], None),
    ] {
        let stream = dial(&story, "localhost", offered).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
    }
    let mut plain = dial(&story, "localhost", &[]).await.expect("a handshake");
    plain
        .write_all(b"GET /webapi/find HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn the_test_for_an_upgrade_finds_that_none_is_needed() {
    let story = Story::begin().await;
    let stream = dial(&story, "localhost", &[names::REVERSE_TUNNEL])
        .await
        .expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(names::REVERSE_TUNNEL));
}

#[tokio::test]
async fn protocols_that_are_not_served_end_at_once() {
    let story = Story::begin().await;
    for (name, offered) in [
        (
            "localhost",
            &[names::REVERSE_TUNNEL_V2, names::REVERSE_TUNNEL][..],
        ),
        ("localhost", &[names::PROXY_SSH]),
        ("localhost", &[names::PROXY_GRPC]),
        ("localhost", &[names::TCP]),
    ] {
        // Certificates of the public port are not for the cluster's name: this client does not ask.
        let tls = ClientTls::new(&Trust::Anyone, None, offered, &story.world.clock).expect("settings");
        let mut stream = tls
            .dial(&story.address, name, Duration::from_secs(30))
            .await
            .expect("a handshake");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "{offered:?}");
    }
    // And one nobody has heard of is refused in the handshake.
    assert!(dial(&story, "localhost", &[b"teleport-nosuch"]).await.is_err());
    // So is another cluster.
    let other = names::auth_protocol("other.example.com");
    assert!(
        dial(
            &story,
            &names::encoded_cluster("other.example.com"),
            &[other.as_bytes(), names::H2]
        )
        .await
        .is_err()
    );
}
