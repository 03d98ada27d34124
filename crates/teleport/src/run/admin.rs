//! The local administrator's identity on the disk: it lives two days and is written anew twice a day, so that what leaks
//! with a backup opens nothing for long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use access::SystemRole;
use access::ambient::Clock;
use auth::Auth;
use cli::Failure;
use jiff::{SignedDuration, Timestamp};

use super::gate;
use super::home::Home;
use crate::failures;

/// How long one identity is good for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(48);
/// How old it gets before there is another one.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);
/// How often its age is looked at: a machine that has slept for days finds out this soon.
const LOOKED_AT: Duration = Duration::from_secs(60);

/// Keeps the local administrator's identity in the data directory.
pub struct LocalAdmin {
    auth: Weak<Auth>,
    home: Home,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
}

impl LocalAdmin {
    /// For the tools on this host.
    pub fn new(auth: &Arc<Auth>, home: Home, node_name: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            auth: Arc::downgrade(auth),
            home,
            names: vec![node_name.to_owned()],
            clock,
        }
    }

    /// Signs one and writes it down; gives the moment.
    ///
    /// # Errors
    /// The store or the file cannot be written.
    pub async fn write(&self) -> Result<Timestamp, Failure> {
        let now = self.clock.now();
        let auth = self
            .auth
            .upgrade()
            .ok_or_else(|| Failure::new("the Auth Service has ended"))?;
        let signed = auth
            .host_identity_for(SystemRole::Admin, &self.names, LIFETIME)
            .await;
        let signed = signed.map_err(|failure| failures::own(&failure))?;
        let text = gate::identity_file(&signed, auth.cluster())?;
        self.home.write_admin(&text)?;
        Ok(now)
    }

    /// Writes another one whenever it is time; `since` is the moment of the last. Never returns.
    pub async fn keep_fresh(self: Arc<Self>, since: Timestamp) {
        let mut since = since;
        let mut failing = false;
        loop {
            tokio::time::sleep(LOOKED_AT).await;
            if self.clock.now().duration_since(since) < AGE_MAX {
                continue;
            }
            match self.write().await {
                Ok(now) => (since, failing) = (now, false),
                Err(error) => {
                    if !failing {
                        let error = error.message();
                        tracing::warn!(%error, "The local administrator's identity could not be renewed; trying again.");
                    }
                    failing = true;
                }
            }
        }
    }
}
