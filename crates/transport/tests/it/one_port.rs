//! One port for everything, seen by our own clients, by openssl and by those who are lost.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use transport::dial::{ClientTls, Trust};
use transport::drain::Drained;
use transport::endpoint::{Refuse, TlsEndpoint};
use transport::limits::Limits;
use transport::proxy_header::TrustedPeers;
use transport::router::{PortRouter, Routes};
use transport::target::{Connection, Splice, Target, dial_in_memory};
use transport::tls::{ServerSettings, ServerTls};
use transport::{Address, Drain, Peer, names};

use crate::authority::{Authority, Leaf};
use crate::world::{CLUSTER, World, echo_endpoint, line, listen, listen_with};

const PATIENCE: Duration = Duration::from_secs(20);

struct Port {
    world: World,
    router: Arc<dyn Target>,
    auth_peers: tokio::sync::mpsc::UnboundedReceiver<Peer>,
    web_authority: Authority,
}

fn port() -> Port {
    let world = World::new();
    let (auth, auth_peers) = echo_endpoint(&world.auth_tls(), "auth");
    port_with(world, auth, auth_peers)
}

fn port_with(
    world: World,
    auth: Arc<dyn Target>,
    auth_peers: tokio::sync::mpsc::UnboundedReceiver<Peer>,
) -> Port {
    let web_authority = Authority::new("public authority");
    let dns = &["localhost", "proxy.example.com"];
    let web_certificate = web_authority.issue(&Leaf {
        dns,
        ip: &[[127, 0, 0, 1]],
        ..Leaf::default()
    });
    let settings = |protocols: Vec<Vec<u8>>| ServerSettings {
        certificates: vec![web_certificate.credentials()],
        client_authorities: None,
        protocols,
        cluster: None,
    };
    let web_tls = ServerTls::new(
        settings(vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()]),
        world.clock(),
    )
    .expect("web");
    let other = names::KNOWN_PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    let other_tls = ServerTls::new(settings(other), world.clock()).expect("others");
    let (web, _) = echo_endpoint(&web_tls, "web");
    let router = PortRouter::new(Routes {
        cluster: CLUSTER.to_owned(),
        auth,
        web,
        protocols: BTreeMap::new(),
        other_protocols: Arc::new(TlsEndpoint::new(other_tls, Refuse)),
    });
    Port {
        world,
        router: Arc::new(router),
        auth_peers,
        web_authority,
    }
}

impl Port {
    fn web_client(&self, protocols: &[&[u8]]) -> ClientTls {
        let trust = Trust::Authorities(vec![self.web_authority.certificate.clone()]);
        ClientTls::new(&trust, None, protocols, &self.world.clock()).expect("a client")
    }
}

#[tokio::test]
async fn every_client_reaches_its_service() {
    let mut port = port();
    let (address, _drain) = listen(Arc::clone(&port.router)).await;
    let hex = names::encoded_cluster(CLUSTER);
    let routed = names::auth_protocol(CLUSTER);

    for (name, protocols) in [
        (hex.as_str(), vec![routed.as_bytes(), names::H2]),
        (hex.as_str(), vec![names::H2]),
        (names::CLUSTER_DOMAIN, vec![names::H2]),
    ] {
        let client = port.world.client(Some(&port.world.bob()), &protocols);
        let mut stream = client.dial(&address, name, PATIENCE).await.expect("reached");
        assert_eq!(
            line(&mut stream).await.expect("a line"),
            "auth for a user",
            "{name}"
        );
        let peer = port.auth_peers.recv().await.expect("seen");
        assert_eq!(peer.protocol(), Some(names::H2));
        assert!(peer.address().ip().is_loopback());
    }

    for protocols in [vec![], vec![names::H2, names::HTTP_1_1], vec![names::HTTP_1_1]] {
        let client = port.web_client(&protocols);
        for name in ["localhost", "127.0.0.1"] {
            let mut stream = client.dial(&address, name, PATIENCE).await.expect("reached");
            assert_eq!(line(&mut stream).await.expect("a line"), "web for a stranger");
        }
    }
}

#[tokio::test]
async fn known_protocols_without_a_home_are_closed_after_the_handshake() {
    let port = port();
    let (address, _drain) = listen(Arc::clone(&port.router)).await;
    // The first is how tsh asks whether it needs a connection upgrade: the handshake must succeed.
    for protocols in [
        vec![names::REVERSE_TUNNEL],
        vec![names::REVERSE_TUNNEL_V2, names::REVERSE_TUNNEL],
    ] {
        let client = port.web_client(&protocols);
        let mut stream = client
            .dial(&address, "localhost", PATIENCE)
            .await
            .expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(names::REVERSE_TUNNEL));
        assert_eq!(stream.read(&mut [0; 1]).await.expect("a clean end"), 0);
    }
    let client = port.web_client(&[b"teleport-postgres"]);
    let error = client
        .dial(&address, "localhost", PATIENCE)
        .await
        .expect_err("no home")
        .to_string();
    assert!(
        error.ends_with("it speaks none of the protocols asked for"),
        "{error}"
    );
    let client = port.web_client(&[b"imap"]);
    let error = client
        .dial(&address, "localhost", PATIENCE)
        .await
        .expect_err("no home")
        .to_string();
    assert!(
        error.ends_with("it speaks none of the protocols asked for"),
        "{error}"
    );
}

