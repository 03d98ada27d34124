//! A cluster's port on loopback and clients of it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use access::ambient::{Clock, ManualClock};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use transport::dial::{ClientTls, Trust};
use transport::endpoint::{Handler, TlsEndpoint};
use transport::limits::Limits;
use transport::listen::Listener;
use transport::target::{Serving, Target};
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Accepted, Address, Authority as Kind, Drain, Peer, names};

use crate::authority::{Authority, Leaf, noon};

pub const CLUSTER: &str = "example.com";

/// The authorities of one cluster and a clock.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub user: Authority,
    pub host: Authority,
}

impl World {
    pub fn new() -> Self {
        Self {
            clock: Arc::new(ManualClock::new(noon())),
            user: Authority::new("example.com user"),
            host: Authority::new("example.com host"),
        }
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::<ManualClock>::clone(&self.clock)
    }

    pub fn bob(&self) -> Credentials {
        self.user
            .issue(&Leaf {
                subject: "bob@example.com",
                ..Leaf::default()
            })
            .credentials()
    }

    pub fn auth_certificate(&self) -> Credentials {
        let dns = &["demo", "*.teleport.cluster.local", "teleport.cluster.local"];
        self.host
            .issue(&Leaf {
                subject: "auth",
                dns,
                ..Leaf::default()
            })
            .credentials()
    }

    pub fn auth_tls(&self) -> Arc<ServerTls> {
        let settings = ServerSettings {
            certificates: vec![self.auth_certificate()],
            client_authorities: Some(ClientAuthorities {
                user: vec![self.user.certificate.clone()],
                host: vec![self.host.certificate.clone()],
            }),
            protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
            cluster: Some(CLUSTER.to_owned()),
        };
        ServerTls::new(settings, self.clock()).expect("settings")
    }

    pub fn trust(&self) -> Trust {
        Trust::Authorities(vec![self.host.certificate.clone()])
    }

    pub fn client(&self, credentials: Option<&Credentials>, protocols: &[&[u8]]) -> ClientTls {
        ClientTls::new(&self.trust(), credentials, protocols, &self.clock()).expect("a client")
    }
}

/// Remembers each peer, tells it who it is, and echoes.
#[derive(Clone)]
pub struct Echo {
    pub name: &'static str,
    pub seen: mpsc::UnboundedSender<Peer>,
}

impl Echo {
    pub fn new(name: &'static str) -> (Self, mpsc::UnboundedReceiver<Peer>) {
        let (seen, peers) = mpsc::unbounded_channel();
        (Self { name, seen }, peers)
    }
}

impl Handler for Echo {
    fn serve(&self, mut accepted: Accepted) -> Serving {
        let this = self.clone();
        Box::pin(async move {
            let _ = this.seen.send(accepted.peer().clone());
            let line = format!("{} for {}\n", this.name, who(accepted.peer()));
            let _ = accepted.write_all(line.as_bytes()).await;
            let mut bytes = [0; 1024];
            while let Ok(length @ 1..) = accepted.read(&mut bytes).await {
                if accepted.write_all(&bytes[..length]).await.is_err() {
                    break;
                }
            }
            let _ = accepted.shutdown().await;
        })
    }
}

pub fn who(peer: &Peer) -> &'static str {
    match peer.authority() {
        Some(Kind::User) => "a user",
        Some(Kind::Host) => "a host",
        None => "a stranger",
    }
}

pub type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// A service that says who asks, by which HTTP version.
pub fn who_service() -> impl tower::Service<
    Request<Incoming>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future = std::future::Ready<Answer>,
> + Clone
+ Send
+ Sync
+ 'static {
    tower::service_fn(|request: Request<Incoming>| {
        let peer = request.extensions().get::<Peer>().map_or("nobody", who);
        let text = format!("{:?} {} for {peer}", request.version(), request.uri().path());
        std::future::ready(Ok(Response::new(Full::from(text))))
    })
}

pub fn echo_endpoint(
    tls: &Arc<ServerTls>,
    name: &'static str,
) -> (Arc<dyn Target>, mpsc::UnboundedReceiver<Peer>) {
    let (echo, peers) = Echo::new(name);
    (Arc::new(TlsEndpoint::new(Arc::clone(tls), echo)), peers)
}

/// Serves a target on a free port of the loopback interface.
pub async fn listen(target: Arc<dyn Target>) -> (Address, Drain) {
    listen_with(target, Limits::default(), |listener| listener).await
}

pub async fn listen_with(
    target: Arc<dyn Target>,
    limits: Limits,
    set_up: impl FnOnce(Listener) -> Listener,
) -> (Address, Drain) {
    let socket = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a port");
    let listener = set_up(Listener::new(socket, limits));
    let address = Address::from(listener.local_address().expect("an address"));
    let drain = Drain::new();
    tokio::spawn(listener.serve(target, drain.clone()));
    (address, drain)
}

/// Reads one line.
pub async fn line<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<String> {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(b'\n') => break,
            Ok(byte) => text.push(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && !text.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
