//! One-time codes: SHA-1, six digits, half a minute, one step to either side, each code once.

use access::{SecretBytes, SecretText};
use jiff::Timestamp;

use crate::ids::Chance;

/// The issuer-independent parameters, as apps and links name them.
pub const PERIOD_SECONDS: u32 = 30;
/// How many digits a code has.
pub const DIGITS: u32 = 6;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The seed of one authenticator app: 160 bits.
#[derive(Clone)]
pub struct Seed(SecretBytes);

impl Seed {
    /// A new seed.
    pub fn new(chance: &Chance) -> Self {
        Self(SecretBytes::new(chance.bytes::<20>().to_vec()))
    }

    /// The seed kept as bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(SecretBytes::new(bytes))
    }

    /// The seed as a person types it into an app.
    pub fn base32(&self) -> SecretText {
        let mut text = String::with_capacity(self.0.expose().len().div_ceil(5) * 8);
        let (mut bits, mut held) = (0u32, 0u32);
        for byte in self.0.expose() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(ALPHABET[((held >> bits) & 31) as usize]));
            }
        }
        if bits > 0 {
            text.push(char::from(ALPHABET[((held << (5 - bits)) & 31) as usize]));
        }
        SecretText::new(text)
    }

    /// The seed that a person's text stands for.
    pub fn from_base32(text: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
        let (mut bits, mut held) = (0u32, 0u32);
        for letter in text.bytes().filter(|letter| *letter != b' ' && *letter != b'=') {
            let value = ALPHABET
                .iter()
                .position(|known| *known == letter.to_ascii_uppercase())?;
            held = (held << 5) | u32::try_from(value).ok()?;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
            }
        }
        (!bytes.is_empty()).then(|| Self::from_bytes(bytes))
    }

    /// The bytes, to be sealed.
    pub fn bytes(&self) -> &SecretBytes {
        &self.0
    }

    fn app(&self) -> Option<totp_rs::Totp> {
        totp_rs::Builder::new()
            .with_secret(self.0.expose().clone())
            .build()
            .ok()
    }

    /// The code that an app shows at `now`. For tests and commands that stand in for an app.
    pub fn code(&self, now: Timestamp) -> Option<String> {
        let seconds = u64::try_from(now.as_second()).ok()?;
        Some(self.app()?.generate(seconds).to_string())
    }

    /// Which step `code` belongs to, if it is right at `now` and later than the step used last.
    pub fn check(&self, code: &str, used: Option<u64>, now: Timestamp) -> Option<u64> {
        if code.len() != DIGITS as usize || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let seconds = u64::try_from(now.as_second()).ok()?;
        let step = self.app()?.check(code, seconds)?;
        (used.is_none_or(|used| step > used)).then_some(step)
    }
}

/// The text in the square that an app scans.
pub fn link(cluster: &str, account: &str, seed: &Seed) -> SecretText {
    let (cluster, account) = (escape(cluster), escape(account));
    let secret = seed.base32();
    SecretText::new(format!(
        "otpauth://totp/{cluster}:{account}?algorithm=SHA1&digits={DIGITS}&issuer={cluster}&period={PERIOD_SECONDS}&secret={}",
        secret.expose()
    ))
}

fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b':' => {
                    out.push(char::from(byte));
                }
                other => {
                    let _ = write!(out, "%{other:02X}");
                }
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn seed() -> Seed {
        Seed::from_bytes(b"12345678901234567890".to_vec())
    }

    #[test]
    fn agrees_with_the_test_vectors_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_second(seconds).unwrap();
            assert_eq!(seed().code(now).as_deref(), Some(code));
        }
    }

    #[test]
    fn one_step_to_either_side_and_each_code_once() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let step = SignedDuration::from_secs(30);
        let code = seed().code(now).unwrap();
        for shift in [-1, 0, 1] {
            assert!(seed().check(&code, None, now + step * shift).is_some(), "{shift}");
        }
        for shift in [-2, 2] {
            assert_eq!(seed().check(&code, None, now + step * shift), None, "{shift}");
        }
        let used = seed().check(&code, None, now).unwrap();
        assert_eq!(seed().check(&code, Some(used), now), None);
        let next = seed().code(now + step).unwrap();
        assert_eq!(seed().check(&next, Some(used), now), Some(used + 1));
        assert_eq!(
            seed().check(&code, Some(used + 1), now),
            None,
            "an older code after a newer one"
        );
        assert_eq!(seed().check("12345", None, now), None);
        assert_eq!(seed().check("", None, now), None);
    }

    #[test]
    fn base32_goes_both_ways() {
        assert_eq!(seed().base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let back = Seed::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").unwrap();
        assert_eq!(back.bytes().expose(), seed().bytes().expose());
        assert!(Seed::from_base32("01").is_none());
    }

    #[test]
    fn the_link_names_cluster_and_account() {
        let link = link("example.com", "bob@example.com@localhost:3080", &seed());
        assert_eq!(
            link.expose(),
            "otpauth://totp/example.com:bob@example.com@localhost:3080?algorithm=SHA1&digits=6&issuer=example.com&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }
}
