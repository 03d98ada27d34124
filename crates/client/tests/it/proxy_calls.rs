//! The proxy's JSON calls over real connections.

use std::time::Duration;

use client::web::{Login, WebClient, WebError};
use transport::Address;
use transport::dial::Trust;

use crate::world::World;

async fn client() -> (World, crate::world::Running, WebClient) {
    let world = World::new();
    let running = world.run().await;
    let trust = Trust::Authorities(vec![world.public.certificate.clone()]);
    let client = WebClient::new(running.proxy.clone(), &trust, &world.clock()).expect("a client");
    (world, running, client)
}

#[tokio::test]
async fn a_login_in_two_halves() {
    let (_world, _running, client) = client().await;
    assert_eq!(client.ping().await.expect("answered").cluster_name, "example.com");
    let wrong = client
        .login_begin("bob", &"guess".to_owned().into())
        .await
        .expect_err("refused");
    assert_eq!(wrong.to_string(), "invalid credentials");
    assert_eq!(wrong.status().map(|s| s.as_u16()), Some(403));
    let password = "correct horse".to_owned().into();
    assert!(
        client
            .login_begin("bob", &password)
            .await
            .expect("asked")
            .totp_challenge
    );
    let (wrong_code, code) = ("000000".to_owned().into(), "123456".to_owned().into());
    let login = |code| Login {
        user: "bob",
        password: &password,
        code: Some(code),
        ssh_public_key: "ssh-ed25519 AAAA\n",
        tls_public_key: "PEM",
        ttl: Duration::from_secs(43_200),
    };
    let wrong = client
        .login_finish(&login(&wrong_code))
        .await
        .expect_err("refused");
    assert_eq!(wrong.to_string(), "invalid username, password or second factor");
    let answer = client.login_finish(&login(&code)).await.expect("signed in");
    assert_eq!(answer.username, "bob");
    assert_eq!(answer.ssh_certificate, "ssh-ed25519 AAAA\n");
    assert_eq!(answer.host_signers[0].cluster, "example.com");
}

#[tokio::test]
async fn an_invitation_is_accepted() {
    let (_world, _running, client) = client().await;
    let token = "good".to_owned().into();
    assert_eq!(client.invite(&token).await.expect("known").user, "bob");
    assert_eq!(
        client.invite_totp(&token).await.expect("asked").uri.as_deref(),
        Some("otpauth://totp/x")
    );
    let (password, code) = ("correct horse".to_owned().into(), "123456".to_owned().into());
    client
        .accept_invite(&token, &password, &code, "otp-device")
        .await
        .expect("accepted");
    let bad = "../good".to_owned().into();
    let error = client.invite(&bad).await.expect_err("refused").to_string();
    assert_eq!(error, "bad or expired token");
}

#[tokio::test]
async fn what_answers_must_be_a_proxy() {
    let (world, running, _client) = client().await;
    // The Auth Service speaks TLS, and is no proxy: its certificate is for other names.
    let trust = Trust::Authorities(vec![world.host.certificate.clone()]);
    let client = WebClient::new(running.auth.clone(), &trust, &world.clock()).expect("a client");
    let error = client.find().await.expect_err("no proxy");
    assert!(error.is_untrusted(), "{error}");
    let client = WebClient::new(running.auth.clone(), &Trust::Anyone, &world.clock()).expect("a client");
    let error = client.find().await.expect_err("no proxy");
    assert!(
        matches!(error, WebError::NoProxy { .. } | WebError::Broken { .. }),
        "{error}"
    );
    assert!(error.hint().is_some());

    let untrusting = Trust::Authorities(vec![world.host.certificate.clone()]);
    let client = WebClient::new(running.proxy.clone(), &untrusting, &world.clock()).expect("a client");
    let error = client.find().await.expect_err("untrusted");
    assert!(error.is_untrusted() && error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn the_port_may_be_guessed() {
    let (world, running, _client) = client().await;
    let trust = Trust::Authorities(vec![world.public.certificate.clone()]);
    let closed = {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        Address::from(socket.local_addr().expect("an address"))
    };
    let addresses = [closed.clone(), running.proxy.clone()];
    let (found, ping) = WebClient::find_among(&addresses, &trust, &world.clock())
        .await
        .expect("found");
    assert_eq!(found.address(), &running.proxy);
    assert_eq!(ping.cluster_name, "example.com");
    let error = WebClient::find_among(&[closed], &trust, &world.clock())
        .await
        .expect_err("nobody");
    assert!(error.to_string().contains("connection refused"), "{error}");
}
