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
/// How long an account stays closed the first time; each further time is twice as long as the one before.
pub const CLOSED_FOR: SignedDuration = SignedDuration::from_mins(30);
/// How long it stays closed at most: a stranger who guesses must not be able to keep somebody out for ever.
pub const CLOSED_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);
/// How long the record of an account without new guesses is kept, counted from when its door opens.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The wrong guesses at one account since the last right one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// When each of the recent ones happened.
    recent: Vec<Timestamp>,
    /// Until when no guess is looked at.
    closed_until: Option<Timestamp>,
    /// How often the door was closed since the last right sign-in or reset.
    #[serde(default)]
    closings: u32,
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

    /// The record after one more wrong guess. A closed door looks at no guess, so none counts.
    #[must_use]
    pub fn after_failure(mut self, now: Timestamp) -> Self {
        if let Door::Closed(_) = self.door(now) {
            return self;
        }
        self.recent
            .retain(|at| *at <= now && now.duration_since(*at) < WINDOW);
        self.recent.push(now);
        if self.recent.len() >= FAILURES_MAX {
            self.closings = self.closings.saturating_add(1);
            self.closed_until = Some(later(now, closed_for(self.closings)));
            self.recent.clear();
        }
        self
    }

    /// The record after a reset: a closed door stays closed for its time, the next one closes for a short time again.
    #[must_use]
    pub fn after_reset(mut self) -> Self {
        self.closings = 0;
        self
    }

    /// When this record may be forgotten.
    pub fn kept_until(&self, now: Timestamp) -> Timestamp {
        later(self.closed_until.map_or(now, |until| until.max(now)), KEPT_FOR)
    }
}

/// How long the door stays closed the `closings`-th time.
fn closed_for(closings: u32) -> SignedDuration {
    2_i32
        .checked_pow(closings.saturating_sub(1))
        .and_then(|times| CLOSED_FOR.checked_mul(times))
        .map_or(CLOSED_FOR_MAX, |long| long.min(CLOSED_FOR_MAX))
}

fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// How long a network that somebody signed in from is known as theirs.
pub const SOURCE_KNOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many such networks are known of one person.
const SOURCES_MAX: usize = 8;
/// A network that is used again is written down once in so long.
const SOURCE_FRESH_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The networks that somebody has signed in from, each as a keyed digest. Guesses from one of them close a door of its own:
/// strangers cannot keep somebody out who comes from where they always come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources(Vec<(String, Timestamp)>);

impl Sources {
    /// Whether this network is one of them.
    pub fn knows(&self, source: &str, now: Timestamp) -> bool {
        self.since(source)
            .is_some_and(|used| now.duration_since(used) < SOURCE_KNOWN_FOR)
    }

    /// With this network, used now; `None` if that need not be written down again.
    pub fn with(&self, source: &str, now: Timestamp) -> Option<Self> {
        if self
            .since(source)
            .is_some_and(|used| now.duration_since(used) < SOURCE_FRESH_FOR)
        {
            return None;
        }
        let mut known: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| name != source)
            .cloned()
            .collect();
        known.push((source.to_owned(), now));
        let spare = known.len().saturating_sub(SOURCES_MAX);
        Some(Self(known.split_off(spare)))
    }

    fn since(&self, source: &str) -> Option<Timestamp> {
        self.0
            .iter()
            .find(|(name, _)| name == source)
            .map(|(_, used)| *used)
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
    fn a_closed_door_counts_nothing() {
        let closed = guess(&[0, 0, 0, 0, 0]);
        let stormed = (0..200).fold(closed.clone(), |attempts, _| attempts.after_failure(at(1)));
        assert_eq!(stormed, closed);
    }

    #[test]
    fn each_closing_is_twice_as_long_and_none_is_for_ever() {
        let mut now = at(0);
        let mut attempts = Attempts::default();
        let mut hours = Vec::new();
        for _ in 0..40 {
            for _ in 0..5 {
                attempts = attempts.after_failure(now);
            }
            let Door::Closed(until) = attempts.door(now) else {
                panic!("five wrong guesses close the door");
            };
            hours.push(until.duration_since(now).as_secs_f64() / 3600.0);
            assert!(attempts.kept_until(now) > until, "the count outlives the closing");
            now = until;
        }
        assert_eq!(hours[..7], [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0]);
        assert!(hours[7..].iter().all(|long| (*long - 24.0).abs() < f64::EPSILON));
        let after = (0..5).fold(attempts.after_reset(), |attempts, _| attempts.after_failure(now));
        assert_eq!(after.door(now), Door::Closed(now + CLOSED_FOR));
    }

    #[test]
    fn a_reset_does_not_open_a_door_that_has_just_closed() {
        let closed = guess(&[0, 0, 0, 0, 0]).after_reset();
        assert_eq!(closed.door(at(1)), Door::Closed(at(30)));
    }

    #[test]
    fn a_network_is_known_for_a_month_and_a_few_are_known_at_once() {
        let hours = SignedDuration::from_hours;
        let known = Sources::default().with("home", at(0)).unwrap();
        assert!(known.knows("home", at(0) + hours(29 * 24)) && !known.knows("home", at(0) + hours(30 * 24)));
        assert!(!known.knows("elsewhere", at(0)));
        assert_eq!(known.with("home", at(0) + hours(23)), None, "not each time");
        let many = (0..20).fold(known, |known, place| {
            known.with(&place.to_string(), at(place)).unwrap()
        });
        assert!(many.knows("19", at(20)) && many.knows("12", at(20)) && !many.knows("11", at(20)));
    }

    #[test]
    fn spelling_variants_share_one_count() {
        assert_eq!(counted_name(" Bob@Example.com "), counted_name("bob@example.com"));
    }
}
