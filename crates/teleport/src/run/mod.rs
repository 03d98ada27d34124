//! A running server: everything opened in the order that leaves nothing half-made, served until a signal comes, and
//! closed so that nobody is cut off who could have finished.
//!
//! The order at the start: certificates of the web port are read, the data directory is taken, ports are bound, and only
//! then a cluster is made or opened. Whatever fails before leaves no cluster behind.
//!
//! | module | does |
//! | --- | --- |
//! | [`home`] | the data directory's files besides the store |
//! | [`ports`] | binds |
//! | [`gate`] | the Auth Service's port and the identities of this process |
//! | [`admin`] | the local administrator's identity |
//! | [`own_parts`] | all of them, anew, when the authorities change |
//! | [`https`] | the certificates of the web port |
//! | [`invite`] | the first administrator's link |
//! | [`edge`] | the same for a proxy whose Auth Service is elsewhere |
//! | [`diag`] | figures and health |
//! | [`signals`] | what the system asks of us |

mod admin;
mod diag;
mod edge;
mod gate;
pub mod home;
mod https;
mod invite;
mod own_parts;
mod ports;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use access::ambient::{Clock, Entropy};
use auth::{Auth, Opening, SealSource, Settings};
use cli::Failure;
use client::{Cluster, Connect, Destination, IdentityHandle};
use store::{Sqlite, Store};
use transport::Drain;
use transport::drain::Drained;
use transport::target::Target;
use transport::tls::ServerTls;

use crate::config::{AuthConfig, Config, Services};
use crate::failures;
use crate::log::Sink;
use crate::version;
use admin::LocalAdmin;
use edge::Edge;
use own_parts::OwnParts;
use ports::Ports;
use signals::{Signal, Signals};

/// How long calls may take to finish once the server is asked to stop. Service managers wait ten seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// The same for what this process says to itself.
const PATIENCE_INSIDE: Duration = Duration::from_secs(1);

