//! A cluster on loopback: an Auth Service and a proxy in front of it, with everything a program of ours can meet.
//!
//! The server's clock is ten minutes slow, which nothing minds, and is moved on by half a minute whenever somebody
//! uses a code: a code can be used once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use access::SystemRole;
use access::ambient::{Clock, Entropy};
use auth::credentials::password::Cost;
use auth::guard::Rates;
use auth::{Auth, HostIdentity, Opening, SealSource, Settings};
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, Destination};
use jiff::{SignedDuration, Timestamp};
use pki::AuthorityKind;
use proxy::Proxy;
use store::{Memory, SealKey};
use transport::endpoint::TlsEndpoint;
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::rate::Rate;
use transport::system::{SystemClock, SystemEntropy};
use transport::target::Target;
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Address, Drain, names};

pub const CLUSTER: &str = "teleport.example.com";
const HOST: &str = "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00";

/// The system's clock, slow by what is left of ten minutes.
pub struct SlowClock {
    system: SystemClock,
    behind: Mutex<SignedDuration>,
}

impl SlowClock {
    fn new() -> Self {
        Self {
            system: SystemClock::new(),
            behind: Mutex::new(SignedDuration::from_mins(10)),
        }
    }

    pub fn advance(&self, span: SignedDuration) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) -= span;
    }
}

impl Clock for SlowClock {
    fn now(&self) -> Timestamp {
        self.system.now() - *self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running cluster. What it does it does on its own threads.
pub struct World {
    pub runtime: tokio::runtime::Runtime,
    pub auth: Arc<Auth>,
    pub clock: Arc<SlowClock>,
    pub entropy: Arc<dyn Entropy>,
    /// The local administrator of the Auth host.
    pub admin: Cluster,
    /// The proxy, as the cluster sees it.
    pub proxy: Cluster,
    /// The proxy's certificate in a file, for `SSL_CERT_FILE`.
    pub certificate: PathBuf,
    pub directory: tempfile::TempDir,
    port: Arc<dyn Target>,
    listens: SocketAddr,
    drain: Mutex<Drain>,
}

/// Whether the server answers the calls that are our own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Make {
    Ours,
    /// As the original would: it knows none of them.
    Foreign,
}

impl World {
    pub fn new() -> Self {
        Self::of(Make::Ours)
    }

    pub fn of(make: Make) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let clock = Arc::new(SlowClock::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let directory = tempfile::tempdir().unwrap();
        let certificate = directory.path().join("proxy.pem");
        let parts = runtime.block_on(Parts::make(make, &clock, &entropy));
        std::fs::write(&certificate, &parts.certificate).unwrap();
        Self {
            runtime,
            clock,
            entropy,
            auth: parts.auth,
            admin: parts.admin,
            proxy: parts.proxy,
            port: parts.port,
            listens: parts.listens,
            drain: Mutex::new(parts.drain),
            certificate,
            directory,
        }
    }

    /// `localhost:PORT`: what the guide calls the proxy's address.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.listens.port())
    }

    /// Cuts every connection, and takes new ones only after `meanwhile`.
    pub fn cut_off(&self, meanwhile: impl FnOnce()) {
        let next = Drain::new();
        let before = std::mem::replace(&mut *self.drain.lock().unwrap(), next.clone());
        self.runtime.block_on(before.finish(Duration::ZERO));
        meanwhile();
        let (port, listens) = (Arc::clone(&self.port), self.listens);
        self.runtime.block_on(listen(listens, port, &next));
    }

    /// Takes connections at another address of this machine too; gives it with its port.
    pub fn answer_at(&self, ip: [u8; 4]) -> String {
        let at = SocketAddr::from((ip, self.listens.port()));
        let drain = self.drain.lock().unwrap().clone();
        self.runtime.block_on(listen(at, Arc::clone(&self.port), &drain));
        at.to_string()
    }

    /// Removes what is overdue, as the Auth Service does every now and then.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.runtime
            .block_on(auth::services::requests::sweep::once(&self.auth, now))
            .unwrap();
    }
}

struct Parts {
    auth: Arc<Auth>,
    admin: Cluster,
    proxy: Cluster,
    certificate: String,
    port: Arc<dyn Target>,
    listens: SocketAddr,
    drain: Drain,
}

