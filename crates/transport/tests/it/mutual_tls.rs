//! Who is let in, on whose word, and what happens when the words change.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::io::AsyncReadExt as _;
use transport::dial::{ClientTls, alert_in};
use transport::tls::{ClientAuthorities, Credentials, TlsError};
use transport::{Address, names};

use crate::authority::{Authority, Leaf, noon};
use crate::world::{World, echo_endpoint, line, listen};

const PATIENCE: Duration = Duration::from_secs(20);

/// Dials and says what happens: the greeting of the server, or why there is none.
async fn outcome(client: &ClientTls, address: &Address, name: &str) -> String {
    match client.dial(address, name, PATIENCE).await {
        Err(error) => error.to_string(),
        Ok(mut stream) => match line(&mut stream).await {
            Ok(line) => line,
            Err(error) => match alert_in(&error) {
                Some(alert) => format!("refused: {alert}"),
                None => format!("broken: {error}"),
            },
        },
    }
}

#[tokio::test]
async fn a_certificate_counts_if_one_of_our_authorities_signed_it() {
    let world = World::new();
    let (endpoint, mut peers) = echo_endpoint(&world.auth_tls(), "auth");
    let (address, _drain) = listen(endpoint).await;
    let name = names::CLUSTER_DOMAIN;
    let h2: &[&[u8]] = &[names::H2];

    let bob = world.bob();
    assert_eq!(
        outcome(&world.client(Some(&bob), h2), &address, name).await,
        "auth for a user"
    );
    let peer = peers.recv().await.expect("seen");
    assert_eq!(peer.certificate(), Some(bob.certificate()));
    assert_eq!(peer.protocol(), Some(names::H2));
    assert_eq!(peer.server_name(), Some(name));
    assert!(peer.address().ip().is_loopback());

    let service = world
        .host
        .issue(&Leaf {
            subject: "proxy",
            ..Leaf::default()
        })
        .credentials();
    assert_eq!(
        outcome(&world.client(Some(&service), h2), &address, name).await,
        "auth for a host"
    );
    assert_eq!(
        outcome(&world.client(None, h2), &address, name).await,
        "auth for a stranger"
    );

    let foreign = Authority::new("elsewhere").issue(&Leaf::default()).credentials();
    assert_eq!(
        outcome(&world.client(Some(&foreign), h2), &address, name).await,
        "refused: it does not know the authority that signed our certificate"
    );
    let namesake = Authority::new("example.com user")
        .issue(&Leaf::default())
        .credentials();
    let refused = outcome(&world.client(Some(&namesake), h2), &address, name).await;
    assert!(refused.starts_with("refused: "), "{refused}");
    let past = noon() - SignedDuration::from_secs(1);
    let expired = world
        .user
        .issue(&Leaf {
            not_after: past,
            ..Leaf::default()
        })
        .credentials();
    assert_eq!(
        outcome(&world.client(Some(&expired), h2), &address, name).await,
        "refused: our certificate has expired"
    );
    let chain = world
        .user
        .issue(&Leaf::default())
        .credentials_with(&world.user.certificate);
    assert_eq!(
        outcome(&world.client(Some(&chain), h2), &address, name).await,
        "refused: it does not accept our certificate"
    );
    let through_a_middle = {
        let middle = world.user.issue(&Leaf {
            is_authority: true,
            ..Leaf::default()
        });
        world
            .user
            .issue(&Leaf::default())
            .credentials_with(&middle.certificate)
    };
    assert_eq!(
        outcome(&world.client(Some(&through_a_middle), h2), &address, name).await,
        "refused: it does not accept our certificate"
    );
}

#[tokio::test]
async fn the_name_asked_for_must_be_of_this_cluster() {
    let world = World::new();
    let (endpoint, _peers) = echo_endpoint(&world.auth_tls(), "auth");
    let (address, _drain) = listen(endpoint).await;
    let client = world.client(None, &[names::H2]);
    let own = names::encoded_cluster("example.com");
    assert_eq!(outcome(&client, &address, &own).await, "auth for a stranger");
    for foreign in [
        names::encoded_cluster("other"),
        "zz.teleport.cluster.local".to_owned(),
    ] {
        let refused = outcome(&client, &address, &foreign).await;
        assert!(refused.contains("the server refused the connection"), "{refused}");
    }
}

