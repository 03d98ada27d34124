//! Binds every port before anything is made, so that a port in use leaves nothing behind.

use std::net::SocketAddr;
use std::sync::Arc;

use cli::Failure;
use tokio::net::TcpListener;
use transport::limits::{Doorkeeper, Limits};
use transport::listen::Listener;

use crate::config::{Config, Services};
use crate::{failures, version};

/// The open ports of a server. What each needs to be asked for is asked together, so that all are had or none.
pub struct Ports {
    /// The Auth Service's, if it runs here.
    pub auth: Option<Port>,
    /// The proxy's.
    pub web: Option<Port>,
    /// The one for figures and health.
    pub diag: Option<DiagPort>,
}

/// A port that takes connections once somebody serves it.
pub struct Port {
    /// Accepts.
    pub listener: Listener,
    /// Counts.
    pub door: Arc<Doorkeeper>,
    /// Where it really listens.
    pub address: SocketAddr,
}

/// The plain port for figures and health.
pub struct DiagPort {
    /// Accepts.
    pub socket: TcpListener,
    /// Where it really listens.
    pub address: SocketAddr,
}

impl Ports {
    /// Opens all of them, or none.
    ///
    /// # Errors
    /// The first that cannot be had.
    pub async fn bind(config: &Config) -> Result<Self, Failure> {
        let limits = Limits {
            connections_max: config.connections_max,
            ..Limits::default()
        };
        let listen = async |address, trusted: &transport::proxy_header::TrustedPeers| {
            let listener = Listener::bind(address, limits)
                .await
                .map_err(|error| failures::listen(&error))?;
            Port::new(listener.trusting(trusted.clone()))
        };
        let auth = match &config.services {
            Services::Cluster(auth, _) => Some(listen(&auth.listen_address, &auth.trusted_peers).await?),
            Services::Proxy(..) => None,
        };
        let web = match config.proxy() {
            Some(proxy) => Some(listen(&proxy.listen_address, &proxy.trusted_peers).await?),
            None => None,
        };
        let diag = match &config.diag_address {
            Some(address) => {
                let failed = |error: std::io::Error| {
                    Failure::new(format!("cannot listen on {address}: {error}"))
                        .hint("choose another `diag_addr`, or leave it out")
                };
                let socket = TcpListener::bind((address.host(), address.port()))
                    .await
                    .map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?;
                Some(DiagPort { socket, address })
            }
            None => None,
        };
        Ok(Self { auth, web, diag })
    }
}

impl Port {
    fn new(listener: Listener) -> Result<Self, Failure> {
        let address = listener.local_address().map_err(Failure::from)?;
        Ok(Self {
            door: listener.door(),
            address,
            listener,
        })
    }

    /// Says in the log that it is open: once for people and current tools, once in the words that older tools wait for.
    pub fn tell(&self, service: &str, cluster: &str) {
        let address = self.address;
        tracing::info!(
            pid = std::process::id(),
            version = version::COMPATIBLE,
            git_ref = version::OURS,
            listen_address = %address,
            cluster,
            "{service} is starting."
        );
        let program = version::OURS;
        tracing::info!(
            "{service} {}:{program} is starting on {address}",
            version::COMPATIBLE
        );
    }
}
