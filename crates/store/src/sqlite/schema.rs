//! The tables, their versions, and how every connection is set.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::OpenError;

/// Marks the file as ours (`CsSt`), so that nobody opens another program's database by mistake.
const APPLICATION_ID: i64 = 0x4373_5374;

/// One step from each version to the next; the first makes version 1 out of nothing. Steps that have
/// been released are never changed, only followed by others.
const STEPS: &[&str] = &[V1];

/// Moments are microseconds since 1970. Every row carries eight bytes of a SHA-256 over its content
/// (`sum`): SQLite does not notice a flipped bit inside a value by itself.
const V1: &str = "
    -- Everything that is remembered now.
    CREATE TABLE items (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        value BLOB NOT NULL,
        revision INTEGER NOT NULL,
        expires INTEGER,
        sum INTEGER NOT NULL
    ) STRICT;

    -- The audit log.
    CREATE TABLE records (
        number INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        moment INTEGER NOT NULL,
        kind TEXT NOT NULL,
        user TEXT NOT NULL,
        body BLOB NOT NULL,
        sum INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX records_by_moment ON records (moment);
    CREATE INDEX records_by_kind ON records (kind, moment);
    CREATE INDEX records_by_user ON records (user, moment, kind);

    -- The outbox: the latest commits, for watches that resume after a restart. The last row is also
    -- the only place of the last revision, the last record's number and the latest moment.
    CREATE TABLE commits (
        revision INTEGER PRIMARY KEY,
        moment INTEGER NOT NULL,
        last_record INTEGER NOT NULL
    ) STRICT;
    -- What they changed: place = revision * 65536 + ordinal; no value means deleted.
    CREATE TABLE changes (
        place INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        value BLOB,
        expires INTEGER,
        sum INTEGER NOT NULL
    ) STRICT;
";

/// A connection that may write, set the way this store needs it.
pub(super) fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(
        "
        -- Another program may look into the file (a backup, a shell): wait for it, not for ever.
        PRAGMA busy_timeout = 5000;
        -- The schema of a file that somebody tampered with must not run functions.
        PRAGMA trusted_schema = OFF;
        -- Look at the cells of a page before using them: a damaged page is an error, not an answer.
        PRAGMA cell_size_check = ON;
        -- No memory mapping: a failing disk would be a signal that kills the process instead of an error.
        PRAGMA mmap_size = 0;
        -- What is deleted is overwritten where that costs no extra write.
        PRAGMA secure_delete = FAST;
        PRAGMA temp_store = MEMORY;
        -- 2 MiB. Reads are served from memory; pages are cached for writing only.
        PRAGMA cache_size = -2000;
        ",
    )?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn connect_reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.execute_batch(
        "
        PRAGMA busy_timeout = 5000;
        PRAGMA trusted_schema = OFF;
        PRAGMA cell_size_check = ON;
        PRAGMA mmap_size = 0;
        PRAGMA query_only = ON;
        PRAGMA temp_store = MEMORY;
        PRAGMA cache_size = -1000;
        ",
    )?;
    Ok(connection)
}

/// Makes commits durable: appended to the write-ahead log and synced before they are answered.
pub(super) fn make_durable(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let database = |error| OpenError::database(file, &error);
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(database)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(OpenError::NoLog {
            file: file.to_owned(),
            mode,
        });
    }
    connection
        .execute_batch(
            "
            -- FULL, not NORMAL: NORMAL syncs the log at checkpoints only and may lose answered commits
            -- when the power goes.
            PRAGMA synchronous = FULL;
            -- On macOS a plain sync stays in the drive's cache.
            PRAGMA fullfsync = ON;
            PRAGMA checkpoint_fullfsync = ON;
            -- A thread of its own moves the log into the database, so that no commit waits for it.
            PRAGMA wal_autocheckpoint = 0;
            -- After a burst the log's file shrinks again.
            PRAGMA journal_size_limit = 67108864;
            ",
        )
        .map_err(database)
}

/// Brings the file to the present version, or says why that cannot be.
pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), OpenError> {
    run(connection, file, STEPS)
}

fn run(connection: &mut Connection, file: &Path, steps: &[&str]) -> Result<(), OpenError> {
    let database = |error| OpenError::database(file, &error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(database)?;
    let number = |name: &str| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = number("application_id").map_err(database)?;
    let version = number("user_version").map_err(database)?;
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(database)?;
    let fresh = application == 0 && version == 0 && tables == 0;
    let done = usize::try_from(version)
        .ok()
        .filter(|_| fresh || application == APPLICATION_ID);
    let Some(done) = done else {
        return Err(OpenError::Foreign {
            file: file.to_owned(),
        });
    };
    let Some(left) = steps.get(done..) else {
        return Err(OpenError::Newer {
            file: file.to_owned(),
            found: version,
            supported: steps.len(),
        });
    };
    for step in left {
        transaction.execute_batch(step).map_err(database)?;
    }
    if !left.is_empty() {
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(database)?;
        transaction
            .pragma_update(
                None,
                "user_version",
                i64::try_from(steps.len()).unwrap_or(i64::MAX),
            )
            .map_err(database)?;
    }
    transaction.commit().map_err(database)?;
    if !fresh && !left.is_empty() {
        let (from, to) = (version, steps.len());
        tracing::info!(file = %file.display(), from, to, "the store's tables were migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    fn version(connection: &Connection) -> i32 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn each_step_runs_once_and_keeps_what_is_there() {
        let (mut connection, file) = (memory(), Path::new("/x/state.db"));
        run(&mut connection, file, &[V1]).unwrap();
        connection
            .execute("INSERT INTO items VALUES (1, '/a', x'00', 1, NULL, 0)", [])
            .unwrap();
        let later = "ALTER TABLE items ADD COLUMN note TEXT NOT NULL DEFAULT 'none'";
        run(&mut connection, file, &[V1, later]).unwrap();
        run(&mut connection, file, &[V1, later]).unwrap();
        assert_eq!(version(&connection), 2);
        let note: String = connection
            .query_row("SELECT note FROM items", [], |row| row.get(0))
            .unwrap();
        assert_eq!(note, "none");
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_version() {
        let (mut connection, file) = (memory(), Path::new("/x/state.db"));
        run(&mut connection, file, &[V1]).unwrap();
        let broken = "CREATE TABLE extra (a) STRICT";
        assert!(run(&mut connection, file, &[V1, "CREATE TABLE half (a); ", broken]).is_err());
        assert_eq!(version(&connection), 1);
        let half = connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'half'", [], |_| Ok(()));
        assert_eq!(half, Err(rusqlite::Error::QueryReturnedNoRows));
    }

    #[test]
    fn a_newer_or_foreign_file_is_refused_untouched() {
        let (mut connection, file) = (memory(), Path::new("/x/state.db"));
        run(&mut connection, file, &[V1, "CREATE TABLE later (a)"]).unwrap();
        assert_eq!(
            run(&mut connection, file, &[V1]).unwrap_err().to_string(),
            "`/x/state.db` was written by a newer release (its tables have version 2, this program knows up to 1)"
        );
        let mut other = memory();
        other.execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert_eq!(
            run(&mut other, file, &[V1]).unwrap_err().to_string(),
            "`/x/state.db` is a database of another program"
        );
        assert_eq!(version(&other), 0);
    }
}
