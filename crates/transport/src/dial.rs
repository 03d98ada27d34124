//! The way out: TCP, then TLS, and errors that say what was dialled, what answered and what to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use access::ambient::Clock;
use jiff::Timestamp;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::listen::prepare;
use crate::shown::Shown;
use crate::stream::Io;
use crate::tls::{ByClock, Credentials, TlsError, provider};
use crate::trust::{AnyServer, KnownLeaf, Witness};
use crate::via::{ProxyRefusal, Via};

/// How long to wait for one of a host's addresses before the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);

/// Which servers are believed.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those with a certificate of these authorities.
    Authorities(Vec<CertificateDer<'static>>),
    /// Those the operating system believes, and those with a certificate of these authorities.
    System(Vec<CertificateDer<'static>>),
    /// All of them: the caller has been told what that means.
    Anyone,
}

/// The client's side of TLS.
#[derive(Clone)]
pub struct ClientTls {
    config: ClientConfig,
    verifier: Arc<dyn ServerCertVerifier>,
    authorities: Arc<[CertificateDer<'static>]>,
    via: Via,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Believes servers as `trust` says, shows `credentials`, and offers `protocols` (ALPN).
    pub fn new(
        trust: &Trust,
        credentials: Option<&Credentials>,
        protocols: &[&[u8]],
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let provider = provider();
        let authorities: Vec<CertificateDer<'static>> = match trust {
            Trust::Authorities(authorities) => authorities.clone(),
            Trust::System(more) => system_authorities().iter().chain(more).cloned().collect(),
            Trust::Anyone => Vec::new(),
        };
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            Trust::Anyone => Arc::new(AnyServer(Arc::clone(&provider))),
            Trust::Authorities(_) | Trust::System(_) => {
                let mut roots = RootCertStore::empty();
                let (_, bad) = roots.add_parsable_certificates(authorities.iter().cloned());
                if bad > 0 && matches!(trust, Trust::Authorities(_)) {
                    let error = rustls::Error::from(CertificateError::BadEncoding);
                    return Err(TlsError::Certificate(error));
                }
                let inner =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                        .build()
                        .map_err(TlsError::ServerAuthorities)?;
                Arc::new(KnownLeaf::new(inner, authorities.clone()))
            }
        };
        let builder = ClientConfig::builder_with_details(provider, Arc::new(ByClock(Arc::clone(clock))))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Configuration)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier));
        let mut config = match credentials {
            Some(credentials) => builder
                .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&credentials.0)))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        Ok(Self {
            config,
            verifier,
            authorities: authorities.into(),
            via: Via::environment().clone(),
        })
    }

    /// Goes out another way than the environment says.
    #[must_use]
    pub fn with_via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Does a handshake over `io` with a server that must prove to be `name` (a DNS name or an IP
    /// address).
    pub async fn handshake<S: Io>(&self, io: S, name: &str) -> Result<TlsStream<S>, HandshakeError> {
        let server =
            ServerName::try_from(name.to_owned()).map_err(|_| HandshakeError::NoName(name.to_owned()))?;
        let witness = Witness::new(Arc::clone(&self.verifier));
        let seen = witness.seen();
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::new(witness));
        let offered = !config.alpn_protocols.is_empty();
        match TlsConnector::from(Arc::new(config)).connect(server, io).await {
            Ok(stream) if offered && stream.get_ref().1.alpn_protocol().is_none() => {
                Err(HandshakeError::NoProtocol)
            }
            Ok(stream) => Ok(stream),
            Err(error) => Err(self.explain(error, name, &seen.chain())),
        }
    }

    /// Dials `address` and does a handshake with a server that must prove to be `name`.
    pub async fn dial(
        &self,
        address: &Address,
        name: &str,
        timeout: Duration,
    ) -> Result<TlsStream<TcpStream>, DialError> {
        let dialled = async {
            let mut socket = tcp_within(self.via.first_hop(address)).await?;
            self.via
                .pass(&mut socket, address)
                .await
                .map_err(|source| DialError::Proxy {
                    proxy: self.via.first_hop(address).clone(),
                    address: address.clone(),
                    source,
                })?;
            self.handshake(socket, name)
                .await
                .map_err(|source| DialError::Handshake {
                    address: address.clone(),
                    source,
                })
        };
        match tokio::time::timeout(timeout, dialled).await {
            Ok(result) => result,
            Err(_) => Err(DialError::TimedOut {
                address: address.clone(),
                after: timeout,
            }),
        }
    }

    fn explain(&self, error: io::Error, name: &str, chain: &[CertificateDer<'static>]) -> HandshakeError {
        let Some(cause) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        else {
            return if error.kind() == io::ErrorKind::UnexpectedEof {
                HandshakeError::Ended
            } else {
                HandshakeError::Broken(error)
            };
        };
        let shown = || chain.first().map(|leaf| Shown::of(leaf)).unwrap_or_default();
        match cause {
            rustls::Error::InvalidCertificate(reason) => match reason {
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    HandshakeError::WrongName {
                        expected: name.to_owned(),
                        shown: Box::new(shown()),
                    }
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    HandshakeError::Expired(Box::new(shown()))
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    HandshakeError::NotYetValid(Box::new(shown()))
                }
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    HandshakeError::UnknownAuthority {
                        shown: Box::new(shown()),
                        known: self.known_authorities(),
                    }
                }
                CertificateError::Other(other)
                    if matches!(
                        other.0.downcast_ref::<webpki::Error>(),
                        Some(webpki::Error::CaUsedAsEndEntity)
                    ) =>
                {
                    HandshakeError::AuthorityAsServer(Box::new(shown()))
                }
                _ => HandshakeError::BadCertificate {
                    shown: Box::new(shown()),
                    source: cause.clone(),
                },
            },
            rustls::Error::InvalidMessage(_) => HandshakeError::NotTls,
            rustls::Error::AlertReceived(alert) => HandshakeError::Refused(Alert(*alert)),
            _ => HandshakeError::Tls(cause.clone()),
        }
    }

    /// The few authorities of an identity, by name; the many of an operating system are not listed.
    fn known_authorities(&self) -> Vec<String> {
        const LISTED_MAX: usize = 8;
        if self.authorities.len() > LISTED_MAX {
            return Vec::new();
        }
        self.authorities
            .iter()
            .map(|der| Shown::of(der).described())
            .collect()
    }
}

