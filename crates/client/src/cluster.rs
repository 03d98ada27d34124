//! A cluster one can call: connections that come back by themselves, with the identity of the moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use access::ambient::Clock;
use http::{HeaderValue, Uri};
use hyper_util::rt::TokioIo;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use transport::dial::{Trust, alert_in};
use wire::pb::proto::{PingRequest, PingResponse};

use crate::identity::{Identity, IdentityHandle};
use crate::roads::{ConnectError, Destination, LastAlert, Link, Roads};

/// The version we keep to. Servers and clients of the same major version understand each other.
pub const COMPATIBLE_VERSION: &str = "18.0.0";

/// The authority of every call; never looked up.
const AUTHORITY: &str = "https://teleport.cluster.local";

/// Connections are asked for a sign of life this often, and given up after three times as long.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The time for the first call.
const FIRST_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes in flight towards us, for one stream and for the connection.
const WINDOW_BYTES: (u32, u32) = (1024 * 1024, 4 * 1024 * 1024);

/// What generated clients call through: a connection that says which version we keep to.
pub type Calls = InterceptedService<Channel, Announce>;

/// Adds to each call our version, and that we show warnings.
#[derive(Debug, Clone)]
pub struct Announce(MetadataValue<Ascii>);

impl Default for Announce {
    fn default() -> Self {
        Self(MetadataValue::from_static(COMPATIBLE_VERSION))
    }
}

impl Interceptor for Announce {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("version", self.0.clone());
        metadata.insert(wire::metadata::TAKES_WARNINGS, MetadataValue::from_static("yes"));
        Ok(request)
    }
}

/// How to connect.
pub struct Connect {
    /// Who we are; may be exchanged later.
    pub identity: IdentityHandle,
    /// Where the cluster is.
    pub destination: Destination,
    /// Do not verify a proxy's web certificate when it is asked what it is. The Auth Service's is
    /// always verified.
    pub insecure: bool,
    /// Judges certificates.
    pub clock: Arc<dyn Clock>,
    /// The program, for the server's log: `tctl`.
    pub program: &'static str,
}

/// A cluster to call. Clones share connections.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    identity: IdentityHandle,
    roads: Arc<Roads>,
    agent: HeaderValue,
    line: Mutex<Line>,
}

/// The connection in use and the identity it is for.
struct Line {
    identity: Arc<Identity>,
    channel: Channel,
}

impl Cluster {
    /// A cluster that is connected to when it is first called, and again after each loss.
    pub fn lazy(connect: Connect) -> Self {
        let roads = Arc::new(Self::roads(&connect));
        Self::with(connect, roads, None)
    }

    /// Connects now, so that what is wrong shows at once, and makes the first call.
    pub async fn connect(connect: Connect) -> Result<(Self, PingResponse), ConnectError> {
        let roads = Arc::new(Self::roads(&connect));
        let identity = connect.identity.current();
        let link = roads.connect(&identity).await?;
        let cluster = Self::with(connect, roads, Some(link));
        let mut auth = cluster.auth();
        let ping = match tokio::time::timeout(FIRST_CALL_TIMEOUT, auth.ping(PingRequest {})).await {
            Ok(Ok(ping)) => ping.into_inner(),
            Ok(Err(status)) => return Err(cluster.explain(&status)),
            Err(_) => {
                return Err(ConnectError::NoAnswer {
                    cluster: identity.cluster().to_owned(),
                    message: format!("no answer within {} s", FIRST_CALL_TIMEOUT.as_secs()),
                });
            }
        };
        Ok((cluster, ping))
    }

    fn roads(connect: &Connect) -> Roads {
        Roads {
            destination: connect.destination.clone(),
            web_trust: if connect.insecure {
                Trust::Anyone
            } else {
                Trust::System(Vec::new())
            },
            clock: Arc::clone(&connect.clock),
            last_alert: LastAlert::default(),
        }
    }

    fn with(connect: Connect, roads: Arc<Roads>, primed: Option<Link>) -> Self {
        let agent = format!(
            "{}/{COMPATIBLE_VERSION} countersign/{}",
            connect.program,
            env!("CARGO_PKG_VERSION")
        );
        let agent = HeaderValue::try_from(agent).unwrap_or(HeaderValue::from_static("countersign"));
        let identity = connect.identity.current();
        let channel = channel(&roads, &connect.identity, &agent, primed);
        Self(Arc::new(Inner {
            identity: connect.identity,
            roads,
            agent,
            line: Mutex::new(Line { identity, channel }),
        }))
    }

    /// Who we are.
    pub fn identity(&self) -> &IdentityHandle {
        &self.0.identity
    }

    /// What a generated client calls through, with the identity of the moment.
    ///
    /// Take it anew for each piece of work: one taken before the identity was exchanged keeps the
    /// old connection.
    pub fn calls(&self) -> Calls {
        let current = self.0.identity.current();
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&line.identity, &current) {
            line.channel = channel(&self.0.roads, &self.0.identity, &self.0.agent, None);
            line.identity = current;
        }
        InterceptedService::new(line.channel.clone(), Announce::default())
    }

    /// What a failed call says about the connection below it, if it was the connection that failed.
    ///
    /// A refusal is [`ConnectError::Denied`]; for calls that failed for another reason, [`ConnectError::NoAnswer`] with
    /// the server's words.
    pub fn explain(&self, status: &Status) -> ConnectError {
        let identity = self.0.identity.current();
        let cluster = identity.cluster().to_owned();
        let no_answer = matches!(
            status.code(),
            Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Internal
        );
        if no_answer && let Some(alert) = alert_in(status).or_else(|| self.0.roads.last_alert.get()) {
            return ConnectError::Refused {
                cluster,
                origin: identity.origin().to_string(),
                alert,
            };
        }
        if matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated) {
            return ConnectError::Denied {
                message: status.message().to_owned(),
            };
        }
        let message =
            connection_failure(status).map_or_else(|| status.message().to_owned(), ToString::to_string);
        ConnectError::NoAnswer { cluster, message }
    }
}

/// The connection error below a failed call, if there is one.
pub fn connection_failure(status: &Status) -> Option<&ConnectError> {
    let mut next = std::error::Error::source(status);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<ConnectError>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn channel(
    roads: &Arc<Roads>,
    identity: &IdentityHandle,
    agent: &HeaderValue,
    primed: Option<Link>,
) -> Channel {
    let primed = Arc::new(Mutex::new(primed));
    let (roads, identity) = (Arc::clone(roads), identity.clone());
    let connector = tower::service_fn(move |_: Uri| {
        let (roads, identity, primed) = (Arc::clone(&roads), identity.clone(), Arc::clone(&primed));
        async move {
            let ready = primed.lock().unwrap_or_else(PoisonError::into_inner).take();
            let link = match ready {
                Some(link) => link,
                None => roads.connect(&identity.current()).await?,
            };
            Ok::<_, ConnectError>(TokioIo::new(link))
        }
    });
    let endpoint = Endpoint::from_static(AUTHORITY)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE * 3)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES.0)
        .initial_connection_window_size(WINDOW_BYTES.1);
    let endpoint = match endpoint.clone().user_agent(agent.clone()) {
        Ok(named) => named,
        Err(_) => endpoint,
    };
    endpoint.connect_with_connector_lazy(connector)
}
