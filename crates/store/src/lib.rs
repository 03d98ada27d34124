//! **Remembers**: one small trait, [`Store`], and the backends behind it.
//!
//! Everything the Auth Service knows is a set of items under [`Key`]s and a gapless row of audit
//! records. Both change in one way only: a [`Batch`] that names what must still be true, what to
//! write and which records tell of it. It commits whole or not at all, and then every later read,
//! list and watch sees it. A second promise follows from the first: who was answered `Ok` may lose
//! power the next moment and still finds the deed.
//!
//! What this crate never does: it does not understand what it keeps (bytes in, bytes out), it does
//! not read the clock (`now` is an argument), and it does not decide.
//!
//! | backend | for |
//! | --- | --- |
//! | [`Memory`] | tests and simulation; forgets at the end of the process |
//! | [`Sqlite`] | one Auth Service; a data directory on a local disk |
//!
//! `conformance` (behind the feature of that name) is the contract as a program: every backend passes it.
//!
//! Where to start: [`Store`], then [`Batch`], then `engine` for the rules both backends share.
//!
//! ```
//! # use store::*;
//! # use jiff::Timestamp;
//! # async fn story(store: &dyn Store, now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
//! let bob = Key::of(["users", "bob"]);
//! let made = store
//!     .commit(
//!         Batch::at(now)
//!             .require(Require::Absent(bob.clone()))
//!             .put(bob.clone(), "…")
//!             .record(Record::new(now, "user.create", "alice", "{…}")),
//!     )
//!     .await?;
//! assert_eq!(store.get(&bob, now).await?.map(|item| item.revision), Some(made.revision));
//! # Ok(()) }
//! ```

mod batch;
#[cfg(any(test, feature = "conformance"))]
#[allow(clippy::unwrap_used, reason = "a check that cannot go on has failed")]
pub mod conformance;
mod engine;
mod error;
mod history;
mod item;
mod key;
mod memory;
mod record;
mod seal;
mod sqlite;

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;

pub use batch::{BATCH_BYTES_MAX, Batch, Committed, RECORD_BYTES_MAX, Require, VALUE_BYTES_MAX, Write};
pub use error::{CommitError, Obstacle, OpenError, ReadError, WatchError};
pub use history::{Change, Event, Watch};
pub use item::{Direction, Item, PAGE_ITEMS_MAX, Page, Range, Revision, Snapshot};
pub use key::{KEY_BYTES_MAX, Key, KeyError, Prefix};
pub use memory::Memory;
pub use record::{Record, RecordPage, RecordPlace, Search, StoredRecord};
pub use seal::{Class, NotSealed, Seal, SealError, SealKey, SealKeyError, UnsealError};
pub use sqlite::{Sqlite, SqliteOptions};

/// What a backend gives back: a boxed future, so that `Arc<dyn Store>` works.
///
/// Which backend serves is settled by a configuration file at run time. A generic parameter would run
/// through every type of the Auth Service; the box costs one small allocation beside a disk write.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The memory of a cluster. One object, shared as `Arc<dyn Store>`.
///
/// Reads are never stale: whatever was acknowledged before a call began is part of its answer.
/// Moments are kept to the microsecond, rounded down.
pub trait Store: Send + Sync + 'static {
    /// The item under `key`, as of the last commit. `None` if there is none or its time is over.
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Result<Option<Item>, ReadError>>;

    /// Several items as they stood together at one revision, in the order of `keys`.
    fn get_all<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> Answer<'a, Result<Snapshot, ReadError>>;

    /// One page of the items under a prefix, in the order of their keys, without those whose time is over.
    fn range(&self, range: Range, now: Timestamp) -> Answer<'_, Result<Page, ReadError>>;

    /// Makes a batch come true, whole, if everything it requires still holds.
    ///
    /// Several batches may share one disk write; a batch that fails does so alone. Whoever drops the
    /// future does not withdraw the batch. See [`CommitError`] for what each failure means; after all
    /// but [`CommitError::Failed`] nothing has changed.
    fn commit(&self, batch: Batch) -> Answer<'_, Result<Committed, CommitError>>;

    /// Committed changes under any of `prefixes`, in the order of commits, each once.
    ///
    /// From the present on, or from after `from`, which may be the [`Page::revision`] of a list or the
    /// [`Watch::revision`] of an earlier watch. No prefix means everything.
    fn watch(&self, prefixes: Vec<Prefix>, from: Option<Revision>) -> Result<Watch, WatchError>;

    /// Items whose time is over and that nobody has removed yet, the longest overdue first.
    ///
    /// Reads do not show them any more. To remove one, delete it with [`Require::Expired`], so that
    /// the deed has its record; the cost is that of the items found, however many there are in all.
    fn expired(&self, now: Timestamp, limit: usize) -> Answer<'_, Result<Vec<Item>, ReadError>>;

    /// The moment at which the next item expires, and news whenever that changes: a sweep sleeps on it.
    fn earliest_expiry(&self) -> tokio::sync::watch::Receiver<Option<Timestamp>>;

    /// Audit records from number `from` on, at most `limit`, without a gap. The first number is 1.
    fn records(&self, from: u64, limit: usize) -> Answer<'_, Result<Vec<StoredRecord>, ReadError>>;

    /// One page of the audit records that a search describes, in the order of their moments.
    fn search(&self, search: Search) -> Answer<'_, Result<RecordPage, ReadError>>;

    /// The revision of the last commit.
    fn revision(&self) -> Revision;

    /// The latest moment that any commit carried, over restarts too: a clock that shows less went back.
    fn latest_moment(&self) -> Option<Timestamp>;

    /// Whether commits can be expected to succeed.
    fn health(&self) -> Health;

    /// Figures for metrics.
    fn figures(&self) -> Figures;

    /// Finishes what was handed in, writes everything to its final place and takes no more commits.
    /// Watches end. A store that is only dropped loses nothing either.
    fn close(&self) -> Answer<'_, ()>;
}

/// Whether a store can write. Reading stays possible in every state but a damaged disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The last commit went through.
    Writable,
    /// The last commit found no space. The next one tries again.
    Full,
    /// The disk failed, or what it holds contradicts itself. Nothing is written until the store is opened anew.
    Failed {
        /// What happened, for an administrator.
        reason: String,
    },
    /// [`Store::close`] was called.
    Closed,
}

/// What a store has and what it did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Items, those included whose time is over and that nobody removed yet.
    pub items: u64,
    /// Bytes of their keys and values.
    pub item_bytes: u64,
    /// Audit records ever written.
    pub records: u64,
    /// Batches committed.
    pub batches: u64,
    /// Durable writes that carried them.
    pub groups: u64,
    /// Batches refused because something they required did not hold.
    pub conflicts: u64,
    /// Open watches.
    pub watches: u64,
}
