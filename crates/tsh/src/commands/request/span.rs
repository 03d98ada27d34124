//! Durations and moments of flags.

use access::ambient::Clock;
use cli::{Failure, duration};
use jiff::Timestamp;

/// The moment that lies `text` after now; `None` for nothing and for 0, which leave it to the server.
///
/// `name` is how the original calls the flag when it refuses a value.
pub fn end_of(name: &str, text: Option<&str>, clock: &dyn Clock) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let span = duration::parse(text).map_err(|error| Failure::new(error.to_string()))?;
    if span.is_negative() {
        return Err(Failure::new(format!("{name} value must be greater than zero"))
            .hint("write it like `4h`, `90m` or `2d`"));
    }
    if span.is_zero() {
        return Ok(None);
    }
    let end = clock.now().checked_add(span);
    end.map(Some)
        .map_err(|_| Failure::new(format!("`{text}` is too long for a duration")))
}

/// The moment in an RFC 3339 text.
pub fn moment(flag: &str, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        Failure::new(format!("`{text}` is not a moment for {flag}"))
            .hint("write it as date, time and zone, like `2006-01-02T15:04:05Z`")
    })
}

#[cfg(test)]
mod tests {
    use access::ambient::ManualClock;

    use super::*;

    #[test]
    fn spans_count_from_now() {
        let clock = ManualClock::new("2025-08-27T10:00:00Z".parse().unwrap());
        let end = |text| end_of("session TTL", text, &clock);
        assert_eq!(end(None).unwrap(), None);
        assert_eq!(end(Some("0")).unwrap(), None);
        assert_eq!(
            end(Some("1h30m")).unwrap(),
            Some("2025-08-27T11:30:00Z".parse().unwrap())
        );
        assert_eq!(
            end(Some("-1h")).unwrap_err().message(),
            "session TTL value must be greater than zero"
        );
        assert!(end(Some("soon")).is_err());
        assert!(end(Some("200000000h")).is_err());
    }

    #[test]
    fn moments_have_a_zone() {
        let read = |text| moment("--assume-start-time", Some(text));
        assert_eq!(
            read("2025-08-27T12:00:00+02:00").unwrap(),
            Some("2025-08-27T10:00:00Z".parse().unwrap())
        );
        assert!(read("2025-08-27T12:00:00").is_err());
        assert!(read("tomorrow").is_err());
    }
}
