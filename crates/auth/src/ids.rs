//! Names and secrets drawn by chance: UUIDs, tokens, salts. All of it from one [`Entropy`].

use std::sync::Arc;

use access::SecretText;
use access::ambient::Entropy;
use jiff::Timestamp;
use uuid::Uuid;

/// Draws ids and secrets.
#[derive(Clone)]
pub struct Chance(Arc<dyn Entropy>);

impl Chance {
    /// Draws from `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self(entropy)
    }

    /// The source itself, for those who sign.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.0
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    /// A random UUID (version 4), for everything that has no order.
    pub fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.bytes())
            .into_uuid()
            .to_string()
    }

    /// A UUID that sorts by its moment (version 7), for access requests.
    pub fn uuid_at(&self, now: Timestamp) -> String {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes())
            .into_uuid()
            .to_string()
    }

    /// A secret of `N` random bytes in lower-case hex.
    pub fn token<const N: usize>(&self) -> SecretText {
        SecretText::new(hex(&self.bytes::<N>()))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Whether `text` is a UUID in its usual form.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// Whether `text` is a UUID in any of the forms that clients write: the usual one, without hyphens, in braces, as a URN.
pub fn reads_as_uuid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use access::ambient::SeededEntropy;

    use super::*;

    #[test]
    fn ids_have_their_version_and_tokens_their_length() {
        let chance = Chance::new(Arc::new(SeededEntropy::new(1)));
        let random = Uuid::parse_str(&chance.uuid()).unwrap();
        assert_eq!(random.get_version_num(), 4);
        let now: Timestamp = "2026-11-23T06:36:25.81Z".parse().unwrap();
        let ordered = Uuid::parse_str(&chance.uuid_at(now)).unwrap();
        assert_eq!(ordered.get_version_num(), 7);
        assert_eq!(chance.token::<16>().expose().len(), 32);
        assert!(is_uuid(&chance.uuid()) && !is_uuid("x"));
    }
}
