//! The one place of this crate that reads the clock and draws chance.
//!
//! A development crate that stands in for somebody else's server may not name the crates that hold the
//! project's own clock and entropy, so it asks the system itself, here and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, by the machine's clock.
pub fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "stands outside the layers; see the module's head"
    )]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Fills `bytes` with chance.
pub fn fill(bytes: &mut [u8]) {
    #[expect(
        clippy::disallowed_methods,
        reason = "stands outside the layers; see the module's head"
    )]
    let filled = aws_lc_rs::rand::fill(bytes);
    // Without chance every token would be guessable: better to stop.
    filled.expect("the system gives random bytes");
}

/// An id as Mattermost makes them: 26 lower-case letters and digits.
pub fn id() -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let mut bytes = [0_u8; 26];
    fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// `count` bytes of chance in hexadecimal.
pub fn hex(count: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = vec![0; count];
    fill(&mut bytes);
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}