#[tokio::test]
async fn other_clusters_are_not_here() {
    let port = port();
    let (address, _drain) = listen(Arc::clone(&port.router)).await;
    let routed = names::auth_protocol("other");
    let client = port.world.client(None, &[routed.as_bytes(), names::H2]);
    let name = names::encoded_cluster("other");
    let error = client.dial(&address, &name, PATIENCE).await.expect_err("refused");
    assert!(
        error
            .to_string()
            .ends_with("it does not serve the name asked for"),
        "{error}"
    );
}

async fn answer_to(address: &Address, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect((address.host(), address.port()))
        .await
        .expect("open");
    socket.write_all(bytes).await.expect("room");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer))
        .await
        .expect("closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn those_who_speak_no_tls_are_sent_away_at_once() {
    let port = port();
    let (address, _drain) = listen(Arc::clone(&port.router)).await;
    let answer = answer_to(&address, b"GET /web HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 400 Bad Request\r\n"), "{answer}");
    assert!(
        answer.ends_with("This port speaks HTTPS: use an https address\n"),
        "{answer}"
    );
    assert_eq!(answer_to(&address, b"SSH-2.0-Go\r\n").await, "");
    assert_eq!(answer_to(&address, b"\0\0\0\0\0\0\0\0").await, "");
    assert_eq!(
        answer_to(&address, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n").await,
        ""
    );
}

/// Runs `openssl s_client` and gives back what it prints.
async fn s_client(address: &Address, arguments: &[&str]) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-no_ign_eof"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl is installed");
    drop(child.stdin.take());
    let output = child.wait_with_output().await.expect("it ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn openssl_sees_what_each_road_shows() {
    let port = port();
    let (address, _drain) = listen(Arc::clone(&port.router)).await;
    let hex = names::encoded_cluster(CLUSTER);
    let routed = format!("{},h2", names::auth_protocol(CLUSTER));

    let auth = s_client(&address, &["-servername", &hex, "-alpn", &routed]).await;
    assert!(auth.contains("ALPN protocol: h2"), "{auth}");
    assert!(auth.contains("issuer=CN = example.com host"), "{auth}");
    assert!(
        auth.contains("CN = example.com user"),
        "the authorities asked for: {auth}"
    );

    let web = s_client(&address, &["-servername", "localhost", "-alpn", "h2,http/1.1"]).await;
    assert!(web.contains("ALPN protocol: h2"), "{web}");
    assert!(web.contains("issuer=CN = public authority"), "{web}");
    assert!(web.contains("No client certificate CA names sent"), "{web}");

    let plain = s_client(&address, &["-servername", "localhost", "-alpn", "http/1.1"]).await;
    assert!(plain.contains("ALPN protocol: http/1.1"), "{plain}");
    let none = s_client(&address, &["-noservername"]).await;
    assert!(none.contains("No ALPN negotiated"), "{none}");
    let probe = s_client(
        &address,
        &["-servername", "localhost", "-alpn", "teleport-reversetunnel"],
    )
    .await;
    assert!(probe.contains("ALPN protocol: teleport-reversetunnel"), "{probe}");

    let old = s_client(
        &address,
        &[
            "-servername",
            "localhost",
            "-tls1_1",
            "-cipher",
            "ALL:@SECLEVEL=0",
        ],
    )
    .await;
    assert!(
        old.contains("SSL alert number") && old.contains("Cipher is (NONE)"),
        "{old}"
    );
    let foreign = format!("{},h2", names::auth_protocol("other"));
    let refused = s_client(&address, &["-alpn", &foreign]).await;
    assert!(refused.contains("unrecognized name"), "{refused}");
}

#[tokio::test]
async fn the_auth_service_may_be_elsewhere_and_still_sees_the_client() {
    let world = World::new();
    let (auth, auth_peers) = echo_endpoint(&world.auth_tls(), "auth");
    let trusted = TrustedPeers::parse(&["127.0.0.0/8"]).expect("a network");
    let (auth_address, _auth_drain) =
        listen_with(auth, Limits::default(), |listener| listener.trusting(trusted)).await;
    let splice = Arc::new(Splice::new(auth_address).announcing_peer());
    let mut port = port_with(world, splice, auth_peers);
    let (address, _drain) = listen(Arc::clone(&port.router)).await;

    let hex = names::encoded_cluster(CLUSTER);
    let client = port.world.client(Some(&port.world.bob()), &[names::H2]);
    let mut stream = client.dial(&address, &hex, PATIENCE).await.expect("reached");
    assert_eq!(line(&mut stream).await.expect("a line"), "auth for a user");
    stream.write_all(b"there and back\n").await.expect("open");
    assert_eq!(line(&mut stream).await.expect("a line"), "there and back");
    let ours = stream.get_ref().0.local_addr().expect("an address");
    assert_eq!(port.auth_peers.recv().await.expect("seen").address(), ours);
}