/// The authorities the operating system believes. `SSL_CERT_FILE` and `SSL_CERT_DIR` count.
fn system_authorities() -> &'static [CertificateDer<'static>] {
    static FOUND: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "cannot read a certificate store of the system");
        }
        found.certs
    })
}

/// Opens a TCP connection, trying the host's addresses one beside the other.
pub async fn tcp(address: &Address, timeout: Duration) -> Result<TcpStream, DialError> {
    match tokio::time::timeout(timeout, tcp_within(address)).await {
        Ok(result) => result,
        Err(_) => Err(DialError::TimedOut {
            address: address.clone(),
            after: timeout,
        }),
    }
}

async fn tcp_within(address: &Address) -> Result<TcpStream, DialError> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((address.host(), address.port()))
        .await
        .map_err(|source| DialError::UnknownHost {
            address: address.clone(),
            source,
        })?
        .collect();
    let mut waiting = found.into_iter();
    let mut trying = JoinSet::new();
    let mut first_error = None;
    loop {
        match waiting.next() {
            Some(next) => {
                trying.spawn(TcpStream::connect(next));
            }
            None if trying.is_empty() => {
                let source = first_error
                    .unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address found"));
                return Err(DialError::Connect {
                    address: address.clone(),
                    source,
                });
            }
            None => {}
        }
        let outcome = if waiting.len() == 0 {
            trying.join_next().await
        } else {
            match tokio::time::timeout(STAGGER, trying.join_next()).await {
                Ok(outcome) => outcome,
                Err(_) => continue,
            }
        };
        match outcome {
            Some(Ok(Ok(socket))) => {
                prepare(&socket).map_err(|source| DialError::Connect {
                    address: address.clone(),
                    source,
                })?;
                return Ok(socket);
            }
            Some(Ok(Err(error))) => {
                first_error.get_or_insert(error);
            }
            Some(Err(_)) | None => {}
        }
    }
}

/// Which kind of server was dialled; decides which setting an error points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// An Auth Service.
    Auth,
    /// A proxy's web port.
    Proxy,
}

impl Server {
    fn setting(self) -> &'static str {
        match self {
            Self::Auth => "auth_service.public_addr",
            Self::Proxy => "proxy_service.public_addr",
        }
    }
}