/// What a server reads the time and draws chance from.
pub struct Ambient {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

/// Runs a server until it is asked to stop.
///
/// # Errors
/// Why it did not start; what was running by then is stopped.
pub async fn run(config: &Config, ambient: &Ambient, log: &Sink) -> Result<(), Failure> {
    let signals =
        Signals::listen().map_err(|error| Failure::new(format!("cannot wait for signals: {error}")))?;
    tracing::info!(
        version = version::COMPATIBLE,
        git_ref = version::OURS,
        config_file = config.file.as_ref().map(|file| tracing::field::display(file.display())),
        data_dir = %config.data_dir.display(),
        "Starting Teleport"
    );
    for note in &config.notes {
        tracing::warn!("{note}");
    }
    match &config.services {
        Services::Cluster(auth, _) => {
            let server = Server::start(config, auth, ambient, log).await?;
            server.serve(signals, log).await;
        }
        Services::Proxy(join, proxy) => {
            let edge = Edge::start(config, join, proxy, ambient, log).await?;
            edge.serve(signals, log).await;
        }
    }
    Ok(())
}

/// A server that is running.
struct Server {
    store: Arc<dyn Store>,
    auth: Arc<Auth>,
    https: Option<Arc<https::Https>>,
    /// Whoever came from outside, and what belongs to them.
    public: Drain,
    /// What this process says to itself; outlives the guests.
    inside: Drain,
    /// Removed at the end.
    _pid_file: Option<home::PidFile>,
}

impl Server {
    async fn start(
        config: &Config,
        told: &AuthConfig,
        ambient: &Ambient,
        log: &Sink,
    ) -> Result<Self, Failure> {
        let pairs = config.proxy().map(|proxy| https::read_files(&proxy.certificates));
        let pairs = pairs.transpose()?;
        let store: Arc<dyn Store> = {
            home::check_directory(&config.data_dir)?;
            let store = Sqlite::open(&config.data_dir).map_err(|error| failures::store(&error))?;
            Arc::new(store)
        };
        let mut ports = Ports::bind(config).await?;
        let auth_port = ports
            .auth
            .take()
            .ok_or_else(|| Failure::new("the Auth Service has no port"))?;
        let home = home::Home::open(&config.data_dir, &ambient.entropy)?;
        let public = Drain::new();
        let inside = Drain::new();
        let proxy_settings = |cluster: &str| {
            ports
                .web
                .as_ref()
                .zip(config.proxy())
                .map(|(web, told)| proxy::Settings {
                    cluster: cluster.to_owned(),
                    host_id: home.host_id.clone(),
                    node_name: config.node_name.clone(),
                    public_addresses: told.public_addresses.clone(),
                    listen_address: web.address,
                    auth_listen_address: Some(auth_port.address),
                })
        };
        let settings = Settings {
            cluster_name: told.cluster_name.clone(),
            public_hosts: gate::public_hosts(config, told),
            proxy_public_address: proxy_settings("").map(|settings| settings.public_address().to_string()),
            auth_preference: told.preference.clone(),
            networking: told.networking.clone(),
            recording: told.recording.clone(),
            vote_confirmation: told.vote_confirmation,
            ..Settings::new(home.host_id.clone(), config.node_name.clone())
        };
        let auth = Auth::open(Opening {
            store: Arc::clone(&store),
            seal: SealSource::File(config.seal_key_file.clone()),
            clock: Arc::clone(&ambient.clock),
            entropy: Arc::clone(&ambient.entropy),
            settings,
        })
        .await
        .map_err(|error| failures::auth(&error))?;
        let clock = Arc::clone(&ambient.clock);
        let admin = Arc::new(LocalAdmin::new(&auth, home.clone(), &config.node_name, clock));
        // Together, so that one write to the disk carries the records of all certificates.
        let (identities, admin_since) =
            tokio::try_join!(gate::identities(&auth, config, told), admin.write())?;
        tokio::spawn(Arc::clone(&admin).keep_fresh(admin_since));
        home.write_auth_address(auth_port.address)?;
        let clock = Arc::clone(&ambient.clock);
        let auth_tls = gate::mutual_tls(&auth, &identities.auth, gate::auth_protocols(), clock).await?;
        let auth_target = gate::target(&auth, Arc::clone(&auth_tls));
        tokio::spawn(auth::services::requests::sweep::run(Arc::clone(&auth)));
        tokio::spawn(auth::server::recovery::run(Arc::clone(&auth)));
        tokio::spawn(auth::services::authorities::rotate::run(Arc::clone(&auth)));

        let figures = diag::Figures::of_cluster(&auth, &store, &auth_port, ports.web.as_ref(), log);
        let mut server = Self {
            store,
            auth: Arc::clone(&auth),
            https: None,
            public: public.clone(),
            inside: inside.clone(),
            _pid_file: config.pid_file.as_deref().map(home::PidFile::write).transpose()?,
        };
        let mut own_parts = OwnParts::new(&auth, config, told, auth_tls, admin);
        let proxy = match (proxy_settings(auth.cluster()), pairs) {
            (Some(settings), Some(pairs)) => {
                let own = home.web_certificate_file();
                let https = https::Https::open(pairs, own, &settings, ambient)?;
                let handle = IdentityHandle::new(gate::own_identity(&identities.proxy)?);
                own_parts.proxy = Some(handle.clone());
                let cluster = Cluster::lazy(Connect {
                    identity: handle,
                    destination: Destination::InProcess(Arc::clone(&auth_target), inside.clone()),
                    insecure: false,
                    clock: Arc::clone(&ambient.clock),
                    program: "teleport",
                });
                let protocols = proxy::passage_protocols();
                let clock = Arc::clone(&ambient.clock);
                let inner = gate::mutual_tls(&auth, &identities.proxy, protocols, clock).await?;
                own_parts.passage = Some(Arc::clone(&inner));
                let proxy = proxy::Proxy::open(proxy::Opening {
                    cluster,
                    auth_road: (Arc::clone(&auth_target), inside.clone()),
                    settings,
                    clock: Arc::clone(&ambient.clock),
                    entropy: Arc::clone(&ambient.entropy),
                });
                server.https = Some(Arc::clone(&https));
                Some((proxy, https, inner))
            }
            _ => None,
        };
        let own_parts = Arc::new(own_parts);
        auth.keepers.add(Arc::<OwnParts>::clone(&own_parts));
        server.public.spawn(own_parts.look_after(public.clone()));
        figures.register_proxy(proxy.as_ref().map(|(proxy, ..)| proxy));
        server.open_doors(auth_port, ports, auth_target, proxy, figures);
        invite::first_administrator(&auth, config, told).await;
        Ok(server)
    }

