//! The rules that every backend of one process shares: what a batch may do, and what reads show.
//!
//! The whole state is held in order in memory, as encoded bytes. It is not a cache: the one writer
//! applies a commit here after it is durable and before it answers, under one lock, so a read always
//! equals the last commit. A batch is judged by [`Group`] before anything is written; several batches
//! form a group, each judged on top of the ones before it.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::batch::{Batch, Committed, Require, Write};
use crate::error::{CommitError, WatchError};
use crate::history::{Change, Commit, History, Ring, Watch};
use crate::item::{Direction, Item, PAGE_ITEMS_MAX, Page, Range, Revision, Snapshot};
use crate::key::{Key, Prefix};
use crate::record::StoredRecord;
use crate::{Figures, Health};

/// Microseconds since 1970, rounded down: how moments are kept.
pub(crate) fn micros(moment: Timestamp) -> i64 {
    // `as_microsecond` rounds towards 1970; before it that is up.
    let rounded = moment.as_microsecond();
    if moment.subsec_nanosecond() % 1_000 < 0 {
        rounded - 1
    } else {
        rounded
    }
}

/// The moment that [`micros`] kept. Only what it gave is ever stored, so nothing is clamped in fact.
pub(crate) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// An item without its key, 48 bytes.
#[derive(Clone)]
pub(crate) struct Entry {
    pub value: Bytes,
    pub revision: Revision,
    /// `i64::MAX`: never.
    pub expires: i64,
}

impl Entry {
    fn alive(&self, now: i64) -> bool {
        self.expires > now
    }

    fn item(&self, key: &Key) -> Item {
        Item {
            key: key.clone(),
            value: self.value.clone(),
            revision: self.revision,
            expires: (self.expires != i64::MAX).then(|| moment(self.expires)),
        }
    }
}

/// Everything that is remembered, except the audit records.
#[derive(Default)]
pub(crate) struct State {
    items: BTreeMap<Key, Entry>,
    /// Those that expire, in the order in which they do.
    expiry: BTreeSet<(i64, Key)>,
    pub revision: Revision,
    /// The number of the last audit record; 0 if there is none.
    pub last_record: u64,
    /// The latest moment of any commit.
    pub latest: Option<i64>,
    bytes: usize,
}

impl State {
    /// Fills the state at opening, from sorted runs.
    pub fn load(runs: Vec<Vec<(Key, Entry)>>) -> Self {
        let each = || runs.iter().flatten();
        let bytes = each()
            .map(|(key, entry)| key.as_str().len() + entry.value.len())
            .sum();
        let expiring: Vec<(i64, Key)> = each()
            .filter(|(_, entry)| entry.expires != i64::MAX)
            .map(|(key, entry)| (entry.expires, key.clone()))
            .collect();
        thread::scope(|scope| {
            let expiry = scope.spawn(|| expiring.into_iter().collect());
            Self {
                bytes,
                // Merges the runs and builds the tree full, instead of one search per item.
                items: runs.into_iter().flatten().collect(),
                expiry: expiry
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                ..Self::default()
            }
        })
    }

    /// The revision of the item that was written last.
    pub fn newest(&self) -> Revision {
        self.items
            .values()
            .map(|entry| entry.revision)
            .max()
            .unwrap_or_default()
    }

