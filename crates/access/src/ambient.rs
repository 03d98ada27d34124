//! The two things a decision cannot know by itself: what time it is, and chance.
//!
//! Decisions take a moment as an argument. Services hold a [`Clock`] and an [`Entropy`], read the
//! clock once per request and pass the values on. The implementations that ask the operating system
//! live in `transport::system`; the ones here are plain data, moved and seeded by hand.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// Tells the time. Never goes back within one process.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes that nobody can predict.
pub trait Entropy: Send + Sync {
    /// Overwrites all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Shows `moment` from now on, which may lie in the past.
    pub fn set(&self, moment: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = moment;
    }

    /// Moves on by `span`; stops at the end of time.
    pub fn advance(&self, span: SignedDuration) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = shown.saturating_add(span).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A predictable stream of bytes for tests: SHA-256 over a seed and a counter.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: [u8; 32],
    counter: Mutex<u64>,
}

impl SeededEntropy {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self::named(&seed.to_string())
    }

    /// The stream that belongs to a name, so that each kind of id can have its own.
    pub fn named(name: &str) -> Self {
        Self {
            seed: Sha256::digest(name.as_bytes()).into(),
            counter: Mutex::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.chunks_mut(32) {
            let block = Sha256::new()
                .chain_update(self.seed)
                .chain_update(counter.to_be_bytes())
                .finalize();
            piece.copy_from_slice(&block[..piece.len()]);
            *counter += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_moved() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance(SignedDuration::from_secs(90));
        assert_eq!(clock.now().as_second(), 90);
        clock.advance(SignedDuration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn a_seed_gives_the_same_bytes_again() {
        let (mut first, mut again, mut other) = ([0; 70], [0; 70], [0; 70]);
        SeededEntropy::new(7).fill(&mut first);
        SeededEntropy::new(7).fill(&mut again);
        SeededEntropy::new(8).fill(&mut other);
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert_ne!(first[..32], first[32..64]);
    }
}
