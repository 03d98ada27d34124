//! What the authenticator says: for whom it signs, who was there, how often it has signed, and a new key.

use coset::cbor::Value;

use super::{CREDENTIAL_ID_BYTES_MAX, Refusal};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENDED: u8 = 0x80;

/// How deep CBOR of an authenticator may be nested.
const DEPTH_MAX: usize = 8;

/// Authenticator data, read.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthenticatorData {
    /// SHA-256 of the relying party's id.
    pub rp_id_hash: [u8; 32],
    flags: u8,
    /// How often it has signed; zero if it does not count.
    pub counter: u32,
    /// A new credential.
    pub attested: Option<Attested>,
}

/// A credential that was just made.
#[derive(Debug, Clone, PartialEq)]
pub struct Attested {
    /// Which model.
    pub aaguid: [u8; 16],
    /// Its name for the credential.
    pub id: Vec<u8>,
    /// The public key as COSE, as it came.
    pub public_key: Vec<u8>,
}

impl AuthenticatorData {
    /// Reads it; nothing may be left over.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = Refusal::Malformed("authenticator data");
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(malformed.clone())?;
        let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(malformed.clone())?;
        let (counter, mut rest) = rest.split_first_chunk::<4>().ok_or(malformed.clone())?;
        let attested = if flags & ATTESTED == 0 {
            None
        } else {
            Some(Attested::take(&mut rest)?)
        };
        if flags & EXTENDED != 0 {
            match take_cbor(&mut rest) {
                Some(Value::Map(_)) => {}
                _ => return Err(malformed),
            }
        }
        let backed_up_without_right = flags & BACKED_UP != 0 && flags & BACKUP_ELIGIBLE == 0;
        if !rest.is_empty() || backed_up_without_right {
            return Err(malformed);
        }
        Ok(Self {
            rp_id_hash: *rp_id_hash,
            flags,
            counter: u32::from_be_bytes(*counter),
            attested,
        })
    }

    /// Whether somebody touched it.
    pub fn present(&self) -> bool {
        self.flags & PRESENT != 0
    }

    /// Whether it found out who: a fingerprint, a PIN.
    pub fn verified(&self) -> bool {
        self.flags & VERIFIED != 0
    }

    /// Whether the credential may be copied to other devices.
    pub fn backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether it is.
    pub fn backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl Attested {
    fn take(rest: &mut &[u8]) -> Result<Self, Refusal> {
        let malformed = || Refusal::Malformed("authenticator data");
        let (aaguid, after) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
        let (length, after) = after.split_first_chunk::<2>().ok_or_else(malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > CREDENTIAL_ID_BYTES_MAX {
            return Err(malformed());
        }
        let (id, after) = after.split_at_checked(length).ok_or_else(malformed)?;
        let mut left = after;
        take_cbor(&mut left).ok_or_else(malformed)?;
        let key = &after[..after.len() - left.len()];
        *rest = left;
        Ok(Self {
            aaguid: *aaguid,
            id: id.to_vec(),
            public_key: key.to_vec(),
        })
    }
}

/// The next CBOR value, which is then gone from `rest`.
pub(super) fn take_cbor(rest: &mut &[u8]) -> Option<Value> {
    coset::cbor::de::from_reader_with_recursion_limit(rest, DEPTH_MAX).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(flags: u8) -> Vec<u8> {
        [&[7; 32][..], &[flags], &[0, 0, 1, 2]].concat()
    }

    #[test]
    fn flags_and_counter_are_read() {
        let read = AuthenticatorData::read(&plain(PRESENT | VERIFIED)).unwrap();
        assert!(read.present() && read.verified() && !read.backed_up());
        assert_eq!((read.counter, read.rp_id_hash), (258, [7; 32]));
        let backed = AuthenticatorData::read(&plain(BACKUP_ELIGIBLE | BACKED_UP)).unwrap();
        assert!(backed.backup_eligible() && backed.backed_up() && !backed.present());
    }

    #[test]
    fn what_is_cut_short_too_long_or_contradicts_itself_is_refused() {
        let whole = plain(PRESENT);
        for end in 0..whole.len() {
            assert!(AuthenticatorData::read(&whole[..end]).is_err(), "{end}");
        }
        assert!(AuthenticatorData::read(&[whole, vec![0]].concat()).is_err());
        assert!(AuthenticatorData::read(&plain(BACKED_UP)).is_err());
        assert!(AuthenticatorData::read(&plain(ATTESTED)).is_err());
        assert!(AuthenticatorData::read(&plain(EXTENDED)).is_err());
        let extended = [plain(EXTENDED), vec![0xa0]].concat();
        assert!(AuthenticatorData::read(&extended).is_ok());
        let no_map = [plain(EXTENDED), vec![0x01]].concat();
        assert!(AuthenticatorData::read(&no_map).is_err());
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        let body = |length: u16, id: &[u8], key: &[u8]| {
            [&plain(ATTESTED)[..], &[0; 16], &length.to_be_bytes(), id, key].concat()
        };
        let key = [0xa1, 0x01, 0x02];
        let read = AuthenticatorData::read(&body(2, b"id", &key)).unwrap();
        assert_eq!(read.attested.unwrap().public_key, key);
        for (length, id) in [(0, &b""[..]), (3, b"id"), (1024, &[9; 1024]), (u16::MAX, b"id")] {
            assert!(
                AuthenticatorData::read(&body(length, id, &key)).is_err(),
                "{length}"
            );
        }
        // Nested for ever, a text that claims to be huge, an array that does.
        for key in [
            &[0x81; 4_000][..],
            &[0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x9a, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(AuthenticatorData::read(&body(2, b"id", key)).is_err());
        }
    }
}
