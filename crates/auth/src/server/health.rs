//! Whether this service can do its work, for the load balancer and for itself.
//!
//! Fail closed: while the store cannot be written, nothing is approved and nothing is signed. That
//! follows from the store's own refusal; here it is only shown.

use std::sync::Arc;

use tokio::sync::watch;

/// The state of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not yet open.
    Starting,
    /// Everything works.
    Ready,
    /// Reading may work; changes do not.
    Unwell(String),
    /// On the way out: no new work.
    Stopping,
}

/// The state, shared by those who notice and those who tell.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<State>>);

impl Default for Health {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::Starting)))
    }
}

impl Health {
    /// The state now.
    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }

    /// Whether new work is welcome.
    pub fn is_ready(&self) -> bool {
        self.state() == State::Ready
    }

    /// Says that everything works. A service that is stopping stays so.
    pub fn well(&self) {
        self.change(|state| {
            if let State::Unwell(reason) = state {
                tracing::info!(%reason, "the store works again");
            }
            State::Ready
        });
    }

    /// Says what does not work. A service that is stopping stays so.
    pub fn unwell(&self, reason: &str) {
        self.change(|state| {
            if !matches!(state, State::Unwell(_)) {
                tracing::error!(%reason, "no change can be made until this is mended");
            }
            State::Unwell(reason.to_owned())
        });
    }

    /// Says that the service is on its way out.
    pub fn stopping(&self) {
        self.0.send_replace(State::Stopping);
    }

    /// Returns when the service is on its way out: for answers that would otherwise never end.
    pub async fn until_stopping(&self) {
        self.until(|state| *state == State::Stopping).await;
    }

    /// The first state that is one of those `wanted`.
    pub async fn until(&self, wanted: impl FnMut(&State) -> bool) -> State {
        let mut state = self.0.subscribe();
        match state.wait_for(wanted).await {
            Ok(state) => state.clone(),
            // Cannot be: the sender lives as long as `self`.
            Err(_) => State::Stopping,
        }
    }

    fn change(&self, next: impl FnOnce(&State) -> State) {
        self.0.send_if_modified(|state| {
            if *state == State::Stopping {
                return false;
            }
            let next = next(state);
            let is_other = *state != next;
            *state = next;
            is_other
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_stops_stays_stopped() {
        let health = Health::default();
        assert!(!health.is_ready());
        health.well();
        assert!(health.is_ready());
        health.unwell("disk full");
        assert_eq!(health.state(), State::Unwell("disk full".to_owned()));
        health.well();
        assert!(health.is_ready());
        health.stopping();
        health.well();
        assert_eq!(health.state(), State::Stopping);
        health.until_stopping().await;
    }
}
