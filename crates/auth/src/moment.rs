//! Moments and spans as messages carry them.

use jiff::{SignedDuration, Timestamp};
pub use wire::resource::duration::text as span_text;

/// A moment out of a message; `None` if it is unset or lies outside of what can be said.
pub fn read(stamp: &prost_types::Timestamp) -> Option<Timestamp> {
    wire::resource::moment::from_proto(Some(stamp))
}

/// An optional moment out of a message.
pub fn read_option(stamp: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    wire::resource::moment::from_proto(stamp)
}

/// A moment for a message.
pub fn write(moment: Timestamp) -> prost_types::Timestamp {
    wire::resource::moment::to_proto(moment)
}

/// A span out of a message that counts nanoseconds.
pub fn span(nanos: i64) -> SignedDuration {
    SignedDuration::from_nanos(nanos)
}

/// A span for a message that counts nanoseconds; the longest that fits if it is longer.
pub fn nanos(span: SignedDuration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}
