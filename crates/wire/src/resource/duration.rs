//! Durations as resource files spell them: `30h0m0s`, `1h30m`, `2d`, `never`.

use jiff::SignedDuration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing but a number.
    #[error("a unit is missing: write `{0}s`, `{0}m`, `{0}h` or `{0}d`")]
    NoUnit(String),
    /// A unit that is not known.
    #[error("the unit `{0}` is not known: use ms, s, m, h or d (as in `1h30m` or `2d`)")]
    Unit(String),
    /// Not of the form number, unit, number, unit.
    #[error("expected a duration such as `30h`, `1h30m`, `2d` or `never`")]
    Form,
    /// Longer than about 292 years.
    #[error("the duration is too long")]
    TooLong,
}

const UNITS: [(&str, i128); 11] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("mo", 30 * 86_400_000_000_000),
    ("y", 365 * 86_400_000_000_000),
];

/// Reads a duration; `never` is zero.
///
/// # Errors
/// Says what is wrong with the text, so that the message can stand after its place.
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    if text == "never" || text == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.is_empty() || rest.len() > 64 {
        return Err(DurationError::Form);
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let whole_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, mut tail) = rest.split_at(whole_digits);
        let mut fraction = "";
        if let Some(after) = tail.strip_prefix('.') {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            (fraction, tail) = after.split_at(digits);
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(DurationError::Form);
        }
        let unit_length = tail
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_length);
        if unit.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let Some((_, nanoseconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::Unit(super::tree::shortened(unit)));
        };
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| DurationError::TooLong)?
        };
        let mut part = whole.checked_mul(*nanoseconds).ok_or(DurationError::TooLong)?;
        let mut weight = *nanoseconds;
        for digit in fraction.bytes() {
            weight /= 10;
            part += i128::from(digit - b'0') * weight;
        }
        total = total.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = next;
    }
    let total = if negative { -total } else { total };
    i64::try_from(total)
        .map(SignedDuration::from_nanos)
        .map_err(|_| DurationError::TooLong)
}

/// Writes a duration the way Go does: `30h0m0s`, `1.5s`, `250ms`, `0s`.
pub fn text(duration: SignedDuration) -> String {
    let total = duration.as_nanos();
    let sign = if total < 0 { "-" } else { "" };
    let total = total.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    let fraction = |value: u128, unit: u128| {
        let digits = unit.ilog10() as usize;
        let text = format!("{:0digits$}", value % unit);
        let text = text.trim_end_matches('0');
        if text.is_empty() {
            (value / unit).to_string()
        } else {
            format!("{}.{text}", value / unit)
        }
    };
    if total < 1_000 {
        return format!("{sign}{total}ns");
    }
    if total < 1_000_000 {
        return format!("{sign}{}µs", fraction(total, 1_000));
    }
    if total < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(total, 1_000_000));
    }
    let minutes = total / 60_000_000_000;
    let seconds = fraction(total % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read() {
        for (text, seconds) in [
            ("30h", 108_000),
            ("30h0m0s", 108_000),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("1mo", 2_592_000),
            ("1y", 31_536_000),
            ("never", 0),
            ("-1h", -3_600),
            ("1.5h", 5_400),
            ("1000000h", 3_600_000_000),
        ] {
            assert_eq!(parse(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(SignedDuration::from_millis(250)));
        assert_eq!(parse(".5s"), Ok(SignedDuration::from_millis(500)));
    }

    #[test]
    fn bad_texts_say_why() {
        for (text, problem) in [
            (
                "2w",
                "the unit `w` is not known: use ms, s, m, h or d (as in `1h30m` or `2d`)",
            ),
            ("30", "a unit is missing: write `30s`, `30m`, `30h` or `30d`"),
            ("", "expected a duration such as `30h`, `1h30m`, `2d` or `never`"),
            (
                "soon",
                "expected a duration such as `30h`, `1h30m`, `2d` or `never`",
            ),
            (
                "1h30",
                "a unit is missing: write `1h30s`, `1h30m`, `1h30h` or `1h30d`",
            ),
            ("99999999h", "the duration is too long"),
            (
                "1h-5m",
                "the unit `h-` is not known: use ms, s, m, h or d (as in `1h30m` or `2d`)",
            ),
        ] {
            assert_eq!(
                parse(text).map_err(|error| error.to_string()),
                Err(problem.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_are_written_like_go_writes_them() {
        for (duration, expected) in [
            (SignedDuration::ZERO, "0s"),
            (SignedDuration::from_hours(30), "30h0m0s"),
            (SignedDuration::from_mins(90), "1h30m0s"),
            (SignedDuration::from_secs(61), "1m1s"),
            (SignedDuration::from_millis(1_500), "1.5s"),
            (SignedDuration::from_millis(250), "250ms"),
            (SignedDuration::from_nanos(1_500), "1.5µs"),
            (SignedDuration::from_nanos(7), "7ns"),
            (SignedDuration::from_secs(-90), "-1m30s"),
        ] {
            assert_eq!(text(duration), expected);
            assert_eq!(parse(expected), Ok(duration));
        }
    }
}
