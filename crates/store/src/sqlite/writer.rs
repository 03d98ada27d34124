//! The one thread that writes: it takes every batch that waits, judges them in order, and makes all of
//! them durable with one sync of the disk. While the disk works, the next group gathers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::lock::DirectoryLock;
use super::rows;
use crate::Health;
use crate::batch::{Batch, Committed};
use crate::engine::{Engine, Prepared};
use crate::error::CommitError;
use crate::history::Ring;
use crate::item::Revision;

/// The most batches of one group.
const GROUP_BATCHES_MAX: usize = 512;
/// No more batches join a group whose values and records have so many bytes.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// So many commits are forgotten at once, not one by one.
const FORGET_AT_ONCE: u64 = 512;
/// After so many bytes of commits the log is moved into the database, aside.
const CHECKPOINT_BYTES: usize = 4 << 20;
/// A log of so many pages is moved by the writer itself: under steady load the other thread never
/// catches up, and then the log could not begin anew.
const LOG_PAGES_MAX: u64 = 8_192;

/// What the writer is asked to do.
pub(super) enum Task {
    Commit(Batch, oneshot::Sender<Result<Committed, CommitError>>),
    /// Dropped when everything is closed.
    Close(oneshot::Sender<()>),
}

/// A batch and who waits for it.
struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<Committed, CommitError>>,
}

/// What the writer's thread owns.
pub(super) struct Writer {
    pub connection: Connection,
    pub engine: Arc<Engine>,
    pub dir: std::path::PathBuf,
    pub waiting: Arc<AtomicUsize>,
    /// Everything up to here is gone from the outbox.
    pub forgotten: Revision,
    pub checkpoint: Checkpointer,
    pub unmoved_bytes: usize,
    pub readers: Arc<super::readers::Readers>,
    /// Let go last, when nothing writes any more.
    pub lock: DirectoryLock,
}

impl Writer {
    /// Serves until [`Task::Close`] or until nobody can ask any more.
    pub fn serve(mut self, tasks: &mpsc::Receiver<Task>) {
        let mut closing = Vec::new();
        while closing.is_empty()
            && let Ok(first) = tasks.recv()
        {
            let mut jobs = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(task) = next {
                match task {
                    Task::Commit(batch, answer) => {
                        bytes += batch.bytes();
                        jobs.push(Job { batch, answer });
                    }
                    Task::Close(done) => {
                        closing.push(done);
                        break;
                    }
                }
                let more = jobs.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_MAX;
                next = if more { tasks.try_recv().ok() } else { None };
            }
            self.waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
            self.group(jobs, bytes);
        }
        self.close();
        // Batches that were handed in beside the closing are answered by the end of their channel.
        closing.extend(tasks.try_iter().filter_map(|task| match task {
            Task::Close(done) => Some(done),
            Task::Commit(..) => None,
        }));
    }

    fn group(&mut self, jobs: Vec<Job>, bytes: usize) {
        if jobs.is_empty() {
            return;
        }
        let verdicts = match self.commit(jobs.iter().map(|job| &job.batch)) {
            Ok(verdicts) => verdicts,
            Err(CommitError::Full { .. }) if jobs.len() > 1 => {
                // One large batch must not take the small ones with it.
                let mut alone = |job: &Job| {
                    let verdicts = self.commit([&job.batch]);
                    verdicts.and_then(|mut one| one.pop().unwrap_or(Err(CommitError::Closed)))
                };
                jobs.iter().map(&mut alone).collect()
            }
            Err(error) => vec![Err(error); jobs.len()],
        };
        self.engine.count_conflicts(&verdicts);
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            // Whoever asked may have gone; the batch is committed all the same.
            let _ = job.answer.send(verdict);
        }
        self.engine.history.wake();
        self.unmoved_bytes += bytes;
        if self.unmoved_bytes >= CHECKPOINT_BYTES {
            self.unmoved_bytes = 0;
            self.checkpoint.ask();
            if self.checkpoint.log_pages() > LOG_PAGES_MAX {
                self.checkpoint.run(&self.connection);
            }
        }
    }

    /// Judges, writes and shows a group. An error is the error of every batch in it, and none of them
    /// has changed anything.
    fn commit<'b>(
        &mut self,
        batches: impl IntoIterator<Item = &'b Batch>,
    ) -> Result<Vec<Result<Committed, CommitError>>, CommitError> {
        if let Health::Failed { reason } = self.engine.health() {
            return Err(CommitError::Failed { reason });
        }
        let (verdicts, prepared) = self.engine.judge(batches);
        if prepared.is_empty() {
            return Ok(verdicts);
        }
        let floor = self.engine.history.read(Ring::floor);
        let forget = floor.0 >= self.forgotten.0 + FORGET_AT_ONCE;
        match self.write(&prepared, forget.then_some(floor)) {
            Ok(()) => {
                self.engine.apply(&prepared);
                self.engine.set_health(Health::Writable);
                if forget {
                    self.forgotten = floor;
                }
                Ok(verdicts)
            }
            Err(error) => Err(self.trouble(&error)),
        }
    }

    fn write(&mut self, prepared: &[Prepared], forget: Option<Revision>) -> rusqlite::Result<()> {
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        rows::write(&transaction, prepared)?;
        if let Some(floor) = forget {
            rows::forget(&transaction, floor)?;
        }
        // Returns when the log is synced. On every error above and here the transaction rolls back.
        transaction.commit()
    }

    /// What an error of the database means for the batches and for the store.
    fn trouble(&mut self, error: &rusqlite::Error) -> CommitError {
        let place = self.dir.display().to_string();
        match Trouble::of(error, &self.dir) {
            Trouble::Full => {
                tracing::warn!(%error, %place, "no space left for the store");
                self.engine.set_health(Health::Full);
                CommitError::Full { place }
            }
            Trouble::Blocked => {
                tracing::warn!(%error, %place, "another program holds the store's database");
                CommitError::Blocked { place }
            }
            Trouble::Broken => {
                tracing::error!(%error, %place, "the store cannot write and stops writing");
                let reason = error.to_string();
                self.engine.set_health(Health::Failed {
                    reason: reason.clone(),
                });
                CommitError::Failed { reason }
            }
        }
    }

    fn close(self) {
        let failed = matches!(self.engine.health(), Health::Failed { .. });
        self.engine.set_health(Health::Closed);
        self.checkpoint.close(failed);
        self.readers.close();
        let moved = if failed {
            // A sync that failed may seem to succeed the second time, with the data lost. The log stays
            // as it is; the next start reads what it really holds.
            self.connection
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map(|_| ())
        } else {
            // Leaves one file with everything in it. What cannot be moved stays in the log.
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        if let Err(error) = moved.and_then(|()| self.connection.close().map_err(|(_, error)| error)) {
            tracing::warn!(%error, "the store's log was left for the next start");
        }
        self.engine.history.close();
        drop(self.lock);
    }
}

