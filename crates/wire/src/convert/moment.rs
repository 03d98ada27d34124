//! Moments: unset travels as nothing or as the year 1.

use jiff::Timestamp;

/// The second that stands for "unset" in the older messages: 0001-01-01.
const YEAR_1: i64 = -62_135_596_800;

/// The moment a message names; `None` where it is unset or outside what can be told.
pub fn moment(timestamp: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let timestamp = timestamp.filter(|timestamp| timestamp.seconds > YEAR_1)?;
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

/// A moment as messages carry it.
pub fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    let (mut seconds, mut nanos) = (moment.as_second(), moment.subsec_nanosecond());
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// The same for one that may be unset: the field is then left out, which every reader takes as unset.
pub fn timestamp_option(moment: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    moment.map(timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_and_the_year_one_is_unset() {
        for text in [
            "2026-11-24T04:00:00.000000001Z",
            "1969-12-31T23:59:59.5Z",
            "1970-01-01T00:00:00Z",
        ] {
            let known: Timestamp = text.parse().unwrap();
            assert_eq!(moment(Some(&timestamp(known))), Some(known));
        }
        assert_eq!(moment(None), None);
        assert_eq!(
            moment(Some(&prost_types::Timestamp {
                seconds: YEAR_1,
                nanos: 0
            })),
            None
        );
    }
}
