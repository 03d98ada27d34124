//! How a connection to the Auth Service comes about: straight, or through a proxy's one port.
//!
//! The first greeting serves both: it names the cluster in a way that a proxy passes on and an Auth
//! Service understands. Where it is not understood, a second, plainer one is tried. When nothing
//! helps, the address is asked what it is, so that the error can say so.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use access::ambient::Clock;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_rustls::client::TlsStream;
use transport::dial::{Alert, ClientTls, DialError, HandshakeError, Server, Trust, alert_in};
use transport::stream::Io;
use transport::target::{Target, dial_in_memory};
use transport::tls::TlsError;
use transport::{Address, Drain, names};

use crate::identity::{Identity, IdentityError};
use crate::upgrade::Upgrade;
use crate::web::{WebClient, WebError};

/// The time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The alert with which a server ended the latest connection, if it did.
///
/// With TLS 1.3 a refused certificate shows only after the handshake, when HTTP/2 is reading; what
/// the caller gets is no more than "cancelled". So it is noted here.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastAlert(Arc<Mutex<Option<Alert>>>);

impl LastAlert {
    fn note(&self, alert: Option<Alert>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = alert;
    }

    pub(crate) fn get(&self) -> Option<Alert> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An established TLS connection to an Auth Service.
pub(crate) struct Link {
    io: Box<dyn Io>,
    last_alert: LastAlert,
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, into);
        if let Poll::Ready(Err(error)) = &read
            && let Some(alert) = alert_in(error)
        {
            self.last_alert.note(Some(alert));
        }
        read
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// Where the Auth Service is to be found.
#[derive(Clone)]
pub enum Destination {
    /// At one of these addresses of Auth Services or proxies; the first that answers is taken.
    Addresses(Vec<Address>),
    /// In this process.
    InProcess(Arc<dyn Target>, Drain),
}

/// By which greeting an address was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// As an Auth Service, or a proxy that passes connections on by the cluster's name.
    ByClusterName,
    /// As an Auth Service that needs no cluster's name.
    Plain,
    /// As a load balancer that ends TLS, with a proxy behind it.
    Upgraded,
    /// As a proxy, asked over HTTPS what it is.
    Discovery,
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByClusterName => "as an Auth Service or through TLS routing",
            Self::Plain => "as an Auth Service without a cluster name",
            Self::Upgraded => "as a load balancer, by connection upgrade",
            Self::Discovery => "as a proxy",
        })
    }
}

/// One attempt and how it ended.
#[derive(Debug)]
pub struct Attempt {
    /// The address.
    pub address: Address,
    /// The greeting.
    pub road: Road,
    /// What happened, in words.
    pub outcome: String,
}

/// Why no connection to the cluster came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// TLS cannot be set up from the identity.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody answers.
    #[error("cannot reach the cluster `{cluster}`: {source}")]
    Unreachable {
        /// The cluster of the identity.
        cluster: String,
        /// The most telling failure.
        source: DialError,
        /// All attempts.
        attempts: Vec<Attempt>,
    },
    /// The address belongs to another cluster.
    #[error("{address} is a proxy of the cluster `{found}`, and {origin} is for the cluster `{wanted}`")]
    OtherCluster {
        /// What was dialled.
        address: Address,
        /// The cluster that answers there.
        found: String,
        /// The cluster of the identity.
        wanted: String,
        /// The identity.
        origin: String,
    },
    /// The address is a proxy of the right cluster, and does not pass connections on.
    #[error(
        "{address} is a proxy of the cluster `{cluster}` and does not pass connections on to its Auth Service"
    )]
    NoRouting {
        /// What was dialled.
        address: Address,
        /// The cluster.
        cluster: String,
        /// All attempts.
        attempts: Vec<Attempt>,
    },
    /// The server ended the connection because of our certificate.
    #[error("the cluster `{cluster}` refused {origin}: {alert}")]
    Refused {
        /// The cluster of the identity.
        cluster: String,
        /// The identity.
        origin: String,
        /// The server's words.
        alert: Alert,
    },
    /// The connection came about, and the first call did not succeed.
    #[error("the cluster `{cluster}` does not answer: {message}")]
    NoAnswer {
        /// The cluster of the identity.
        cluster: String,
        /// What the call ended with.
        message: String,
    },
    /// The connection came about, and the cluster does not serve whoever we are: a lock, for example.
    #[error("{message}")]
    Denied {
        /// The reason, in the cluster's words.
        message: String,
    },
    /// No address was given.
    #[error("no address of the cluster `{cluster}` is known")]
    NoAddress {
        /// The cluster of the identity.
        cluster: String,
    },
}

