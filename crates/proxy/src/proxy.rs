//! The Proxy Service as a value, and what it makes of a port.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use access::ambient::{Clock, Entropy};
use prometheus_client::registry::Registry;
use transport::Drain;
use transport::endpoint::{Refuse, TlsEndpoint};
use transport::http::{HttpHandler, HttpLimits};
use transport::names;
use transport::rate::{Limiter, Rate};
use transport::router::{PortRouter, Routes};
use transport::target::Target;
use transport::tls::ServerTls;

use crate::api::discovery::Discovery;
use crate::gate::Gate;
use crate::live::Hub;
use crate::metrics::Metrics;
use crate::passage::Passage;
use crate::routes;
use crate::settings::Settings;
use crate::upgrade::Inside;
use crate::upstream::Upstream;

/// How often strangers may ask for what is not free: a good deal more than people do, and a good deal less than machines
/// could. Guesses at secrets are counted by the Auth Service besides, and far more narrowly.
const STRANGERS: Rate = Rate::per_minute(120, 480);
/// The most addresses that are counted at once.
const SOURCES_MAX: usize = 100_000;
/// What a browser or a tool may send as headers.
const HEADER_BYTES_MAX: u32 = 32 * 1024;
/// Requests at the same time on one connection.
const STREAMS_MAX: u32 = 128;

/// The Proxy Service.
pub struct Proxy {
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) upstream: Upstream,
    pub(crate) metrics: Metrics,
    pub(crate) strangers: Limiter<IpAddr>,
    pub(crate) discovery: Discovery,
    /// Whether the cluster knows that the proxy is there.
    pub(crate) known: AtomicBool,
    pub(crate) live: Hub,
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

/// The protocols of a proxy's port, best first: HTTP, and those that are only answered so that clients learn at once that
/// they are not served.
pub fn web_protocols() -> Vec<Vec<u8>> {
    [names::H2, names::HTTP_1_1]
        .into_iter()
        .chain(names::KNOWN_PROTOCOLS)
        .map(<[u8]>::to_vec)
        .collect()
}

/// The protocols of what is shown to those who trust the cluster's own authority: the passage to the Auth Service, and,
/// inside an upgraded connection, the whole port once more.
pub fn passage_protocols() -> Vec<Vec<u8>> {
    let mut protocols = vec![names::PROXY_SSH_GRPC.to_vec()];
    protocols.extend(
        web_protocols()
            .into_iter()
            .filter(|name| name != names::PROXY_SSH_GRPC),
    );
    protocols
}

impl Proxy {
    /// A proxy that is ready to take connections.
    pub fn open(opening: Opening) -> Arc<Self> {
        let Opening {
            cluster,
            auth_road,
            settings,
            clock,
            entropy,
        } = opening;
        Arc::new(Self {
            upstream: Upstream::new(cluster, auth_road, Arc::clone(&clock)),
            discovery: Discovery::default(),
            live: Hub::default(),
            strangers: Limiter::new(STRANGERS, SOURCES_MAX),
            metrics: Metrics::default(),
            known: AtomicBool::new(false),
            settings,
            clock,
            entropy,
        })
    }

    /// The whole public port: connections to the Auth Service go to `auth` with their TLS untouched, pages and web API are
    /// served here, `tsh` finds its passage to the Auth Service, everything else is refused after the handshake.
    ///
    /// `tls` is what the public sees; the port speaks [`web_protocols`], whatever it said before. `inner` is shown to who
    /// has a certificate of the cluster, and inside upgraded connections: it must ask for certificates, and speak
    /// [`passage_protocols`]. Without it there are neither.
    pub fn port(
        self: &Arc<Self>,
        tls: Arc<ServerTls>,
        inner: Option<Arc<ServerTls>>,
        auth: Arc<dyn Target>,
    ) -> Arc<dyn Target> {
        let inside = inner.as_ref().map(|inner| {
            let pages = self.pages(Arc::clone(inner), None);
            Inside(self.routed(pages, inner, Some(inner), &auth))
        });
        let pages = self.public_pages(&tls, inside);
        self.routed(pages, &tls, inner.as_ref(), &auth)
    }

    /// Pages and web API alone. The port speaks [`web_protocols`], whatever `tls` said before.
    pub fn web(self: &Arc<Self>, tls: Arc<ServerTls>) -> Arc<dyn Target> {
        self.public_pages(&tls, None)
    }

    /// A port: `web` behind a router that knows the other homes.
    fn routed(
        &self,
        web: Arc<dyn Target>,
        shown: &Arc<ServerTls>,
        inner: Option<&Arc<ServerTls>>,
        auth: &Arc<dyn Target>,
    ) -> Arc<dyn Target> {
        let passage = inner.map(|inner| {
            let (road, drain) = self.upstream.road();
            let passage = Passage::new(self.settings.cluster.clone(), Arc::clone(road), drain.clone());
            (names::PROXY_SSH_GRPC.to_vec(), passage.target(Arc::clone(inner)))
        });
        Arc::new(PortRouter::new(Routes {
            cluster: self.settings.cluster.clone(),
            auth: Arc::clone(auth),
            web,
            protocols: BTreeMap::from_iter(passage),
            other_protocols: Arc::new(TlsEndpoint::new(Arc::clone(shown), Refuse)),
        }))
    }

    fn public_pages(self: &Arc<Self>, tls: &Arc<ServerTls>, inside: Option<Inside>) -> Arc<dyn Target> {
        let mut settings = tls.settings();
        settings.protocols = web_protocols();
        if let Err(error) = tls.replace(settings) {
            tracing::error!(%error, "the protocols of the web port could not be set; clients may not get through");
        }
        self.pages(Arc::clone(tls), inside)
    }

    fn pages(self: &Arc<Self>, tls: Arc<ServerTls>, inside: Option<Inside>) -> Arc<dyn Target> {
        let limits = HttpLimits {
            header_bytes_max: HEADER_BYTES_MAX,
            streams_max: STREAMS_MAX,
            ..HttpLimits::default()
        };
        let gate = Gate::new(routes::router(self, inside), self.metrics.clone());
        Arc::new(TlsEndpoint::new(tls, HttpHandler::new(gate).with_limits(limits)))
    }

    /// Makes its figures visible under their names.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// A secret that nobody can guess: 32 random bytes, URL-safe.
    pub(crate) fn secret(&self) -> String {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A random UUID.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
