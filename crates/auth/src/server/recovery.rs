//! Finds out by itself that the store can be written again.
//!
//! Whoever is not ready gets no calls from a load balancer, and without calls nobody would ever try. So while there is no
//! space a small record is written again and again; the first that arrives says that all is well.

use std::sync::Arc;
use std::time::Duration;

use super::health::State;
use crate::audit::{Actor, cluster};
use crate::auth::Auth;

/// How often it is tried.
const PAUSE: Duration = Duration::from_secs(5);

/// Watches until the Auth Service stops. Sleeps as long as all is well.
pub async fn run(auth: Arc<Auth>) {
    let health = auth.health.clone();
    let auth = Arc::downgrade(&auth);
    loop {
        let state = health
            .until(|state| matches!(state, State::Unwell(_) | State::Stopping))
            .await;
        if state == State::Stopping {
            return;
        }
        tokio::time::sleep(PAUSE).await;
        let Some(auth) = auth.upgrade() else { return };
        match auth.state.reading().health() {
            // Nothing is written any more until the store is opened anew.
            store::Health::Failed { .. } | store::Health::Closed => return,
            store::Health::Full => {
                let system = Actor::system();
                let told = cluster::changed(&system, "store", "state", "recover");
                // Its failure is told where it happens.
                let _ = auth.state.tell(auth.clock.now(), &system.user, told).await;
            }
            store::Health::Writable => auth.health.well(),
        }
    }
}
