//! Joining: a machine without an identity shows a token to the Auth Service and gets a first certificate.
//!
//! Whom to believe has to be settled before the token leaves: by the pin of the cluster's authority, by its certificate, or
//! by the web certificate of a proxy, which then names the authority. The token is sent to nobody else.

use std::sync::Arc;
use std::time::Duration;

use access::ambient::Clock;
use hyper_util::rt::TokioIo;
use pki::Pin;
use pki::pin::PinError;
use rustls_pki_types::CertificateDer;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use transport::dial::{ClientTls, DialError, Server, Trust};
use transport::tls::{TlsError, certificates_from_pem};
use transport::{Address, names};
use wire::pb::proto::Certs;
use wire::pb::proto::auth_service_client::AuthServiceClient;
use wire::pb::proto::join_service_client::JoinServiceClient;
use wire::pb::types::RegisterUsingTokenRequest;

use crate::cluster::{Announce, Calls, connection_failure};
use crate::roads::ConnectError;
use crate::web::{WebClient, WebError};

/// Longer no attempt to connect takes.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// Longer no call takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// By which door one comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// The Auth Service itself.
    Auth(Address),
    /// A proxy, which passes the connection on.
    Proxy(Address),
}

impl Door {
    /// The address of the door.
    pub fn address(&self) -> &Address {
        match self {
            Self::Auth(address) | Self::Proxy(address) => address,
        }
    }
}

/// Whom a machine believes that knows nobody yet.
#[derive(Debug, Clone)]
pub enum Belief {
    /// An authority with one of these pins.
    Pins(Vec<Pin>),
    /// These authorities.
    Authorities(Vec<CertificateDer<'static>>),
    /// The proxy, if the operating system believes its web certificate. With no proxy there is nothing to go by.
    Web,
    /// Whoever answers: the caller has been told what that means.
    Anyone,
}

/// Why a machine did not come in.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nobody to believe.
    #[error("there is nothing to recognise the Auth Service at {0} by")]
    NothingToGoBy(Address),
    /// It is another cluster, or somebody in between.
    #[error("the Auth Service at {address} is not the one that was expected: {source}")]
    Pin {
        /// What was dialled.
        address: Address,
        /// What does not fit.
        source: PinError,
    },
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The proxy does not answer as one.
    #[error(transparent)]
    Web(#[from] WebError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The cluster says no.
    #[error("{0}")]
    Refused(String),
    /// The cluster does not answer.
    #[error("{address} does not answer: {message}")]
    NoAnswer {
        /// What was dialled.
        address: Address,
        /// What the call ended with.
        message: String,
    },
}

impl JoinError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NothingToGoBy(_) => Some(
                "give the pin of its authority with `--ca-pin`; `tctl status` on the Auth Service prints it".to_owned(),
            ),
            Self::Pin { .. } => Some(
                "`tctl status` on the Auth Service prints the present pins; if they are the ones you have, somebody is in between"
                    .to_owned(),
            ),
            Self::Dial(error) => error.hint(Server::Auth),
            Self::Web(error) => error.hint(),
            Self::Refused(_) => Some(
                "a token lets one machine in, once, and not after its time: make another with `tctl bots instances add NAME`"
                    .to_owned(),
            ),
            Self::Tls(_) | Self::NoAnswer { .. } => None,
        }
    }

    /// Whether trying again later may help without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Dial(error) => !matches!(error, DialError::Handshake { .. }),
            Self::NoAnswer { .. } => true,
            _ => false,
        }
    }
}

/// A way in for machines that have no identity.
pub struct Entrance {
    door: Door,
    belief: Belief,
    insecure: bool,
    clock: Arc<dyn Clock>,
}

impl Entrance {
    /// The way in through `door`. `insecure`: the web certificate of a proxy is not looked at.
    pub fn new(door: Door, belief: Belief, insecure: bool, clock: Arc<dyn Clock>) -> Self {
        Self {
            door,
            belief,
            insecure,
            clock,
        }
    }

    /// Shows the token of `asked` and gives back the certificates.
    pub async fn join(&self, asked: RegisterUsingTokenRequest) -> Result<Certs, JoinError> {
        let road = self.road().await?;
        let trust = self.trust(&road).await?;
        let mut service = JoinServiceClient::new(road.calls(&trust, &self.clock)?);
        let answer = within(&road.address, service.register_using_token(asked)).await?;
        Ok(answer.into_inner())
    }

