//! PEM text in and out, wiped from memory where it held a key.
//!
//! Reading is lenient about what stands around and between the lines, as every reader of key files is;
//! it is strict about the base64 itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Characters of base64 on each line.
const WIDTH: usize = 64;
/// No text that holds keys or certificates is longer.
const TEXT_MAX: usize = 4 << 20;
/// No text holds more blocks.
const BLOCKS_MAX: usize = 1024;
/// Enough for the largest private key, which therefore leaves no copy behind while it is read.
const KEY_ROOM: usize = 8 * 1024;

/// One PEM block.
pub struct Block {
    /// What the BEGIN line says, for example `CERTIFICATE`.
    pub label: String,
    /// The decoded content.
    pub der: Zeroizing<Vec<u8>>,
}

/// Why a text is not PEM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A BEGIN line without its END line, or with another's.
    #[error("the PEM block `{label}` is cut off before its END line")]
    Truncated {
        /// What the BEGIN line says.
        label: String,
    },
    /// The lines between are no base64.
    #[error("the PEM block `{label}` holds something that is not base64")]
    Garbled {
        /// What the BEGIN line says.
        label: String,
    },
    /// Far longer than any key or certificate.
    #[error("the PEM text is longer than 4 MiB, or holds more than {BLOCKS_MAX} blocks")]
    TooLong,
}

/// All blocks of a text, in order. Lines outside blocks are ignored.
pub fn decode(text: &str) -> Result<Vec<Block>, PemError> {
    if text.len() > TEXT_MAX {
        return Err(PemError::TooLong);
    }
    let mut blocks = Vec::new();
    let mut open: Option<(String, Zeroizing<String>)> = None;
    for line in text.lines().map(str::trim) {
        if let Some((label, body)) = &mut open {
            if let Some(end) = marker(line, "-----END ") {
                let (label, body) = (std::mem::take(label), std::mem::take(body));
                if end != label {
                    return Err(PemError::Truncated { label });
                }
                let Ok(der) = STANDARD.decode(body.as_bytes()) else {
                    return Err(PemError::Garbled { label });
                };
                let der = Zeroizing::new(der);
                blocks.push(Block { label, der });
                open = None;
            } else if marker(line, "-----BEGIN ").is_some() {
                let label = std::mem::take(label);
                return Err(PemError::Truncated { label });
            } else if !line.contains(':') {
                // Lines with a colon are headers of the old form; nothing here needs them.
                body.push_str(line);
            }
        } else if let Some(label) = marker(line, "-----BEGIN ") {
            if blocks.len() >= BLOCKS_MAX {
                return Err(PemError::TooLong);
            }
            let room = text.len().min(KEY_ROOM);
            open = Some((label.to_owned(), Zeroizing::new(String::with_capacity(room))));
        }
    }
    match open {
        Some((label, _)) => Err(PemError::Truncated { label }),
        None => Ok(blocks),
    }
}

/// One block, lines of 64 characters, ending with a newline.
pub fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let lines = body.len().div_ceil(WIDTH);
    let mut out = Zeroizing::new(String::with_capacity(
        body.len() + lines + 2 * (label.len() + "-----BEGIN -----\n".len()),
    ));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(WIDTH));
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

fn marker<'a>(line: &'a str, begins: &str) -> Option<&'a str> {
    line.strip_prefix(begins)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_in_order_whatever_stands_around_them() {
        let text = format!(
            "a comment\n{}\n  and more\n{}",
            &*encode("ONE", &[1; 100]),
            encode("TWO", b"").replace('\n', "\r\n")
        );
        let blocks = decode(&text).unwrap();
        let seen: Vec<_> = blocks
            .iter()
            .map(|block| (block.label.as_str(), block.der.len()))
            .collect();
        assert_eq!(seen, [("ONE", 100), ("TWO", 0)]);
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_named() {
        let whole = encode("CERTIFICATE", &[7; 100]);
        let label = || "CERTIFICATE".to_owned();
        let truncated = Some(PemError::Truncated { label: label() });
        assert_eq!(decode(&whole[..90]).err(), truncated);
        assert_eq!(decode(&whole.replace("END CERT", "END PERT")).err(), truncated);
        assert_eq!(decode(&format!("{}{}", &whole[..28], *whole)).err(), truncated);
        let garbled = whole.replace("Bw", "B?");
        assert_eq!(decode(&garbled).err(), Some(PemError::Garbled { label: label() }));
        let many = encode("X", b"").repeat(BLOCKS_MAX);
        assert_eq!(decode(&many).map(|blocks| blocks.len()), Ok(BLOCKS_MAX));
        assert_eq!(
            decode(&format!("{many}{whole}", whole = *whole)).err(),
            Some(PemError::TooLong)
        );
    }
}
