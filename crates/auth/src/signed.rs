//! Which authority has signed a certificate, and whether it is trusted now.
//!
//! The handshake has verified the signature. A connection outlives the handshake, and a rotation ends the trust in keys:
//! so it is asked again at every call, and by whoever minds what runs.

use std::sync::Arc;

use jiff::Timestamp;
use pki::AuthorityKind;
use transport::peer::{Authority, Peer};

use crate::failure::{Answer, Failure};
use crate::state::State;

/// Who has signed a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    kind: AuthorityKind,
    /// Its name in DER; each authority that a cluster ever had has its own.
    issuer: Arc<[u8]>,
}

impl Signed {
    /// Who has signed the certificate of the other end; `None` if it shows none.
    pub fn of(peer: &Peer) -> Option<Self> {
        Some(Self {
            kind: match peer.authority()? {
                Authority::User => AuthorityKind::User,
                Authority::Host => AuthorityKind::Host,
            },
            issuer: Arc::clone(peer.issuer()?),
        })
    }

    /// Refuses if the authority is not trusted any more.
    ///
    /// As a lost connection and not as a denial: whoever has a newer certificate by now, and a connection from before,
    /// comes again with that; who has none is refused by the next handshake.
    pub async fn check(&self, state: &State, now: Timestamp) -> Answer<()> {
        let authority = state.authority(self.kind, now).await?;
        if authority
            .certificates()
            .any(|trusted| trusted.is_called(&self.issuer))
        {
            return Ok(());
        }
        Err(Failure::connection_problem(
            "the authority that signed the certificate of this connection is not trusted any more; connect again with a new one",
        ))
    }
}
