//! tbot as it runs for long: against an Auth Service on loopback, with a clock that is moved by hand and a road on which
//! answers can get lost.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use access::SystemRole;
use access::ambient::{ManualClock, SeededEntropy};
use auth::credentials::password::Cost;
use auth::guard::Rates;
use auth::server::Dispatch;
use auth::{Auth, HostIdentity, Opening, SealSource};
use client::identity::IdentityParts;
use client::join::Door;
use http::{Request, Response};
use hyper::body::Incoming;
use store::{Memory, SealKey};
use tokio::net::TcpListener;
use tonic::body::Body;
use transport::endpoint::TlsEndpoint;
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::rate::Rate;
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Address, Drain, names};
use wire::keep::Kept;
use wire::pb::proto::{self, PingRequest};
use wire::pb::teleport::header::v1 as header;
use wire::pb::types;

use super::*;
use crate::config::{Onboarding, Place};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A cluster with one bot.
struct World {
    clock: Arc<ManualClock>,
    entropy: Arc<dyn Entropy>,
    auth: Arc<Auth>,
    admin: Cluster,
    address: Address,
    pin: pki::Pin,
    /// So many answers with certificates get lost from here on.
    lost: Arc<AtomicUsize>,
    home: tempfile::TempDir,
}

/// The Auth Service on a road on which answers can get lost: it has done what was asked, and nobody hears of it.
#[derive(Clone)]
struct Losing {
    inner: Dispatch,
    lost: Arc<AtomicUsize>,
}

impl tower::Service<Request<Incoming>> for Losing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let lost = Arc::clone(&self.lost);
        let certificates = request.uri().path().ends_with("/GenerateUserCerts");
        let answer = tower::Service::call(&mut self.inner, request);
        Box::pin(async move {
            let answer = answer.await?;
            let one_less = |left: usize| left.checked_sub(1);
            if certificates
                && lost
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                    .is_ok()
            {
                return Ok(Status::unavailable("the connection broke").into_http());
            }
            Ok(answer)
        })
    }
}

