//! What tbot must not lose: its own identity, whole in one file, the key it is asking a certificate for, and which token
//! it joined with.
//!
//! The file is replaced at once, so there is the old identity or the new one and never half of either. A lock keeps a second
//! tbot out: two that renew one identity would look like a thief.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use access::SecretText;
use cli::Failure;
use client::files;
use sha2::{Digest as _, Sha256};

use crate::config::{Place, file_failure};

/// The files.
const IDENTITY: &str = "identity";
const NEXT_KEY: &str = "nextkey";
const TOKEN_HASH: &str = "tokenhash";
const LOCK: &str = "lock";

/// Where tbot's own identity is kept.
pub enum Storage {
    /// In a directory that is this tbot's alone while it runs.
    Directory {
        /// Which.
        path: PathBuf,
        /// Held as long as this value lives.
        _lock: File,
    },
    /// Nowhere.
    Memory(Mutex<Kept>),
}

/// What is kept in memory.
#[derive(Default)]
pub struct Kept {
    identity: Option<SecretText>,
    next_key: Option<SecretText>,
}

impl Storage {
    /// Opens a storage, alone.
    pub fn open(place: &Place) -> Result<Self, Failure> {
        let path = match place {
            Place::Memory => return Ok(Self::Memory(Mutex::default())),
            Place::Directory(path) => path.clone(),
        };
        files::create_private_directory(&path).map_err(|error| {
            file_failure(&error)
                .hint("choose a directory of your own with `--storage`, or run tbot as its owner")
        })?;
        let lock = path.join(LOCK);
        let failed = |error: io::Error| Failure::new(format!("cannot lock `{}`: {error}", lock.display()));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(files::PRIVATE)
            .open(&lock)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self::Directory { path, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
                "another tbot is running with the storage `{}`",
                path.display()
            ))
            .hint("give each its own storage, and a token of its own")),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The identity that is kept, in the form of an identity file.
    pub fn identity(&self) -> Result<Option<SecretText>, Failure> {
        match self {
            Self::Memory(kept) => Ok(held(kept).identity.clone()),
            Self::Directory { path, .. } => read(&path.join(IDENTITY)),
        }
    }

    /// The key that a certificate was asked for and did not arrive, if there is one, PEM.
    ///
    /// Asking again for the same key is what tells a machine whose answer was lost from a copy of it.
    pub fn next_key(&self) -> Result<Option<SecretText>, Failure> {
        match self {
            Self::Memory(kept) => Ok(held(kept).next_key.clone()),
            Self::Directory { path, .. } => read(&path.join(NEXT_KEY)),
        }
    }

    /// Keeps the key that a certificate is about to be asked for.
    pub fn keep_next_key(&self, key: &SecretText) -> Result<(), Failure> {
        match self {
            Self::Memory(kept) => held(kept).next_key = Some(key.clone()),
            Self::Directory { path, .. } => {
                let content = key.expose().as_bytes();
                files::write_whole(&path.join(NEXT_KEY), content, files::PRIVATE)
                    .map_err(|error| file_failure(&error))?;
            }
        }
        Ok(())
    }

    /// Forgets that key: its certificate has arrived, or is wanted no more.
    pub fn forget_next_key(&self) -> Result<(), Failure> {
        match self {
            Self::Memory(kept) => held(kept).next_key = None,
            Self::Directory { path, .. } => {
                files::remove(&path.join(NEXT_KEY)).map_err(|error| file_failure(&error))?;
            }
        }
        Ok(())
    }

    /// Whether the identity that is kept was got with another token than `token`.
    pub fn is_of_another_token(&self, token: &SecretText) -> Result<bool, Failure> {
        let Self::Directory { path, .. } = self else {
            return Ok(false);
        };
        let kept = files::read_text(&path.join(TOKEN_HASH)).map_err(|error| file_failure(&error))?;
        Ok(kept.is_some_and(|kept| kept.trim() != hash(token)))
    }

    /// Keeps an identity, instead of the one before.
    pub fn keep(&self, identity: &SecretText) -> Result<(), Failure> {
        match self {
            Self::Memory(kept) => {
                held(kept).identity = Some(identity.clone());
                Ok(())
            }
            Self::Directory { path, .. } => {
                let content = identity.expose().as_bytes();
                files::write_whole(&path.join(IDENTITY), content, files::PRIVATE)
                    .map_err(|error| file_failure(&error))
            }
        }
    }

    /// Remembers with which token the identity was got; only its hash.
    pub fn joined_with(&self, token: &SecretText) -> Result<(), Failure> {
        let Self::Directory { path, .. } = self else {
            return Ok(());
        };
        files::write_whole(&path.join(TOKEN_HASH), hash(token).as_bytes(), files::PRIVATE)
            .map_err(|error| file_failure(&error))
    }
}

fn held(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(path: &Path) -> Result<Option<SecretText>, Failure> {
    let text = files::read_text(path).map_err(|error| file_failure(&error))?;
    Ok(text.map(SecretText::new))
}

fn hash(token: &SecretText) -> String {
    use std::fmt::Write as _;
    Sha256::digest(token.expose().as_bytes())
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_tbot_stays_out() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::Directory(home.path().join("bot"));
        let first = Storage::open(&place).unwrap();
        let refused = Storage::open(&place).map(|_| ()).unwrap_err();
        assert!(
            refused.message().contains("another tbot is running"),
            "{}",
            refused.message()
        );
        drop(first);
        assert!(Storage::open(&place).is_ok());
    }

    #[test]
    fn a_key_that_is_asked_for_outlives_a_restart_and_not_its_certificate() {
        let home = tempfile::tempdir().unwrap();
        for place in [Place::Directory(home.path().to_owned()), Place::Memory] {
            let mut storage = Storage::open(&place).unwrap();
            let key = SecretText::new("a key".to_owned());
            assert!(storage.next_key().unwrap().is_none());
            storage.keep_next_key(&key).unwrap();
            if place != Place::Memory {
                drop(storage);
                storage = Storage::open(&place).unwrap();
            }
            assert_eq!(storage.next_key().unwrap().unwrap().expose(), "a key");
            storage.forget_next_key().unwrap();
            storage.forget_next_key().unwrap();
            assert!(storage.next_key().unwrap().is_none());
        }
    }

    #[test]
    fn another_token_is_noticed_and_the_token_itself_is_not_kept() {
        let home = tempfile::tempdir().unwrap();
        let storage = Storage::open(&Place::Directory(home.path().to_owned())).unwrap();
        let token = SecretText::new("0123456789abcdef".to_owned());
        assert!(
            !storage.is_of_another_token(&token).unwrap(),
            "nothing is kept yet"
        );
        storage.joined_with(&token).unwrap();
        assert!(!storage.is_of_another_token(&token).unwrap());
        assert!(
            storage
                .is_of_another_token(&SecretText::new("other".to_owned()))
                .unwrap()
        );
        let kept = std::fs::read_to_string(home.path().join(TOKEN_HASH)).unwrap();
        assert!(!kept.contains("0123456789abcdef"));
        assert_eq!(kept.len(), 64);
    }
}