    /// How the door leads to the Auth Service.
    async fn road(&self) -> Result<Road, JoinError> {
        match &self.door {
            Door::Auth(address) => Ok(Road {
                address: address.clone(),
                protocol: None,
                name: names::CLUSTER_DOMAIN.to_owned(),
                web: None,
            }),
            Door::Proxy(address) => {
                let trust = if self.insecure {
                    Trust::Anyone
                } else {
                    Trust::System(Vec::new())
                };
                let web = WebClient::new(address.clone(), &trust, &self.clock)?;
                let cluster = web.find().await?.cluster_name;
                Ok(Road {
                    address: address.clone(),
                    protocol: Some(names::auth_protocol(&cluster)),
                    name: names::encoded_cluster(&cluster),
                    web: Some(web),
                })
            }
        }
    }

    async fn trust(&self, road: &Road) -> Result<Trust, JoinError> {
        match (&self.belief, &road.web) {
            (Belief::Authorities(authorities), _) => Ok(Trust::Authorities(authorities.clone())),
            (Belief::Pins(pins), _) => {
                let mut service = AuthServiceClient::new(road.calls(&Trust::Anyone, &self.clock)?);
                let answer = within(&road.address, service.get_cluster_ca_cert(())).await?;
                let shown = certificates_from_pem(&answer.into_inner().tlsca)?;
                let certificates = shown.iter().map(AsRef::as_ref);
                Pin::check_all(pins, certificates, self.clock.now()).map_err(|source| JoinError::Pin {
                    address: road.address.clone(),
                    source,
                })?;
                Ok(Trust::Authorities(shown))
            }
            (Belief::Web, Some(web)) => {
                let text = web.host_authorities().await?;
                Ok(Trust::Authorities(certificates_from_pem(text.as_bytes())?))
            }
            (Belief::Web, None) => Err(JoinError::NothingToGoBy(road.address.clone())),
            (Belief::Anyone, _) => Ok(Trust::Anyone),
        }
    }
}

/// Where to dial, what to ask for there, and who has to answer.
struct Road {
    address: Address,
    protocol: Option<String>,
    name: String,
    web: Option<WebClient>,
}

impl Road {
    /// What a generated client calls through that shows no certificate.
    fn calls(&self, trust: &Trust, clock: &Arc<dyn Clock>) -> Result<Calls, TlsError> {
        let mut protocols: Vec<&[u8]> = Vec::new();
        protocols.extend(self.protocol.as_deref().map(str::as_bytes));
        protocols.push(names::H2);
        let tls = ClientTls::new(trust, None, &protocols, clock)?;
        let (address, name) = (self.address.clone(), self.name.clone());
        let connector = tower::service_fn(move |_: http::Uri| {
            let (tls, address, name) = (tls.clone(), address.clone(), name.clone());
            async move {
                let stream = tls.dial(&address, &name, DIAL_TIMEOUT).await?;
                Ok::<_, DialError>(TokioIo::new(stream))
            }
        });
        let channel =
            Endpoint::from_static("https://teleport.cluster.local").connect_with_connector_lazy(connector);
        Ok(InterceptedService::new(channel, Announce::default()))
    }
}

async fn within<T>(address: &Address, call: impl Future<Output = Result<T, Status>>) -> Result<T, JoinError> {
    let no_answer = |message: String| JoinError::NoAnswer {
        address: address.clone(),
        message,
    };
    let Ok(answer) = tokio::time::timeout(CALL_TIMEOUT, call).await else {
        return Err(no_answer(format!(
            "no answer within {} s",
            CALL_TIMEOUT.as_secs()
        )));
    };
    answer.map_err(|status| {
        if let Some(text) = dial_failure(&status) {
            return no_answer(text);
        }
        match status.code() {
            tonic::Code::PermissionDenied | tonic::Code::Unauthenticated | tonic::Code::InvalidArgument => {
                JoinError::Refused(status.message().to_owned())
            }
            _ => no_answer(status.message().to_owned()),
        }
    })
}

/// What went wrong below a failed call, if it was the connection.
fn dial_failure(status: &Status) -> Option<String> {
    if let Some(error) = connection_failure(status) {
        let error: &ConnectError = error;
        return Some(error.to_string());
    }
    let mut next = std::error::Error::source(status);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<DialError>() {
            return Some(found.to_string());
        }
        next = error.source();
    }
    None
}
