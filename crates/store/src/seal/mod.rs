//! Secrets at rest: sealed with keys whose own key is not in the store.
//!
//! Each [`Class`] of secrets has a data key. The data keys lie in the store, wrapped by the seal key;
//! the seal key lies in a file elsewhere (see [`SealKey`]). So a stolen backup of the data directory
//! gives away no secret, and one class can be lost without the others.
//!
//! Sealing is AES-256-GCM, which the FIPS build of the library has too, with 96 random bits of nonce. The
//! class and the item's key are authenticated with it: a sealed value that is moved to another row, or
//! comes from another cluster, does not open.

mod key;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use access::SecretBytes;
use access::ambient::Entropy;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use jiff::Timestamp;

pub use key::{SealKey, SealKeyError};

use crate::Store;
use crate::batch::{Batch, Require};
use crate::error::{CommitError, ReadError};
use crate::item::{Item, Range};
use crate::key::{Key, Prefix};
use crate::record::Record;

/// The form of sealed bytes: this byte, the nonce, the ciphertext with its tag.
const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;

/// A kind of secret, with a data key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Private keys of the certificate authorities.
    Authorities,
    /// Client secrets of identity providers.
    Connectors,
    /// Password hashes, seeds of authenticators, recovery codes.
    Credentials,
    /// Sessions of the browser.
    Sessions,
    /// Join tokens, invites, resets and bots' tokens.
    Tokens,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Authorities,
        Self::Connectors,
        Self::Credentials,
        Self::Sessions,
        Self::Tokens,
    ];

    /// Its name in the store; never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorities => "authorities",
            Self::Connectors => "connectors",
            Self::Credentials => "credentials",
            Self::Sessions => "sessions",
            Self::Tokens => "tokens",
        }
    }

    fn key(self) -> Key {
        Key::of(["seal", self.name()])
    }
}