impl World {
    async fn open() -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap()));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::named("tbot"));
        let much = Rate::per_second(1_000, 1_000_000);
        let opened = Auth::open(Opening {
            store: Arc::new(Memory::new()),
            seal: SealSource::Key(SealKey::from_bytes([7; 32])),
            clock: Arc::<ManualClock>::clone(&clock),
            entropy: Arc::clone(&entropy),
            settings: auth::Settings {
                cluster_name: Some("example.com".to_owned()),
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
                ..auth::Settings::new("5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00", "demo")
            },
        });
        let auth = match opened.await {
            Ok(auth) => auth,
            Err(error) => panic!("the Auth Service opens: {error}"),
        };
        let own = auth.host_identity(SystemRole::Admin, &[]).await.unwrap();
        let lost = Arc::new(AtomicUsize::new(0));
        let address = listen(&auth, &clock, &own, &lost).await;
        let admin = Cluster::lazy(Connect {
            identity: IdentityHandle::new(identity_of(&own)),
            destination: Destination::Addresses(vec![address.clone()]),
            insecure: false,
            clock: Arc::<ManualClock>::clone(&clock),
            program: "test",
        });
        let authority = pki::certificate::from_pem(&own.authorities).unwrap();
        let world = Self {
            pin: pki::Pin::of(&authority[0]).unwrap(),
            address,
            lost,
            home: tempfile::tempdir().unwrap(),
            clock,
            entropy,
            auth,
            admin,
        };
        world.bot().await;
        world
    }

    /// A bot that may take the preset role `access`, and a token for it.
    async fn bot(&self) {
        let bot = machineid::Bot {
            kind: "bot".to_owned(),
            version: "v1".to_owned(),
            metadata: Some(header::Metadata {
                name: "robot".to_owned(),
                ..header::Metadata::default()
            }),
            spec: Some(machineid::BotSpec {
                roles: vec!["access".to_owned()],
                ..machineid::BotSpec::default()
            }),
            ..machineid::Bot::default()
        };
        let request = machineid::CreateBotRequest {
            bot: Some(Kept::from(bot)),
        };
        self.admin.bots().create_bot(request).await.unwrap();
        let token = types::ProvisionTokenV2 {
            metadata: Some(types::Metadata {
                name: TOKEN.to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::ProvisionTokenSpecV2 {
                roles: vec!["Bot".to_owned()],
                join_method: "token".to_owned(),
                bot_name: "robot".to_owned(),
                ..types::ProvisionTokenSpecV2::default()
            }),
            ..types::ProvisionTokenV2::default()
        };
        let request = proto::UpsertTokenV2Request {
            token: Some(proto::upsert_token_v2_request::Token::V2(Kept::from(token))),
        };
        self.admin.auth().upsert_token_v2(request).await.unwrap();
    }

    fn settings(&self, ttl: SignedDuration) -> Settings {
        Settings {
            door: Door::Auth(self.address.clone()),
            onboarding: Onboarding {
                token: Some(SecretText::new(TOKEN.to_owned())),
                pins: vec![self.pin],
                authorities: None,
            },
            storage: Place::Directory(self.home.path().join("storage")),
            ttl,
            interval: ttl / 3,
            oneshot: false,
            debug: false,
            insecure: false,
            outputs: vec![Output {
                place: Place::Directory(self.output()),
                roles: vec!["access".to_owned()],
                ttl,
            }],
        }
    }

    fn output(&self) -> PathBuf {
        self.home.path().join("output")
    }

    async fn begin(&self, ttl: SignedDuration) -> Result<Machine, Failure> {
        let around = Surroundings {
            clock: Arc::<ManualClock>::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        Machine::begin(self.settings(ttl), around).await
    }
}

async fn listen(
    auth: &Arc<Auth>,
    clock: &Arc<ManualClock>,
    own: &HostIdentity,
    lost: &Arc<AtomicUsize>,
) -> Address {
    let trusted = async |kind| {
        let authority = auth.state.authority(kind, clock.now()).await.unwrap();
        authority.certificates().map(|it| it.der().clone()).collect()
    };
    let shown = Credentials::from_pem(own.certificate.as_bytes(), own.private_key.expose().as_bytes());
    let settings = ServerSettings {
        certificates: vec![shown.unwrap()],
        client_authorities: Some(ClientAuthorities {
            user: trusted(AuthorityKind::User).await,
            host: trusted(AuthorityKind::Host).await,
        }),
        protocols: vec![names::H2.to_vec()],
        cluster: Some("example.com".to_owned()),
    };
    let tls = ServerTls::new(settings, Arc::<ManualClock>::clone(clock)).unwrap();
    let service = Losing {
        inner: auth::server::service(auth),
        lost: Arc::clone(lost),
    };
    let door = TlsEndpoint::new(tls, HttpHandler::new(service));
    let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = Address::from(socket.local_addr().unwrap());
    tokio::spawn(Listener::new(socket, Limits::default()).serve(Arc::new(door), Drain::new()));
    address
}

fn identity_of(host: &HostIdentity) -> Identity {
    let parts = IdentityParts {
        private_key: host.private_key.clone(),
        tls_certificate: host.certificate.clone(),
        tls_authorities: host.authorities.clone(),
        ssh_certificate: None,
    };
    Identity::new(&parts, Origin::Process).unwrap()
}

/// A program that reads the output anew when it changes, as the plugin does.
fn program(world: &World) -> (Cluster, IdentityHandle, PathBuf) {
    let file = world.output().join("identity");
    let handle = IdentityHandle::new(Identity::from_file(&file).unwrap());
    let cluster = Cluster::lazy(Connect {
        identity: handle.clone(),
        destination: Destination::Addresses(vec![world.address.clone()]),
        insecure: false,
        clock: Arc::<ManualClock>::clone(&world.clock),
        program: "test",
    });
    (cluster, handle, file)
}

fn read(file: &Path) -> impl FnOnce() -> Result<Identity, client::identity::IdentityError> {
    let file = file.to_owned();
    move || Identity::from_file(&file)
}

fn generation(machine: &Machine) -> u64 {
    machine.identity().certified().generation
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_nobody_is_locked() {
    let world = World::open().await;
    let hour = SignedDuration::from_hours(1);
    let mut machine = world.begin(hour).await.unwrap();
    for round in 2..5 {
        world.lost.store(1, Ordering::SeqCst);
        machine.renew_all().await.unwrap();
        assert_eq!(
            generation(&machine),
            round,
            "counted once, however often it was asked for"
        );
        world.clock.advance(SignedDuration::from_mins(20));
    }
    assert_eq!(world.lost.load(Ordering::SeqCst), 0, "answers were lost");
}

#[tokio::test]
async fn a_tbot_that_ended_before_its_answer_came_goes_on_where_it_was() {
    let world = World::open().await;
    let hour = SignedDuration::from_hours(1);
    let machine = world.begin(hour).await.unwrap();
    assert_eq!(generation(&machine), 1);
    // It asks, and ends before it knows.
    let key = machine.next_key().unwrap();
    let request = machine.request(&key, hour).unwrap();
    let issued = machine.cluster.auth().generate_user_certs(request).await;
    assert!(issued.is_ok(), "the cluster has counted one up");
    drop(machine);
    world.clock.advance(SignedDuration::from_mins(5));
    let machine = world.begin(hour).await.unwrap();
    assert_eq!(
        generation(&machine),
        2,
        "the same certificate was asked for again"
    );
    assert!(machine.storage.next_key().unwrap().is_none());
}

#[tokio::test]
async fn a_cluster_that_says_no_ends_tbot_and_leaves_the_outputs_whole() {
    let world = World::open().await;
    let mut machine = world.begin(SignedDuration::from_hours(1)).await.unwrap();
    machine.write_outputs().await.unwrap();
    let before = std::fs::read(world.output().join("identity")).unwrap();
    let lock = types::LockV2 {
        metadata: Some(types::Metadata {
            name: "stop".to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::LockSpecV2 {
            target: Some(types::LockTarget {
                user: "bot-robot".to_owned(),
                ..types::LockTarget::default()
            }),
            ..types::LockSpecV2::default()
        }),
        ..types::LockV2::default()
    };
    world.admin.auth().upsert_lock(Kept::from(lock)).await.unwrap();
    let refused = machine.renew_all().await.unwrap_err();
    assert!(
        refused.message().contains("lock targeting"),
        "{}",
        refused.message()
    );
    assert_eq!(std::fs::read(world.output().join("identity")).unwrap(), before);
}

/// A year of one machine and of a program that runs from its output, a month of it in a build that is not made for speed:
/// each renewal writes every file of the output to the disk.
#[tokio::test]
async fn a_year_has_no_gap_for_a_program_that_runs_from_an_output() {
    let ttl = SignedDuration::from_hours(24);
    let days = if cfg!(debug_assertions) { 30 } else { 365 };
    let world = World::open().await;
    let mut machine = world.begin(ttl).await.unwrap();
    machine.write_outputs().await.unwrap();
    let (program, handle, file) = program(&world);
    let end = world.clock.now() + SignedDuration::from_hours(days * 24);
    let mut exchanged = 0;
    while world.clock.now() < end {
        // As late as tbot ever comes: at half of what is left.
        world.clock.advance(ttl / 2);
        program.auth().ping(PingRequest {}).await.unwrap();
        machine.renew_all().await.unwrap();
        if handle.refresh_once(&*world.clock, read(&file)).unwrap() {
            exchanged += 1;
        }
        program.auth().ping(PingRequest {}).await.unwrap();
    }
    assert_eq!(generation(&machine), exchanged + 1);
    // What is half written leaves the one in use where it is.
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(handle.refresh_once(&*world.clock, read(&file)).is_err());
    program.auth().ping(PingRequest {}).await.unwrap();
    drop(world.auth);
}
