//! The contract of [`Store`] as a program. Every backend passes [`run`]; one that outlives its process
//! passes [`run_lasting`] too.
//!
//! A backend's test is one line: `conformance::run(&|_| Arc::new(Memory::new())).await`. A failing check
//! panics with the sentence that did not hold. The checks ask for a multi-threaded tokio runtime.

mod batches;
mod lasting;
mod reads;
mod records;
mod twin;
mod watches;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::{Batch, Committed, Item, Key, Prefix, Range, Record, Store};

/// What a check needs of the store it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// How many commits the history keeps; backends that cannot keep so few may keep more, but no fewer
    /// than four times this number after which [`WatchError::Lagged`](crate::WatchError) must come.
    pub history_commits_max: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            history_commits_max: 100_000,
        }
    }
}

/// Gives a new, empty store.
pub type Make<'a> = &'a (dyn Fn(Setting) -> Arc<dyn Store> + Sync);

/// Gives the store of one fixed place, with what it held when it was last open.
pub type Reopen<'a> = &'a (dyn Fn() -> Arc<dyn Store> + Sync);

/// Every check, each on a store of its own.
pub async fn run(make: Make<'_>) {
    batches::run(make).await;
    reads::run(make).await;
    watches::run(make).await;
    records::run(make).await;
    twin::run(make).await;
}

/// The checks of a store that is closed and opened again.
pub async fn run_lasting(reopen: Reopen<'_>) {
    lasting::run(reopen).await;
}

/// `seconds` after the beginning of the tests' time.
fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + seconds)
}

fn key(name: &str) -> Key {
    Key::of(["things", name])
}

fn things() -> Prefix {
    Prefix::of(["things"])
}

fn record(text: &str) -> Record {
    Record::new(at(0), "test.note", "alice", text.to_owned())
}

fn put(name: &str, value: &str) -> Batch {
    Batch::at(at(0)).put(key(name), value.to_owned())
}

async fn commit(store: &dyn Store, batch: Batch) -> Committed {
    store.commit(batch).await.expect("the batch commits")
}

async fn value(store: &dyn Store, name: &str) -> Option<String> {
    let found = store.get(&key(name), at(0)).await.expect("the store answers");
    found.map(|item| String::from_utf8_lossy(&item.value).into_owned())
}

/// Everything there is, page by page.
async fn everything(store: &dyn Store, now: Timestamp) -> Vec<Item> {
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let range = Range::under(Prefix::all()).from(from).limit(7);
        let page = store.range(range, now).await.expect("the store answers");
        items.extend(page.items);
        from = page.next;
        if from.is_none() {
            return items;
        }
    }
}
