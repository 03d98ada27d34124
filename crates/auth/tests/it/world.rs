//! A cluster for one story: an Auth Service on a store, a clock moved by hand, and everybody who calls it, each with
//! a certificate that it issued, over mutual TLS in memory.
//!
//! A story ends with [`World::finish`], which holds what is stored, recorded, watched and logged to the invariants.
//! [`on_every_store`] tells a story once on each store and finishes it.

use std::sync::{Arc, Mutex, PoisonError};

use access::SystemRole;
use access::ambient::{Clock, Entropy, ManualClock, SeededEntropy};
use auth::credentials::password::Cost;
use auth::guard::Rates;
use auth::services::requests::votes::VoteConfirmation;

use auth::{Auth, HostIdentity, Opening, SealSource, Settings};
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, Destination};
use jiff::{SignedDuration, Timestamp};
use pki::AuthorityKind;
use store::{Memory, SealKey, Sqlite, SqliteOptions, Store};
use transport::endpoint::TlsEndpoint;
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::rate::Rate;
use transport::target::Target;
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls, certificates_from_pem};
use transport::{Drain, names};

use crate::flaws::{Bent, Flaw};
use crate::{invariants, journal};

pub const CLUSTER: &str = "teleport.example.com";
pub const HOST: &str = "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00";

/// When every story begins.
pub fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a moment")
}

pub fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

pub fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// Which store a story runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Memory,
    Sqlite,
}

/// What a world is made of, where a story needs something else than usual.
pub struct Plan {
    pub backend: Backend,
    pub start: Timestamp,
    /// What all of its keys and ids are drawn from.
    pub seed: &'static str,
    pub rates: Rates,
    /// The most pages of 4 KiB the store may have on disk.
    pub pages_max: Option<u32>,
    /// Which votes are confirmed with an authenticator.
    pub votes: VoteConfirmation,
    /// What is wrong with the cluster.
    pub flaw: Flaw,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            backend: Backend::Memory,
            start: noon(),
            seed: "auth",
            rates: no_limits(),
            pages_max: None,
            votes: VoteConfirmation::default(),
            flaw: Flaw::default(),
        }
    }
}

/// Rates that no story reaches.
pub fn no_limits() -> Rates {
    let much = Rate::per_second(1_000, 1_000_000);
    Rates {
        guesses: much,
        credentials: much,
        user: much,
        requests: much,
        refusals: much,
        pending_requests: usize::MAX,
    }
}

/// A running cluster.
pub struct World {
    pub auth: Arc<Auth>,
    pub clock: Arc<ManualClock>,
    pub store: Arc<dyn Store>,
    /// The local administrator of the Auth host.
    pub admin: Cluster,
    /// The proxy.
    pub proxy: Cluster,
    /// Where connections come in.
    pub door: Arc<dyn Target>,
    /// What the door shows and believes.
    pub tls: Arc<ServerTls>,
    pub drain: Drain,
    authorities: String,
    entropy: Arc<dyn Entropy>,
    canaries: Mutex<Vec<(String, String)>>,
    /// The data directory, if there is one.
    pub home: Option<tempfile::TempDir>,
    seal: [u8; 32],
    bent: Bent,
    /// Where the journal ended when the story began.
    pub journal_from: usize,
}

/// Tells a story on each store, and holds the end of it to the invariants.
pub async fn on_every_store(story: impl AsyncFn(&World)) {
    for backend in [Backend::Memory, Backend::Sqlite] {
        on(
            Plan {
                backend,
                ..Plan::default()
            },
            &story,
        )
        .await;
    }
}

/// Tells a story in one world, and holds the end of it to the invariants.
pub async fn on(plan: Plan, story: impl AsyncFn(&World)) {
    let world = World::open(plan).await;
    story(&world).await;
    world.finish().await;
}

fn settings(rates: Rates) -> Settings {
    Settings {
        cluster_name: Some(CLUSTER.to_owned()),
        proxy_public_address: Some("proxy.example.com:443".to_owned()),
        // What is tested here is not how slow a hash is.
        password_cost: Cost {
            memory_kib: 8,
            passes: 1,
        },
        rates,
        ..Settings::new(HOST, "demo")
    }
}

