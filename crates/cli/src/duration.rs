//! Durations as people type them and as the original's programs print them: `11h56m0s`.

use jiff::SignedDuration;

/// Why a duration was not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was given.
    #[error("the duration is empty; write it like `8h`, `90m` or `1h30m`")]
    Empty,
    /// A number without a unit, an unknown unit, or no number.
    #[error("`{0}` is not a duration; write it like `8h`, `90m` or `1h30m`")]
    Malformed(String),
    /// More than about 292 years.
    #[error("`{0}` is too long for a duration")]
    TooLong(String),
}

const NANOSECOND: i128 = 1;
const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

/// Units in the order in which a longer name must be tried before its prefix.
const UNITS: &[(&str, i128)] = &[
    ("ns", NANOSECOND),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("mo", 30 * DAY),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", DAY),
    ("y", 365 * DAY),
];

/// Reads `1h30m`, `-5s`, `1.5h`, `2d`; a bare `0` is zero.
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(malformed)?;
        let (number, after) = rest.split_at(end);
        let (unit, nanoseconds) = UNITS
            .iter()
            .find(|(unit, _)| after.starts_with(unit))
            .ok_or_else(malformed)?;
        total = total
            .checked_add(scaled(number, *nanoseconds).ok_or_else(malformed)?)
            .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
        rest = &after[unit.len()..];
    }
    let total = i64::try_from(total).map_err(|_| DurationError::TooLong(text.to_owned()))?;
    Ok(SignedDuration::from_nanos(if negative { -total } else { total }))
}

/// `number` (digits with at most one point) times `unit`, rounded down; `None` if it is no such number.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut value = whole.checked_mul(unit)?;
    let mut share = unit;
    for digit in fraction.chars() {
        share /= 10;
        value += i128::from(digit.to_digit(10)?) * share;
    }
    Some(value)
}

/// `11h56m0s`, `4m30s`, `0s`; whole seconds, the part below is dropped.
pub fn print(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{sign}{hours}h{minutes}m{seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m{seconds}s")
    } else {
        format!("{sign}{seconds}s")
    }
}

/// As [`print()`], rounded to the nearest minute: the form of the request tables.
pub fn print_minutes(duration: SignedDuration) -> String {
    let minutes = (duration.as_secs() + duration.as_secs().signum() * 30) / 60;
    print(SignedDuration::from_secs(minutes * 60))
}

/// As people say it: `8 hours`, `1 hour 30 minutes`, `45 seconds`; two units at most.
pub fn spoken(duration: SignedDuration) -> String {
    let mut left = duration.as_secs().unsigned_abs();
    let mut parts = Vec::new();
    for (name, seconds) in [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        let count = left / seconds;
        left %= seconds;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        "0 seconds".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_the_original_reads_them() {
        for (text, seconds) in [
            ("8h", 28_800),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("2d", 172_800),
            ("1mo", 2_592_000),
            ("-5s", -5),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["8", "h", "1x", "1h2", "1..5h", "eight", "1h 30m", "é"] {
            assert_eq!(
                parse(text),
                Err(DurationError::Malformed(text.to_owned())),
                "{text}"
            );
        }
        assert_eq!(parse(""), Err(DurationError::Empty));
        assert_eq!(
            parse("9999999999y"),
            Err(DurationError::TooLong("9999999999y".to_owned()))
        );
    }

    #[test]
    fn durations_print_in_three_forms() {
        let duration = SignedDuration::from_secs(42_989);
        assert_eq!(print(duration), "11h56m29s");
        assert_eq!(print_minutes(duration), "11h56m0s");
        assert_eq!(print_minutes(SignedDuration::from_secs(42_990)), "11h57m0s");
        assert_eq!(spoken(duration), "11 hours 56 minutes");
        assert_eq!(spoken(SignedDuration::from_secs(3_600)), "1 hour");
        assert_eq!(spoken(SignedDuration::from_secs(86_405)), "1 day");
        assert_eq!(spoken(SignedDuration::ZERO), "0 seconds");
        assert_eq!(print(SignedDuration::from_secs(-61)), "-1m1s");
    }
}
