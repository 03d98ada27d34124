//! The recent past: what was committed lately, in order, and who waits for more.
//!
//! One ring of commits for all watches. A watch is a position in it and nothing else, so a watch that
//! nobody reads costs a few hundred bytes however much happens; when the ring has moved past it, its
//! next read says [`WatchError::Lagged`]. Commits enter the ring when they are durable, never before.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;

use crate::error::WatchError;
use crate::item::{Item, Revision};
use crate::key::{Key, Prefix};

/// How many commits the ring keeps.
pub(crate) const COMMITS_MAX: usize = 8_192;
/// How many bytes of keys and values the ring keeps.
pub(crate) const BYTES_MAX: usize = 16 << 20;
/// Up to so many watches are woken by whoever commits; more of them by a thread of their own.
const WOKEN_IN_PLACE_MAX: usize = 32;
/// What a change costs beside its key and value.
const CHANGE_BYTES: usize = 96;

/// What happened to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Created or written over.
    Put(Item),
    /// Removed.
    Delete(Key),
}

impl Change {
    /// Which item.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(item) => &item.key,
            Self::Delete(key) => key,
        }
    }

    fn bytes(&self) -> usize {
        let value = match self {
            Self::Put(item) => item.value.len(),
            Self::Delete(_) => 0,
        };
        self.key().as_str().len() + value + CHANGE_BYTES
    }
}

/// One change that a watch delivers. All watches share the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The commit it belongs to.
    pub revision: Revision,
    /// Its place within the commit, counted from 0. `(revision, ordinal)` names the event for good.
    pub ordinal: usize,
    /// What happened.
    pub change: Change,
}

/// A commit as the ring keeps it.
#[derive(Debug)]
pub(crate) struct Commit {
    pub revision: Revision,
    pub changes: Vec<Change>,
}

impl Commit {
    fn bytes(&self) -> usize {
        CHANGE_BYTES + self.changes.iter().map(Change::bytes).sum::<usize>()
    }
}

/// Commits in order, the latest `COMMITS_MAX` or `BYTES_MAX` of them.
pub(crate) struct Ring {
    commits: VecDeque<Arc<Commit>>,
    bytes: usize,
    /// Everything up to and including this revision is forgotten.
    floor: Revision,
    /// Up to here it is not even known what was forgotten: it happened before the store was opened.
    unknown: Revision,
    /// The last forgotten change of each collection. A watch of a quiet collection does not lag behind
    /// a busy one.
    forgotten: HashMap<Box<str>, Revision>,
    commits_max: usize,
    bytes_max: usize,
}

impl Ring {
    /// The revision of the last commit.
    pub fn head(&self) -> Revision {
        Revision(self.floor.0 + self.commits.len() as u64)
    }

    pub fn floor(&self) -> Revision {
        self.floor
    }

    /// The commit after `position`, if it is kept.
    fn after(&self, position: Revision) -> Option<&Arc<Commit>> {
        let place = position.0.checked_sub(self.floor.0)?;
        self.commits.get(usize::try_from(place).ok()?)
    }

    /// The latest change below `prefix` after `since`; the floor if it cannot be known.
    pub fn changed_after(&self, prefix: &Prefix, since: Revision) -> Option<Revision> {
        let newest = self
            .commits
            .iter()
            .rev()
            .take_while(|commit| commit.revision > since);
        let mut touching = newest.filter(|c| c.changes.iter().any(|change| prefix.holds(change.key())));
        let kept = touching.next().map(|commit| commit.revision);
        kept.or_else(|| self.forgot(prefix, since).then_some(self.floor))
    }

    /// Whether something below `prefix` after `since` was, or may have been, forgotten.
    fn forgot(&self, prefix: &Prefix, since: Revision) -> bool {
        let after = |last: &Revision| *last > since;
        since < self.floor
            && (since < self.unknown
                || match prefix.collection() {
                    Some(collection) => self.forgotten.get(collection).is_some_and(after),
                    None => self.forgotten.values().any(after),
                })
    }

    /// Where a watch that has seen everything up to `position` goes on.
    fn resume(&self, prefixes: &[Prefix], position: Revision) -> Result<Revision, WatchError> {
        let missed = if prefixes.is_empty() {
            self.forgot(&Prefix::all(), position)
        } else {
            prefixes.iter().any(|prefix| self.forgot(prefix, position))
        };
        if missed {
            return Err(WatchError::Lagged {
                position,
                oldest: self.floor,
            });
        }
        Ok(position.max(self.floor))
    }

    fn push(&mut self, commit: Arc<Commit>) {
        debug_assert_eq!(commit.revision.0, self.head().0 + 1, "revisions have no gap");
        self.bytes += commit.bytes();
        self.commits.push_back(commit);
        while self.commits.len() > self.commits_max || (self.bytes > self.bytes_max && self.commits.len() > 1)
        {
            let Some(oldest) = self.commits.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
            self.floor = oldest.revision;
            for change in &oldest.changes {
                let collection = change.key().collection();
                match self.forgotten.get_mut(collection) {
                    Some(last) => *last = oldest.revision,
                    None => {
                        self.forgotten.insert(collection.into(), oldest.revision);
                    }
                }
            }
        }
    }
}

