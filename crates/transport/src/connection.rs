//! The connection a request came on, for whoever finds out that it must not go on.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::{CancellationToken, DropGuard};

/// A handle on an HTTP connection; every request carries it among its extensions. Clones mean the same connection.
#[derive(Debug, Clone, Default)]
pub struct Connection(Arc<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    end: CancellationToken,
    closed: CancellationToken,
    minded: AtomicBool,
}

impl Connection {
    /// Ends the connection when the future says so; it is forgotten if the connection ends before.
    ///
    /// The first call counts: a connection belongs to one peer, and is minded once.
    pub fn end_when<F>(&self, reason: impl FnOnce() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.0.minded.swap(true, Ordering::Relaxed) {
            return;
        }
        let (tokens, reason) = (Arc::clone(&self.0), reason());
        tokio::spawn(async move {
            tokio::select! {
                () = tokens.closed.cancelled() => {}
                () = reason => tokens.end.cancel(),
            }
        });
    }

    /// Ends the connection now.
    pub(crate) fn end(&self) {
        self.0.end.cancel();
    }

    /// Returns when the connection is to end.
    pub(crate) async fn ended(&self) {
        self.0.end.cancelled().await;
    }

    /// Says that the connection is closed, when dropped.
    pub(crate) fn open(&self) -> DropGuard {
        self.0.closed.clone().drop_guard()
    }
}
