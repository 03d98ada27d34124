//! The floor of everything durable: SQLite with a write-ahead log and a full sync, one row of 1.2 KB at a time.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use transport::system::Stopwatch;

use crate::bench::trouble::{Outcome, While as _};

/// Bytes of a row: about a request and its audit record.
const ROW_BYTES: usize = 1_200;

/// A database in which one row after the other is made durable.
pub struct Commits {
    connection: Connection,
    row: Vec<u8>,
}

impl Commits {
    /// A new database in `dir`.
    pub fn open(dir: &Path) -> Outcome<Self> {
        let open = || {
            let connection = Connection::open(dir.join("floor.db"))?;
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            connection.execute_batch(
                "PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)",
            )?;
            Ok::<_, rusqlite::Error>(connection)
        };
        Ok(Self {
            connection: open().to("open the database of the commit floor")?,
            row: vec![7; ROW_BYTES],
        })
    }

    /// Commits `count` rows; how long each took.
    ///
    /// Blocks the thread: nothing else of the bench is to run meanwhile.
    pub fn run(&mut self, count: usize) -> Outcome<Vec<Duration>> {
        let all = || {
            let mut insert = self.connection.prepare("INSERT INTO rows (value) VALUES (?1)")?;
            let mut took = Vec::with_capacity(count);
            for _ in 0..count {
                let watch = Stopwatch::start();
                insert.execute([&self.row])?;
                took.push(watch.elapsed());
            }
            Ok::<_, rusqlite::Error>(took)
        };
        all().to("commit a row to the database of the commit floor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_in_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut commits = Commits::open(dir.path()).expect("a database");
        assert_eq!(commits.run(3).expect("rows").len(), 3);
        let kept: (i64, String, i64) = commits
            .connection
            .query_row(
                "SELECT count(*), (SELECT journal_mode FROM pragma_journal_mode), \
                 (SELECT synchronous FROM pragma_synchronous) FROM rows",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .expect("an answer");
        assert_eq!(kept, (3, "wal".to_owned(), 2));
    }
}
