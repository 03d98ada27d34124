//! Pins: how somebody who joins recognises the cluster's authority before trusting anything.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::certificate::{Parsed, ReadError};

/// `sha256:` and the digest of an authority's public key (SPKI).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pin([u8; 32]);

/// Why a pin was not read, or does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not of the form `ALGORITHM:PIN`.
    #[error("invalid format for certificate pin, expected algorithm:pin")]
    Form,
    /// Only one algorithm is in use.
    #[error("the pin uses `{0}`; only `sha256` is known")]
    Algorithm(String),
    /// Not 64 hexadecimal digits.
    #[error("the pin is not 64 hexadecimal digits long")]
    Digest,
    /// An authority that no pin names.
    #[error(
        "the cluster's authority {found} matches none of the given pins; it may have been rotated: \
         `tctl status` on the Auth Service prints the present ones"
    )]
    Mismatch {
        /// The pin of what the cluster showed.
        found: Pin,
    },
    /// The cluster showed no authority at all.
    #[error("the cluster showed no certificate authority")]
    Nothing,
    /// Outside its time.
    #[error("the cluster's authority {found} is not valid now")]
    NotValidNow {
        /// The pin of what the cluster showed.
        found: Pin,
    },
    /// Not a certificate.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Pin {
    /// The pin of a certificate's key.
    pub fn of(certificate: &[u8]) -> Result<Self, ReadError> {
        Self::of_parsed(&Parsed::from_der(certificate)?)
    }

    fn of_parsed(parsed: &Parsed) -> Result<Self, ReadError> {
        Ok(Self(Sha256::digest(parsed.key_info_der()?).into()))
    }

    /// Checks that every one of `certificates` has one of `pins` and is valid at `now`.
    pub fn check_all<'a>(
        pins: &[Self],
        certificates: impl IntoIterator<Item = &'a [u8]>,
        now: Timestamp,
    ) -> Result<(), PinError> {
        let mut seen = false;
        for certificate in certificates {
            seen = true;
            let parsed = Parsed::from_der(certificate)?;
            let found = Self::of_parsed(&parsed)?;
            if !pins.contains(&found) {
                return Err(PinError::Mismatch { found });
            }
            if now < parsed.not_before || now > parsed.not_after {
                return Err(PinError::NotValidNow { found });
            }
        }
        if seen { Ok(()) } else { Err(PinError::Nothing) }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let (algorithm, digest) = text.split_once(':').ok_or(PinError::Form)?;
        if algorithm != "sha256" {
            return Err(PinError::Algorithm(algorithm.to_owned()));
        }
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PinError::Digest);
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(digest.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| PinError::Digest)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| PinError::Digest)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_printed() {
        let text = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(text.parse::<Pin>().unwrap().to_string(), text);
        assert_eq!("abc".parse::<Pin>(), Err(PinError::Form));
        assert_eq!("md5:00".parse::<Pin>(), Err(PinError::Algorithm("md5".into())));
        assert_eq!("sha256:00".parse::<Pin>(), Err(PinError::Digest));
        assert_eq!(
            format!("sha256:{}", "+f".repeat(32)).parse::<Pin>(),
            Err(PinError::Digest)
        );
    }
}
