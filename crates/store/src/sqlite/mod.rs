//! The embedded backend: one data directory, one SQLite file, one Auth Service.
//!
//! | module | does |
//! | --- | --- |
//! | `lock` | refuses a second server on the same directory |
//! | `schema` | tables, versions, settings of connections |
//! | `rows` | reads and writes rows, with check sums |
//! | `writer` | the one thread that writes: many batches, one sync |
//! | `readers`, `search` | reading the audit log, which is not held in memory |
//!
//! Items are read from memory (see `engine`); the file is read once, at opening.

mod lock;
mod readers;
mod rows;
mod schema;
mod search;
mod writer;

use std::fs::{DirBuilder, File, OpenOptions};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use jiff::Timestamp;
use rusqlite::ErrorCode;
use tokio::sync::oneshot;

use self::lock::DirectoryLock;
use self::readers::Readers;
use self::rows::RowError;
use self::writer::{Checkpointer, Task, Writer};
use crate::batch::{Batch, Committed};
use crate::engine::{Engine, State};
use crate::error::{CommitError, OpenError, ReadError, WatchError};
use crate::history::{BYTES_MAX, COMMITS_MAX, Commit, History, Watch};
use crate::item::{Item, PAGE_ITEMS_MAX, Page, Range, Revision, Snapshot};
use crate::key::{Key, Prefix};
use crate::record::{RecordPage, Search, StoredRecord};
use crate::{Answer, Figures, Health, Store};

/// The database's name within the data directory.
const FILE: &str = "state.db";
/// More batches than this do not wait for the disk.
const WAITING_MAX: usize = 16_384;

/// How to open a [`Sqlite`] store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The data directory; made, with mode 0700, if it does not exist.
    pub dir: PathBuf,
    /// How many commits a watch may lag behind.
    pub history_commits_max: usize,
    /// How many bytes of changes are kept for watches that lag.
    pub history_bytes_max: usize,
    /// The most pages of 4 KiB that the database may grow to; no limit but the disk's if `None`.
    pub pages_max: Option<u32>,
}

impl SqliteOptions {
    /// The usual settings for a data directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            history_commits_max: COMMITS_MAX,
            history_bytes_max: BYTES_MAX,
            pages_max: None,
        }
    }
}

/// A store in a data directory on a local disk.
///
/// What was answered survives the death of the process and the loss of power. Dropping the store
/// finishes what was handed in; [`Store::close`] does so without blocking.
pub struct Sqlite {
    engine: Arc<Engine>,
    readers: Arc<Readers>,
    tasks: mpsc::Sender<Task>,
    waiting: Arc<AtomicUsize>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens the store of a data directory, or makes it. Blocks while it reads everything.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(&SqliteOptions::new(dir))
    }

    /// Opens a store with settings of one's own.
    pub fn open_with(options: &SqliteOptions) -> Result<Self, OpenError> {
        let dir = &options.dir;
        make_dir(dir)?;
        let lock = DirectoryLock::take(dir)?;
        let file = dir.join(FILE);
        make_file(dir, &file)?;
        let database = |error| OpenError::database(&file, &error);
        let mut connection = schema::connect(&file).map_err(database)?;
        schema::migrate(&mut connection, &file)?;
        schema::make_durable(&connection, &file)?;
        if let Some(pages) = options.pages_max {
            let set = connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()));
            set.map_err(database)?;
        }
        let (state, history) = load(&connection, &file, options).map_err(|error| match error {
            RowError::Database(error) => database(error),
            RowError::Damaged(detail) => OpenError::Corrupt {
                file: file.clone(),
                detail,
            },
        })?;
        let engine = Arc::new(Engine::new(state, history));
        let no_thread = |source| OpenError::Io {
            action: "start a thread for",
            path: file.clone(),
            source,
        };
        let mover = schema::connect(&file).map_err(database)?;
        schema::make_durable(&mover, &file)?;
        let readers = Arc::new(Readers::new(&file));
        let waiting = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            connection,
            engine: Arc::clone(&engine),
            dir: dir.clone(),
            waiting: Arc::clone(&waiting),
            forgotten: Revision(0),
            checkpoint: Checkpointer::start(mover, Arc::clone(&engine)).map_err(no_thread)?,
            unmoved_bytes: 0,
            readers: Arc::clone(&readers),
            lock,
        };
        let (tasks, receiver) = mpsc::channel();
        let shown = Arc::clone(&engine);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                // Nothing is written after a panic, so no half-changed state is ever shown.
                let served = std::panic::catch_unwind(AssertUnwindSafe(|| writer.serve(&receiver)));
                if served.is_err() {
                    let reason = "the writer ended by a panic".to_owned();
                    tracing::error!(%reason, "the store stops writing");
                    shown.set_health(Health::Failed { reason });
                }
            })
            .map_err(no_thread)?;
        Ok(Self {
            engine,
            readers,
            tasks,
            waiting,
            writer: Mutex::new(Some(thread)),
        })
    }
}