/// The ring and everybody who waits for it to move.
pub(crate) struct History {
    ring: RwLock<Ring>,
    head: Arc<watch::Sender<Revision>>,
    closed: AtomicBool,
    crowd: Mutex<Option<mpsc::Sender<Revision>>>,
}

impl History {
    /// A past that begins after `floor`.
    pub fn new(floor: Revision, commits_max: usize, bytes_max: usize) -> Self {
        Self {
            ring: RwLock::new(Ring {
                commits: VecDeque::new(),
                bytes: 0,
                floor,
                unknown: floor,
                forgotten: HashMap::new(),
                commits_max,
                bytes_max,
            }),
            head: Arc::new(watch::Sender::new(floor)),
            closed: AtomicBool::new(false),
            crowd: Mutex::new(None),
        }
    }

    pub fn read<T>(&self, look: impl FnOnce(&Ring) -> T) -> T {
        look(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds durable commits in order. Nobody is woken yet.
    pub fn add(&self, commits: impl IntoIterator<Item = Arc<Commit>>) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        for commit in commits {
            ring.push(commit);
        }
    }

    /// Wakes the watches. The caller does not wait for more than a few of them.
    pub fn wake(&self) {
        let head = self.read(Ring::head);
        if self.head.receiver_count() <= WOKEN_IN_PLACE_MAX {
            self.head.send_replace(head);
            return;
        }
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = crowd.get_or_insert_with(|| spawn_waker(Arc::clone(&self.head)));
        if waker.send(head).is_err() {
            self.head.send_replace(head);
        }
    }

    /// Ends all watches, once they have read what is there.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.head.send_modify(|_| {});
    }

    pub fn watches(&self) -> usize {
        self.head.receiver_count()
    }

    pub fn watch(
        self: &Arc<Self>,
        prefixes: Vec<Prefix>,
        from: Option<Revision>,
    ) -> Result<Watch, WatchError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(WatchError::Closed);
        }
        let news = self.head.subscribe();
        let position = self.read(|ring| match from {
            None => Ok(ring.head()),
            Some(position) if position > ring.head() => Err(WatchError::Ahead {
                position,
                head: ring.head(),
            }),
            Some(position) => ring.resume(&prefixes, position),
        })?;
        Ok(Watch {
            history: Arc::clone(self),
            prefixes,
            position,
            half_read: None,
            news,
        })
    }
}

/// Wakes a crowd of watches, so that no commit has to wait for it. Ends with its sender.
fn spawn_waker(head: Arc<watch::Sender<Revision>>) -> mpsc::Sender<Revision> {
    let (sender, moves) = mpsc::channel::<Revision>();
    let spawned = std::thread::Builder::new()
        .name("store-waker".to_owned())
        .spawn(move || {
            while let Ok(first) = moves.recv() {
                let latest = moves.try_iter().last().unwrap_or(first);
                // Never back: somebody may have woken in place meanwhile.
                head.send_if_modified(|shown| {
                    let moved = latest > *shown;
                    *shown = latest.max(*shown);
                    moved
                });
            }
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread to wake watches with; commits wake them themselves");
    }
    sender
}

/// Committed changes in their order, from a position on. See [`Store::watch`](crate::Store::watch).
pub struct Watch {
    history: Arc<History>,
    /// Empty: everything.
    prefixes: Vec<Prefix>,
    /// The last commit that was read to its end.
    position: Revision,
    /// The commit after `position` if part of it was delivered, and where to go on in it.
    half_read: Option<(Arc<Commit>, usize)>,
    news: watch::Receiver<Revision>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("prefixes", &self.prefixes)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// The next change; waits for it. May be dropped while waiting without losing anything.
    pub async fn next(&mut self) -> Result<Event, WatchError> {
        loop {
            self.news.mark_unchanged();
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            if self.history.closed.load(Ordering::Acquire) {
                // What was committed before the end is still delivered.
                return self.try_next()?.ok_or(WatchError::Closed);
            }
            if self.news.changed().await.is_err() {
                return Err(WatchError::Closed);
            }
        }
    }

    /// The next change if it is there already.
    pub fn try_next(&mut self) -> Result<Option<Event>, WatchError> {
        loop {
            let (commit, begin) = match self.half_read.take() {
                Some(half) => half,
                None => match self.following()? {
                    Some(commit) => (commit, 0),
                    None => return Ok(None),
                },
            };
            let wanted = |change: &Change| {
                self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| prefix.holds(change.key()))
            };
            let mut left = commit
                .changes
                .iter()
                .enumerate()
                .skip(begin)
                .filter(|(_, change)| wanted(change));
            let Some((ordinal, change)) = left.next() else {
                self.position = commit.revision;
                continue;
            };
            let event = Event {
                revision: commit.revision,
                ordinal,
                change: change.clone(),
            };
            if let Some((more, _)) = left.next() {
                self.half_read = Some((Arc::clone(&commit), more));
            } else {
                self.position = commit.revision;
            }
            return Ok(Some(event));
        }
    }

    /// Where a later watch can go on: every change up to here was delivered or did not concern this
    /// watch. A commit of which only a part was delivered comes again as a whole.
    pub fn revision(&self) -> Revision {
        self.position
    }

    fn following(&mut self) -> Result<Option<Arc<Commit>>, WatchError> {
        self.history.read(|ring| {
            self.position = ring.resume(&self.prefixes, self.position)?;
            Ok(ring.after(self.position).cloned())
        })
    }
}