impl Parts {
    async fn make(make: Make, clock: &Arc<SlowClock>, entropy: &Arc<dyn Entropy>) -> Self {
        let much = Rate::per_second(1_000, 1_000_000);
        let settings = Settings {
            cluster_name: Some(CLUSTER.to_owned()),
            // What is tested here is not how slow a hash is.
            password_cost: Cost {
                memory_kib: 8,
                passes: 1,
            },
            rates: Rates {
                guesses: much,
                credentials: much,
                user: much,
                requests: much,
                refusals: much,
                pending_requests: usize::MAX,
            },
            ..Settings::new(HOST, "demo")
        };
        let opening = Opening {
            store: Arc::new(Memory::new()),
            seal: SealSource::Key(SealKey::from_bytes([7; 32])),
            clock: Arc::<SlowClock>::clone(clock),
            entropy: Arc::clone(entropy),
            settings,
        };
        let auth = match Auth::open(opening).await {
            Ok(auth) => auth,
            Err(error) => panic!("the Auth Service opens: {error}"),
        };
        let own = auth.host_identity(SystemRole::Admin, &[]).await.unwrap();
        let door = door(make, &auth, clock, &own).await;
        let inside = Drain::new();
        let dial = |identity: Identity| {
            Cluster::lazy(Connect {
                identity: IdentityHandle::new(identity),
                destination: Destination::InProcess(Arc::clone(&door), inside.clone()),
                insecure: false,
                clock: Arc::<SlowClock>::clone(clock),
                program: "test",
            })
        };
        let admin = dial(identity_of(&own));
        let proxy = dial(identity_of(
            &auth.host_identity(SystemRole::Proxy, &[]).await.unwrap(),
        ));
        let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let listens = socket.local_addr().unwrap();
        drop(socket);
        let (certificate, tls) = web_tls(clock, &**entropy);
        let service = Proxy::open(proxy::Opening {
            cluster: proxy.clone(),
            auth_road: (Arc::clone(&door), inside.clone()),
            settings: proxy::Settings {
                cluster: CLUSTER.to_owned(),
                host_id: HOST.to_owned(),
                node_name: "demo".to_owned(),
                public_addresses: vec![Address::new("localhost", listens.port())],
                listen_address: listens,
                auth_listen_address: None,
            },
            clock: Arc::<SlowClock>::clone(clock),
            entropy: Arc::clone(entropy),
        });
        let port = service.port(tls, None, door);
        let drain = Drain::new();
        listen(listens, Arc::clone(&port), &drain).await;
        Self {
            auth,
            admin,
            proxy,
            certificate,
            port,
            listens,
            drain,
        }
    }
}

async fn listen(at: SocketAddr, target: Arc<dyn Target>, drain: &Drain) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(at).unwrap();
    let listener = Listener::new(socket.listen(128).unwrap(), Limits::default());
    tokio::spawn(listener.serve(target, drain.clone()));
}

/// A certificate for this machine that nobody has signed, and TLS with it.
fn web_tls(clock: &Arc<SlowClock>, entropy: &dyn Entropy) -> (String, Arc<ServerTls>) {
    let key = pki::KeyPair::generate(pki::Algorithm::P256, entropy).unwrap();
    let der = pki::issue::web::self_signed(&key, "demo", &[], clock.now(), entropy).unwrap();
    let pem = pki::certificate::to_pem(&der);
    let credentials =
        Credentials::from_pem(pem.as_bytes(), key.to_pem().unwrap().expose().as_bytes()).unwrap();
    let settings = ServerSettings {
        certificates: vec![credentials],
        client_authorities: None,
        protocols: proxy::web_protocols(),
        cluster: None,
    };
    let tls = ServerTls::new(settings, Arc::<SlowClock>::clone(clock)).unwrap();
    (pem, tls)
}

fn identity_of(host: &HostIdentity) -> Identity {
    let parts = IdentityParts {
        private_key: host.private_key.clone(),
        tls_certificate: host.certificate.clone(),
        tls_authorities: host.authorities.clone(),
        ssh_certificate: Some(host.ssh_certificate.clone()),
    };
    Identity::new(&parts, Origin::Process).unwrap()
}

async fn door(make: Make, auth: &Arc<Auth>, clock: &Arc<SlowClock>, own: &HostIdentity) -> Arc<dyn Target> {
    let trusted = async |kind: AuthorityKind| {
        let authority = auth.state.authority(kind, clock.now()).await.unwrap();
        authority
            .certificates()
            .map(|certificate| certificate.der().clone())
            .collect()
    };
    let certificate =
        Credentials::from_pem(own.certificate.as_bytes(), own.private_key.expose().as_bytes()).unwrap();
    let settings = ServerSettings {
        certificates: vec![certificate],
        client_authorities: Some(ClientAuthorities {
            user: trusted(AuthorityKind::User).await,
            host: trusted(AuthorityKind::Host).await,
        }),
        protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
        cluster: Some(CLUSTER.to_owned()),
    };
    let tls = ServerTls::new(settings, Arc::<SlowClock>::clone(clock)).unwrap();
    let service = Answers {
        make,
        inner: auth::server::service(auth),
    };
    Arc::new(TlsEndpoint::new(tls, HttpHandler::new(service)))
}

/// The Auth Service, or one that knows only what the original knows.
#[derive(Clone)]
struct Answers {
    make: Make,
    inner: auth::server::Dispatch,
}

impl<B> tower::Service<http::Request<B>> for Answers
where
    auth::server::Dispatch:
        tower::Service<http::Request<B>, Response = http::Response<tonic::body::Body>, Error = Infallible>,
    <auth::server::Dispatch as tower::Service<http::Request<B>>>::Future: Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::<http::Request<B>>::poll_ready(&mut self.inner, context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let ours = request.uri().path().starts_with("/countersign.v1.AccessService/");
        if self.make == Make::Foreign && ours {
            let unknown = tonic::Status::unimplemented("unknown service countersign.v1.AccessService");
            return Box::pin(std::future::ready(Ok(unknown.into_http())));
        }
        Box::pin(self.inner.call(request))
    }
}
