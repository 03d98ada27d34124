//! Moments on the command line.

use jiff::Timestamp;
use wire::resource::moment;

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a moment; write it like `2026-11-21T18:50:00Z`")]
pub struct MomentError(String);

/// Reads RFC 3339.
pub fn moment(text: &str) -> Result<Timestamp, MomentError> {
    match moment::parse(text) {
        Ok(Some(moment)) => Ok(moment),
        _ => Err(MomentError(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339() {
        let read = moment("2026-11-21T18:50:00+01:00").expect("a moment");
        assert_eq!(read.to_string(), "2026-11-21T17:50:00Z");
        assert_eq!(
            moment("garbage").expect_err("no moment").to_string(),
            "`garbage` is not a moment; write it like `2026-11-21T18:50:00Z`"
        );
    }
}
