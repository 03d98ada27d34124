//! Moments: RFC 3339 texts, protobuf timestamps, and year 1, which stands for "not set".

use jiff::Timestamp;

/// Seconds from 1970 to the first of January of year 1: how the original sends a time that is not set.
pub const UNSET_SECONDS: i64 = -62_135_596_800;

/// How a time that is not set is written where it cannot be left out.
pub const UNSET_TEXT: &str = "0001-01-01T00:00:00Z";

/// The last second of year 9999, the latest a protobuf timestamp may say.
const LATEST_SECONDS: i64 = 253_402_300_799;

/// The moment of a protobuf timestamp; `None` for an absent one and for year 1 and before.
pub fn from_proto(timestamp: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let timestamp = timestamp?;
    if timestamp.seconds <= UNSET_SECONDS || timestamp.seconds > LATEST_SECONDS {
        return None;
    }
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

/// The protobuf timestamp of a moment.
pub fn to_proto(moment: Timestamp) -> prost_types::Timestamp {
    let nanos = moment.subsec_nanosecond();
    // jiff counts both parts in the direction of the moment, protobuf counts nanoseconds forward.
    if nanos < 0 {
        prost_types::Timestamp {
            seconds: moment.as_second() - 1,
            nanos: nanos + 1_000_000_000,
        }
    } else {
        prost_types::Timestamp {
            seconds: moment.as_second(),
            nanos,
        }
    }
}

/// RFC 3339 in UTC with as many digits of the second as it has.
pub fn text(moment: Timestamp) -> String {
    moment.to_string()
}

/// A text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a moment such as `2026-11-21T18:50:00Z`")]
pub struct MomentError;

/// Reads RFC 3339; year 1 is "not set".
///
/// # Errors
/// [`MomentError`] for anything else, and for moments after year 9999.
pub fn parse(text: &str) -> Result<Option<Timestamp>, MomentError> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !matches!(bytes[10], b'T' | b't') || bytes[4] != b'-' || !text.is_ascii() {
        return Err(MomentError);
    }
    let moment: Timestamp = text.parse().map_err(|_| MomentError)?;
    match moment.as_second() {
        ..=UNSET_SECONDS => Ok(None),
        LATEST_SECONDS.. => Err(MomentError),
        _ => Ok(Some(moment)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_timestamps_agree() {
        for text_ in [
            "2026-11-21T18:50:00Z",
            "2026-11-21T18:50:00.123456789Z",
            "1969-12-31T23:59:59.5Z",
        ] {
            let moment = parse(text_).ok().flatten().expect("a moment");
            assert_eq!(text(moment), text_);
            let proto = to_proto(moment);
            assert!(proto.nanos >= 0);
            assert_eq!(from_proto(Some(&proto)), Some(moment));
        }
        assert_eq!(parse("2026-11-21T19:50:00+01:00"), parse("2026-11-21T18:50:00Z"));
    }

    #[test]
    fn year_one_is_not_set() {
        assert_eq!(parse(UNSET_TEXT), Ok(None));
        assert_eq!(
            from_proto(Some(&prost_types::Timestamp {
                seconds: UNSET_SECONDS,
                nanos: 0
            })),
            None
        );
        assert_eq!(from_proto(None), None);
        assert!(
            from_proto(Some(&prost_types::Timestamp::default())).is_some(),
            "1970 is a real time"
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "now",
            "2026-11-21",
            "21 Nov 26",
            "2026-13-21T18:50:00Z",
            "2026-11-21 18:50:00Z",
            "12026-11-21T18:50:00Z",
        ] {
            assert_eq!(parse(text), Err(MomentError), "{text}");
        }
    }
}