    /// The item under `key` if this commit wrote it last.
    pub fn held(&self, key: &str, revision: Revision) -> Option<Item> {
        let (key, entry) = self.items.get_key_value(key)?;
        (entry.revision == revision).then(|| entry.item(key))
    }

    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        self.items.get(key)
    }

    fn put(&mut self, item: &Item) {
        let entry = Entry {
            value: item.value.clone(),
            revision: item.revision,
            expires: item.expires.map_or(i64::MAX, micros),
        };
        if entry.expires != i64::MAX {
            self.expiry.insert((entry.expires, item.key.clone()));
        }
        self.bytes += item.key.as_str().len() + entry.value.len();
        let (key, expires) = (&item.key, entry.expires);
        let before = match self.items.entry(item.key.clone()) {
            MapEntry::Vacant(place) => {
                place.insert(entry);
                return;
            }
            MapEntry::Occupied(mut place) => place.insert(entry),
        };
        self.bytes -= key.as_str().len() + before.value.len();
        if before.expires != expires {
            self.expiry.remove(&(before.expires, key.clone()));
        }
    }

    fn delete(&mut self, key: &Key) {
        if let Some(before) = self.items.remove(key) {
            self.bytes -= key.as_str().len() + before.value.len();
            self.expiry.remove(&(before.expires, key.clone()));
        }
    }

    fn range(&self, range: &Range, now: i64) -> Page {
        let first = range.prefix.as_str();
        let end = range.prefix.end();
        let mut page = Page {
            items: Vec::new(),
            next: None,
            revision: self.revision,
        };
        let from = range.from.as_ref().map(Key::as_str);
        match range.direction {
            Direction::Forward => {
                let begin = from.map_or(first, |key| key.max(first));
                if begin < end.as_str() {
                    let between = (Bound::Included(begin), Bound::Excluded(end.as_str()));
                    fill(&mut page, range, now, self.items.range::<str, _>(between));
                }
            }
            Direction::Backward => {
                let last = match from {
                    Some(key) if key < end.as_str() => Bound::Included(key),
                    _ => Bound::Excluded(end.as_str()),
                };
                if from.is_none_or(|key| key >= first) {
                    let between = (Bound::Included(first), last);
                    fill(&mut page, range, now, self.items.range::<str, _>(between).rev());
                }
            }
        }
        page
    }
}

fn fill<'a>(page: &mut Page, range: &Range, now: i64, found: impl Iterator<Item = (&'a Key, &'a Entry)>) {
    let limit = range.limit.min(PAGE_ITEMS_MAX);
    let mut bytes = 0_usize;
    for (key, entry) in found.filter(|(_, entry)| entry.alive(now)) {
        bytes = bytes.saturating_add(key.as_str().len() + entry.value.len());
        if page.items.len() >= limit || (bytes > range.limit_bytes && !page.items.is_empty()) {
            page.next = Some(key.clone());
            return;
        }
        page.items.push(entry.item(key));
    }
}

/// One batch that was found sound, ready to be written.
pub(crate) struct Prepared {
    pub commit: Arc<Commit>,
    pub records: Vec<StoredRecord>,
    /// The number of the log's last record after this commit.
    pub last_record: u64,
    /// The latest moment of any commit, this one included.
    pub latest: i64,
}

/// Batches that are judged together and written together, each on top of those before it.
pub(crate) struct Group<'a> {
    state: &'a State,
    ring: &'a Ring,
    /// What the batches so far change: `None` is a deletion.
    overlay: HashMap<Key, Option<Entry>>,
    revision: Revision,
    last_record: u64,
    latest: i64,
    pub prepared: Vec<Prepared>,
}

