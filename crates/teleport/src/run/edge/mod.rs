//! A running proxy whose Auth Service is elsewhere: it comes in with a token once, goes on with what it got, and follows
//! the cluster's authorities while it runs. It holds no state of the cluster and no key of an authority.
//!
//! | module | does |
//! | --- | --- |
//! | [`member`] | who this process is towards the cluster, and staying so |
//! | [`entrance`] | the way in with a token |

mod entrance;
mod member;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use cli::Failure;
use transport::Drain;
use transport::drain::Drained;
use transport::target::{Splice, Target};
use transport::tls::{ServerSettings, ServerTls};

use super::signals::{Signal, Signals};
use super::{Ambient, PATIENCE, PATIENCE_INSIDE, diag, home, https, ports::Ports};
use crate::config::{Config, JoinConfig, ProxyConfig};
use crate::failures;
use crate::log::Sink;
use member::Member;

/// A proxy that is running.
pub struct Edge {
    https: Arc<https::Https>,
    proxy: Arc<proxy::Proxy>,
    /// Whoever came from outside, and what belongs to them.
    public: Drain,
    /// The calls to the Auth Service.
    road: Drain,
    /// Held until the end.
    _lock: File,
    _pid_file: Option<home::PidFile>,
}

impl Edge {
    /// Joins the cluster or goes on as a part of it, and serves.
    ///
    /// # Errors
    /// Why it does not. That the Auth Service does not answer yet is waited out.
    pub async fn start(
        config: &Config,
        join: &JoinConfig,
        told: &ProxyConfig,
        ambient: &Ambient,
        log: &Sink,
    ) -> Result<Self, Failure> {
        let pairs = https::read_files(&told.certificates)?;
        home::check_directory(&config.data_dir)?;
        let lock = home::lock_directory(&config.data_dir)?;
        let mut ports = Ports::bind(config).await?;
        let web = ports
            .web
            .take()
            .ok_or_else(|| Failure::new("the proxy has no port"))?;
        let home = home::Home::open(&config.data_dir, &ambient.entropy)?;
        let member = Member::begin(config, join, &home, ambient).await?;
        let authorities = member.authorities_in_time().await;
        let cluster = member.cluster().clone();
        let settings = proxy::Settings {
            cluster: member.cluster_name(),
            host_id: home.host_id.clone(),
            node_name: config.node_name.clone(),
            public_addresses: told.public_addresses.clone(),
            listen_address: web.address,
            auth_listen_address: None,
        };
        let https = https::Https::open(pairs, home.web_certificate_file(), &settings, ambient)?;
        let inner = ServerTls::new(
            ServerSettings {
                certificates: vec![member.credentials()],
                client_authorities: Some(authorities),
                protocols: proxy::passage_protocols(),
                cluster: Some(member.cluster_name()),
            },
            Arc::clone(&ambient.clock),
        )
        .map_err(|error| failures::tls("the passage to the Auth Service", &error))?;
        let (public, road) = (Drain::new(), Drain::new());
        let splice = Splice::to_first_of(join.auth_servers.clone());
        let auth_target: Arc<dyn Target> = if told.announces_clients {
            Arc::new(splice.announcing_peer())
        } else {
            Arc::new(splice)
        };
        let proxy = proxy::Proxy::open(proxy::Opening {
            cluster,
            auth_road: (Arc::clone(&auth_target), road.clone()),
            settings,
            clock: Arc::clone(&ambient.clock),
            entropy: Arc::clone(&ambient.entropy),
        });
        let figures = diag::Figures::of_proxy(&proxy, &web, log);
        let edge = Self {
            https: Arc::clone(&https),
            proxy: Arc::clone(&proxy),
            public: public.clone(),
            road,
            _lock: lock,
            _pid_file: config.pid_file.as_deref().map(home::PidFile::write).transpose()?,
        };
        web.tell("Web proxy service", &member.cluster_name());
        let port = proxy.port(Arc::clone(https.tls()), Some(Arc::clone(&inner)), auth_target);
        public.spawn(web.listener.serve(port, public.clone()));
        public.spawn(Arc::clone(&proxy).announce(public.clone()));
        edge.until_the_end(async move { https.keep_fresh().await });
        edge.until_the_end(async move { member.follow(inner).await });
        if let Some(diag) = ports.diag {
            tracing::info!(listen_address = %diag.address, "Diagnostic service is starting.");
            public.spawn(diag::serve(diag.socket, figures, public.clone()));
        }
        tracing::info!("The new service has started successfully.");
        Ok(edge)
    }

    /// Runs a task that has no end of its own.
    fn until_the_end(&self, task: impl Future<Output = ()> + Send + 'static) {
        let drain = self.public.clone();
        self.public.spawn(async move {
            tokio::select! {
                () = task => {}
                () = drain.begun() => {}
            }
        });
    }

    /// Serves until a signal says that it is enough.
    pub async fn serve(self, mut signals: Signals, log: &Sink) {
        loop {
            match signals.next().await {
                Signal::Stop(name) => {
                    tracing::info!(signal = name, "Got a signal, stopping: finishing what has begun.");
                    break;
                }
                Signal::Reload => super::reload(log, Some(&self.https)).await,
                Signal::Tell => tracing::info!(
                    known = self.proxy.is_known(),
                    connections = self.public.open(),
                    "How things are."
                ),
                Signal::Ignored(name) => super::ignored(name),
            }
        }
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
        self.road.finish(PATIENCE_INSIDE).await;
        tracing::info!("The server has stopped.");
    }
}