/// Why an address could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The host name has no address.
    #[error("cannot find the host `{}`", address.host())]
    UnknownHost {
        /// What was dialled.
        address: Address,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// Nobody accepts connections there.
    #[error("cannot connect to {address}: {}", plainly(source))]
    Connect {
        /// What was dialled.
        address: Address,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("{address} did not answer within {} s", after.as_secs())]
    TimedOut {
        /// What was dialled.
        address: Address,
        /// How long we waited.
        after: Duration,
    },
    /// The HTTP proxy in between does not connect us.
    #[error("the HTTP proxy {proxy} does not connect to {address}: {source}")]
    Proxy {
        /// The proxy.
        proxy: Address,
        /// What was dialled.
        address: Address,
        /// What the proxy says.
        source: ProxyRefusal,
    },
    /// A load balancer ends TLS there, and the way through it is closed.
    #[error("{address} does not upgrade connections: {reason}")]
    Upgrade {
        /// What was dialled.
        address: Address,
        /// What was answered.
        reason: String,
    },
    /// Somebody answers, and is not whom we want.
    #[error("{address}: {source}")]
    Handshake {
        /// What was dialled.
        address: Address,
        /// What went wrong.
        source: HandshakeError,
    },
}

impl DialError {
    /// What was dialled.
    pub fn address(&self) -> &Address {
        match self {
            Self::UnknownHost { address, .. }
            | Self::Connect { address, .. }
            | Self::TimedOut { address, .. }
            | Self::Proxy { address, .. }
            | Self::Upgrade { address, .. }
            | Self::Handshake { address, .. } => address,
        }
    }

    /// What to do about it.
    pub fn hint(&self, server: Server) -> Option<String> {
        match self {
            Self::UnknownHost { .. } => {
                Some("check the spelling of the host and this machine's name resolution".to_owned())
            }
            Self::Connect { address, .. } | Self::TimedOut { address, .. } => Some(format!(
                "check that the server runs and listens on port {}, and that no firewall is in between",
                address.port()
            )),
            Self::Proxy { address, .. } => Some(format!(
                "allow {address} in the proxy, or list the host in NO_PROXY if it can be reached without"
            )),
            Self::Upgrade { .. } => Some(
                "let the load balancer pass on WebSockets of `/webapi/connectionupgrade`, or TCP connections as they are"
                    .to_owned(),
            ),
            Self::Handshake { address, source } => source.hint(address, server),
        }
    }
}

fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => error.to_string(),
    }
}

