//! Moments: unset travels as nothing or as the year 1.

use jiff::Timestamp;

pub use crate::resource::moment::{from_proto as moment, to_proto as timestamp};

/// A moment that may be unset: the field is then left out, which every reader takes as unset.
pub fn timestamp_option(moment: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    moment.map(timestamp)
}
