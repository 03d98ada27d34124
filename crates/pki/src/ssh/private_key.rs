//! The file form of OpenSSH private keys, `openssh-key-v1`, without a passphrase.

use zeroize::{Zeroize as _, Zeroizing};

use crate::key::{KeyError, KeyPair};
use crate::public_key::PublicKey;
use crate::ssh::wire::{Malformed, Reader, put, put_number};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const BLOCK: usize = 8;

/// What a private key consists of, beside its public half.
pub(crate) enum Private<'a> {
    Ed25519 { seed: &'a [u8] },
    P256 { scalar: &'a [u8] },
}

/// The content of the PEM block.
pub(crate) fn encode(public: &PublicKey, private: &Private<'_>) -> Zeroizing<Vec<u8>> {
    let blob = public.ssh_blob();
    // Both copies must be equal; readers use them to see whether a passphrase was right.
    let check = [
        blob[blob.len() - 4],
        blob[blob.len() - 3],
        blob[blob.len() - 2],
        blob[blob.len() - 1],
    ];

    let mut secret = Zeroizing::new(Vec::with_capacity(512));
    secret.extend_from_slice(&check);
    secret.extend_from_slice(&check);
    secret.extend_from_slice(&blob);
    match private {
        Private::Ed25519 { seed } => {
            let mut both = Zeroizing::new([0; 64]);
            both[..32].copy_from_slice(&seed[..32]);
            both[32..].copy_from_slice(&blob[blob.len() - 32..]);
            put(&mut secret, *both);
        }
        Private::P256 { scalar } => put_number(&mut secret, scalar),
    }
    put(&mut secret, "");
    let padding = secret.len().next_multiple_of(BLOCK) - secret.len();
    secret.extend((1..).take(padding));

    let mut out = Zeroizing::new(Vec::with_capacity(1024));
    out.extend_from_slice(MAGIC);
    put(&mut out, "none");
    put(&mut out, "none");
    put(&mut out, "");
    out.extend_from_slice(&1u32.to_be_bytes());
    put(&mut out, &blob);
    put(&mut out, &*secret);
    out
}

/// Reads the content of the PEM block.
pub(crate) fn decode(bytes: &[u8]) -> Result<KeyPair, KeyError> {
    let mut reader = Reader::new(bytes);
    let outer = (|| {
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(Malformed);
        }
        let cipher = reader.text()?;
        let kdf = reader.text()?;
        let options = reader.bytes()?;
        let count = reader.u32()?;
        let public = reader.bytes()?;
        let secret = reader.bytes()?;
        reader.end()?;
        Ok((cipher, kdf, options, count, public, secret))
    })();
    let (cipher, kdf, options, count, public, secret) = outer.map_err(|Malformed| KeyError::Malformed)?;
    if cipher != "none" || kdf != "none" {
        return Err(KeyError::Encrypted);
    }
    if !options.is_empty() || count != 1 || secret.len() % BLOCK != 0 {
        return Err(KeyError::Malformed);
    }
    let key = decode_secret(secret)?;
    if key.public().ssh_blob() != public {
        return Err(KeyError::Malformed);
    }
    Ok(key)
}

fn decode_secret(secret: &[u8]) -> Result<KeyPair, KeyError> {
    let mut reader = Reader::new(secret);
    let malformed = |Malformed| KeyError::Malformed;
    if reader.u32().map_err(malformed)? != reader.u32().map_err(malformed)? {
        return Err(KeyError::Malformed);
    }
    let key = match reader.text().map_err(malformed)? {
        "ssh-ed25519" => {
            let public = reader.bytes().map_err(malformed)?;
            let both = reader.bytes().map_err(malformed)?;
            let (seed, again) = both.split_at_checked(32).ok_or(KeyError::Malformed)?;
            if again != public {
                return Err(KeyError::Malformed);
            }
            KeyPair::from_ed25519_seed(seed)?
        }
        "ecdsa-sha2-nistp256" => {
            let curve = reader.text().map_err(malformed)?;
            let _point = reader.bytes().map_err(malformed)?;
            let number = reader.number().map_err(malformed)?;
            if curve != "nistp256" || number.len() > 32 {
                return Err(KeyError::Malformed);
            }
            let mut scalar = Zeroizing::new([0; 32]);
            scalar[32 - number.len()..].copy_from_slice(number);
            let key = KeyPair::from_p256_scalar(&scalar)?;
            scalar.zeroize();
            key
        }
        other => return Err(KeyError::Unsupported(other.to_owned())),
    };
    let _comment = reader.bytes().map_err(malformed)?;
    let padding = reader.rest();
    if padding.len() >= BLOCK
        || !padding
            .iter()
            .zip(1u8..)
            .all(|(byte, expected)| *byte == expected)
    {
        return Err(KeyError::Malformed);
    }
    Ok(key)
}