impl World {
    pub async fn open(plan: Plan) -> Self {
        journal::listen();
        let home = match plan.backend {
            Backend::Memory => None,
            Backend::Sqlite => Some(tempfile::tempdir().expect("a directory")),
        };
        let store: Arc<dyn Store> = match &home {
            None => Arc::new(Memory::new()),
            Some(home) => {
                let options = SqliteOptions {
                    pages_max: plan.pages_max,
                    ..SqliteOptions::new(home.path())
                };
                Arc::new(Sqlite::open_with(&options).expect("a store"))
            }
        };
        let bent = Bent::default();
        let mut flaw = plan.flaw;
        let store = flaw.around(store, &bent);
        let clock = Arc::new(ManualClock::new(plan.start));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::named(plan.seed));
        let seal = [7; 32];
        let opening = Opening {
            store: Arc::clone(&store),
            seal: SealSource::Key(SealKey::from_bytes(seal)),
            clock: Arc::<ManualClock>::clone(&clock),
            entropy,
            settings: Settings {
                vote_confirmation: plan.votes,
                ..settings(plan.rates)
            },
        };
        let auth = match Auth::open(opening).await {
            Ok(auth) => auth,
            Err(error) => panic!("the Auth Service opens: {error}"),
        };
        let distortion = flaw.at_the_door.then(|| bent.distortion());
        Self::around(auth, clock, store, home, seal, bent, distortion).await
    }

    async fn around(
        auth: Arc<Auth>,
        clock: Arc<ManualClock>,
        store: Arc<dyn Store>,
        home: Option<tempfile::TempDir>,
        seal: [u8; 32],
        bent: Bent,
        distortion: Option<crate::calls::Distortion>,
    ) -> Self {
        let own = auth
            .host_identity(SystemRole::Admin, &[])
            .await
            .expect("a certificate");
        let (door, tls) = door(&auth, &clock, &own, distortion).await;
        let drain = Drain::new();
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::named("clients"));
        let dial = |identity: Identity| {
            Cluster::lazy(Connect {
                identity: IdentityHandle::new(identity),
                destination: Destination::InProcess(Arc::clone(&door), drain.clone()),
                insecure: false,
                clock: Arc::<ManualClock>::clone(&clock),
                program: "test",
            })
        };
        let proxy = auth
            .host_identity(SystemRole::Proxy, &[])
            .await
            .expect("a certificate");
        Self {
            admin: dial(identity_of(&own)),
            proxy: dial(identity_of(&proxy)),
            authorities: own.authorities.clone(),
            auth,
            clock,
            store,
            door,
            tls,
            drain,
            entropy,
            canaries: Mutex::default(),
            home,
            seal,
            bent,
            journal_from: journal::end(),
        }
    }

    /// The same cluster after a restart of the Auth Service; whoever was connected has to connect again.
    pub async fn restart(self) -> Self {
        self.drain.finish(std::time::Duration::from_secs(5)).await;
        let Self {
            auth,
            clock,
            store,
            home,
            seal,
            canaries,
            journal_from,
            ..
        } = self;
        drop(auth);
        let store = match &home {
            None => store,
            Some(home) => {
                store.close().await;
                drop(store);
                Arc::new(Sqlite::open(home.path()).expect("a store"))
            }
        };
        let opening = Opening {
            store: Arc::clone(&store),
            seal: SealSource::Key(SealKey::from_bytes(seal)),
            clock: Arc::<ManualClock>::clone(&clock),
            entropy: Arc::new(SeededEntropy::named("after the restart")),
            settings: settings(no_limits()),
        };
        let auth = match Auth::open(opening).await {
            Ok(auth) => auth,
            Err(error) => panic!("the Auth Service opens again: {error}"),
        };
        let mut next = Self::around(auth, clock, store, home, seal, Bent::default(), None).await;
        next.canaries = canaries;
        next.journal_from = journal_from;
        next
    }

    /// From here on the flaw shows, if the world has one.
    pub fn bend(&self) {
        self.bent.begin();
    }

    /// The flaw is mended.
    pub fn mend(&self) {
        self.bent.end();
    }

    /// The next two changes of access requests, sessions or links are committed at the same moment.
    pub fn meet(&self) {
        self.bent.meet();
    }

    /// Right before the next commit that is recorded as an event whose name begins with `told`, `deed` is done.
    pub fn meanwhile(&self, told: &'static str, deed: impl Future<Output = ()> + Send + 'static) {
        self.bent.meanwhile(told, Box::pin(deed));
    }

    /// Whom a flawed door takes every caller for from here on; a sound one does not.
    pub fn disguise(&self, as_whom: &Cluster, vouched_by: transport::Authority) {
        let identity = as_whom.identity().current();
        self.bent.disguise(identity.certificate().clone(), vouched_by);
    }

    /// A second Auth Service on the same store; what `identity` calls there.
    pub async fn beside(&self) -> impl Fn(Identity) -> Cluster + use<> {
        let opening = Opening {
            store: Arc::clone(&self.store),
            seal: SealSource::Key(SealKey::from_bytes(self.seal)),
            clock: Arc::<ManualClock>::clone(&self.clock),
            entropy: Arc::new(SeededEntropy::named("beside")),
            settings: settings(no_limits()),
        };
        let auth = match Auth::open(opening).await {
            Ok(auth) => auth,
            Err(error) => panic!("a second Auth Service opens: {error}"),
        };
        let own = auth
            .host_identity(SystemRole::Admin, &[])
            .await
            .expect("a certificate");
        let (door, _) = door(&auth, &self.clock, &own, None).await;
        let (drain, clock) = (self.drain.clone(), Arc::clone(&self.clock));
        move |identity| {
            Cluster::lazy(Connect {
                identity: IdentityHandle::new(identity),
                destination: Destination::InProcess(Arc::clone(&door), drain.clone()),
                insecure: false,
                clock: Arc::<ManualClock>::clone(&clock),
                program: "test",
            })
        }
    }

    /// A cluster as seen with `identity`.
    pub fn dial(&self, identity: Identity) -> Cluster {
        Cluster::lazy(Connect {
            identity: IdentityHandle::new(identity),
            destination: Destination::InProcess(Arc::clone(&self.door), self.drain.clone()),
            insecure: false,
            clock: Arc::<ManualClock>::clone(&self.clock),
            program: "test",
        })
    }

    /// An identity out of a key and what was issued for it.
    pub fn identity(&self, key: &pki::KeyPair, certificate: &[u8]) -> Identity {
        let parts = IdentityParts {
            private_key: key.to_pem().expect("a key"),
            tls_certificate: String::from_utf8(certificate.to_vec()).expect("PEM"),
            tls_authorities: self.authorities.clone(),
            ssh_certificate: None,
        };
        Identity::new(&parts, Origin::Process).expect("an identity")
    }

    /// A new key of a client.
    pub fn key(&self) -> pki::KeyPair {
        pki::KeyPair::generate(pki::Algorithm::P256, &*self.entropy).expect("a key")
    }

    /// Opens the Auth port on a socket of this machine.
    pub async fn listen(&self) -> transport::Address {
        let anywhere = transport::Address::new("127.0.0.1", 0);
        let listener = Listener::bind(&anywhere, Limits::default())
            .await
            .expect("a port");
        let address = listener.local_address().expect("an address");
        tokio::spawn(listener.serve(Arc::clone(&self.door), self.drain.clone()));
        address.into()
    }

    /// A random UUID, such as clients put into a request.
    pub fn uuid(&self) -> String {
        auth::ids::Chance::new(Arc::clone(&self.entropy)).uuid()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Plants a secret: it must never be seen in a log, a record, or unsealed in the store.
    pub fn plant(&self, what: impl Into<String>, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 8, "a short text would be found by chance");
        self.canaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((what.into(), secret));
    }

    pub fn canaries(&self) -> Vec<(String, String)> {
        self.canaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sweeps until nothing is overdue; gives how many requests went.
    pub async fn sweep(&self) -> usize {
        let mut requests = 0;
        loop {
            let swept = auth::services::requests::sweep::once(&self.auth, self.now())
                .await
                .expect("swept");
            if swept == auth::services::requests::sweep::Swept::default() {
                return requests;
            }
            requests += swept.requests;
        }
    }

    /// How often a handler panicked.
    pub fn panics(&self) -> u64 {
        let mut registry = prometheus_client::registry::Registry::default();
        self.auth.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("figures");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("auth_panics_total "));
        line.expect("the figure is there").parse().expect("a number")
    }

    /// Holds the end of a story to the invariants.
    pub async fn finish(&self) {
        invariants::check(self).await;
    }
}