impl Sqlite {
    /// Why nobody answers a batch.
    fn unserved(&self) -> CommitError {
        match self.engine.health() {
            Health::Failed { reason } => CommitError::Failed { reason },
            Health::Writable | Health::Full | Health::Closed => CommitError::Closed,
        }
    }
}

impl Store for Sqlite {
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
        // Handed in at once, not at the first poll: batches commit in the order of these calls.
        let (sender, answer) = oneshot::channel();
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = if waiting >= WAITING_MAX {
            Err(CommitError::Overloaded { waiting })
        } else {
            self.tasks
                .send(Task::Commit(batch, sender))
                .map_err(|_| self.unserved())
        };
        if sent.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Box::pin(async move {
            sent?;
            answer.await.unwrap_or_else(|_| Err(self.unserved()))
        })
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
        let limit = limit.min(PAGE_ITEMS_MAX);
        Box::pin(
            self.readers
                .read(move |connection| rows::records(connection, from, limit)),
        )
    }

    fn search(&self, search: Search) -> Answer<'_, Result<RecordPage, ReadError>> {
        Box::pin(
            self.readers
                .read(move |connection| search::page(connection, &search)),
        )
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
        let (sender, closed) = oneshot::channel();
        let sent = self.tasks.send(Task::Close(sender));
        Box::pin(async move {
            if sent.is_ok() {
                // The writer drops the other end as its last deed.
                let _ = closed.await;
            }
        })
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        let (sender, _closed) = oneshot::channel();
        // It may be closed already.
        let _ = self.tasks.send(Task::Close(sender));
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A panic was told of where it happened.
            let _ = writer.join();
        }
    }
}

/// Whether the error means that the file is not what was written.
fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    ) || matches!(
        error,
        rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
    )
}

impl OpenError {
    fn database(file: &Path, error: &rusqlite::Error) -> Self {
        let (file, detail) = (file.to_owned(), error.to_string());
        if is_damage(error) {
            return Self::Corrupt { file, detail };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { file },
            Some(ErrorCode::DatabaseBusy) => Self::Blocked { file },
            _ => Self::Database { file, detail },
        }
    }
}

/// Makes the data directory for its owner alone. One that exists is left as it is.
fn make_dir(dir: &Path) -> Result<(), OpenError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| OpenError::Io {
        action: "make",
        path: dir.to_owned(),
        source,
    })
}