impl ConnectError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Identity(error) => error.hint(),
            Self::Unreachable { source, .. } => source.hint(Server::Auth),
            Self::OtherCluster { found, .. } => Some(format!(
                "use an identity of `{found}`, or the address of a proxy of the identity's cluster"
            )),
            Self::NoRouting { .. } => Some(
                "use the address of the Auth Service, or let the load balancer that ends TLS there pass on WebSockets of \
                 `/webapi/connectionupgrade`"
                    .to_owned(),
            ),
            Self::Refused { .. } => {
                Some("log in again, or sign a new identity file in this cluster".to_owned())
            }
            Self::NoAddress { .. } => Some("name one with `--auth-server HOST:PORT`".to_owned()),
            Self::NoAnswer { .. } | Self::Denied { .. } | Self::Tls(_) => None,
        }
    }

    /// What was tried, one line each, for those who want to see it all.
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Unreachable { attempts, .. } | Self::NoRouting { attempts, .. } => attempts,
            _ => &[],
        }
    }

    /// Whether trying again later may help without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => !matches!(
                source,
                DialError::Handshake {
                    source: HandshakeError::WrongName { .. } | HandshakeError::UnknownAuthority { .. },
                    ..
                }
            ),
            Self::NoAnswer { .. } => true,
            _ => false,
        }
    }
}

/// Everything needed to connect, again and again.
pub(crate) struct Roads {
    pub(crate) destination: Destination,
    pub(crate) web_trust: Trust,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) last_alert: LastAlert,
}

impl Roads {
    /// Connects with `identity`.
    pub(crate) async fn connect(&self, identity: &Identity) -> Result<Link, ConnectError> {
        identity.check_time(self.clock.now())?;
        let greetings = Greetings::new(identity, &self.web_trust, &self.clock)?;
        let io = match &self.destination {
            Destination::InProcess(target, drain) => in_process(&greetings, target, drain, identity).await?,
            Destination::Addresses(addresses) => self.race(&greetings, addresses, identity).await?,
        };
        self.last_alert.note(None);
        Ok(Link {
            io,
            last_alert: self.last_alert.clone(),
        })
    }

    async fn race(
        &self,
        greetings: &Greetings,
        addresses: &[Address],
        identity: &Identity,
    ) -> Result<Box<dyn Io>, ConnectError> {
        let mut running = tokio::task::JoinSet::new();
        for address in addresses {
            let (greetings, address) = (greetings.clone(), address.clone());
            running.spawn(async move { greetings.try_address(&address).await });
        }
        let mut failures = Vec::new();
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(failed)) => failures.push(failed),
                Err(_) => {}
            }
        }
        Err(self.explain(failures, identity).await)
    }

    /// Turns the failures into one error: asks addresses that speak TLS what they are.
    async fn explain(&self, failures: Vec<Vec<Failed>>, identity: &Identity) -> ConnectError {
        let cluster = identity.cluster().to_owned();
        let mut attempts = Vec::new();
        let mut telling: Option<DialError> = None;
        for failed in failures {
            let address = failed.first().map(|one| one.error.address().clone());
            let speaks_tls = failed.iter().any(|one| {
                matches!(
                    &one.error,
                    DialError::Handshake { source, .. } if !matches!(source, HandshakeError::NotTls)
                )
            });
            let met_auth = failed.iter().any(|one| is_an_auth_service(&one.error));
            for one in failed {
                attempts.push(Attempt {
                    address: one.error.address().clone(),
                    road: one.road,
                    outcome: one.error.to_string(),
                });
                if telling
                    .as_ref()
                    .is_none_or(|kept| weight(&one.error) > weight(kept))
                {
                    telling = Some(one.error);
                }
            }
            let Some(address) = address.filter(|_| speaks_tls) else {
                continue;
            };
            match self.ask(&address).await {
                Ok(found) if found.cluster_name != cluster => {
                    return ConnectError::OtherCluster {
                        address,
                        found: found.cluster_name,
                        wanted: cluster,
                        origin: identity.origin().to_string(),
                    };
                }
                // The connection was passed on, to a cluster of the same name that was made anew.
                Ok(_) if met_auth => {}
                Ok(_) => {
                    return ConnectError::NoRouting {
                        address,
                        cluster,
                        attempts,
                    };
                }
                Err(error) => attempts.push(Attempt {
                    address,
                    road: Road::Discovery,
                    outcome: error.to_string(),
                }),
            }
        }
        match telling {
            Some(source) => ConnectError::Unreachable {
                cluster,
                source,
                attempts,
            },
            None => ConnectError::NoAddress { cluster },
        }
    }

    async fn ask(&self, address: &Address) -> Result<crate::web::Ping, WebError> {
        WebClient::new(address.clone(), &self.web_trust, &self.clock)?
            .find()
            .await
    }
}

async fn in_process(
    greetings: &Greetings,
    target: &Arc<dyn Target>,
    drain: &Drain,
    identity: &Identity,
) -> Result<Box<dyn Io>, ConnectError> {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let pipe: DuplexStream = dial_in_memory(target, here, drain);
    match greetings
        .by_cluster_name
        .handshake(pipe, &greetings.cluster_host)
        .await
    {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(ConnectError::Unreachable {
            cluster: identity.cluster().to_owned(),
            source: DialError::Handshake {
                address: Address::from(here),
                source,
            },
            attempts: Vec::new(),
        }),
    }
}

