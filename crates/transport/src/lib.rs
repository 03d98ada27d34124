//! Connects: TLS, the one-port router, limits, drain, and the only system clock and random source.
//!
//! Nothing here knows what is said on a connection. A [`listen::Listener`] accepts sockets under
//! limits and hands each one to a [`target::Target`]; the [`router::PortRouter`] is a target that
//! reads the TLS greeting and chooses another; [`endpoint::TlsEndpoint`] is one that ends TLS and
//! passes the plain stream, with what was proven about the peer, to a handler such as
//! [`http::HttpHandler`]. The way out is [`dial`].
//!
//! Three things are decided here and nowhere else: a certificate chain longer than one is refused,
//! a TLS session is never resumed where client certificates count (a resumed session would skip
//! their check), and the address of a peer is the socket's unless a listed proxy says otherwise.
//!
//! Start with [`target`], then [`router`].

pub mod address;
pub mod connection;
pub mod dial;
pub mod drain;
pub mod endpoint;
pub mod hello;
pub mod http;
pub mod limits;
pub mod listen;
pub mod names;
pub mod peer;
pub mod proxy_header;
pub mod rate;
pub mod router;
pub mod shown;
pub mod stream;
pub mod system;
pub mod target;
pub mod tls;
mod trust;
pub mod via;
pub mod websocket;

pub use address::Address;
pub use connection::Connection;
pub use drain::Drain;
pub use peer::{Accepted, Authority, Peer};
