//! The one way in which anything changes.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use jiff::Timestamp;

use crate::error::{CommitError, Obstacle};
use crate::item::Revision;
use crate::key::{KEY_BYTES_MAX, Key, Prefix};
use crate::record::Record;

/// The largest value of an item in bytes.
pub const VALUE_BYTES_MAX: usize = 4 << 20;
/// The largest body of an audit record in bytes, what the log's entry bundles can hold.
pub const RECORD_BYTES_MAX: usize = 65_535;
/// What a write costs beside its key and value, in [`BATCH_BYTES_MAX`].
const WRITE_BYTES: usize = 256;
/// The largest batch in bytes of keys, values and records; each write counts 256 on top.
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// What must still be true when the batch commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Require {
    /// There is no such item, or its time is over.
    Absent(Key),
    /// There is such an item and its time is not over.
    Present(Key),
    /// The item was last written by this commit and its time is not over.
    AtRevision(Key, Revision),
    /// The item was last written by this commit, its time **is** over, and nobody has removed it.
    Expired(Key, Revision),
    /// Nothing below the prefix was written or deleted after this commit.
    ///
    /// Guards a decision that rests on what a list did *not* contain: no lock on this person. Take
    /// `since` from [`Page::revision`](crate::Page::revision). A `since` so old that the changes after
    /// it are forgotten counts as changed.
    Unchanged {
        /// Below this path.
        prefix: Prefix,
        /// The last commit that the decision has seen.
        since: Revision,
    },
}

/// One change of state.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Creates the item or writes over it.
    Put {
        /// Where.
        key: Key,
        /// What.
        value: Bytes,
        /// From when on reads do not see it any more.
        expires: Option<Timestamp>,
    },
    /// Removes the item; nothing happens if there is none.
    Delete(Key),
}

impl Write {
    /// Where.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete(key) => key,
        }
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value, .. } => write!(f, "Put({key}, {} bytes)", value.len()),
            Self::Delete(key) => write!(f, "Delete({key})"),
        }
    }
}

/// Conditions, changes and the records that tell of them: all of it or nothing.
///
/// A batch without changes and records only checks: it writes nothing and has no revision of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The moment of the decision; items whose time is over by then are absent for `require`.
    pub now: Timestamp,
    /// What must hold.
    pub require: Vec<Require>,
    /// What changes; each key at most once.
    pub writes: Vec<Write>,
    /// Which records are added to the audit log, in this order.
    pub records: Vec<Record>,
}

impl Batch {
    /// An empty batch, judged at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            require: Vec::new(),
            writes: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Adds a condition.
    #[must_use]
    pub fn require(mut self, condition: Require) -> Self {
        self.require.push(condition);
        self
    }

    /// The item must still be the one that was read, or still be absent.
    #[must_use]
    pub fn require_same(self, key: Key, read: Option<Revision>) -> Self {
        self.require(match read {
            Some(revision) => Require::AtRevision(key, revision),
            None => Require::Absent(key),
        })
    }

    /// Creates or overwrites an item that lasts until it is deleted.
    #[must_use]
    pub fn put(self, key: Key, value: impl Into<Bytes>) -> Self {
        self.put_until(key, value, None)
    }

    /// Creates or overwrites an item that lasts until `expires`.
    #[must_use]
    pub fn put_until(mut self, key: Key, value: impl Into<Bytes>, expires: Option<Timestamp>) -> Self {
        self.writes.push(Write::Put {
            key,
            value: value.into(),
            expires,
        });
        self
    }

    /// Removes an item.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.writes.push(Write::Delete(key));
        self
    }

    /// Adds an audit record.
    #[must_use]
    pub fn record(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    /// What can be said against the batch before looking at any state.
    pub(crate) fn check(&self) -> Result<(), CommitError> {
        let mut seen = HashSet::with_capacity(self.writes.len());
        for write in &self.writes {
            let key = write.key();
            limit("key", key.as_str().len(), KEY_BYTES_MAX)?;
            if let Write::Put { value, .. } = write {
                limit("value", value.len(), VALUE_BYTES_MAX)?;
            }
            if !seen.insert(key) {
                return Err(CommitError::Twice { key: key.clone() });
            }
        }
        for record in &self.records {
            limit("record", record.bytes(), RECORD_BYTES_MAX)?;
        }
        limit("batch", self.bytes(), BATCH_BYTES_MAX)
    }

    pub(crate) fn bytes(&self) -> usize {
        let writes = self.writes.iter().map(|write| {
            let value = match write {
                Write::Put { value, .. } => value.len(),
                Write::Delete(_) => 0,
            };
            write.key().as_str().len() + value + WRITE_BYTES
        });
        writes.chain(self.records.iter().map(Record::bytes)).sum()
    }

    pub(crate) fn is_check(&self) -> bool {
        self.writes.is_empty() && self.records.is_empty()
    }
}

impl Require {
    pub(crate) fn conflict(&self, found: Option<Revision>) -> CommitError {
        CommitError::Conflict(Obstacle {
            required: self.clone(),
            found,
        })
    }
}

fn limit(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), CommitError> {
    if bytes > bytes_max {
        return Err(CommitError::TooLarge {
            what,
            bytes,
            bytes_max,
        });
    }
    Ok(())
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The commit's number, now the revision of every item it put.
    pub revision: Revision,
    /// The numbers of its records, in their order.
    pub records: Range<u64>,
}
