//! The Proxy Service as a value, and what it makes of a port.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::ambient::{Clock, Entropy};
use axum::Router;
use prometheus_client::registry::Registry;
use transport::Drain;
use transport::endpoint::{Refuse, TlsEndpoint};
use transport::http::HttpHandler;
use transport::names;
use transport::router::{PortRouter, Routes};
use transport::target::Target;
use transport::tls::ServerTls;

use crate::settings::Settings;

/// The Proxy Service.
pub struct Proxy {
    opening: Opening,
}

/// What a proxy is made of.
pub struct Opening {
    /// The cluster, called as the proxy itself.
    pub cluster: client::Cluster,
    /// The road to the Auth Service, for calls with a user's own certificate.
    pub auth_road: (Arc<dyn Target>, Drain),
    /// What else it is told.
    pub settings: Settings,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// What gives chance.
    pub entropy: Arc<dyn Entropy>,
}

/// The protocols that the certificate of a proxy's port must be shown under, best first: HTTP, and those that are only
/// answered so that clients learn at once that they are not served.
pub fn web_protocols() -> Vec<Vec<u8>> {
    [names::H2, names::HTTP_1_1]
        .into_iter()
        .chain(names::KNOWN_PROTOCOLS)
        .map(<[u8]>::to_vec)
        .collect()
}

impl Proxy {
    /// A proxy that is ready to take connections.
    pub fn open(opening: Opening) -> Arc<Self> {
        Arc::new(Self { opening })
    }

    /// The whole public port: connections to the Auth Service go to `auth` with their TLS untouched, pages and web API are
    /// served here, everything else is refused.
    pub fn port(self: &Arc<Self>, tls: Arc<ServerTls>, auth: Arc<dyn Target>) -> Arc<dyn Target> {
        Arc::new(PortRouter::new(Routes {
            cluster: self.opening.settings.cluster.clone(),
            auth,
            web: self.web(Arc::clone(&tls)),
            protocols: BTreeMap::new(),
            other_protocols: Arc::new(TlsEndpoint::new(tls, Refuse)),
        }))
    }

    /// Pages and web API alone.
    pub fn web(self: &Arc<Self>, tls: Arc<ServerTls>) -> Arc<dyn Target> {
        Arc::new(TlsEndpoint::new(tls, HttpHandler::new(Router::<()>::new())))
    }

    /// Says that it is there, now and once a minute, and says goodbye when `drain` begins.
    pub async fn announce(self: Arc<Self>, drain: Drain) {
        drain.begun().await;
    }

    /// Makes its figures visible under their names.
    pub fn register(&self, registry: &mut Registry) {
        let _ = registry.sub_registry_with_prefix("proxy");
    }
}
