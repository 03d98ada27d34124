//! After how many wrong guesses an account is closed, and for how long.
//!
//! The same counting for names that exist and names that do not, so that nobody learns which is
//! which. Kept in the store, so that a restart or a second Auth Service does not give new guesses.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Wrong guesses in a row, within [`WINDOW`], that close an account.
pub const FAILURES_MAX: usize = 5;
/// How long a wrong guess is remembered for closing.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(30);
/// How long an account stays closed.
pub const CLOSED_FOR: SignedDuration = SignedDuration::from_mins(30);
/// Wrong guesses without one right one after which only a reset opens the account again.
pub const FAILURES_IN_ALL_MAX: u32 = 100;
/// How long the record of an account without new guesses is kept.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The wrong guesses at one account since the last right one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// When each of the recent ones happened.
    recent: Vec<Timestamp>,
    /// Until when no guess is looked at.
    closed_until: Option<Timestamp>,
    /// All of them, recent or not.
    in_all: u32,
}

/// Whether a guess may be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Yes.
    Open,
    /// No, not before that moment.
    Closed(Timestamp),
}

impl Attempts {
    /// Whether a guess may be looked at now.
    pub fn door(&self, now: Timestamp) -> Door {
        match self.closed_until {
            Some(until) if now < until => Door::Closed(until),
            _ => Door::Open,
        }
    }

    /// The record after one more wrong guess.
    #[must_use]
    pub fn after_failure(mut self, now: Timestamp) -> Self {
        self.recent
            .retain(|at| *at <= now && now.duration_since(*at) < WINDOW);
        self.recent.push(now);
        self.in_all = self.in_all.saturating_add(1);
        if self.in_all >= FAILURES_IN_ALL_MAX {
            self.closed_until = Some(Timestamp::MAX);
        } else if self.recent.len() >= FAILURES_MAX {
            self.closed_until = Some(now.saturating_add(CLOSED_FOR).unwrap_or(Timestamp::MAX));
            self.recent.clear();
        }
        self
    }

    /// The record after a reset: a closed door stays closed for its time, the sum starts anew.
    #[must_use]
    pub fn after_reset(mut self) -> Self {
        self.in_all = 0;
        if self.closed_until == Some(Timestamp::MAX) {
            self.closed_until = None;
        }
        self
    }

    /// When this record may be forgotten.
    pub fn kept_until(&self, now: Timestamp) -> Option<Timestamp> {
        if self.closed_until == Some(Timestamp::MAX) {
            return None;
        }
        Some(now.saturating_add(KEPT_FOR).unwrap_or(Timestamp::MAX))
    }
}

/// The name under which guesses at `user` are counted: spelling variants share one count.
pub fn counted_name(user: &str) -> String {
    user.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn guess(times: &[i64]) -> Attempts {
        times.iter().fold(Attempts::default(), |attempts, minute| {
            attempts.after_failure(at(*minute))
        })
    }

    #[test]
    fn five_in_half_an_hour_close_for_half_an_hour() {
        let four = guess(&[0, 1, 2, 3]);
        assert_eq!(four.door(at(3)), Door::Open);
        let five = four.after_failure(at(4));
        assert_eq!(five.door(at(4)), Door::Closed(at(34)));
        assert_eq!(five.door(at(33)), Door::Closed(at(34)));
        assert_eq!(five.door(at(34)), Door::Open);
        assert_eq!(
            guess(&[0, 10, 20, 29, 31]).door(at(31)),
            Door::Open,
            "the first is forgotten"
        );
    }

    #[test]
    fn a_hundred_in_all_need_a_reset() {
        let mut attempts = Attempts::default();
        for round in 0..20 {
            for _ in 0..5 {
                attempts = attempts.after_failure(at(round * 60));
            }
        }
        assert_eq!(attempts.door(at(1_000_000)), Door::Closed(Timestamp::MAX));
        assert_eq!(attempts.kept_until(at(0)), None);
        assert_eq!(attempts.after_reset().door(at(1_000_000)), Door::Open);
    }

    #[test]
    fn a_reset_does_not_open_a_door_that_has_just_closed() {
        let closed = guess(&[0, 0, 0, 0, 0]).after_reset();
        assert_eq!(closed.door(at(1)), Door::Closed(at(30)));
    }

    #[test]
    fn spelling_variants_share_one_count() {
        assert_eq!(counted_name(" Bob@Example.com "), counted_name("bob@example.com"));
    }
}
