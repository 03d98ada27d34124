//! What is known about the other end of an accepted connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use pki::Identity;
use pki::identity::IdentityError;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::drain::Drain;
use crate::stream::{Raw, Replay};

/// Which set of authorities vouches for a peer's certificate: the user's, which signs people, bots and
/// whoever they impersonate, or the host's, which signs the cluster's own services.
pub use pki::identity::VouchedBy as Authority;

/// The other end of a connection: what TLS proved and what the socket says, nothing it claims itself.
///
/// Cheap to clone. Every HTTP request on the connection carries it among its extensions.
#[derive(Debug, Clone)]
pub struct Peer(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    address: SocketAddr,
    local: SocketAddr,
    certificate: Option<(CertificateDer<'static>, Authority)>,
    /// What the certificate says, read when somebody asks for the first time.
    identity: OnceLock<Result<Arc<Identity>, IdentityError>>,
    /// Who has issued the certificate, read in the same way.
    issuer: OnceLock<Option<Arc<[u8]>>>,
    protocol: Option<Vec<u8>>,
    server_name: Option<String>,
}

impl Peer {
    /// Puts together what a handshake has shown.
    pub(crate) fn new(
        address: SocketAddr,
        local: SocketAddr,
        certificate: Option<(CertificateDer<'static>, Authority)>,
        protocol: Option<Vec<u8>>,
        server_name: Option<String>,
    ) -> Self {
        Self(Arc::new(Facts {
            address,
            local,
            certificate,
            identity: OnceLock::new(),
            issuer: OnceLock::new(),
            protocol,
            server_name,
        }))
    }

    /// A peer without a certificate, for tests of handlers that need no connection.
    pub fn stranger(address: SocketAddr) -> Self {
        Self::new(address, SocketAddr::from(([127, 0, 0, 1], 0)), None, None, None)
    }

    /// A peer with a certificate that some authority has been found to vouch for.
    ///
    /// For tests of handlers that need no connection.
    pub fn proven(address: SocketAddr, certificate: CertificateDer<'static>, by: Authority) -> Self {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::new(address, local, Some((certificate, by)), None, None)
    }

    /// Where the connection comes from: the socket's peer, or what a listed proxy said about it.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Our own end of the socket.
    pub fn local(&self) -> SocketAddr {
        self.0.local
    }

    /// The certificate whose key the peer has proven to hold, verified to be signed by one of the
    /// authorities in force when the connection was made.
    ///
    /// It was valid at that moment. A connection may live longer than its certificate: whoever acts
    /// on it has to look at its end again.
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.0.certificate.as_ref().map(|(certificate, _)| certificate)
    }

    /// What [`Peer::certificate`] says of the peer; read once for a connection, as it cannot change.
    pub fn identity(&self) -> Option<Result<&Arc<Identity>, &IdentityError>> {
        let certificate = self.certificate()?;
        let read = || Identity::from_certificate(certificate).map(Arc::new);
        Some(self.0.identity.get_or_init(read).as_ref())
    }

    /// The name of the authority that has issued [`Peer::certificate`], in DER: whether it is still trusted is another
    /// question, since a connection may live longer than the trust.
    pub fn issuer(&self) -> Option<&Arc<[u8]>> {
        let certificate = self.certificate()?;
        let read = || pki::certificate::issuer_name(certificate).map(Arc::from);
        self.0.issuer.get_or_init(read).as_ref()
    }

    /// Which authorities vouch for [`Peer::certificate`].
    pub fn authority(&self) -> Option<Authority> {
        self.0.certificate.as_ref().map(|(_, authority)| *authority)
    }

    /// The protocol agreed on by ALPN.
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.protocol.as_deref()
    }

    /// The name the peer asked for (SNI).
    pub fn server_name(&self) -> Option<&str> {
        self.0.server_name.as_deref()
    }
}

/// A connection after the TLS handshake.
pub struct Accepted {
    pub(crate) stream: Replay<TlsStream<Raw>>,
    peer: Peer,
    drain: Drain,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Accepted {
    pub(crate) fn new(stream: TlsStream<Raw>, peer: Peer, drain: Drain) -> Self {
        Self {
            stream: Replay::new(bytes::Bytes::new(), stream),
            peer,
            drain,
        }
    }

    /// What is known about the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The group of connections this one belongs to.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