/// Makes the database's file for its owner alone; SQLite gives its log the same mode.
fn make_file(dir: &Path, file: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io {
        action: "open",
        path: file.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(file).map_err(io)?;
    if opened.metadata().map_err(io)?.len() == 0 {
        // The directory must remember the file before anything in it counts.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)?;
    }
    Ok(())
}

/// Reads everything but the audit log, and compares what must agree.
fn load(
    connection: &rusqlite::Connection,
    file: &Path,
    options: &SqliteOptions,
) -> Result<(State, History), RowError> {
    let damaged = |what: String| Err(RowError::Damaged(what));
    let mut state = State::load(rows::items(connection, file)?);
    let kept = rows::commits(connection)?;
    let last_record = rows::last_record(connection)?;
    if let Some(last) = kept.last() {
        state.revision = last.revision;
        state.last_record = last.last_record;
        state.latest = Some(last.latest);
    }
    if state.newest() > state.revision {
        return damaged(format!(
            "an item is newer than the last commit, {}",
            state.revision
        ));
    }
    if last_record != state.last_record {
        let told = state.last_record;
        return damaged(format!(
            "the audit log ends at record {last_record}, the last commit says {told}"
        ));
    }
    let floor = kept.first().map_or(0, |first| first.revision.0.saturating_sub(1));
    let mut commits: Vec<Commit> = Vec::with_capacity(kept.len());
    for (place, one) in (floor + 1..).zip(&kept) {
        if one.revision.0 != place {
            return damaged(format!("commit {place} is missing in the outbox"));
        }
        commits.push(Commit {
            revision: one.revision,
            changes: Vec::new(),
        });
    }
    for (revision, change) in rows::changes(connection, &state)? {
        let place = revision
            .0
            .checked_sub(floor + 1)
            .and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| commits.get_mut(place)) {
            Some(commit) => commit.changes.push(change),
            None => return damaged(format!("the outbox has a change of no commit, {revision}")),
        }
    }
    let history = History::new(
        Revision(floor),
        options.history_commits_max,
        options.history_bytes_max,
    );
    history.add(commits.into_iter().map(Arc::new));
    Ok((state, history))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_a_broken_write_nothing_is_written_and_everything_is_read() {
        let home = tempfile::tempdir().unwrap();
        let (now, key) = (Timestamp::UNIX_EPOCH, Key::of(["a"]));
        let store = Sqlite::open(home.path()).unwrap();
        store.commit(Batch::at(now).put(key.clone(), "1")).await.unwrap();
        let reason = "the disk is gone".to_owned();
        store.engine.set_health(Health::Failed {
            reason: reason.clone(),
        });
        let refused = store.commit(Batch::at(now).put(key.clone(), "2")).await;
        assert_eq!(
            refused,
            Err(CommitError::Failed {
                reason: reason.clone()
            })
        );
        store.engine.set_health(Health::Writable);
        assert_eq!(
            store.health(),
            Health::Failed { reason },
            "only a new start heals"
        );
        assert_eq!(store.get(&key, now).await.unwrap().unwrap().value, "1");
        store.close().await;
        drop(store);
        assert!(
            home.path().join("state.db-wal").exists(),
            "nothing was moved or synced again"
        );
        let store = Sqlite::open(home.path()).unwrap();
        assert_eq!(store.get(&key, now).await.unwrap().unwrap().value, "1");
        store.commit(Batch::at(now).put(key, "2")).await.unwrap();
    }

    #[tokio::test]
    async fn the_queue_has_an_end() {
        let home = tempfile::tempdir().unwrap();
        let store = Sqlite::open(home.path()).unwrap();
        let batch = || Batch::at(Timestamp::UNIX_EPOCH).put(Key::of(["a"]), "1");
        store.waiting.store(WAITING_MAX, Ordering::Relaxed);
        let refused = store.commit(batch()).await;
        assert_eq!(refused, Err(CommitError::Overloaded { waiting: WAITING_MAX }));
        store.waiting.store(0, Ordering::Relaxed);
        store.commit(batch()).await.unwrap();
        assert_eq!(store.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn the_outbox_is_as_long_as_the_ring() {
        let home = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            history_commits_max: 100,
            ..SqliteOptions::new(home.path())
        };
        let store = Sqlite::open_with(&options).unwrap();
        for n in 0..2_000 {
            let batch = Batch::at(Timestamp::UNIX_EPOCH).put(Key::of(["a"]), n.to_string());
            store.commit(batch).await.unwrap();
        }
        drop(store);
        let connection = rusqlite::Connection::open(home.path().join(FILE)).unwrap();
        let count = |table| {
            let query = format!("SELECT count(*) FROM {table}");
            connection
                .query_row(&query, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert!((100..1_000).contains(&count("commits")), "{}", count("commits"));
        assert_eq!(count("commits"), count("changes"));
        drop(connection);
        let store = Sqlite::open_with(&options).unwrap();
        assert_eq!(store.revision(), Revision(2_000));
        assert!(store.watch(vec![], Some(Revision(1_900))).is_ok());
        assert!(store.watch(vec![], Some(Revision(1_000))).is_err());
    }
}