/// How much an error tells: a server that speaks wrongly more than one that is not there.
fn weight(error: &DialError) -> u8 {
    match error {
        DialError::UnknownHost { .. } => 0,
        DialError::TimedOut { .. } => 1,
        DialError::Connect { .. } | DialError::Proxy { .. } => 2,
        DialError::Upgrade { .. } => 6,
        DialError::Handshake { source, .. } => match source {
            HandshakeError::Ended | HandshakeError::Broken(_) => 3,
            HandshakeError::NotTls | HandshakeError::NoProtocol => 4,
            HandshakeError::Refused(_) => 6,
            _ => 5,
        },
    }
}

/// Whether an Auth Service was met that we have no reason to believe.
fn is_an_auth_service(error: &DialError) -> bool {
    match error {
        DialError::Handshake {
            source: HandshakeError::UnknownAuthority { shown, .. },
            ..
        } => shown
            .names
            .iter()
            .any(|name| name.ends_with(names::CLUSTER_DOMAIN)),
        _ => false,
    }
}

struct Failed {
    road: Road,
    error: DialError,
}

/// The two greetings of an identity.
#[derive(Clone)]
struct Greetings {
    cluster_host: String,
    by_cluster_name: ClientTls,
    plain: ClientTls,
    /// Whom a load balancer is believed by, and the time of day for it: reading them costs more than a greeting, and few
    /// need them.
    web_trust: Trust,
    clock: Arc<dyn Clock>,
}

impl Greetings {
    fn new(identity: &Identity, web_trust: &Trust, clock: &Arc<dyn Clock>) -> Result<Self, TlsError> {
        let trust = Trust::Authorities(identity.authorities().to_vec());
        let routed = names::auth_protocol(identity.cluster());
        let greeting =
            |protocols: &[&[u8]]| ClientTls::new(&trust, Some(identity.credentials()), protocols, clock);
        Ok(Self {
            cluster_host: names::encoded_cluster(identity.cluster()),
            by_cluster_name: greeting(&[routed.as_bytes(), names::H2])?,
            plain: greeting(&[names::H2])?,
            web_trust: web_trust.clone(),
            clock: Arc::clone(clock),
        })
    }

    async fn try_address(&self, address: &Address) -> Result<Box<dyn Io>, Vec<Failed>> {
        let first = self
            .by_cluster_name
            .dial(address, &self.cluster_host, ATTEMPT_TIMEOUT)
            .await;
        let error = match first {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => error,
        };
        let speaks_tls = matches!(
            &error,
            DialError::Handshake { source, .. } if !matches!(source, HandshakeError::NotTls)
        );
        // A second greeting helps where the first was not understood, not where nobody answered or
        // where the certificate has told that it is somebody else.
        let not_understood = matches!(
            &error,
            DialError::Handshake {
                source: HandshakeError::Refused(_)
                    | HandshakeError::Ended
                    | HandshakeError::Broken(_)
                    | HandshakeError::NoProtocol
                    | HandshakeError::WrongName { .. },
                ..
            }
        );
        let mut failed = vec![Failed {
            road: Road::ByClusterName,
            error,
        }];
        if not_understood {
            match self
                .plain
                .dial(address, names::CLUSTER_DOMAIN, ATTEMPT_TIMEOUT)
                .await
            {
                Ok(stream) => return Ok(Box::new(stream)),
                Err(error) => failed.push(Failed {
                    road: Road::Plain,
                    error,
                }),
            }
        }
        // Where an Auth Service itself answers, no load balancer stands in between.
        let met_auth = failed.iter().any(|one| is_an_auth_service(&one.error));
        if speaks_tls
            && !met_auth
            // On a machine that trusts nobody no load balancer could be believed.
            && let Ok(upgrade) = Upgrade::new(&self.web_trust, &self.clock)
            && upgrade.is_needed(address).await
        {
            match self.upgraded(&upgrade, address).await {
                Ok(stream) => return Ok(Box::new(stream)),
                Err(error) => failed.push(Failed {
                    road: Road::Upgraded,
                    error,
                }),
            }
        }
        Err(failed)
    }

    /// Greets inside an upgraded connection.
    async fn upgraded(
        &self,
        upgrade: &Upgrade,
        address: &Address,
    ) -> Result<TlsStream<DuplexStream>, DialError> {
        let pipe = upgrade.open(address).await?;
        let greeted = self.by_cluster_name.handshake(pipe, &self.cluster_host);
        match tokio::time::timeout(ATTEMPT_TIMEOUT, greeted).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) => Err(DialError::Handshake {
                address: address.clone(),
                source,
            }),
            Err(_) => Err(DialError::TimedOut {
                address: address.clone(),
                after: ATTEMPT_TIMEOUT,
            }),
        }
    }
}