#[tokio::test]
async fn time_is_the_clocks_not_the_machines() {
    let world = World::new();
    let (endpoint, _peers) = echo_endpoint(&world.auth_tls(), "auth");
    let (address, _drain) = listen(endpoint).await;
    let bob = world.bob();
    // A client whose clock stands still judges the server; the server's clock judges Bob.
    let elsewhere = World {
        clock: std::sync::Arc::new(access::ambient::ManualClock::new(noon())),
        ..World::new()
    };
    let client =
        ClientTls::new(&world.trust(), Some(&bob), &[names::H2], &elsewhere.clock()).expect("a client");
    let name = names::CLUSTER_DOMAIN;
    assert_eq!(outcome(&client, &address, name).await, "auth for a user");
    world
        .clock
        .advance(SignedDuration::from_hours(12) + SignedDuration::from_secs(1));
    assert_eq!(
        outcome(&client, &address, name).await,
        "refused: our certificate has expired"
    );
}

#[tokio::test]
async fn authorities_are_exchanged_without_a_restart() {
    let world = World::new();
    let tls = world.auth_tls();
    let (endpoint, _peers) = echo_endpoint(&tls, "auth");
    let (address, _drain) = listen(endpoint).await;
    let name = names::CLUSTER_DOMAIN;
    let client = world.client(Some(&world.bob()), &[names::H2]);
    let mut open = client.dial(&address, name, PATIENCE).await.expect("let in");
    assert_eq!(line(&mut open).await.expect("a line"), "auth for a user");

    let next = Authority::new("example.com user 2");
    let host = vec![world.host.certificate.clone()];
    let both = vec![world.user.certificate.clone(), next.certificate.clone()];
    tls.replace_client_authorities(ClientAuthorities {
        user: both,
        host: host.clone(),
    })
    .expect("both");
    let renewed = next.issue(&Leaf::default()).credentials();
    let with_new = world.client(Some(&renewed), &[names::H2]);
    assert_eq!(outcome(&client, &address, name).await, "auth for a user");
    assert_eq!(outcome(&with_new, &address, name).await, "auth for a user");

    let only = ClientAuthorities {
        user: vec![next.certificate.clone()],
        host,
    };
    tls.replace_client_authorities(only).expect("only the new");
    assert_eq!(
        outcome(&client, &address, name).await,
        "refused: it does not know the authority that signed our certificate"
    );
    assert_eq!(outcome(&with_new, &address, name).await, "auth for a user");

    // What was open stays open.
    tokio::io::AsyncWriteExt::write_all(&mut open, b"still here\n")
        .await
        .expect("open");
    assert_eq!(line(&mut open).await.expect("a line"), "still here");
}

#[tokio::test]
async fn certificates_are_exchanged_without_a_restart() {
    let world = World::new();
    let tls = world.auth_tls();
    let (endpoint, _peers) = echo_endpoint(&tls, "auth");
    let (address, _drain) = listen(endpoint).await;
    let client = world.client(None, &[names::H2]);
    let refused = outcome(&client, &address, "auth.example.com").await;
    assert!(refused.contains("not for `auth.example.com`"), "{refused}");

    let dns = &["auth.example.com", "teleport.cluster.local"];
    let renewed = world
        .host
        .issue(&Leaf {
            dns,
            ..Leaf::default()
        })
        .credentials();
    tls.replace_certificates(vec![renewed]).expect("a certificate");
    assert_eq!(
        outcome(&client, &address, "auth.example.com").await,
        "auth for a stranger"
    );

    assert!(matches!(
        tls.replace_certificates(Vec::new()),
        Err(TlsError::NoCertificate)
    ));
    assert_eq!(
        outcome(&client, &address, "auth.example.com").await,
        "auth for a stranger"
    );
}

