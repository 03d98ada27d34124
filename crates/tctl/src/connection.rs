//! What surrounds every command: the connection that is made when it is first needed, and what the cluster wants its
//! administrators to know at the end.

use std::sync::Arc;

use access::ambient::{Clock, Entropy};
use cli::Failure;
use jiff::Timestamp;
use tokio::sync::OnceCell;
use transport::system::{SystemClock, SystemEntropy};

use crate::arguments::Global;
use crate::credentials::Access;
use crate::session::Session;

/// A cluster that is connected to when a command first needs it.
pub struct Connection {
    global: Global,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    session: OnceCell<Session>,
}

impl Connection {
    /// A connection as the flags say.
    pub fn new(global: Global) -> Self {
        Self {
            global,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            session: OnceCell::new(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What keys and names are drawn from.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The cluster.
    pub async fn session(&self) -> Result<&Session, Failure> {
        self.session
            .get_or_try_init(|| async {
                let access = Access::find(&self.global, self.now())?;
                Session::open(access, self.global.insecure, &self.clock).await
            })
            .await
    }

    /// Shows the cluster's alerts on standard error, if the command has talked to it.
    pub async fn show_alerts(&self) {
        if let Some(session) = self.session.get() {
            session.show_alerts().await;
        }
    }
}
