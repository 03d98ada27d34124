//! What somebody reads who cannot get through.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use transport::dial::{ClientTls, DialError, Server, Trust};
use transport::tls::{ServerSettings, ServerTls};
use transport::{Address, names};

use crate::authority::{Authority, Issued, Leaf, noon};
use crate::world::{World, echo_endpoint, line, listen};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server with this certificate.
async fn serving(world: &World, certificate: &Issued) -> Address {
    let settings = ServerSettings {
        certificates: vec![certificate.credentials()],
        client_authorities: None,
        protocols: vec![names::H2.to_vec()],
        cluster: None,
    };
    let tls = ServerTls::new(settings, world.clock()).expect("settings");
    let (target, _peers) = echo_endpoint(&tls, "server");
    listen(target).await.0
}

/// The error and its hint, with the varying parts blanked out.
fn told(error: &DialError, address: &Address, server: Server) -> String {
    let blank = |text: String| {
        text.replace(&format!(":{}", address.port()), ":PORT")
            .replace(&format!("port {}", address.port()), "port PORT")
    };
    let hint = error
        .hint(server)
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default();
    blank(format!("{error}{hint}"))
}

#[tokio::test]
async fn a_wrong_name_says_which_names_there_are_and_what_adds_one() {
    let world = World::new();
    let certificate = world.host.issue(&Leaf {
        dns: &["demo", "*.teleport.cluster.local"],
        ..Leaf::default()
    });
    let address = serving(&world, &certificate).await;
    let client = world.client(None, &[names::H2]);
    let error = client
        .dial(&address, "127.0.0.1", PATIENCE)
        .await
        .expect_err("a wrong name");
    assert_eq!(
        told(&error, &address, Server::Auth),
        "127.0.0.1:PORT: the server's certificate is valid for `demo`, `*.teleport.cluster.local`, not for \
         `127.0.0.1`\nhint: add `127.0.0.1` to `auth_service.public_addr` in the server's configuration, or \
         dial one of the names that the certificate has, such as `demo`"
    );
    let error = client
        .dial(&address, "proxy.example.com", PATIENCE)
        .await
        .expect_err("a wrong name");
    assert!(
        told(&error, &address, Server::Proxy).contains("`proxy_service.public_addr`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_unknown_authority_is_described() {
    let world = World::new();
    let foreign = Authority::new("other cluster");
    let dns = &["teleport.cluster.local"];
    let address = serving(
        &world,
        &foreign.issue(&Leaf {
            subject: "auth",
            dns,
            ..Leaf::default()
        }),
    )
    .await;
    let client = world.client(None, &[names::H2]);
    let error = client
        .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect_err("unknown");
    let text = told(&error, &address, Server::Auth);
    assert!(
        text.starts_with(
            "127.0.0.1:PORT: the server's certificate is signed by an unknown authority: `auth`, issued by \
             `other cluster`, SHA-256 "
        ),
        "{text}"
    );
    assert!(
        text.contains("the credentials trust `example.com host`, self-signed, SHA-256 "),
        "{text}"
    );

    let own = Authority::self_signed(&Leaf {
        subject: "localhost",
        dns: &["localhost"],
        ..Leaf::default()
    });
    let address = serving(&world, &own).await;
    let error = client
        .dial(&address, "localhost", PATIENCE)
        .await
        .expect_err("unknown");
    let text = told(&error, &address, Server::Proxy);
    assert!(text.contains("hint: the certificate is self-signed: "), "{text}");
    assert!(text.contains("`--insecure`"), "{text}");
}

#[tokio::test]
async fn a_self_made_certificate_may_be_trusted_as_it_is() {
    let world = World::new();
    let clock = world.clock();
    for is_authority in [false, true] {
        let leaf = Leaf {
            subject: "localhost",
            dns: &["localhost"],
            is_authority,
            ..Leaf::default()
        };
        let own = Authority::self_signed(&leaf);
        let address = serving(&world, &own).await;
        let trust = Trust::Authorities(vec![own.certificate.clone()]);
        let client = ClientTls::new(&trust, None, &[names::H2], &clock).expect("a client");
        let mut stream = client
            .dial(&address, "localhost", PATIENCE)
            .await
            .expect("trusted");
        assert_eq!(line(&mut stream).await.expect("a line"), "server for a stranger");
        let error = client
            .dial(&address, "elsewhere", PATIENCE)
            .await
            .expect_err("another name");
        assert!(error.to_string().contains("not for `elsewhere`"), "{error}");

        let late = Arc::new(access::ambient::ManualClock::new(
            noon() + SignedDuration::from_hours(13),
        ));
        let late: Arc<dyn access::ambient::Clock> = late;
        let client = ClientTls::new(&trust, None, &[names::H2], &late).expect("a client");
        let error = client
            .dial(&address, "localhost", PATIENCE)
            .await
            .expect_err("expired");
        assert!(
            error.to_string().contains("expired at 2025-08-28T00:00:00Z"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn anyone_is_believed_only_when_asked_for() {
    let world = World::new();
    let own = Authority::self_signed(&Leaf {
        subject: "localhost",
        ..Leaf::default()
    });
    let address = serving(&world, &own).await;
    let client = ClientTls::new(&Trust::Anyone, None, &[names::H2], &world.clock()).expect("a client");
    let mut stream = client
        .dial(&address, "whatever.example.com", PATIENCE)
        .await
        .expect("believed");
    assert_eq!(line(&mut stream).await.expect("a line"), "server for a stranger");
    let client = ClientTls::new(&Trust::System(Vec::new()), None, &[names::H2], &world.clock());
    if let Ok(client) = client {
        assert!(client.dial(&address, "localhost", PATIENCE).await.is_err());
    }
}

#[tokio::test]
async fn an_expired_server_is_named_so() {
    let world = World::new();
    let not_after = noon() - SignedDuration::from_hours(1);
    let dns = &["teleport.cluster.local"];
    let address = serving(
        &world,
        &world.host.issue(&Leaf {
            dns,
            not_after,
            ..Leaf::default()
        }),
    )
    .await;
    let client = world.client(None, &[names::H2]);
    let error = client
        .dial(&address, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect_err("expired");
    assert_eq!(
        told(&error, &address, Server::Auth),
        "127.0.0.1:PORT: the server's certificate expired at 2025-08-27T11:00:00Z\n\
         hint: check the clocks of both machines, then renew the certificate"
    );
}

#[tokio::test]
async fn nobody_there_and_somebody_else_there() {
    let world = World::new();
    let client = world.client(None, &[names::H2]);
    let closed = {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Address::from(socket.local_addr().expect("an address"))
    };
    let error = client
        .dial(&closed, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect_err("closed");
    assert_eq!(
        told(&error, &closed, Server::Auth),
        "cannot connect to 127.0.0.1:PORT: connection refused\n\
         hint: check that the server runs and listens on port PORT, and that no firewall is in between"
    );

    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let ssh = Address::from(socket.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = socket.accept().await {
            let _ = peer.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        }
    });
    let error = client
        .dial(&ssh, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect_err("SSH");
    assert_eq!(
        told(&error, &ssh, Server::Auth),
        "127.0.0.1:PORT: the server does not speak TLS on this port\n\
         hint: check the port: PORT may belong to another service"
            .replace("port: PORT", &format!("port: {}", ssh.port()))
    );

    let nowhere = Address::new("does-not-exist.invalid", 3025);
    let error = client
        .dial(&nowhere, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect_err("no host");
    assert_eq!(error.to_string(), "cannot find the host `does-not-exist.invalid`");
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let world = World::new();
    let client = world.client(None, &[names::H2]);
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = Address::from(socket.local_addr().expect("an address"));
    let error = client
        .dial(&silent, names::CLUSTER_DOMAIN, PATIENCE)
        .await
        .expect_err("silence");
    assert!(
        error.to_string().ends_with("did not answer within 20 s"),
        "{error}"
    );
}

/// A proxy that connects to `to` whatever it is asked for, and tells what it was asked.
async fn http_proxy(
    to: Address,
    answer: &'static str,
) -> (Address, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::AsyncReadExt as _;
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = Address::from(socket.local_addr().expect("an address"));
    let (asked, asks) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = socket.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                client.read_buf(&mut head).await.expect("readable");
            }
            let _ = asked.send(String::from_utf8_lossy(&head).into_owned());
            client.write_all(answer.as_bytes()).await.expect("open");
            if answer.contains(" 200 ") {
                let mut server = transport::dial::tcp(&to, PATIENCE).await.expect("open");
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    (address, asks)
}

#[tokio::test]
async fn the_way_may_lead_through_an_http_proxy() {
    use transport::via::Via;
    let world = World::new();
    let certificate = world.host.issue(&Leaf {
        dns: &["auth.example.com"],
        ..Leaf::default()
    });
    let server = serving(&world, &certificate).await;
    let far = Address::new("auth.example.com", 3025);

    let (proxy, mut asks) = http_proxy(server.clone(), "HTTP/1.1 200 Connection established\r\n\r\n").await;
    let via = Via::new(&format!("http://me:secret@{proxy}"), "").expect("a proxy");
    let client = world.client(None, &[names::H2]).with_via(via);
    let mut stream = client
        .dial(&far, "auth.example.com", PATIENCE)
        .await
        .expect("connected");
    assert_eq!(line(&mut stream).await.expect("a line"), "server for a stranger");
    assert_eq!(
        asks.recv().await.as_deref(),
        Some(
            "CONNECT auth.example.com:3025 HTTP/1.1\r\nHost: auth.example.com:3025\r\n\
             Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"
        )
    );

    let (proxy, _asks) = http_proxy(server, "HTTP/1.1 403 Forbidden by policy\r\n\r\n").await;
    let client = world
        .client(None, &[names::H2])
        .with_via(Via::new(&proxy.to_string(), "").expect("a proxy"));
    let error = client
        .dial(&far, "auth.example.com", PATIENCE)
        .await
        .expect_err("refused");
    assert_eq!(
        told(&error, &proxy, Server::Auth),
        "the HTTP proxy 127.0.0.1:PORT does not connect to auth.example.com:3025: it answered `403 Forbidden by \
         policy`\nhint: allow auth.example.com:3025 in the proxy, or list the host in NO_PROXY if it can be \
         reached without"
    );
}
