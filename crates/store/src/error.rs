//! What can go wrong, one enum per operation.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::batch::Require;
use crate::item::Revision;
use crate::key::Key;

/// Why a batch did not commit. Unless a variant says otherwise, nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something required does not hold: read again and decide again.
    #[error("{0}")]
    Conflict(Obstacle),
    /// A key, value, record or the batch itself is larger than allowed.
    #[error("the {what} has {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// What is too large: `key`, `value`, `record` or `batch`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The batch writes one key twice, so nobody could say what it means.
    #[error("the batch writes `{key}` twice")]
    Twice {
        /// Which.
        key: Key,
    },
    /// No space left where the store lives. Reading goes on; the next commit tries again.
    #[error("no space left for the store at `{place}`")]
    Full {
        /// The directory that needs space.
        place: String,
    },
    /// Another program holds the store's database locked. Try again later.
    #[error("another program holds the store's database at `{place}` locked")]
    Blocked {
        /// The data directory.
        place: String,
    },
    /// More batches wait for the disk than the store takes. Try again later.
    #[error("the store is overloaded: {waiting} changes are waiting to be written")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The disk failed. Whether this batch survives is known when the store is opened again; until
    /// then nothing more is written.
    #[error("the store cannot write: {reason}")]
    Failed {
        /// What happened, for an administrator.
        reason: String,
    },
}

impl CommitError {
    /// Whether reading again and deciding again may succeed.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

/// The condition that did not hold, and what was there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What the batch required.
    pub required: Require,
    /// The revision found: of the item, or of the latest change below the prefix. `None` if there is
    /// no such item or its time is over.
    pub found: Option<Revision>,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.required, self.found) {
            (Require::Absent(key), _) => write!(f, "`{key}` exists already"),
            (Require::Present(key) | Require::AtRevision(key, _) | Require::Expired(key, _), None) => {
                write!(f, "`{key}` does not exist")
            }
            (Require::Present(key), Some(_)) => write!(f, "`{key}` exists"),
            (Require::AtRevision(key, expected), Some(found)) => {
                write!(
                    f,
                    "`{key}` was changed meanwhile (revision {found}, not {expected})"
                )
            }
            (Require::Expired(key, expected), Some(found)) => {
                write!(
                    f,
                    "`{key}` has not expired at revision {expected} (found revision {found})"
                )
            }
            (Require::Unchanged { prefix, since }, _) => {
                write!(f, "something below `{prefix}` was changed after revision {since}")
            }
        }
    }
}

/// Why a read has no answer. "Not found" is no error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// What is stored contradicts itself.
    #[error("the store is damaged: {detail}")]
    Corrupt {
        /// Where and how.
        detail: String,
    },
    /// The disk did not answer.
    #[error("the store cannot be read: {reason}")]
    Failed {
        /// What happened, for an administrator.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a watch does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Changes after this position are forgotten: list again, then watch from the list's revision.
    #[error("changes after revision {position} are no longer kept (the oldest kept is {oldest}); list again")]
    Lagged {
        /// The last revision the watch has seen.
        position: Revision,
        /// The oldest one it could have resumed after.
        oldest: Revision,
    },
    /// The position lies in the future: it comes from another store, or this one was restored from a backup.
    #[error("revision {position} does not exist yet (the last one is {head}); list again")]
    Ahead {
        /// The position asked for.
        position: Revision,
        /// The last commit there is.
        head: Revision,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a data directory cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server works on it.
    #[error("data directory `{}` is already in use{}", dir.display(), by(*process))]
    InUse {
        /// Which.
        dir: PathBuf,
        /// The process that has it, if it is known.
        process: Option<u32>,
    },
    /// A newer release wrote it.
    #[error("`{}` was written by a newer release (its tables have version {found}, this program knows up to {supported})", file.display())]
    Newer {
        /// The database.
        file: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The latest version this program knows.
        supported: usize,
    },
    /// The file belongs to something else.
    #[error("`{}` is a database of another program", file.display())]
    Foreign {
        /// The database.
        file: PathBuf,
    },
    /// The file is not what was written: restore a backup.
    #[error("`{}` is damaged: {detail}", file.display())]
    Corrupt {
        /// The database.
        file: PathBuf,
        /// Where and how.
        detail: String,
    },
    /// There is no space to open it.
    #[error("no space left to open `{}`", file.display())]
    Full {
        /// The database.
        file: PathBuf,
    },
    /// Another program holds the database.
    #[error("another program holds `{}` locked", file.display())]
    Blocked {
        /// The database.
        file: PathBuf,
    },
    /// The file system cannot keep a write-ahead log, for instance over a network.
    #[error("`{}` cannot have a write-ahead log here (its journal is `{mode}`); use a local disk", file.display())]
    NoLog {
        /// The database.
        file: PathBuf,
        /// The journal it has instead.
        mode: String,
    },
    /// A file or directory cannot be used.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error("cannot use `{}`: {detail}", file.display())]
    Database {
        /// The database.
        file: PathBuf,
        /// What it said.
        detail: String,
    },
}

fn by(process: Option<u32>) -> String {
    process.map_or_else(String::new, |id| format!(" by process {id}"))
}