impl Group<'_> {
    /// Judges one batch. On an error the group is as if the batch had never been there.
    pub fn add(&mut self, batch: &Batch) -> Result<Committed, CommitError> {
        batch.check()?;
        let now = micros(batch.now);
        for condition in &batch.require {
            self.check(condition, now)?;
        }
        if batch.is_check() {
            return Ok(Committed {
                revision: self.revision,
                records: self.last_record + 1..self.last_record + 1,
            });
        }
        self.revision.0 += 1;
        self.latest = self.latest.max(now);
        let mut changes = Vec::with_capacity(batch.writes.len());
        for write in &batch.writes {
            if let Some(change) = self.write(write) {
                changes.push(change);
            }
        }
        let first_record = self.last_record + 1;
        let mut records = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            self.last_record += 1;
            let mut record = record.clone();
            record.moment = moment(micros(record.moment));
            records.push(StoredRecord {
                number: self.last_record,
                revision: self.revision,
                record,
            });
        }
        self.prepared.push(Prepared {
            commit: Arc::new(Commit {
                revision: self.revision,
                changes,
            }),
            records,
            last_record: self.last_record,
            latest: self.latest,
        });
        Ok(Committed {
            revision: self.revision,
            records: first_record..self.last_record + 1,
        })
    }

    fn entry(&self, key: &Key) -> Option<&Entry> {
        match self.overlay.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.state.entry(key),
        }
    }

    fn check(&self, condition: &Require, now: i64) -> Result<(), CommitError> {
        let alive = |key| {
            self.entry(key)
                .filter(|entry| entry.alive(now))
                .map(|entry| entry.revision)
        };
        let (holds, found) = match condition {
            Require::Absent(key) => {
                let found = alive(key);
                (found.is_none(), found)
            }
            Require::Present(key) => {
                let found = alive(key);
                (found.is_some(), found)
            }
            Require::AtRevision(key, revision) => {
                let found = alive(key);
                (found == Some(*revision), found)
            }
            Require::Expired(key, revision) => {
                let entry = self.entry(key);
                let holds = entry.is_some_and(|entry| !entry.alive(now) && entry.revision == *revision);
                (holds, entry.map(|entry| entry.revision))
            }
            Require::Unchanged { prefix, since } => {
                let found = self.changed_after(prefix, *since);
                (found.is_none(), found)
            }
        };
        if holds {
            Ok(())
        } else {
            Err(condition.conflict(found))
        }
    }

    fn changed_after(&self, prefix: &Prefix, since: Revision) -> Option<Revision> {
        let mut here = self.prepared.iter().rev().map(|prepared| &prepared.commit);
        here.find(|commit| commit.changes.iter().any(|change| prefix.holds(change.key())))
            .map(|commit| commit.revision)
            .filter(|revision| *revision > since)
            .or_else(|| self.ring.changed_after(prefix, since))
    }

    fn write(&mut self, write: &Write) -> Option<Change> {
        match write {
            Write::Put { key, value, expires } => {
                let entry = Entry {
                    // A copy of its own: the caller's bytes may be a small piece of a large buffer.
                    value: Bytes::copy_from_slice(value),
                    revision: self.revision,
                    expires: expires.map_or(i64::MAX, micros),
                };
                let item = entry.item(key);
                self.overlay.insert(key.clone(), Some(entry));
                Some(Change::Put(item))
            }
            Write::Delete(key) => {
                self.entry(key)?;
                self.overlay.insert(key.clone(), None);
                Some(Change::Delete(key.clone()))
            }
        }
    }
}

/// State, recent past and health together: what a backend of one process wraps.
pub(crate) struct Engine {
    state: RwLock<State>,
    pub history: Arc<History>,
    earliest: watch::Sender<Option<Timestamp>>,
    health: Mutex<Health>,
    batches: AtomicU64,
    groups: AtomicU64,
    conflicts: AtomicU64,
}

