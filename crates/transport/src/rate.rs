//! How often: one bucket of tokens per key, refilled at a steady rate.
//!
//! The number of keys is bounded: when it is reached, full buckets (those that would allow anything
//! anyway) are forgotten first. A key that cannot be remembered is refused, not let through.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A rate: so many at once, and one more each `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The size of the bucket.
    pub burst: u32,
    /// How long one token takes to come back.
    pub every: SignedDuration,
}

impl Rate {
    /// `count` a minute, `burst` at once.
    pub const fn per_minute(count: u32, burst: u32) -> Self {
        Self {
            burst,
            every: SignedDuration::from_millis(60_000 / count as i64),
        }
    }

    /// `count` a second, `burst` at once.
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self {
            burst,
            every: SignedDuration::from_micros(1_000_000 / count as i64),
        }
    }
}

/// One bucket per key.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    keys_max: usize,
    /// For each key the moment at which its bucket is full again.
    full_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Eq + Hash> Limiter<K> {
    /// Buckets of `rate` for at most `keys_max` keys.
    pub fn new(rate: Rate, keys_max: usize) -> Self {
        Self {
            rate,
            keys_max,
            full_at: Mutex::new(HashMap::new()),
        }
    }

    /// Takes a token of `key`'s bucket.
    ///
    /// # Errors
    /// How long to wait until the next token.
    pub fn take(&self, key: K, now: Timestamp) -> Result<(), SignedDuration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= self.keys_max && !full_at.contains_key(&key) {
            full_at.retain(|_, full| *full > now);
            if full_at.len() >= self.keys_max {
                return Err(self.rate.every);
            }
        }
        // A clock that was set back must not shut the door for longer than a full refill.
        let refill = self.rate.every * i32::try_from(self.rate.burst).unwrap_or(i32::MAX);
        let latest = now.saturating_add(refill).unwrap_or(Timestamp::MAX);
        let full = full_at.get(&key).copied().unwrap_or(now).clamp(now, latest);
        let next = full.saturating_add(self.rate.every).unwrap_or(Timestamp::MAX);
        if next > latest {
            return Err(next.duration_since(latest));
        }
        full_at.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let limiter = Limiter::new(Rate::per_minute(20, 40), 2);
        let mut now = Timestamp::UNIX_EPOCH;
        for _ in 0..40 {
            assert_eq!(limiter.take("a", now), Ok(()));
        }
        assert_eq!(limiter.take("a", now), Err(SignedDuration::from_secs(3)));
        assert_eq!(limiter.take("b", now), Ok(()));
        assert!(limiter.take("c", now).is_err(), "a third key does not fit");
        now += SignedDuration::from_secs(3);
        assert_eq!(limiter.take("a", now), Ok(()));
        assert!(limiter.take("a", now).is_err());
        assert_eq!(
            limiter.take("c", now),
            Ok(()),
            "the full bucket of b was forgotten"
        );
    }

    #[test]
    fn a_clock_set_back_does_not_shut_the_door() {
        let limiter = Limiter::new(Rate::per_minute(60, 2), 10);
        let noon: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        assert_eq!(limiter.take(1, noon), Ok(()));
        let morning = noon - SignedDuration::from_hours(3);
        assert_eq!(limiter.take(1, morning), Err(SignedDuration::from_secs(1)));
        assert_eq!(
            limiter.take(1, morning + SignedDuration::from_secs(1)),
            Err(SignedDuration::from_secs(1))
        );
    }
}
