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

/// Says whether an upgrade is needed, for those who know better than the test: `yes`, `no`, or a list of
/// `HOST:PORT=yes` and `HOST:PORT=no` with commas or semicolons in between.
const OVERRIDE: &str = "TELEPORT_TLS_ROUTING_CONN_UPGRADE";

/// How the address is spoken to before anything is known of the cluster.
#[derive(Clone)]
pub(crate) struct Upgrade {
    test: ClientTls,
    web: ClientTls,
    told: String,
}

impl Upgrade {
    /// Believes what stands in front of the cluster as `trust` says.
    pub(crate) fn new(trust: &Trust, clock: &Arc<dyn Clock>) -> Result<Self, TlsError> {
        Ok(Self {
            test: ClientTls::new(trust, None, &[names::REVERSE_TUNNEL], clock)?,
            web: ClientTls::new(trust, None, &[], clock)?,
            told: std::env::var(OVERRIDE).unwrap_or_default(),
        })
    }

    /// Whether somebody at `address` ends TLS who knows nothing of our protocols: a proxy of ours would choose the one
    /// that is offered.
    pub(crate) async fn is_needed(&self, address: &Address) -> bool {
        if let Some(told) = told_for(&self.told, address) {
            return told;
        }
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

/// What was told of an address; `None` leaves it to the test, and so does what cannot be understood.
fn told_for(told: &str, address: &Address) -> Option<bool> {
    let switch = |word: &str| match word.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" | "on" | "true" | "1" => Some(true),
        "no" | "n" | "off" | "false" | "0" => Some(false),
        _ => None,
    };
    let address = address.to_string();
    told.split([',', ';'])
        .find_map(|entry| match entry.split_once('=') {
            Some((of, word)) => switch(word).filter(|_| of.trim().eq_ignore_ascii_case(&address)),
            None => switch(entry),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_knows_better_than_the_test_says_so_for_all_or_for_one() {
        let here = Address::new("proxy.example.com", 443);
        for (told, meant) in [
            ("", None),
            ("yes", Some(true)),
            ("No", Some(false)),
            ("proxy.example.com:443=yes", Some(true)),
            ("other.example.com:443=yes;proxy.example.com:443=no", Some(false)),
            ("other.example.com:443=yes", None),
            ("proxy.example.com:3080=yes", None),
            ("perhaps", None),
        ] {
            assert_eq!(told_for(told, &here), meant, "{told}");
        }
    }
}
