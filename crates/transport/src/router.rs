//! One port for everything: chooses where a connection goes by its TLS greeting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use crate::hello::{self, Hello, HelloError, OtherProtocol};
use crate::names;
use crate::target::{Connection, Serving, Target};

/// Where a greeting leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To the Auth Service, TLS untouched.
    Auth,
    /// To the pages and the web API.
    Web,
    /// To the home of another protocol.
    Protocol(Vec<u8>),
    /// Nowhere: a cluster that is not here.
    OtherCluster(String),
}

/// Chooses by what a client asks for, for the proxy of `cluster`.
///
/// A client that names the Auth Service's protocol gets it. So does one that asks for HTTP/2 under
/// the cluster's own name, which no public certificate can bear: clients that take the address for
/// an Auth Service get through that way. Otherwise the first of our protocols counts, and plain HTTP
/// is the web's.
pub fn destination(hello: &Hello, cluster: &str) -> Destination {
    for offered in &hello.protocols {
        if let Some(name) = offered.strip_prefix(names::AUTH_PREFIX.as_bytes()) {
            return if name == names::encoded_cluster(cluster).as_bytes() {
                Destination::Auth
            } else {
                Destination::OtherCluster(String::from_utf8_lossy(name).into_owned())
            };
        }
        if offered == names::REVERSE_TUNNEL_V2 && hello.offers(names::REVERSE_TUNNEL) {
            continue;
        }
        if offered.starts_with(names::TELEPORT_PREFIX) {
            return Destination::Protocol(offered.clone());
        }
    }
    match &hello.server_name {
        Some(name) if name.ends_with(names::CLUSTER_DOMAIN) && hello.offers(names::H2) => {
            if name == names::CLUSTER_DOMAIN || *name == names::encoded_cluster(cluster) {
                Destination::Auth
            } else if names::decoded_cluster(name).is_some() {
                Destination::OtherCluster(name.clone())
            } else {
                Destination::Web
            }
        }
        _ => Destination::Web,
    }
}

/// The homes of what one port carries.
#[derive(Clone)]
pub struct Routes {
    /// The cluster whose proxy this is.
    pub cluster: String,
    /// Takes connections to the Auth Service, TLS untouched.
    pub auth: Arc<dyn Target>,
    /// Takes pages and the web API.
    pub web: Arc<dyn Target>,
    /// Take the `teleport-…` protocols, each by its name.
    pub protocols: BTreeMap<Vec<u8>, Arc<dyn Target>>,
    /// Takes the `teleport-…` protocols that have no home of their own.
    pub other_protocols: Arc<dyn Target>,
}

impl Routes {
    fn choose(&self, hello: &Hello) -> Result<&Arc<dyn Target>, String> {
        match destination(hello, &self.cluster) {
            Destination::Auth => Ok(&self.auth),
            Destination::Web => Ok(&self.web),
            Destination::Protocol(name) => Ok(self.protocols.get(&name).unwrap_or(&self.other_protocols)),
            Destination::OtherCluster(name) => Err(name),
        }
    }
}

/// A target that reads the greeting and chooses another target.
pub struct PortRouter {
    routes: Arc<Routes>,
    hello_timeout: Duration,
}

impl PortRouter {
    /// Routes as told.
    pub fn new(routes: Routes) -> Self {
        Self {
            routes: Arc::new(routes),
            hello_timeout: Duration::from_secs(10),
        }
    }

    /// Allows a greeting this long.
    #[must_use]
    pub fn with_hello_timeout(mut self, timeout: Duration) -> Self {
        self.hello_timeout = timeout;
        self
    }
}

impl Target for PortRouter {
    fn take(&self, mut connection: Connection) -> Serving {
        let (routes, timeout) = (Arc::clone(&self.routes), self.hello_timeout);
        Box::pin(async move {
            let peer = connection.address;
            let drain = connection.drain.clone();
            let read = hello::read_hello(&mut connection.stream, Bytes::new());
            let read = drain.greeting(tokio::time::timeout(timeout, read));
            let Some(read) = read.await else { return };
            let (hello, seen) = match read {
                Ok(Ok(read)) => read,
                Ok(Err(error)) => {
                    quietly_note(peer, &error);
                    return;
                }
                Err(_) => {
                    tracing::debug!(%peer, "no TLS greeting came in time");
                    return;
                }
            };
            match routes.choose(&hello) {
                Ok(target) => {
                    connection.stream.put_back(seen);
                    connection.hello = Some(hello);
                    target.take(connection).await;
                }
                Err(cluster) => {
                    tracing::debug!(%peer, %cluster, "asked for a cluster that is not here");
                    let _ = connection.stream.write_all(&hello::ALERT_UNRECOGNIZED_NAME).await;
                    let _ = connection.stream.shutdown().await;
                }
            }
        })
    }
}

fn quietly_note(peer: std::net::SocketAddr, error: &HelloError) {
    if let HelloError::NotTls(OtherProtocol::ProxyHeader) = error {
        tracing::warn!(
            %peer,
            "closed a connection with a PROXY header; list the peer in \
             `proxy_protocol_trusted_peers` if it is your load balancer"
        );
    } else {
        tracing::debug!(%peer, %error, "closed a connection");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "6578616d706c652e636f6d.teleport.cluster.local";

    #[test]
    fn every_kind_of_client_gets_where_it_wants() {
        let auth = format!("teleport-auth@{HEX}");
        let foreign = "teleport-auth@6f74686572.teleport.cluster.local";
        let protocol = |name: &str| Destination::Protocol(name.as_bytes().to_vec());
        let other = |name: &str| Destination::OtherCluster(name.to_owned());
        for (who, name, offered, expected) in [
            (
                "browser",
                "proxy.example.com",
                vec!["h2", "http/1.1"],
                Destination::Web,
            ),
            ("tsh, HTTP", "proxy.example.com", vec![], Destination::Web),
            ("by address, HTTP", "", vec!["http/1.1"], Destination::Web),
            ("tsh to Auth", HEX, vec![&auth, "h2"], Destination::Auth),
            ("plugin, direct", HEX, vec!["h2"], Destination::Auth),
            (
                "plugin without a cluster name",
                "teleport.cluster.local",
                vec!["h2"],
                Destination::Auth,
            ),
            (
                "tsh to the proxy",
                HEX,
                vec!["teleport-proxy-ssh-grpc", "h2"],
                protocol("teleport-proxy-ssh-grpc"),
            ),
            (
                "upgrade test",
                "proxy",
                vec!["teleport-reversetunnel"],
                protocol("teleport-reversetunnel"),
            ),
            (
                "tunnel",
                "proxy",
                vec!["teleport-reversetunnelv2", "teleport-reversetunnel"],
                protocol("teleport-reversetunnel"),
            ),
            (
                "other cluster",
                "x",
                vec![foreign, "h2"],
                other("6f74686572.teleport.cluster.local"),
            ),
            (
                "bad encoding",
                HEX,
                vec!["teleport-auth@zz.teleport.cluster.local"],
                other("zz.teleport.cluster.local"),
            ),
            (
                "other cluster by name",
                "6f74686572.teleport.cluster.local",
                vec!["h2"],
                other("6f74686572.teleport.cluster.local"),
            ),
            (
                "page under the cluster's name",
                HEX,
                vec!["http/1.1"],
                Destination::Web,
            ),
        ] {
            let hello = Hello {
                server_name: Some(name.to_owned()).filter(|name| !name.is_empty()),
                protocols: offered.iter().map(|name| name.as_bytes().to_vec()).collect(),
            };
            assert_eq!(destination(&hello, "example.com"), expected, "{who}");
        }
    }
}
