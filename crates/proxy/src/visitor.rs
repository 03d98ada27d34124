//! Whoever sent a request, as far as the connection tells: headers about it are not believed.

use std::net::SocketAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{StatusCode, header};
use transport::Peer;

/// The most of a client's own description of itself that is passed on.
const AGENT_BYTES_MAX: usize = 256;

/// Where a request comes from and what its program calls itself.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The other end of the connection.
    pub address: SocketAddr,
    /// What the program calls itself; empty if it says nothing usable.
    pub agent: String,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // Put there by transport for every request; a request without it came from nowhere.
        let peer = parts
            .extensions
            .get::<Peer>()
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        let agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default();
        Ok(Self {
            address: peer.address(),
            agent: agent.chars().take(AGENT_BYTES_MAX).collect(),
        })
    }
}
