//! Bytes in JSON: written in plain base64, as other clients of `/webapi` read it; read in that or the form for addresses,
//! padded or not.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The longest text that is read, in bytes.
const BYTES_MAX: usize = 64 * 1024;

pub fn write(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn read(text: &str) -> Option<Vec<u8>> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|sign| match sign {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    STANDARD_NO_PAD.decode(plain).ok()
}
