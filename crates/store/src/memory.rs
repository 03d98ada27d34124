//! The backend that forgets: for tests and simulation.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::batch::{Batch, Committed};
use crate::engine::{Engine, State};
use crate::error::{CommitError, ReadError, WatchError};
use crate::history::{BYTES_MAX, COMMITS_MAX, History, Watch};
use crate::item::{Item, Page, Range, Revision, Snapshot};
use crate::key::{Key, Prefix};
use crate::record::{RecordPage, Search, StoredRecord};
use crate::{Answer, Figures, Health, Store};

/// A store in memory. Keeps the whole contract except lasting longer than the process.
pub struct Memory {
    engine: Engine,
    /// Held while a batch commits: the one writer.
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    records: Vec<StoredRecord>,
    trouble: Option<CommitError>,
    closed: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_history(COMMITS_MAX, BYTES_MAX)
    }

    /// An empty store that forgets the past sooner: for tests of watches that lag.
    pub fn with_history(commits_max: usize, bytes_max: usize) -> Self {
        Self {
            engine: Engine::new(
                State::default(),
                History::new(Revision(0), commits_max, bytes_max),
            ),
            log: Mutex::new(Log::default()),
        }
    }

    /// Lets every commit fail with `trouble` until it is called with `None`: a full or broken disk for tests.
    pub fn set_trouble(&self, trouble: Option<CommitError>) {
        self.engine.set_health(match &trouble {
            Some(CommitError::Full { .. }) => Health::Full,
            _ => Health::Writable,
        });
        self.log.lock().unwrap_or_else(PoisonError::into_inner).trouble = trouble;
    }

    fn commit_now(&self, batch: &Batch) -> Result<Committed, CommitError> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.closed {
            return Err(CommitError::Closed);
        }
        if let Some(trouble) = &log.trouble {
            return Err(trouble.clone());
        }
        let (mut verdicts, mut prepared) = self.engine.judge([batch]);
        self.engine.count_conflicts(&verdicts);
        self.engine.apply(&prepared);
        for one in &mut prepared {
            log.records.append(&mut one.records);
        }
        drop(log);
        self.engine.history.wake();
        verdicts.pop().unwrap_or(Err(CommitError::Closed))
    }

    fn records_now(&self, from: u64, limit: usize) -> Vec<StoredRecord> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
        log.records.iter().skip(skipped).take(limit).cloned().collect()
    }

    fn search_now(&self, search: &Search) -> RecordPage {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |stored: &&StoredRecord| {
            let record = &stored.record;
            let after = search.after.is_none_or(|place| {
                if search.newest_first {
                    stored.place() < place
                } else {
                    stored.place() > place
                }
            });
            (search.from..search.to).contains(&record.moment)
                && (search.kinds.is_empty() || search.kinds.contains(&record.kind))
                && search.user.as_ref().is_none_or(|user| *user == record.user)
                && after
        };
        let mut records: Vec<_> = log.records.iter().filter(wanted).cloned().collect();
        drop(log);
        records.sort_by_key(StoredRecord::place);
        if search.newest_first {
            records.reverse();
        }
        let limit = search.limit.min(crate::PAGE_ITEMS_MAX);
        let more = records.len() > limit;
        records.truncate(limit);
        let next = records.last().map(StoredRecord::place).filter(|_| more);
        RecordPage { records, next }
    }
}

impl Store for Memory {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Result<Option<Item>, ReadError>> {
        Box::pin(std::future::ready(Ok(self.engine.get(key, now))))
    }

    fn get_all<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> Answer<'a, Result<Snapshot, ReadError>> {
        Box::pin(std::future::ready(Ok(self.engine.get_all(keys, now))))
    }

    fn range(&self, range: Range, now: Timestamp) -> Answer<'_, Result<Page, ReadError>> {
        Box::pin(std::future::ready(Ok(self.engine.range(&range, now))))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Result<Committed, CommitError>> {
        Box::pin(async move { self.commit_now(&batch) })
    }

    fn watch(&self, prefixes: Vec<Prefix>, from: Option<Revision>) -> Result<Watch, WatchError> {
        self.engine.watch(prefixes, from)
    }

    fn expired(&self, now: Timestamp, limit: usize) -> Answer<'_, Result<Vec<Item>, ReadError>> {
        Box::pin(std::future::ready(Ok(self.engine.expired(now, limit))))
    }

    fn earliest_expiry(&self) -> tokio::sync::watch::Receiver<Option<Timestamp>> {
        self.engine.earliest_expiry()
    }

    fn records(&self, from: u64, limit: usize) -> Answer<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(std::future::ready(Ok(self.records_now(from, limit))))
    }

    fn search(&self, search: Search) -> Answer<'_, Result<RecordPage, ReadError>> {
        Box::pin(std::future::ready(Ok(self.search_now(&search))))
    }

    fn revision(&self) -> Revision {
        self.engine.revision()
    }

    fn latest_moment(&self) -> Option<Timestamp> {
        self.engine.latest_moment()
    }

    fn health(&self) -> Health {
        self.engine.health()
    }

    fn figures(&self) -> Figures {
        self.engine.figures()
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
            self.engine.set_health(Health::Closed);
            self.engine.history.close();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Record, Require};

    #[tokio::test]
    async fn a_batch_commits_whole_or_not_at_all() {
        let store = Memory::new();
        let now = Timestamp::UNIX_EPOCH;
        let bob = Key::of(["users", "bob"]);
        let mut watch = store.watch(vec![Prefix::of(["users"])], None).unwrap();
        let make = Batch::at(now)
            .require(Require::Absent(bob.clone()))
            .put(bob.clone(), "bob")
            .record(Record::new(now, "user.create", "alice", "{}"));
        let made = store.commit(make.clone()).await.unwrap();
        assert_eq!(made.records, 1..2);
        let refused = store.commit(make).await.unwrap_err();
        assert_eq!(refused.to_string(), "`/users/bob` exists already");
        let found = store.get(&bob, now).await.unwrap().unwrap();
        assert_eq!(watch.next().await.unwrap().change, Change::Put(found));
        assert_eq!(watch.try_next().unwrap(), None);
        assert_eq!(store.records(1, 10).await.unwrap().len(), 1);
    }
}