impl Engine {
    pub fn new(state: State, history: History) -> Self {
        let earliest = state.expiry.first().map(|(expires, _)| moment(*expires));
        Self {
            state: RwLock::new(state),
            history: Arc::new(history),
            earliest: watch::Sender::new(earliest),
            health: Mutex::new(Health::Writable),
            batches: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Judges batches in their order. Only the one writer calls this, and applies or drops the outcome
    /// before it calls it again.
    pub fn judge<'b>(
        &self,
        batches: impl IntoIterator<Item = &'b Batch>,
    ) -> (Vec<Result<Committed, CommitError>>, Vec<Prepared>) {
        self.read(|state| {
            self.history.read(|ring| {
                let mut group = Group {
                    state,
                    ring,
                    overlay: HashMap::new(),
                    revision: state.revision,
                    last_record: state.last_record,
                    latest: state.latest.unwrap_or(i64::MIN),
                    prepared: Vec::new(),
                };
                let verdicts = batches.into_iter().map(|batch| group.add(batch)).collect();
                (verdicts, group.prepared)
            })
        })
    }

    /// Shows durable commits to reads and watches, all of them at once. Nobody is woken yet.
    pub fn apply(&self, prepared: &[Prepared]) {
        let Some(last) = prepared.last() else { return };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for one in prepared {
            for change in &one.commit.changes {
                match change {
                    Change::Put(item) => state.put(item),
                    Change::Delete(key) => state.delete(key),
                }
            }
        }
        state.revision = last.commit.revision;
        state.last_record = last.last_record;
        state.latest = Some(last.latest);
        // Under the lock: whoever reads this revision can also watch from it.
        self.history
            .add(prepared.iter().map(|one| Arc::clone(&one.commit)));
        let earliest = state.expiry.first().map(|(expires, _)| moment(*expires));
        drop(state);
        self.earliest.send_if_modified(|shown| {
            let moved = *shown != earliest;
            *shown = earliest;
            moved
        });
        self.batches.fetch_add(prepared.len() as u64, Ordering::Relaxed);
        self.groups.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_conflicts(&self, verdicts: &[Result<Committed, CommitError>]) {
        let conflicts = verdicts
            .iter()
            .filter(|v| matches!(v, Err(error) if error.is_conflict()))
            .count();
        self.conflicts.fetch_add(conflicts as u64, Ordering::Relaxed);
    }

    pub fn get(&self, key: &Key, now: Timestamp) -> Option<Item> {
        let now = micros(now);
        self.read(|state| {
            state
                .items
                .get(key)
                .filter(|entry| entry.alive(now))
                .map(|entry| entry.item(key))
        })
    }

    pub fn get_all(&self, keys: &[Key], now: Timestamp) -> Snapshot {
        let now = micros(now);
        self.read(|state| Snapshot {
            items: keys
                .iter()
                .map(|key| {
                    state
                        .items
                        .get(key)
                        .filter(|entry| entry.alive(now))
                        .map(|entry| entry.item(key))
                })
                .collect(),
            revision: state.revision,
        })
    }

    pub fn range(&self, range: &Range, now: Timestamp) -> Page {
        self.read(|state| state.range(range, micros(now)))
    }

    pub fn expired(&self, now: Timestamp, limit: usize) -> Vec<Item> {
        let now = micros(now);
        self.read(|state| {
            let overdue = state
                .expiry
                .iter()
                .take_while(|(expires, _)| *expires <= now)
                .take(limit);
            overdue
                .filter_map(|(_, key)| state.items.get(key).map(|entry| entry.item(key)))
                .collect()
        })
    }

    pub fn earliest_expiry(&self) -> watch::Receiver<Option<Timestamp>> {
        self.earliest.subscribe()
    }

    pub fn watch(&self, prefixes: Vec<Prefix>, from: Option<Revision>) -> Result<Watch, WatchError> {
        self.history.watch(prefixes, from)
    }

    pub fn revision(&self) -> Revision {
        self.read(|state| state.revision)
    }

    pub fn latest_moment(&self) -> Option<Timestamp> {
        self.read(|state| state.latest).map(moment)
    }

    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a change of health. What has failed or is closed stays so.
    pub fn set_health(&self, health: Health) {
        let mut shown = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*shown, Health::Writable | Health::Full) || health == Health::Closed {
            *shown = health;
        }
    }

    pub fn figures(&self) -> Figures {
        self.read(|state| Figures {
            items: state.items.len() as u64,
            item_bytes: state.bytes as u64,
            records: state.last_record,
            batches: self.batches.load(Ordering::Relaxed),
            groups: self.groups.load(Ordering::Relaxed),
            conflicts: self.conflicts.load(Ordering::Relaxed),
            watches: self.history.watches() as u64,
        })
    }
}
