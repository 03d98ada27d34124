//! Where lines go. A log that cannot be written must not stop the service: the line is lost, and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Takes lines. Clones mean the same place.
#[derive(Clone)]
pub struct Sink(Arc<Inner>);

struct Inner {
    place: Place,
    lost: AtomicU64,
}

enum Place {
    Stderr,
    Stdout,
    File(PathBuf, Mutex<File>),
}

impl Sink {
    /// Standard error.
    pub fn stderr() -> Self {
        Self::to(Place::Stderr)
    }

    /// Standard output.
    pub fn stdout() -> Self {
        Self::to(Place::Stdout)
    }

    /// The end of a file, which is made for its owner alone if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn file(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self::to(Place::File(path.to_owned(), Mutex::new(file))))
    }

    fn to(place: Place) -> Self {
        Self(Arc::new(Inner {
            place,
            lost: AtomicU64::new(0),
        }))
    }

    /// How many lines could not be written.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Opens the file anew, after somebody has moved it away.
    ///
    /// # Errors
    /// What the system says; lines go on to where they went.
    pub fn reopen(&self) -> io::Result<()> {
        if let Place::File(path, file) = &self.0.place {
            let next = open(path)?;
            *file.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
        Ok(())
    }

    pub(super) fn write(&self, line: &str) {
        let line = line.as_bytes();
        let written = match &self.0.place {
            Place::Stderr => io::stderr().lock().write_all(line),
            Place::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(line).and_then(|()| stdout.flush())
            }
            Place::File(_, file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(line),
        };
        if written.is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let home = tempfile::tempdir().expect("a directory");
        let (path, moved) = (home.path().join("log"), home.path().join("log.1"));
        let sink = Sink::file(&path).expect("a file");
        sink.write("one\n");
        std::fs::rename(&path, &moved).expect("moved");
        sink.write("two\n");
        sink.reopen().expect("a file");
        sink.write("three\n");
        let read = |path: &Path| std::fs::read_to_string(path).expect("readable");
        assert_eq!(
            (read(&moved).as_str(), read(&path).as_str()),
            ("one\ntwo\n", "three\n")
        );
        assert_eq!(sink.lost(), 0);
    }
}
