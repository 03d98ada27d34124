//! Items, and how to read a page of them.

use bytes::Bytes;
use jiff::Timestamp;

use crate::key::{Key, Prefix};

/// The most items of one page.
pub const PAGE_ITEMS_MAX: usize = 10_000;

/// The number of a commit. Each commit has its own, later ones a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One thing that is remembered. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it lives.
    pub key: Key,
    /// What it says; the store does not look inside.
    pub value: Bytes,
    /// The commit that wrote it last.
    pub revision: Revision,
    /// From this moment on reads do not see it.
    pub expires: Option<Timestamp>,
}

/// Without the value, which may be secret.
impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Item")
            .field("key", &self.key)
            .field("bytes", &self.value.len())
            .field("revision", &self.revision.0)
            .field("expires", &self.expires)
            .finish()
    }
}

/// Several items at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order of the keys asked for.
    pub items: Vec<Option<Item>>,
    /// The last commit that the answer contains.
    pub revision: Revision,
}

/// Which way a page runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the smallest key up.
    #[default]
    Forward,
    /// From the largest key down.
    Backward,
}

/// Which items to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Only below this path.
    pub prefix: Prefix,
    /// Begins at this key, whether it exists or not; from the end that `direction` gives otherwise.
    pub from: Option<Key>,
    /// At most so many items, and never more than [`PAGE_ITEMS_MAX`].
    pub limit: usize,
    /// Stops before the page's keys and values exceed so many bytes; one item always fits.
    pub limit_bytes: usize,
    /// Which way.
    pub direction: Direction,
}

impl Range {
    /// Everything below `prefix`, as much as one page holds.
    pub fn under(prefix: Prefix) -> Self {
        Self {
            prefix,
            from: None,
            limit: PAGE_ITEMS_MAX,
            limit_bytes: usize::MAX,
            direction: Direction::Forward,
        }
    }

    /// Begins at `key`, such as the [`Page::next`] of the page before.
    #[must_use]
    pub fn from(self, key: Option<Key>) -> Self {
        Self { from: key, ..self }
    }

    /// At most so many items.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// At most so many bytes of keys and values, but always one item.
    #[must_use]
    pub fn limit_bytes(self, limit_bytes: usize) -> Self {
        Self { limit_bytes, ..self }
    }

    /// From the largest key down.
    #[must_use]
    pub fn backward(self) -> Self {
        Self {
            direction: Direction::Backward,
            ..self
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order asked for.
    pub items: Vec<Item>,
    /// Where the next page begins, if there is more.
    pub next: Option<Key>,
    /// The last commit that this page contains; a watch from here misses nothing. Of a list read in
    /// several pages keep the revision of the **first**: later pages do not show what happened on the
    /// earlier ones meanwhile.
    pub revision: Revision,
}