#[tokio::test]
async fn the_certificate_is_chosen_by_name() {
    let world = World::new();
    let tls = world.auth_tls();
    let one = world
        .host
        .issue(&Leaf {
            dns: &["one.example.com"],
            ..Leaf::default()
        })
        .credentials();
    let all = world.host.issue(&Leaf {
        dns: &["*.example.org"],
        ip: &[[127, 0, 0, 1]],
        ..Leaf::default()
    });
    tls.replace_certificates(vec![one, all.credentials()])
        .expect("two");
    let (endpoint, _peers) = echo_endpoint(&tls, "auth");
    let (address, _drain) = listen(endpoint).await;
    let client = world.client(None, &[]);
    for name in ["one.example.com", "x.example.org"] {
        assert_eq!(
            outcome(&client, &address, name).await,
            "auth for a stranger",
            "{name}"
        );
    }
    let refused = outcome(&client, &address, "127.0.0.1").await;
    assert!(
        refused.contains("is valid for `one.example.com`, not for `127.0.0.1`"),
        "{refused}"
    );
}

#[test]
fn a_key_of_another_pair_is_found_at_once() {
    let world = World::new();
    let (one, two) = (
        world.user.issue(&Leaf::default()),
        world.user.issue(&Leaf::default()),
    );
    let mixed = Credentials::new(vec![one.certificate.clone()], two.key());
    assert!(matches!(mixed, Err(TlsError::KeyMismatch)), "{mixed:?}");
    assert!(matches!(
        Credentials::new(Vec::new(), two.key()),
        Err(TlsError::NoCertificate)
    ));
}

/// A resumed session would skip the check of the certificate: none may ever be resumed.
#[tokio::test]
async fn sessions_are_not_resumed_where_certificates_count() {
    use std::sync::Arc;

    use rustls::client::Resumption;

    let world = World::new();
    let (endpoint, _peers) = echo_endpoint(&world.auth_tls(), "auth");
    let (address, _drain) = listen(endpoint).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(world.host.certificate.clone()).expect("a root");
    let bob = world.user.issue(&Leaf::default());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut config = rustls::ClientConfig::builder_with_details(
            Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            Arc::new(FixedTime),
        )
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(vec![bob.certificate.clone()], bob.key())
        .expect("a pair");
        config.resumption = Resumption::in_memory_sessions(16);
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        for _ in 0..3 {
            let socket = tokio::net::TcpStream::connect((address.host(), address.port()))
                .await
                .expect("open");
            let name = "teleport.cluster.local".try_into().expect("a name");
            let mut stream = connector.connect(name, socket).await.expect("let in");
            assert_eq!(line(&mut stream).await.expect("a line"), "auth for a user");
            let kind = stream.get_ref().1.handshake_kind();
            assert_eq!(kind, Some(rustls::HandshakeKind::Full), "{version:?}");
            tokio::io::AsyncWriteExt::shutdown(&mut stream)
                .await
                .expect("open");
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
}

#[derive(Debug)]
struct FixedTime;

impl rustls::time_provider::TimeProvider for FixedTime {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let seconds = u64::try_from(noon().as_second()).ok()?;
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(
            seconds,
        )))
    }
}

#[tokio::test(start_paused = true)]
async fn certificate_files_are_followed() {
    use std::fs;
    let world = World::new();
    let tls = world.auth_tls();
    let directory = tempfile::tempdir().expect("a directory");
    let (chain, key) = (directory.path().join("tls.crt"), directory.path().join("tls.key"));
    let shown = |tls: &transport::tls::ServerTls| tls.settings().certificates[0].certificate().clone();
    let before = shown(&tls);
    let following =
        std::sync::Arc::clone(&tls).follow_files(vec![(chain.clone(), key.clone())], Duration::from_secs(10));
    let playing = async {
        // Nothing there, then half of it, then all.
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert_eq!(shown(&tls), before);
        let next = world.host.issue(&Leaf::default());
        fs::write(&chain, next.certificate_pem()).expect("written");
        fs::write(&key, &next.key_pem()[..60]).expect("written");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(shown(&tls), before);
        fs::write(&key, next.key_pem()).expect("written");
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if shown(&tls) == next.certificate {
                return;
            }
        }
        panic!("the new certificate is not shown");
    };
    tokio::select! {
        () = following => {}
        () = playing => {}
    }
}
