//! Moments in certificates: whole seconds.

use der::asn1::{GeneralizedTime, UtcTime};
use jiff::{SignedDuration, Timestamp};
use x509_cert::time::{Time, Validity};

/// How far back a certificate's validity begins, for clocks that run a little late.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

pub(crate) fn validity(not_before: Timestamp, not_after: Timestamp) -> der::Result<Validity> {
    Ok(Validity::new(to_x509(not_before)?, to_x509(not_after)?))
}

fn to_x509(moment: Timestamp) -> der::Result<Time> {
    let seconds = u64::try_from(moment.as_second()).map_err(|_| der::ErrorKind::DateTime)?;
    let since = std::time::Duration::from_secs(seconds);
    // Two digits for the year until 2049, four from then on (RFC 5280, 4.1.2.5).
    match UtcTime::from_unix_duration(since) {
        Ok(time) => Ok(Time::UtcTime(time)),
        Err(_) => Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(since)?)),
    }
}

pub(crate) fn from_x509(time: Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::from_second(seconds).ok()
}

/// The moment a minute earlier, without its fraction.
pub(crate) fn backdated(now: Timestamp) -> Timestamp {
    whole(now.saturating_sub(SKEW).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The moment without its fraction.
pub(crate) fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