    /// Begins to serve on every port.
    fn open_doors(
        &self,
        auth_port: ports::Port,
        ports: Ports,
        auth_target: Arc<dyn Target>,
        proxy: Option<(Arc<proxy::Proxy>, Arc<https::Https>, Arc<ServerTls>)>,
        figures: diag::Figures,
    ) {
        let public = &self.public;
        let serve = |port: ports::Port, target: Arc<dyn Target>| {
            public.spawn(port.listener.serve(target, public.clone()));
        };
        auth_port.tell("Auth service", self.auth.cluster());
        serve(auth_port, Arc::clone(&auth_target));
        if let (Some(web), Some((proxy, https, inner))) = (ports.web, proxy) {
            web.tell("Web proxy service", self.auth.cluster());
            serve(web, proxy.port(Arc::clone(https.tls()), Some(inner), auth_target));
            public.spawn(Arc::clone(&proxy).announce(public.clone()));
            let (https, drain) = (Arc::clone(&https), public.clone());
            public.spawn(async move {
                tokio::select! {
                    () = https.keep_fresh() => {}
                    () = drain.begun() => {}
                }
            });
        }
        if let Some(diag) = ports.diag {
            tracing::info!(listen_address = %diag.address, "Diagnostic service is starting.");
            public.spawn(diag::serve(diag.socket, figures, public.clone()));
        }
        tracing::info!(
            cluster = self.auth.cluster(),
            "The new service has started successfully."
        );
    }

    /// Serves until a signal says that it is enough.
    async fn serve(self, mut signals: Signals, log: &Sink) {
        loop {
            match signals.next().await {
                Signal::Stop(name) => {
                    tracing::info!(signal = name, "Got a signal, stopping: finishing what has begun.");
                    break;
                }
                Signal::Reload => reload(log, self.https.as_deref()).await,
                Signal::Tell => self.tell(),
                Signal::Ignored(name) => ignored(name),
            }
        }
        self.auth.health.stopping();
        let quiet = tokio::select! {
            drained = self.public.finish(PATIENCE) => drained,
            () = signals.stop_again() => {
                tracing::warn!("Got another signal, stopping at once.");
                self.public.finish(Duration::ZERO).await
            }
        };
        if let Drained::Cut(left) = quiet {
            tracing::warn!(left, "Connections that did not finish in time were cut.");
        }
        self.inside.finish(PATIENCE_INSIDE).await;
        self.store.close().await;
        tracing::info!("The server has stopped.");
    }

    /// Says how things are.
    fn tell(&self) {
        let figures = self.store.figures();
        tracing::info!(
            health = ?self.auth.health.state(),
            connections = self.public.open(),
            items = figures.items,
            records = figures.records,
            watches = figures.watches,
            "How things are."
        );
    }
}

/// Reads again what may have been exchanged on disk.
async fn reload(log: &Sink, https: Option<&https::Https>) {
    match log.reopen() {
        Ok(()) => tracing::info!("Reloading: the log file and the certificates of the web port."),
        Err(error) => {
            tracing::error!(%error, "The log file cannot be opened anew; going on with the old one.");
        }
    }
    if let Some(https) = https {
        https.reload().await;
    }
}

/// Says that a signal asks for nothing.
fn ignored(signal: &'static str) {
    tracing::warn!(
        signal,
        "This signal has no meaning here; restart the service instead."
    );
}
