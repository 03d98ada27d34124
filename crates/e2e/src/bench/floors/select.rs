//! The floor of every start with much in the store: reading all of it out of SQLite, and nothing else.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use transport::system::Stopwatch;

use crate::bench::trouble::{Outcome, While as _};

/// Reads every item of the store in `data`: how long it took, and how many there are.
pub fn run(data: &Path) -> Outcome<(Duration, usize)> {
    let read = || {
        let watch = Stopwatch::start();
        let connection =
            Connection::open_with_flags(data.join("state.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = connection.prepare("SELECT key, value, revision, expires FROM items")?;
        let mut rows = statement.query([])?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            bytes += row.get_ref(0)?.as_str().map_or(0, str::len);
            bytes += row.get_ref(1)?.as_blob().map_or(0, <[u8]>::len);
        }
        std::hint::black_box(bytes);
        Ok::<_, rusqlite::Error>((watch.elapsed(), count))
    };
    read().to("read the store with a plain select")
}
