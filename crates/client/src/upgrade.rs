//! Through a load balancer that ends TLS: it hides what we offer in our greeting, so the proxy behind it is asked over HTTP
//! to upgrade the connection, and greeted again inside.

use std::sync::Arc;
use std::time::Duration;

use access::ambient::Clock;
use http::HeaderValue;
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use transport::dial::{ClientTls, DialError, HandshakeError, Trust};
use transport::tls::TlsError;
use transport::{Address, names, websocket};

/// The time for the test.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for the upgrade.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes on their way between the connections, each direction.
const PIPE_BYTES: usize = 64 * 1024;
/// Bytes as they are, with signs of life from the proxy.
const SUB_PROTOCOL: &str = "alpn-ping";

/// How the address is spoken to before anything is known of the cluster.
#[derive(Clone)]
pub(crate) struct Upgrade {
    test: ClientTls,
    web: ClientTls,
}

impl Upgrade {
    /// Believes what stands in front of the cluster as `trust` says.
    pub(crate) fn new(trust: &Trust, clock: &Arc<dyn Clock>) -> Result<Self, TlsError> {
        Ok(Self {
            test: ClientTls::new(trust, None, &[names::REVERSE_TUNNEL], clock)?,
            web: ClientTls::new(trust, None, &[], clock)?,
        })
    }

    /// Whether somebody at `address` ends TLS who knows nothing of our protocols: a proxy of ours would choose the one
    /// that is offered.
    pub(crate) async fn is_needed(&self, address: &Address) -> bool {
        let tried = self.test.dial(address, address.host(), TEST_TIMEOUT).await;
        match tried {
            Err(DialError::Handshake { source, .. }) => match source {
                HandshakeError::NoProtocol => true,
                HandshakeError::Refused(alert) => alert.says_no_protocol(),
                _ => false,
            },
            _ => false,
        }
    }

    /// Opens the way to the proxy behind `address`.
    pub(crate) async fn open(&self, address: &Address) -> Result<DuplexStream, DialError> {
        let outside = self.web.dial(address, address.host(), UPGRADE_TIMEOUT).await?;
        let refused = |reason: String| DialError::Upgrade {
            address: address.clone(),
            reason,
        };
        let url = format!("wss://{address}/webapi/connectionupgrade");
        let mut request = url
            .into_client_request()
            .map_err(|error| refused(error.to_string()))?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static(SUB_PROTOCOL));
        let agreed = tokio_tungstenite::client_async(request, outside);
        let agreed =
            tokio::time::timeout(UPGRADE_TIMEOUT, agreed)
                .await
                .map_err(|_| DialError::TimedOut {
                    address: address.clone(),
                    after: UPGRADE_TIMEOUT,
                })?;
        let (socket, _) = agreed.map_err(|error| match error {
            Error::Http(answer) => refused(format!("HTTP status {}", answer.status())),
            other => refused(other.to_string()),
        })?;
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let address = address.clone();
        tokio::spawn(async move {
            if let Err(error) = websocket::pass(socket, theirs, None).await {
                tracing::debug!(%address, %error, "an upgraded connection broke");
            }
        });
        Ok(ours)
    }
}
