//! Stopping without cutting anybody off: stop accepting, say goodbye, wait, and cut at a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a greeting may still be on its way when the end has begun.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// The shared end of a group of connections. Clones mean the same group.
///
/// Listeners stop accepting when draining begins; HTTP connections announce their end (`GOAWAY`,
/// `Connection: close`) and finish what they are serving. Whoever answers with an endless stream
/// must end it itself: wait for [`Drain::begun`].
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    forced: CancellationToken,
    open: TaskTracker,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything finished by itself.
    Quietly,
    /// The deadline passed with so many connections left, which were cut.
    Cut(usize),
}

impl Drain {
    /// A group that nobody has asked to end.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything in the group to come to its end.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether [`Drain::begin`] was called.
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Returns when the group is asked to end.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Waits for what a peer should say first. Once the end has begun, only for what may be on its way:
    /// whoever says nothing holds nobody up. `None` if nothing came.
    pub async fn greeting<F: Future>(&self, greeting: F) -> Option<F::Output> {
        let silence = async {
            self.begun().await;
            tokio::time::sleep(ON_ITS_WAY).await;
        };
        tokio::select! {
            said = greeting => Some(said),
            () = silence => None,
        }
    }

    /// Asks for the end, waits for it, and after `patience` cuts what is left.
    pub async fn finish(&self, patience: Duration) -> Drained {
        self.begin();
        self.open.close();
        if tokio::time::timeout(patience, self.open.wait()).await.is_ok() {
            return Drained::Quietly;
        }
        let left = self.open.len();
        self.forced.cancel();
        self.open.wait().await;
        Drained::Cut(left)
    }

    /// How many tasks of the group are running.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Runs a task as part of the group; it is dropped where it stands if the group is cut.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let forced = self.forced.clone();
        self.open.spawn(async move {
            tokio::select! {
                biased;
                () = task => {}
                () = forced.cancelled() => {}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_listens_ends_quietly_and_one_that_does_not_is_cut() {
        let quiet = Drain::new();
        let listens = quiet.clone();
        quiet.spawn(async move { listens.begun().await });
        assert_eq!(quiet.finish(Duration::from_secs(60)).await, Drained::Quietly);

        let deaf = Drain::new();
        deaf.spawn(std::future::pending());
        deaf.spawn(std::future::pending());
        assert_eq!(deaf.finish(Duration::ZERO).await, Drained::Cut(2));
        assert_eq!(deaf.open(), 0);
    }

    #[tokio::test]
    async fn at_the_end_nobody_waits_for_the_silent() {
        let drain = Drain::new();
        drain.begin();
        assert_eq!(drain.greeting(std::future::ready(1)).await, Some(1));
        assert_eq!(drain.greeting(std::future::pending::<()>()).await, None);
    }
}
