//! Where an accepted connection can go.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, DuplexStream};

use crate::address::Address;
use crate::dial;
use crate::drain::Drain;
use crate::hello::Hello;
use crate::limits::Admission;
use crate::proxy_header::proxy_header;
use crate::stream::{Io, Raw, Replay};

/// The work on one connection, from the moment it is handed over to its end.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something that can take over a connection: the end of a TLS connection in this process, another
/// process, or a choice between several of them.
pub trait Target: Send + Sync + 'static {
    /// Takes over; the returned work lasts as long as the connection.
    fn take(&self, connection: Connection) -> Serving;
}

impl<T: Target + ?Sized> Target for Arc<T> {
    fn take(&self, connection: Connection) -> Serving {
        (**self).take(connection)
    }
}

/// An accepted connection before TLS.
pub struct Connection {
    pub(crate) stream: Raw,
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) hello: Option<Hello>,
    pub(crate) admission: Option<Admission>,
    pub(crate) drain: Drain,
}

impl Connection {
    /// A connection that did not come through a listener: no limits count it.
    pub fn internal(io: Box<dyn Io>, address: SocketAddr, drain: Drain) -> Self {
        Self {
            stream: Replay::new(bytes::Bytes::new(), io),
            address,
            local: SocketAddr::from(([127, 0, 0, 1], 0)),
            hello: None,
            admission: None,
            drain,
        }
    }

    /// Where it comes from.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The greeting, if a router has read it.
    pub fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// The same connection on behalf of somebody at `address`: for parts of this process that call for the people who
    /// called them.
    #[must_use]
    pub fn on_behalf_of(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The group of connections this one belongs to.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// No longer counts among the unfinished handshakes.
    pub fn established(&mut self) {
        if let Some(admission) = &mut self.admission {
            admission.established();
        }
    }
}

/// Passes connections on to another address, byte by byte.
#[derive(Debug, Clone)]
pub struct Splice {
    to: Vec<Address>,
    announce_peer: bool,
}

impl Splice {
    /// Connections go to `to`, which sees our address as theirs.
    pub fn new(to: Address) -> Self {
        Self::to_first_of(vec![to])
    }

    /// Connections go to the first of `to` that answers: addresses of one and the same service.
    pub fn to_first_of(to: Vec<Address>) -> Self {
        Self {
            to,
            announce_peer: false,
        }
    }

    /// Puts a PROXY header in front, for a listener that lists us.
    #[must_use]
    pub fn announcing_peer(mut self) -> Self {
        self.announce_peer = true;
        self
    }
}

/// How long the other address may take to answer.
const SPLICE_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Target for Splice {
    fn take(&self, mut connection: Connection) -> Serving {
        let Self { to, announce_peer } = self.clone();
        Box::pin(async move {
            let mut found = None;
            for address in to {
                match dial::tcp(&address, SPLICE_CONNECT_TIMEOUT).await {
                    Ok(onward) => {
                        found = Some((onward, address));
                        break;
                    }
                    Err(error) => {
                        tracing::warn!(peer = %connection.address, to = %address, %error, "cannot pass a connection on");
                    }
                }
            }
            let Some((mut onward, to)) = found else { return };
            if announce_peer {
                let header = proxy_header(connection.address, connection.local);
                if let Err(error) = onward.write_all(&header).await {
                    tracing::warn!(peer = %connection.address, %to, %error, "cannot pass a connection on");
                    return;
                }
            }
            connection.established();
            let mut stream = connection.stream;
            if let Err(error) = tokio::io::copy_bidirectional(&mut stream, &mut onward).await {
                tracing::debug!(peer = %connection.address, %to, %error, "a passed connection broke");
            }
        })
    }
}

/// Room for bytes on their way in memory, each direction.
const IN_MEMORY_BYTES: usize = 64 * 1024;

/// Dials a target of this process without a socket.
///
/// The connection runs as a task of `drain`; `address` is what the target sees as the peer's.
pub fn dial_in_memory(target: &Arc<dyn Target>, address: SocketAddr, drain: &Drain) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(IN_MEMORY_BYTES);
    let serving = target.take(Connection::internal(Box::new(theirs), address, drain.clone()));
    drain.spawn(serving);
    ours
}