/// Why a TLS handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// What should be verified is neither a DNS name nor an IP address.
    #[error("`{0}` is neither a DNS name nor an IP address")]
    NoName(String),
    /// The certificate is for other names.
    #[error("the server's certificate is valid for {}, not for `{expected}`", shown.names_listed())]
    WrongName {
        /// The name that was verified.
        expected: String,
        /// The certificate.
        shown: Box<Shown>,
    },
    /// Nobody we trust has signed the certificate.
    #[error("the server's certificate is signed by an unknown authority: {}", shown.described())]
    UnknownAuthority {
        /// The certificate.
        shown: Box<Shown>,
        /// The authorities that are trusted, if they are few.
        known: Vec<String>,
    },
    /// The certificate's time is over.
    #[error("the server's certificate expired{}", moment(" at ", .0.not_after))]
    Expired(Box<Shown>),
    /// The certificate's time has not come.
    #[error("the server's certificate is not valid{}", moment(" before ", .0.not_before))]
    NotYetValid(Box<Shown>),
    /// A certificate that may sign others stands where a server's own belongs.
    #[error("the server shows the certificate of an authority as its own: {}", .0.described())]
    AuthorityAsServer(Box<Shown>),
    /// Something else is wrong with the certificate.
    #[error("the server's certificate cannot be used: {source}")]
    BadCertificate {
        /// The certificate.
        shown: Box<Shown>,
        /// What the library says.
        source: rustls::Error,
    },
    /// The server does not speak TLS.
    #[error("the server does not speak TLS on this port")]
    NotTls,
    /// The server speaks none of the protocols offered.
    #[error("the server speaks TLS, and none of the protocols asked for")]
    NoProtocol,
    /// The server refused.
    #[error("the server refused the connection: {0}")]
    Refused(Alert),
    /// The server closed the connection.
    #[error("the server closed the connection during the handshake")]
    Ended,
    /// The connection broke.
    #[error("the connection broke during the handshake: {}", plainly(.0))]
    Broken(#[source] io::Error),
    /// The library gave up for another reason.
    #[error("the TLS handshake failed: {0}")]
    Tls(#[source] rustls::Error),
}

impl HandshakeError {
    /// What to do about it, for somebody who dialled `address`.
    pub fn hint(&self, address: &Address, server: Server) -> Option<String> {
        let setting = server.setting();
        match self {
            Self::WrongName { expected, shown } => {
                let others = shown.names.iter().find(|name| !name.contains('*')).map(|name| {
                    format!(", or dial one of the names that the certificate has, such as `{name}`")
                });
                Some(format!(
                    "add `{expected}` to `{setting}` in the server's configuration{}",
                    others.unwrap_or_default()
                ))
            }
            Self::UnknownAuthority { shown, known } => Some(match server {
                Server::Auth if !known.is_empty() => format!(
                    "the credentials trust {}: they are for another cluster, or {address} is not \
                     an Auth Service of theirs",
                    known.join(" and ")
                ),
                Server::Auth => "sign new credentials in the cluster that is dialled".to_owned(),
                Server::Proxy if shown.self_signed => {
                    "the certificate is self-signed: give the proxy a certificate that this machine \
                     trusts, name it in SSL_CERT_FILE, or use `--insecure` for a test"
                        .to_owned()
                }
                Server::Proxy => "add the authority to this machine's trusted certificates, or name it in \
                     SSL_CERT_FILE"
                    .to_owned(),
            }),
            Self::Expired(_) | Self::NotYetValid(_) => {
                Some("check the clocks of both machines, then renew the certificate".to_owned())
            }
            Self::AuthorityAsServer(_) => Some(match server {
                Server::Auth => {
                    format!("{address} is not an Auth Service, or not one of the cluster of the credentials")
                }
                Server::Proxy => {
                    "make a certificate for the server itself, with `basicConstraints=CA:FALSE`; \
                                  `--insecure` does for a test"
                        .to_owned()
                }
            }),
            Self::NotTls => Some(format!(
                "check the port: {} may belong to another service",
                address.port()
            )),
            Self::NoProtocol => Some(format!(
                "{address} may be a web server or a load balancer that removes ALPN: dial the Auth \
                 Service, or the proxy itself"
            )),
            Self::Refused(alert) => alert.hint(),
            Self::NoName(_) => Some("use the host's DNS name or its IP address".to_owned()),
            Self::BadCertificate { .. } | Self::Ended | Self::Broken(_) | Self::Tls(_) => None,
        }
    }
}

fn moment(before: &str, at: Option<Timestamp>) -> String {
    at.map(|at| format!("{before}{at}")).unwrap_or_default()
}

/// A TLS alert in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert(pub AlertDescription);

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            AlertDescription::CertificateExpired => f.write_str("our certificate has expired"),
            AlertDescription::UnknownCA | AlertDescription::DecryptError => {
                f.write_str("it does not know the authority that signed our certificate")
            }
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked => f.write_str("it does not accept our certificate"),
            AlertDescription::CertificateRequired => f.write_str("it wants a certificate"),
            AlertDescription::UnrecognisedName => f.write_str("it does not serve the name asked for"),
            AlertDescription::NoApplicationProtocol => {
                f.write_str("it speaks none of the protocols asked for")
            }
            AlertDescription::ProtocolVersion => f.write_str("it speaks no TLS version from 1.2 on"),
            AlertDescription::AccessDenied => f.write_str("access denied"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl Alert {
    /// Whether the server speaks none of the protocols it was offered.
    pub fn says_no_protocol(self) -> bool {
        self.0 == AlertDescription::NoApplicationProtocol
    }

    fn hint(self) -> Option<String> {
        match self.0 {
            AlertDescription::CertificateExpired => {
                Some("log in again, or sign a new identity file".to_owned())
            }
            AlertDescription::UnknownCA | AlertDescription::DecryptError => {
                Some("the credentials are for another cluster: use those of the cluster dialled".to_owned())
            }
            // The second is what a server says that has no certificate for the name.
            AlertDescription::UnrecognisedName | AlertDescription::AccessDenied => {
                Some("the credentials are for a cluster that this server does not serve".to_owned())
            }
            _ => None,
        }
    }
}

/// The alert inside an error of a connection whose handshake seemed to have ended.
///
/// With TLS 1.3 a client learns only afterwards that its certificate was refused.
pub fn alert_in(error: &(dyn std::error::Error + 'static)) -> Option<Alert> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::AlertReceived(alert)) = error.downcast_ref::<rustls::Error>() {
            return Some(Alert(*alert));
        }
        // An I/O error hides what it wraps from `source`.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
