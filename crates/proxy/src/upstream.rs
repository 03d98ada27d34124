//! Calls to the Auth Service: as the proxy for those who have no certificate yet, as the person for those who have.
//!
//! The proxy vouches for nothing but the address somebody calls from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access::ambient::Clock;
use client::identity::{Identity, IdentityError, IdentityHandle, IdentityParts, Origin};
use client::{Cluster, Connect, Destination};
use tonic::Request;
use tonic::metadata::MetadataValue;
use transport::Drain;
use transport::target::{Connection, Serving, Target};
use wire::pb::countersign::v1::WebSession;

use crate::visitor::Visitor;

/// Says where the proxy's own client calls from. The Auth Service believes it from proxies alone.
const CLIENT_ADDRESS_HEADER: &str = "countersign-client-address";
/// Says what the proxy's own client calls itself.
const CLIENT_AGENT_HEADER: &str = "countersign-client-agent";

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The Auth Service, seen from the proxy.
pub struct Upstream {
    cluster: Cluster,
    road: (Arc<dyn Target>, Drain),
    clock: Arc<dyn Clock>,
}

impl Upstream {
    /// Calls as the proxy go through `cluster`, calls as a person through `road`.
    pub fn new(cluster: Cluster, road: (Arc<dyn Target>, Drain), clock: Arc<dyn Clock>) -> Self {
        Self { cluster, road, clock }
    }

    /// The road to the Auth Service, and the group its connections belong to.
    pub fn road(&self) -> &(Arc<dyn Target>, Drain) {
        &self.road
    }

    /// The cluster, called as the proxy.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The cluster, called as the person whose session it is, from where that person is.
    ///
    /// The connection lasts as long as the value: nobody else can get hold of it.
    pub fn person(&self, session: &WebSession, visitor: &Visitor) -> Result<Cluster, IdentityError> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let authorities: String = self
            .cluster
            .identity()
            .current()
            .authorities()
            .iter()
            .map(|certificate| pki::certificate::to_pem(certificate))
            .collect();
        let parts = IdentityParts {
            private_key: text(&session.tls_private_key).into(),
            tls_certificate: text(&session.tls_certificate),
            tls_authorities: authorities,
            ssh_certificate: None,
        };
        let (target, drain) = &self.road;
        let from_there = Arc::new(SeenFrom {
            target: Arc::clone(target),
            address: visitor.address,
        });
        Ok(Cluster::lazy(Connect {
            identity: IdentityHandle::new(Identity::new(&parts, Origin::Process)?),
            destination: Destination::InProcess(from_there, drain.clone()),
            insecure: false,
            clock: Arc::clone(&self.clock),
            program: "proxy",
        }))
    }
}

/// A call of the proxy for somebody.
pub fn for_visitor<M>(visitor: &Visitor, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    let address = visitor.address.to_string();
    if let Ok(address) = MetadataValue::try_from(address) {
        request.metadata_mut().insert(CLIENT_ADDRESS_HEADER, address);
    }
    if let Ok(agent) = MetadataValue::try_from(visitor.agent.as_str()) {
        request.metadata_mut().insert(CLIENT_AGENT_HEADER, agent);
    }
    request
}

/// A call of a person.
pub fn of_person<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

/// The road, as somebody at `address` walks it.
struct SeenFrom {
    target: Arc<dyn Target>,
    address: SocketAddr,
}

impl Target for SeenFrom {
    fn take(&self, connection: Connection) -> Serving {
        self.target.take(connection.on_behalf_of(self.address))
    }
}
