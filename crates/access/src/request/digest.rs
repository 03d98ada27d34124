//! The fingerprint of what is decided: the same on the phone, in the chat message and in the terminal.

use sha2::{Digest, Sha256};

use super::Request;

/// What a fingerprint is taken of: everything a reviewer says yes to. Its bytes are made by `wire`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The request; state and reviews are not part of the content.
    pub request: &'a Request,
    /// Hashes of the requested roles, in the order of the request's roles.
    pub role_hashes: Vec<[u8; 32]>,
    /// Hashes of the roles that let it be asked for.
    pub granting_hashes: Vec<[u8; 32]>,
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The first 100 bits of the SHA-256 of `content`, in Crockford's base 32, four groups of five.
pub fn short_form(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut text = String::with_capacity(23);
    for position in 0..20 {
        if position > 0 && position % 5 == 0 {
            text.push('-');
        }
        let value = (0..5).fold(0u8, |value, bit| {
            let at = position * 5 + bit;
            value << 1 | (digest[at / 8] >> (7 - at % 8)) & 1
        });
        text.push(char::from(ALPHABET[usize::from(value)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_twenty_characters_in_four_groups() {
        // SHA-256 of nothing begins e3b0c442 98fc1c14 9afbf4c8 99…
        assert_eq!(short_form(b""), "WERC8-GMRZG-E196Q-VYK49");
    }
}
