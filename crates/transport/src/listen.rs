//! Accepts sockets, for ever: no error ends the loop, and no peer can fill the house.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use crate::address::Address;
use crate::drain::Drain;
use crate::limits::{Admission, Doorkeeper, Limits, Seldom};
use crate::proxy_header::{TrustedPeers, read_proxy_header};
use crate::stream::Replay;
use crate::target::{Connection, Target};

/// How often a silent TCP connection is probed.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// How long to wait when the system cannot accept (out of file descriptors, for example).
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// What strangers can cause at will is told this often.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Why a port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address asked for.
    pub address: Address,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl ListenError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => Some(format!(
                "another program listens on port {}: stop it or choose another address",
                self.address.port()
            )),
            io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 need root or the capability CAP_NET_BIND_SERVICE".to_owned())
            }
            io::ErrorKind::AddrNotAvailable => Some(format!(
                "`{}` is not an address of this machine",
                self.address.host()
            )),
            _ => None,
        }
    }
}

/// An open port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    door: Arc<Doorkeeper>,
    limits: Limits,
    trusted: TrustedPeers,
}

impl Listener {
    /// Opens a port.
    pub async fn bind(address: &Address, limits: Limits) -> Result<Self, ListenError> {
        let failed = |source| ListenError {
            address: address.clone(),
            source,
        };
        let lookup = (address.host().to_owned(), address.port());
        // Names in a listen address are rare; looking one up may block.
        let found = tokio::task::spawn_blocking(move || {
            lookup.to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>)
        })
        .await
        .map_err(|error| failed(io::Error::other(error)))?
        .map_err(failed)?;
        let socket = TcpListener::bind(&found[..]).await.map_err(failed)?;
        Ok(Self::new(socket, limits))
    }

    /// Takes over a port that is open already.
    pub fn new(socket: TcpListener, limits: Limits) -> Self {
        Self {
            socket,
            door: Doorkeeper::new(limits),
            limits,
            trusted: TrustedPeers::default(),
        }
    }

    /// Believes PROXY headers of these peers.
    #[must_use]
    pub fn trusting(mut self, trusted: TrustedPeers) -> Self {
        self.trusted = trusted;
        self
    }

    /// The address in fact listened on, with the port the system chose.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The counts of open connections, to be shown.
    pub fn door(&self) -> Arc<Doorkeeper> {
        Arc::clone(&self.door)
    }

    /// Accepts until `drain` begins; each connection runs as a task of `drain`.
    pub async fn serve(self, target: Arc<dyn Target>, drain: Drain) {
        let (turned_away, failing) = (Seldom::new(TOLD_EVERY), Seldom::new(TOLD_EVERY));
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.begun() => return,
                accepted = self.socket.accept() => accepted,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if concerns_one_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                    continue;
                }
                Err(error) => {
                    if let Some(untold) = failing.due() {
                        tracing::error!(%error, untold, "cannot accept connections");
                    }
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            let admission = match self.door.admit(peer.ip()) {
                Ok(admission) => admission,
                Err(full) => {
                    if let Some(untold) = turned_away.due() {
                        tracing::warn!(%peer, reason = %full, untold, "turned a connection away");
                    }
                    continue;
                }
            };
            if let Err(error) = prepare(&socket) {
                tracing::debug!(%peer, %error, "a connection ended before it was served");
                continue;
            }
            let target = Arc::clone(&target);
            let trusted = self.trusted.contain(peer.ip());
            let (timeout, group) = (self.limits.handshake_timeout, drain.clone());
            drain.spawn(async move {
                let opened = open(socket, peer, trusted, admission, group);
                match tokio::time::timeout(timeout, opened).await {
                    Ok(Some(connection)) => target.take(connection).await,
                    Ok(None) => {}
                    Err(_) => tracing::debug!(%peer, "no PROXY header came in time"),
                }
            });
        }
    }
}

/// Reads the PROXY header of a listed peer.
async fn open(
    mut socket: TcpStream,
    peer: SocketAddr,
    trusted: bool,
    admission: Admission,
    drain: Drain,
) -> Option<Connection> {
    let canonical = |socket: SocketAddr| SocketAddr::new(socket.ip().to_canonical(), socket.port());
    let local = canonical(socket.local_addr().ok()?);
    let (announced, seen) = if trusted {
        match read_proxy_header(&mut socket).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%peer, %error, "closed a connection");
                return None;
            }
        }
    } else {
        (None, Bytes::new())
    };
    Some(Connection {
        stream: Replay::new(seen, Box::new(socket)),
        address: canonical(announced.unwrap_or(peer)),
        local,
        hello: None,
        admission: Some(admission),
        drain,
    })
}

/// Small writes go out at once, and a peer that vanished is noticed.
pub(crate) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(TCP_KEEPALIVE)
        .with_interval(TCP_KEEPALIVE);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}

/// Errors of `accept` that say something about the peer and nothing about us.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small answers must not wait for the acknowledgement of earlier ones (40 ms on Linux).
    #[tokio::test]
    async fn small_writes_go_out_at_once_on_both_ends() {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = Address::from(socket.local_addr().expect("an address"));
        let ours = crate::dial::tcp(&address, Duration::from_secs(20))
            .await
            .expect("open");
        let (accepted, _) = socket.accept().await.expect("accepted");
        prepare(&accepted).expect("open");
        for end in [&ours, &accepted] {
            assert!(end.nodelay().expect("open"));
            assert!(SockRef::from(end).keepalive().expect("open"));
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let address = Address::new("127.0.0.1", 0);
        let first = Listener::bind(&address, Limits::default()).await.expect("a port");
        let taken = Address::from(first.local_address().expect("an address"));
        let error = Listener::bind(&taken, Limits::default())
            .await
            .expect_err("in use");
        assert_eq!(error.to_string(), format!("cannot listen on {taken}"));
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains(&format!("port {}", taken.port())))
        );
    }
}
