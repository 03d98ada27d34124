//! The subject: an Auth Service of this process on a real disk, behind a real port with mutual TLS.
//!
//! Everybody who calls it has a certificate of its own and a connection of its own, made by `client` like any tool's.
//! Nothing is turned off for the measurement; the one setting that differs is how many requests a person may make a
//! minute.

mod people;
mod requests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use access::SystemRole;
use access::ambient::{Clock, Entropy};
use auth::{Auth, HostIdentity, Opening, SealSource, Settings};
use client::identity::{Identity, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, Destination};
use jiff::Timestamp;
use pki::AuthorityKind;
use store::{Sqlite, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use transport::endpoint::TlsEndpoint;
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::rate::Rate;
use transport::system::{SystemClock, SystemEntropy};
use transport::target::Target;
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls, certificates_from_pem};
use transport::{Address, Drain, names};

pub use people::Voice;
pub use requests::{approval, ask, fill};

use super::trouble::{Outcome, Trouble, While as _};

/// The cluster's name.
pub const CLUSTER: &str = "bench.example.com";
/// The host's id: the same for a store that is opened again.
const HOST_ID: &str = "5b1f6f2e-2f0c-4f4d-9d3f-6f1f2a6b7c8d";
/// The data directory and the key beside it.
const DATA: &str = "data";
const SEAL: &str = "seal.key";
/// How long connections get to end by themselves.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running Auth Service and its local administrator.
pub struct World {
    /// The service.
    pub auth: Arc<Auth>,
    /// What it remembers, for figures.
    pub store: Arc<dyn Store>,
    /// The local administrator's connection.
    pub admin: Cluster,
    address: Address,
    clock: Arc<dyn Clock>,
    drain: Drain,
    home: TempDir,
    identity: Identity,
}

/// What is left of a world that was stopped: another program can serve it.
pub struct Parked {
    /// The data directory.
    pub data: PathBuf,
    /// The key that seals its secrets.
    pub seal: PathBuf,
    identity: Identity,
    clock: Arc<dyn Clock>,
}

impl Parked {
    /// Makes one `Ping` as the local administrator, over a new connection.
    pub async fn ping(&self, address: &Address) -> Outcome<()> {
        connect(address, self.identity.clone(), &self.clock)
            .await
            .map(drop)
    }
}

/// Opens an Auth Service on `data`, with its seal key beside it.
async fn open(data: &Path, seal: &Path, clock: &Arc<dyn Clock>) -> Outcome<(Arc<Auth>, Arc<dyn Store>)> {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(data).to("open the store")?);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let mut settings = Settings::new(HOST_ID, "bench");
    settings.cluster_name = Some(CLUSTER.to_owned());
    settings.rates.requests = Rate::per_second(100_000, 1_000_000);
    settings.rates.pending_requests = usize::MAX;
    let auth = Auth::open(Opening {
        store: Arc::clone(&store),
        seal: SealSource::File(seal.to_owned()),
        clock: Arc::clone(clock),
        entropy,
        settings,
    })
    .await
    .to("open the Auth Service")?;
    Ok((auth, store))
}

impl World {
    /// Starts one in a new directory below `disk`.
    pub async fn start(disk: &Path) -> Outcome<Self> {
        let home = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(disk)
            .to("make a directory to measure in")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (auth, store) = open(&home.path().join(DATA), &home.path().join(SEAL), &clock).await?;
        let host = auth
            .host_identity(SystemRole::Auth, &[])
            .await
            .to("issue the server's certificate")?;
        let mut authorities = ClientAuthorities::default();
        for (kind, list) in [
            (AuthorityKind::User, &mut authorities.user),
            (AuthorityKind::Host, &mut authorities.host),
        ] {
            let authority = auth
                .state
                .authority(kind, clock.now())
                .await
                .to("read an authority")?;
            list.extend(
                authority
                    .certificates()
                    .map(|certificate| certificate.der().clone()),
            );
        }
        let settings = ServerSettings {
            certificates: vec![
                Credentials::from_pem(host.certificate.as_bytes(), host.private_key.expose().as_bytes())
                    .to("use the server's certificate")?,
            ],
            client_authorities: Some(authorities),
            protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
            cluster: Some(CLUSTER.to_owned()),
        };
        let tls = ServerTls::new(settings, Arc::clone(&clock)).to("set up TLS")?;
        let service = auth::server::service(&auth);
        let target: Arc<dyn Target> = Arc::new(TlsEndpoint::new(tls, HttpHandler::new(service)));
        let drain = Drain::new();
        let socket = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .to("open a port")?;
        let address = Address::from(socket.local_addr().to("open a port")?);
        tokio::spawn(Listener::new(socket, Limits::default()).serve(target, drain.clone()));
        let administrator = auth
            .host_identity(SystemRole::Admin, &[])
            .await
            .to("issue the administrator's certificate")?;
        let identity = identity_of(&administrator)?;
        let admin = connect(&address, identity.clone(), &clock).await?;
        let world = Self {
            auth,
            store,
            admin,
            address,
            clock,
            drain,
            home,
            identity,
        };
        world.make_roles().await?;
        Ok(world)
    }

    /// A directory on the same disk, for floors.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The moment by the service's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends connections and the store, and removes what it remembered.
    pub async fn stop(self) -> Outcome<()> {
        let (home, _) = self.park().await?;
        home.close().to("remove the directory that was measured in")
    }

    /// Ends connections and the store. What it remembered stays as long as the directory.
    pub async fn park(self) -> Outcome<(TempDir, Parked)> {
        drop(self.admin);
        self.drain.begin();
        self.drain.finish(PATIENCE).await;
        self.store.close().await;
        let home = self.home.path().canonicalize().to("find the directory")?;
        let data = home.join(DATA);
        std::fs::write(data.join("host_uuid"), format!("{HOST_ID}\n")).to("name the host")?;
        let parked = Parked {
            data,
            seal: home.join(SEAL),
            identity: self.identity,
            clock: self.clock,
        };
        Ok((self.home, parked))
    }

    async fn connect(&self, identity: Identity) -> Outcome<Cluster> {
        connect(&self.address, identity, &self.clock).await
    }
}

async fn connect(address: &Address, identity: Identity, clock: &Arc<dyn Clock>) -> Outcome<Cluster> {
    let (cluster, _) = Cluster::connect(Connect {
        identity: IdentityHandle::new(identity),
        destination: Destination::Addresses(vec![address.clone()]),
        insecure: false,
        clock: Arc::clone(clock),
        program: "bench",
    })
    .await
    .to("connect to the Auth Service")?;
    Ok(cluster)
}

fn identity_of(host: &HostIdentity) -> Outcome<Identity> {
    certificates_from_pem(host.authorities.as_bytes()).to("read the authorities")?;
    let parts = IdentityParts {
        private_key: host.private_key.clone(),
        tls_certificate: host.certificate.clone(),
        tls_authorities: host.authorities.clone(),
        ssh_certificate: None,
    };
    Identity::new(&parts, Origin::Process).to("use the administrator's certificate")
}

/// What a call was answered with that should have succeeded.
fn refused(what: &str, status: &tonic::Status) -> Trouble {
    Trouble::new(format!(
        "could not {what}: {} ({:?})",
        status.message(),
        status.code()
    ))
}
