//! When a list is due for review: so many months later, on the first, the fifteenth or the last day of a month, UTC.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// How long before the date owners are reminded, where a list does not say.
pub const NOTICE_DEFAULT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Months between two reviews, where a list does not say.
pub const MONTHS_DEFAULT: u32 = 6;

/// On which day of its month a review is due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Day {
    /// The first.
    #[default]
    First,
    /// The fifteenth.
    Fifteenth,
    /// The last, whichever that is.
    Last,
}

/// The date of the review after one on `from`: `months` later, moved to `day`, at the same time of day, in whole seconds.
///
/// Stays within what a moment can say.
pub fn next(from: Timestamp, months: u32, day: Day) -> Timestamp {
    let start = Offset::UTC.to_datetime(from);
    let moved = |date: Date| -> Date {
        let date = date.saturating_add(i64::from(months).months());
        match day {
            Day::First => date.first_of_month(),
            Day::Fifteenth => date.first_of_month().saturating_add(14.days()),
            Day::Last => date.last_of_month(),
        }
    };
    let due = moved(start.date()).to_datetime(start.time());
    let due = Offset::UTC.to_timestamp(due).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(due.as_second()).unwrap_or(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_review_follows_on_the_chosen_day_of_a_month() {
        for (from, months, day, expected) in [
            ("2026-11-23T12:00:00Z", 6, Day::First, "2027-05-01T12:00:00Z"),
            ("2026-11-23T12:00:00Z", 1, Day::Fifteenth, "2026-12-15T12:00:00Z"),
            ("2026-11-23T12:00:00Z", 3, Day::Last, "2027-02-28T12:00:00Z"),
            ("2027-08-31T00:00:00Z", 6, Day::Last, "2028-02-29T00:00:00Z"),
            ("2026-12-31T23:59:59Z", 12, Day::First, "2027-12-01T23:59:59Z"),
        ] {
            assert_eq!(
                next(at(from), months, day),
                at(expected),
                "{from} {months} {day:?}"
            );
        }
    }

    #[test]
    fn there_is_always_a_date() {
        assert!(next(Timestamp::MAX, 12, Day::Last) <= Timestamp::MAX);
    }
}
