//! What travels beside messages: the names of headers, and warnings.
//!
//! A warning is about something that was done all the same, such as a threshold that too few
//! people can reach today. It travels with the answer, and clients that know nothing of it lose
//! nothing.

use tonic::metadata::{MetadataMap, MetadataValue};

/// The semantic version of the sender, on every call and every answer.
pub const VERSION: &str = "version";

/// An answer of a second factor, base 64 of its JSON form, on repeated calls.
pub const MFA_RESPONSE: &str = "mfa_challenge_response";

/// In which our own tools say that the end they ask a certificate for is meant exactly: given or refused, not cut.
pub const EXACT_TTL: &str = "countersign-exact-ttl";

/// In which our own tools say that they show warnings that come beside an answer.
pub const TAKES_WARNINGS: &str = "countersign-takes-warnings";

/// In which our own proxy says that a call was made in a browser.
pub const FROM_BROWSER: &str = "countersign-from-browser";

const WARNINGS: &str = "countersign-warning-bin";

/// Adds a warning to an answer.
pub fn add_warning(metadata: &mut MetadataMap, text: &str) {
    metadata.append_bin(WARNINGS, MetadataValue::from_bytes(text.as_bytes()));
}

/// The warnings that came with an answer, in their order.
pub fn warnings(metadata: &MetadataMap) -> Vec<String> {
    let values = metadata.get_all_bin(WARNINGS).iter();
    values
        .filter_map(|value| String::from_utf8(value.to_bytes().ok()?.to_vec()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_come_back_in_their_order() {
        let mut metadata = MetadataMap::new();
        assert!(warnings(&metadata).is_empty());
        add_warning(&mut metadata, "role \"é\" does not exist");
        add_warning(&mut metadata, "two lines\nand a comma,");
        assert_eq!(
            warnings(&metadata),
            ["role \"é\" does not exist", "two lines\nand a comma,"]
        );
    }
}