/// What kind of thing went wrong in a write.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// Space is short, now. The transaction was rolled back and the next one may succeed.
    Full,
    /// Another program holds a lock. Nothing was begun.
    Blocked,
    /// Everything else. Nobody knows what the disk holds.
    Broken,
}

impl Trouble {
    /// SQLite itself says "full" for `ENOSPC`. Quotas and some file systems speak through a plain write
    /// error; a small file tells them from a broken disk.
    fn of(error: &rusqlite::Error, dir: &Path) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy) => Self::Blocked,
            Some(ErrorCode::SystemIoFailure) if !is_sync_failure(error) && no_space(dir) => Self::Full,
            _ => Self::Broken,
        }
    }
}

/// Whether a small file finds no space.
fn no_space(dir: &Path) -> bool {
    let probe = dir.join("state.probe");
    let outcome = std::fs::write(&probe, [0; 8_192]);
    // The probe is of no use once it has been written.
    let _ = std::fs::remove_file(&probe);
    outcome.is_err_and(|error| {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(error.kind(), StorageFull | QuotaExceeded)
    })
}

/// Whether a sync failed: the kernel may have thrown away what it could not write, so nobody may try again.
fn is_sync_failure(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        extended,
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}

/// Moves the log into the database on a thread of its own.
pub(super) struct Checkpointer {
    asked: Option<mpsc::SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<Connection>>,
    log_pages: Arc<AtomicU64>,
}

impl Checkpointer {
    pub fn start(connection: Connection, engine: Arc<Engine>) -> std::io::Result<Self> {
        let (asked, questions) = mpsc::sync_channel(1);
        let log_pages = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&log_pages);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while questions.recv().is_ok() {
                    if matches!(engine.health(), Health::Writable | Health::Full)
                        && let Err(error) = move_log(&connection, &seen)
                    {
                        report(&error, &engine);
                    }
                }
                connection
            })?;
        Ok(Self {
            asked: Some(asked),
            thread: Some(thread),
            log_pages,
        })
    }

    fn ask(&self) {
        if let Some(asked) = &self.asked {
            // Full: it is asked already.
            let _ = asked.try_send(());
        }
    }

    fn log_pages(&self) -> u64 {
        self.log_pages.load(Ordering::Relaxed)
    }

    /// Moves the log from the writer's thread, where no commit can come between.
    fn run(&self, connection: &Connection) {
        match move_log(connection, &self.log_pages) {
            Ok(()) => self.log_pages.store(0, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the store's log could not be moved into the database"),
        }
    }

    fn close(mut self, failed: bool) {
        self.asked = None;
        if let Some(thread) = self.thread.take()
            && let Ok(connection) = thread.join()
            && failed
        {
            // See `Writer::close`. Without the setting nothing worse happens than one more try.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}

fn move_log(connection: &Connection, log_pages: &AtomicU64) -> rusqlite::Result<()> {
    let pages: i64 = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))?;
    log_pages.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
    Ok(())
}

/// A full disk is no harm here: commits stay in the log. A failed sync is.
fn report(error: &rusqlite::Error, engine: &Engine) {
    if is_sync_failure(error) {
        tracing::error!(%error, "the disk failed while the store's log was moved; the store stops writing");
        engine.set_health(Health::Failed {
            reason: error.to_string(),
        });
    } else {
        tracing::warn!(%error, "the store's log could not be moved into the database");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let table = [
            (ffi::SQLITE_FULL, Trouble::Full),
            (ffi::SQLITE_BUSY, Trouble::Blocked),
            (ffi::SQLITE_IOERR_FSYNC, Trouble::Broken),
            (ffi::SQLITE_IOERR_DIR_FSYNC, Trouble::Broken),
            (ffi::SQLITE_IOERR_WRITE, Trouble::Broken),
            (ffi::SQLITE_CORRUPT, Trouble::Broken),
            (ffi::SQLITE_READONLY, Trouble::Broken),
        ];
        for (code, expected) in table {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(Trouble::of(&error, dir.path()), expected, "{error}");
        }
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            0,
            "the probe is gone"
        );
    }
}
