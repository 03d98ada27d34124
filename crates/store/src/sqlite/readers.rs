//! A few threads that read the audit log, each with a connection that cannot write.
//!
//! They start with the first question: a server that nobody asks has none of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::rows::RowError;
use super::schema;
use crate::error::ReadError;

const THREADS: usize = 2;

type Job = Box<dyn FnOnce(&Result<Connection, rusqlite::Error>) + Send>;

/// Runs reads away from the asynchronous threads.
pub(super) struct Readers {
    file: PathBuf,
    pool: Mutex<Pool>,
}

enum Pool {
    Idle,
    Running(mpsc::Sender<Job>, Vec<JoinHandle<()>>),
    Closed,
}

impl Readers {
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            pool: Mutex::new(Pool::Idle),
        }
    }

    /// Runs `read` on a connection that sees every commit answered so far.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = match connection {
                Ok(connection) => read(connection).map_err(ReadError::from),
                Err(error) => Err(read_error(error)),
            };
            // Whoever asked may have gone.
            let _ = sender.send(outcome);
        });
        self.sender()?.send(job).map_err(|_| ReadError::Closed)?;
        answer.await.unwrap_or(Err(ReadError::Closed))
    }

    fn sender(&self) -> Result<mpsc::Sender<Job>, ReadError> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        match &*pool {
            Pool::Running(sender, _) => return Ok(sender.clone()),
            Pool::Closed => return Err(ReadError::Closed),
            Pool::Idle => {}
        }
        let (sender, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = (0..THREADS).map(|_| {
            let (jobs, file) = (Arc::clone(&jobs), self.file.clone());
            std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || serve(&file, &jobs))
        });
        let threads = threads
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| ReadError::Failed {
                reason: format!("no thread to read with: {error}"),
            })?;
        *pool = Pool::Running(sender.clone(), threads);
        Ok(sender)
    }

    /// Finishes what was asked and ends the threads. May block.
    pub fn close(&self) {
        let pool = {
            let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *pool, Pool::Closed)
        };
        if let Pool::Running(sender, threads) = pool {
            drop(sender);
            for thread in threads {
                // A reader that panicked has nothing left to finish.
                let _ = thread.join();
            }
        }
    }
}

fn serve(file: &Path, jobs: &Mutex<mpsc::Receiver<Job>>) {
    let mut connection = schema::connect_reader(file);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if connection.is_err() {
            connection = schema::connect_reader(file);
        }
        job(&connection);
    }
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Damaged(detail) => Self::Corrupt { detail },
            RowError::Database(error) => read_error(&error),
        }
    }
}

fn read_error(error: &rusqlite::Error) -> ReadError {
    if super::is_damage(error) {
        ReadError::Corrupt {
            detail: error.to_string(),
        }
    } else {
        ReadError::Failed {
            reason: error.to_string(),
        }
    }
}