pub fn identity_of(host: &HostIdentity) -> Identity {
    let parts = IdentityParts {
        private_key: host.private_key.clone(),
        tls_certificate: host.certificate.clone(),
        tls_authorities: host.authorities.clone(),
        ssh_certificate: Some(host.ssh_certificate.clone()),
    };
    Identity::new(&parts, Origin::Process).expect("an identity")
}

/// The Auth port: TLS that asks for certificates of users and hosts, and the Auth Service behind it.
async fn door(
    auth: &Arc<Auth>,
    clock: &Arc<ManualClock>,
    own: &HostIdentity,
    distortion: Option<crate::calls::Distortion>,
) -> (Arc<dyn Target>, Arc<ServerTls>) {
    let settings = door_settings(auth, clock, own).await;
    let tls = ServerTls::new(settings, Arc::<ManualClock>::clone(clock)).expect("settings");
    let service = crate::calls::Door::new(auth::server::service(auth), distortion);
    (
        Arc::new(TlsEndpoint::new(Arc::clone(&tls), HttpHandler::new(service))),
        tls,
    )
}

/// What the Auth port shows and believes by the authorities of this moment.
pub async fn door_settings(auth: &Auth, clock: &ManualClock, own: &HostIdentity) -> ServerSettings {
    let trusted = async |kind: AuthorityKind| {
        let authority = auth
            .state
            .authority(kind, clock.now())
            .await
            .expect("an authority");
        authority
            .certificates()
            .map(|certificate| certificate.der().clone())
            .collect()
    };
    let certificate = Credentials::from_pem(own.certificate.as_bytes(), own.private_key.expose().as_bytes())
        .expect("credentials");
    assert!(
        !certificates_from_pem(own.authorities.as_bytes())
            .expect("PEM")
            .is_empty()
    );
    ServerSettings {
        certificates: vec![certificate],
        client_authorities: Some(ClientAuthorities {
            user: trusted(AuthorityKind::User).await,
            host: trusted(AuthorityKind::Host).await,
        }),
        protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
        cluster: Some(CLUSTER.to_owned()),
    }
}