/// Why the data keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file with the seal key.
    #[error(transparent)]
    Key(#[from] SealKeyError),
    /// The store's secrets were sealed with another key.
    #[error("the seal key does not belong to this store: it does not open the data key of the {}", class.name())]
    WrongKey {
        /// The first class that did not open.
        class: Class,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new data keys cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The cryptographic library refused; it has no reason to.
    #[error("the cryptographic library refused to make a key")]
    Library,
}

/// Sealed bytes that do not open: damaged, moved from another row, of another class or another cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value of `{key}` does not open: it was changed, or belongs elsewhere")]
pub struct UnsealError {
    /// Whose value it is said to be.
    pub key: Key,
}

/// The library refused to seal; it has no reason to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library refused to seal a value")]
pub struct NotSealed;

/// Seals and opens secrets. Never printed, and shared as `Arc<Seal>`.
pub struct Seal {
    classes: BTreeMap<Class, DataKey>,
    entropy: Arc<dyn Entropy>,
}

struct DataKey {
    cipher: LessSafeKey,
    digest: hmac::Key,
}

impl Seal {
    /// Opens the data keys of `store` with the seal key in `file`.
    ///
    /// A store that has no data keys yet gets them, and `record` tells of it; only then a missing seal
    /// key is made. A store whose secrets are sealed already never gets a new seal key: they would be
    /// lost without a word.
    pub async fn open(
        store: &dyn Store,
        file: &Path,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
        record: impl Fn(&[Class]) -> Record + Send + Sync,
    ) -> Result<Self, SealError> {
        let sealed = !wrapped(store, now).await?.is_empty();
        let key = if sealed {
            SealKey::read(file)?
        } else {
            SealKey::read_or_make(file, &*entropy)?
        };
        Self::with_key(store, &key, entropy, now, record).await
    }

    /// Opens the data keys of `store` with a seal key that comes from elsewhere.
    pub async fn with_key(
        store: &dyn Store,
        key: &SealKey,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
        record: impl Fn(&[Class]) -> Record + Send + Sync,
    ) -> Result<Self, SealError> {
        let wrapping = cipher(key.derive("data keys")?.expose())?;
        loop {
            let mut classes = BTreeMap::new();
            let mut missing = Vec::new();
            let found = wrapped(store, now).await?;
            for class in Class::ALL {
                match found.iter().find(|item| item.key == class.key()) {
                    Some(item) => {
                        let plain = unseal(&wrapping, class, &item.key, &item.value);
                        let plain = plain.ok_or(SealError::WrongKey { class })?;
                        classes.insert(class, DataKey::new(plain.expose())?);
                    }
                    None => missing.push(class),
                }
            }
            if missing.is_empty() {
                return Ok(Self { classes, entropy });
            }
            let mut batch = Batch::at(now).record(record(&missing));
            for class in missing {
                let mut plain = SecretBytes::new(vec![0; KEY_BYTES]);
                entropy.fill(plain.expose_mut());
                let place = class.key();
                let sealed = seal(&wrapping, class, &place, plain.expose(), &*entropy);
                let sealed = sealed.ok_or(SealError::Library)?;
                batch = batch.require(Require::Absent(place.clone())).put(place, sealed);
            }
            match store.commit(batch).await {
                // Read back what was written, by us or by who was quicker.
                Ok(_) => {}
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Seals `plain` for the item `key`.
    pub fn seal(&self, class: Class, key: &Key, plain: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let data = self.classes.get(&class).ok_or(NotSealed)?;
        seal(&data.cipher, class, key, plain, &*self.entropy).ok_or(NotSealed)
    }

    /// Opens what was sealed for the item `key`.
    pub fn open_sealed(&self, class: Class, key: &Key, sealed: &[u8]) -> Result<SecretBytes, UnsealError> {
        let data = self.classes.get(&class);
        data.and_then(|data| unseal(&data.cipher, class, key, sealed))
            .ok_or_else(|| UnsealError { key: key.clone() })
    }

    /// A keyed digest of a secret, in hexadecimal: what is kept of a token that only has to be
    /// recognised. Without the seal key nobody can try tokens against it. `purpose` keeps digests of
    /// different things apart.
    pub fn digest(&self, class: Class, purpose: &str, secret: &[u8]) -> Result<String, NotSealed> {
        use std::fmt::Write as _;
        let data = self.classes.get(&class).ok_or(NotSealed)?;
        let mut context = hmac::Context::with_key(&data.digest);
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(secret);
        let tag = context.sign();
        let mut text = String::with_capacity(tag.as_ref().len() * 2);
        for byte in tag.as_ref() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(text)
    }
}

impl DataKey {
    fn new(plain: &[u8]) -> Result<Self, SealError> {
        let digest = key::derive(plain, "digests")?;
        Ok(Self {
            cipher: cipher(key::derive(plain, "values")?.expose())?,
            digest: hmac::Key::new(hmac::HMAC_SHA256, digest.expose()),
        })
    }
}

/// The data keys as they lie in the store.
async fn wrapped(store: &dyn Store, now: Timestamp) -> Result<Vec<Item>, ReadError> {
    Ok(store.range(Range::under(Prefix::of(["seal"])), now).await?.items)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| SealError::Library)
}

/// What is authenticated beside the value. Neither a class nor a key holds a zero byte.
fn bound_to(class: Class, key: &Key) -> Aad<Vec<u8>> {
    Aad::from(
        [
            b"countersign seal 1",
            class.name().as_bytes(),
            key.as_str().as_bytes(),
        ]
        .join(&0),
    )
}

fn seal(
    cipher: &LessSafeKey,
    class: Class,
    key: &Key,
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut nonce);
    let mut text = plain.to_vec();
    let tag = cipher.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(nonce),
        bound_to(class, key),
        &mut text,
    );
    let tag = tag.ok()?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len() + tag.as_ref().len());
    sealed.push(VERSION);
    sealed.extend(nonce);
    sealed.extend(text);
    sealed.extend(tag.as_ref());
    Some(sealed)
}

fn unseal(cipher: &LessSafeKey, class: Class, key: &Key, sealed: &[u8]) -> Option<SecretBytes> {
    let (version, rest) = sealed.split_first()?;
    let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
    if *version != VERSION {
        return None;
    }
    let mut buffer = SecretBytes::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = cipher
        .open_in_place(nonce, bound_to(class, key), buffer.expose_mut())
        .ok()?
        .to_vec();
    Some(SecretBytes::new(plain))
}
