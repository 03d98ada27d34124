//! Waiting for a state, with an end.

use std::thread;
use std::time::Duration;

use transport::system::Stopwatch;

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `look` finds something.
///
/// # Panics
/// If it never does; `what` says what was waited for, `otherwise` what is there instead.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>, otherwise: impl FnOnce() -> String) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            watch.elapsed() < PATIENCE,
            "waited too long for {what}:\n{}",
            otherwise()
        );
        thread::sleep(Duration::from_millis(20));
    }
}
