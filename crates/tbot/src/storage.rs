//! What tbot must not lose: its own identity, whole in one file, and which token it joined with.
//!
//! The file is replaced at once, so there is the old identity or the new one and never half of either. A lock keeps a second
//! tbot out: two that renew one identity would look like a thief.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use access::SecretText;
use cli::Failure;
use client::files;
use sha2::{Digest as _, Sha256};

use crate::config::{Place, file_failure};

/// The files.
const IDENTITY: &str = "identity";
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
    Memory(Mutex<Option<SecretText>>),
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
            Self::Memory(kept) => Ok(kept.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            Self::Directory { path, .. } => Ok(files::read_text(&path.join(IDENTITY))
                .map_err(|error| file_failure(&error))?
                .map(SecretText::new)),
        }
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
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.clone());
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
