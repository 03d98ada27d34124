//! The goals, one module each: what is measured, beside what, and what is wanted.

mod crowd;
mod list;
mod notification;
mod review;
mod start;
mod throughput;

use std::path::PathBuf;

use super::options::Goal;
use super::progress::Progress;
use super::report::Section;
use super::rounds::Plan;
use super::trouble::Outcome;

/// What every goal needs to know.
pub struct Bench {
    /// How much is measured.
    pub plan: Plan,
    /// Where the data goes.
    pub disk: PathBuf,
    /// Says how far it is.
    pub progress: Progress,
}

impl Bench {
    /// Measures one goal.
    pub async fn measure(&self, goal: Goal) -> Outcome<Section> {
        self.progress.goal(goal.name(), goal.title());
        match goal {
            Goal::P1 => review::measure(self).await,
            Goal::P2 => throughput::measure(self).await,
            Goal::P3 => crowd::measure(self).await,
            Goal::P8 => list::measure(self).await,
            Goal::P9 => notification::measure(self).await,
            Goal::P10 => start::measure(self).await,
        }
    }
}

/// Runs what blocks without keeping others from the processor.
pub(super) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}
