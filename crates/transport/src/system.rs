//! The operating system's clock and random source. The only place that asks for either.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use access::ambient::{Clock, Entropy};
use jiff::{SignedDuration, Timestamp};

/// How far the wall clock may lag behind our reckoning before we stop believing it.
///
/// Small corrections by a time service are followed (time stands still until the wall clock has
/// caught up); a larger step back is not.
const STEP_BACK_TOLERATED: SignedDuration = SignedDuration::from_secs(1);

/// The system's wall clock, which never goes back within one process.
///
/// The highest reading is kept together with the monotonic clock at that moment. When the wall clock
/// is set back by more than a second, time goes on from the highest reading at the speed of the
/// monotonic clock, so that nothing expired revives and nothing lasts longer than it should. A step
/// forward is followed, and stays.
#[derive(Debug, Default)]
pub struct SystemClock(Mutex<Option<Reading>>);

#[derive(Debug, Clone, Copy)]
struct Reading {
    shown: Timestamp,
    at: Instant,
    stepped_back: bool,
}

impl SystemClock {
    /// A clock whose high-water mark is the first reading.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the system's clock")]
    fn now(&self) -> Timestamp {
        let (wall, next, noticed) = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let (wall, at) = (moment(SystemTime::now()), Instant::now());
            let next = reckon(*last, wall, at);
            let noticed = next.stepped_back && !last.is_some_and(|reading| reading.stepped_back);
            *last = Some(next);
            (wall, next, noticed)
        };
        // Told without the lock: whoever writes the log may ask this clock for the time.
        if noticed {
            tracing::warn!(
                %wall,
                shown = %next.shown,
                "the system clock was set back; going on from the latest time seen"
            );
        }
        next.shown
    }
}

/// The system's time as ours; a clock that stands outside all calendars shows the nearest end.
fn moment(time: SystemTime) -> Timestamp {
    let since_epoch = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX),
        Err(before) => SignedDuration::try_from(before.duration()).map_or(SignedDuration::MIN, |span| -span),
    };
    let end = if since_epoch.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::UNIX_EPOCH.saturating_add(since_epoch).unwrap_or(end)
}

/// What to show when the wall clock says `wall`, given the last reading.
fn reckon(last: Option<Reading>, wall: Timestamp, at: Instant) -> Reading {
    let Some(last) = last else {
        return Reading {
            shown: wall,
            at,
            stepped_back: false,
        };
    };
    let elapsed = at.saturating_duration_since(last.at);
    let reckoned = last
        .shown
        .saturating_add(SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX);
    if wall >= last.shown {
        Reading {
            shown: wall,
            at,
            stepped_back: false,
        }
    } else if reckoned.duration_since(wall) <= STEP_BACK_TOLERATED {
        // The anchor stays: the elapsed time must not be counted twice.
        Reading {
            stepped_back: false,
            ..last
        }
    } else {
        Reading {
            shown: reckoned,
            at,
            stepped_back: true,
        }
    }
}

/// The system's random source, through the cryptographic library.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// If the operating system gives no random bytes: nothing safe can be done then.
    #[allow(clippy::disallowed_methods, reason = "this is the system's random source")]
    fn fill(&self, bytes: &mut [u8]) {
        assert!(
            aws_lc_rs::rand::fill(bytes).is_ok(),
            "the system's random source failed"
        );
    }
}

/// A point on the monotonic clock, for measuring how long something took.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[allow(clippy::disallowed_methods, reason = "measures spans, decides nothing")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[allow(clippy::disallowed_methods, reason = "measures spans, decides nothing")]
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).expect("in range")
    }

    #[test]
    fn time_never_goes_back_and_never_stands_still_for_long() {
        let start = Stopwatch::start().0;
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut last = None;
        let mut show = |wall, at| {
            let next = reckon(last, second(wall), after(at));
            last = Some(next);
            (next.shown.as_second(), next.stepped_back)
        };
        assert_eq!(show(10_000, 0), (10_000, false));
        assert_eq!(show(10_005, 5), (10_005, false));
        // An hour back: goes on by the monotonic clock.
        assert_eq!(show(6_406, 6), (10_006, true));
        assert_eq!(show(6_416, 16), (10_016, true));
        // Right again.
        assert_eq!(show(10_020, 20), (10_020, false));
        // An hour forward is followed, and the way back is not.
        assert_eq!(show(13_621, 21), (13_621, false));
        assert_eq!(show(10_022, 22), (13_622, true));
    }

    #[test]
    fn a_small_correction_waits_for_the_wall_clock() {
        let start = Stopwatch::start().0;
        let first = reckon(None, second(100), start);
        let held = reckon(
            Some(first),
            second(100) - SignedDuration::from_millis(400),
            start + Duration::from_millis(100),
        );
        assert_eq!((held.shown, held.stepped_back), (second(100), false));
        let caught_up = reckon(Some(held), second(101), start + Duration::from_millis(1500));
        assert_eq!(caught_up.shown, second(101));
    }

    #[test]
    fn the_system_gives_time_and_chance() {
        let clock = SystemClock::new();
        let first = clock.now();
        assert!(clock.now() >= first);
        let (mut one, mut two) = ([0_u8; 32], [0_u8; 32]);
        SystemEntropy.fill(&mut one);
        SystemEntropy.fill(&mut two);
        assert_ne!(one, two);
    }
}
