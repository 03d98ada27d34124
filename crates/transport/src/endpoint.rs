//! The end of TLS: does the handshake and hands the plain stream to a handler.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::peer::{Accepted, Peer};
use crate::stream::Raw;
use crate::target::{Connection, Serving, Target};
use crate::tls::ServerTls;

/// Serves connections whose handshake is done.
pub trait Handler: Send + Sync + 'static {
    /// Serves one connection to its end.
    fn serve(&self, accepted: Accepted) -> Serving;
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn serve(&self, accepted: Accepted) -> Serving {
        (**self).serve(accepted)
    }
}

/// A target that ends TLS in this process.
#[derive(Debug)]
pub struct TlsEndpoint<H> {
    tls: Arc<ServerTls>,
    handler: Arc<H>,
    handshake_timeout: Duration,
}

impl<H: Handler> TlsEndpoint<H> {
    /// Handshakes as `tls` says, then `handler`.
    pub fn new(tls: Arc<ServerTls>, handler: H) -> Self {
        Self {
            tls,
            handler: Arc::new(handler),
            handshake_timeout: Duration::from_secs(10),
        }
    }

    /// Allows a handshake this long.
    #[must_use]
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }
}

impl<H: Handler> Target for TlsEndpoint<H> {
    fn take(&self, connection: Connection) -> Serving {
        let (tls, handler) = (Arc::clone(&self.tls), Arc::clone(&self.handler));
        let timeout = self.handshake_timeout;
        Box::pin(async move {
            let Connection {
                stream,
                address,
                local,
                admission,
                drain,
                ..
            } = connection;
            let mut admission = admission;
            let snapshot = tls.snapshot();
            let acceptor = TlsAcceptor::from(Arc::clone(&snapshot.config));
            let handshake = acceptor.accept(stream).into_fallible();
            let handshake = drain.greeting(tokio::time::timeout(timeout, handshake));
            let Some(handshake) = handshake.await else { return };
            let stream = match handshake {
                Ok(Ok(stream)) => stream,
                Ok(Err((error, stream))) => {
                    tracing::debug!(peer = %address, %error, "TLS handshake failed");
                    take_leave(stream).await;
                    return;
                }
                Err(_) => {
                    tracing::debug!(peer = %address, "TLS handshake took too long");
                    return;
                }
            };
            if let Some(admission) = &mut admission {
                admission.established();
            }
            let (_, session) = stream.get_ref();
            let certificate = match session.peer_certificates() {
                None | Some([]) => None,
                Some([certificate, ..]) => {
                    let Some(authority) = snapshot.authority_of(certificate) else {
                        tracing::warn!(peer = %address, "cannot tell which authority signed a certificate");
                        return;
                    };
                    Some((certificate.clone().into_owned(), authority))
                }
            };
            let peer = Peer::new(
                address,
                local,
                certificate,
                session.alpn_protocol().map(<[u8]>::to_vec),
                session.server_name().map(str::to_owned),
            );
            drop(snapshot);
            handler.serve(Accepted::new(stream, peer, drain)).await;
            drop(admission);
        })
    }
}

/// Ends a refused connection so that the peer can read why.
///
/// A socket that is closed with bytes unread resets the connection, and the alert on its way is lost.
/// A client of TLS 1.3 sends its first request before it learns that it was refused.
async fn take_leave(mut stream: Raw) {
    const PATIENCE: Duration = Duration::from_secs(1);
    const BYTES_MAX: u64 = 64 * 1024;
    let _ = stream.shutdown().await;
    let rest = async { tokio::io::copy(&mut stream.take(BYTES_MAX), &mut tokio::io::sink()).await };
    let _ = tokio::time::timeout(PATIENCE, rest).await;
}

/// Ends a connection right after the handshake: for protocols that are known and not served.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refuse;

impl Handler for Refuse {
    fn serve(&self, mut accepted: Accepted) -> Serving {
        Box::pin(async move {
            tracing::debug!(
                peer = %accepted.peer().address(),
                protocol = %String::from_utf8_lossy(accepted.peer().protocol().unwrap_or_default()),
                "closed a connection of a protocol that is not served here"
            );
            let _ = accepted.shutdown().await;
        })
    }
}