#[tokio::test]
async fn a_proxy_header_counts_from_listed_peers_only() {
    let world = World::new();
    let (auth, mut peers) = echo_endpoint(&world.auth_tls(), "auth");
    let client = world.client(None, &[names::H2]);
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
    let trusted = TrustedPeers::parse(&["127.0.0.1"]).expect("an address");
    let (listed, _one) = listen_with(Arc::clone(&auth), Limits::default(), |listener| {
        listener.trusting(trusted)
    })
    .await;
    let (unlisted, _two) = listen(auth).await;

    let mut socket = TcpStream::connect((listed.host(), listed.port()))
        .await
        .expect("open");
    socket.write_all(header).await.expect("room");
    let mut stream = client
        .handshake(socket, names::CLUSTER_DOMAIN)
        .await
        .expect("let in");
    assert_eq!(line(&mut stream).await.expect("a line"), "auth for a stranger");
    assert_eq!(
        peers.recv().await.expect("seen").address().to_string(),
        "192.0.2.7:4711"
    );

    let mut stream = client
        .dial(&listed, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect("let in without");
    assert_eq!(line(&mut stream).await.expect("a line"), "auth for a stranger");

    let mut socket = TcpStream::connect((unlisted.host(), unlisted.port()))
        .await
        .expect("open");
    socket.write_all(header).await.expect("room");
    let refused = client.handshake(socket, names::CLUSTER_DOMAIN).await;
    assert!(refused.is_err(), "a header from a stranger");
}

#[tokio::test]
async fn a_link_in_memory_is_a_connection_like_any_other() {
    let port = port();
    let drain = Drain::new();
    let pipe = dial_in_memory(&port.router, "127.0.0.1:0".parse().expect("an address"), &drain);
    let routed = names::auth_protocol(CLUSTER);
    let client = port
        .world
        .client(Some(&port.world.bob()), &[routed.as_bytes(), names::H2]);
    let name = names::encoded_cluster(CLUSTER);
    let mut stream = client.handshake(pipe, &name).await.expect("let in");
    assert_eq!(line(&mut stream).await.expect("a line"), "auth for a user");
    assert_eq!(drain.open(), 1);
    drop(stream);
    assert_eq!(drain.finish(PATIENCE).await, Drained::Quietly);
}

#[tokio::test]
async fn one_address_cannot_fill_the_house() {
    let world = World::new();
    let (auth, _peers) = echo_endpoint(&world.auth_tls(), "auth");
    let limits = Limits {
        connections_per_peer_max: 2,
        ..Limits::default()
    };
    let (address, _drain) = listen_with(auth, limits, |listener| listener).await;
    let client = world.client(None, &[names::H2]);
    let name = names::CLUSTER_DOMAIN;
    let mut one = client.dial(&address, name, PATIENCE).await.expect("the first");
    let mut two = client.dial(&address, name, PATIENCE).await.expect("the second");
    line(&mut one).await.expect("served");
    line(&mut two).await.expect("served");
    assert!(client.dial(&address, name, PATIENCE).await.is_err(), "a third");
    one.shutdown().await.expect("open");
    one.read_to_end(&mut Vec::new()).await.expect("a clean end");
    drop(one);
    // The place comes back when the server has noticed.
    let mut again = None;
    for _ in 0..1_000 {
        if let Ok(stream) = client.dial(&address, name, PATIENCE).await {
            again = Some(stream);
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(again.is_some(), "the place came back");
}

/// Time that stands still but for timers: whoever says nothing is cut when the time has come.
#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_cut() {
    let port = port();
    let address = "192.0.2.1:1".parse().expect("an address");
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"] {
        let (mut ours, theirs) = tokio::io::duplex(1024);
        ours.write_all(begun).await.expect("room");
        let connection = Connection::internal(Box::new(theirs), address, Drain::new());
        port.router.take(connection).await;
        assert_eq!(ours.read(&mut [0; 16]).await.expect("closed"), 0);
    }
    let (auth, _peers) = echo_endpoint(&port.world.auth_tls(), "auth");
    let (_ours, theirs) = tokio::io::duplex(1024);
    auth.take(Connection::internal(Box::new(theirs), address, Drain::new()))
        .await;
}
