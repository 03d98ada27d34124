//! Rows of the tables, and the check sums that tell whether a disk gave back what it got.

use std::path::Path;
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, Row, params};

use super::schema;
use crate::engine::{Entry, Prepared, State, micros, moment};
use crate::history::Change;
use crate::item::{Item, Revision};
use crate::key::Key;
use crate::record::{Record, StoredRecord};

/// How many changes one commit can have at most, as `changes.place` counts them.
const ORDINALS: i64 = 65_536;

/// Why a row cannot be used.
#[derive(Debug)]
pub(super) enum RowError {
    Database(rusqlite::Error),
    Damaged(String),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// SQLite counts in `i64`; revisions and record numbers start at 1 and never get that far.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// What a check sum is made of: gathered, and digested at once, which is quicker than piece by piece.
struct Sum(Vec<u8>);

impl Sum {
    fn new(numbers: &[i64]) -> Self {
        let mut sum = Self(Vec::with_capacity(1_024));
        for number in numbers {
            sum.0.extend(number.to_be_bytes());
        }
        sum
    }

    fn add(mut self, piece: &[u8]) -> Self {
        self.0.extend((piece.len() as u64).to_be_bytes());
        self.0.extend_from_slice(piece);
        self
    }

    fn finish(self) -> i64 {
        let mut first = [0; 8];
        first.copy_from_slice(&digest(&SHA256, &self.0).as_ref()[..8]);
        i64::from_be_bytes(first)
    }
}

fn item_sum(key: &str, value: &[u8], revision: i64, expires: Option<i64>) -> i64 {
    Sum::new(&[1, revision, expires.unwrap_or(i64::MAX)])
        .add(key.as_bytes())
        .add(value)
        .finish()
}

fn deletion_sum(key: &str, revision: i64) -> i64 {
    Sum::new(&[2, revision]).add(key.as_bytes()).finish()
}

fn record_sum(number: i64, revision: i64, moment: i64, kind: &str, user: &str, body: &[u8]) -> i64 {
    Sum::new(&[3, number, revision, moment])
        .add(kind.as_bytes())
        .add(user.as_bytes())
        .add(body)
        .finish()
}

/// Writes judged batches inside the transaction that the caller has begun.
pub(super) fn write(connection: &Connection, prepared: &[Prepared]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO items (key, value, revision, expires, sum) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3, expires = ?4, sum = ?5",
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM items WHERE key = ?1")?;
    let mut change = connection.prepare_cached(
        "INSERT INTO changes (place, key, value, expires, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut record = connection.prepare_cached(
        "INSERT INTO records (number, revision, moment, kind, user, body, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut commit = connection
        .prepare_cached("INSERT INTO commits (revision, moment, last_record) VALUES (?1, ?2, ?3)")?;
    for one in prepared {
        let revision = signed(one.commit.revision.0);
        for (place, what) in (revision * ORDINALS..).zip(&one.commit.changes) {
            match what {
                Change::Put(Item {
                    key, value, expires, ..
                }) => {
                    let (key, value, expires) = (key.as_str(), &value[..], expires.map(micros));
                    let sum = item_sum(key, value, revision, expires);
                    put.execute(params![key, value, revision, expires, sum])?;
                    change.execute(params![place, key, value, expires, sum])?;
                }
                Change::Delete(key) => {
                    delete.execute([key.as_str()])?;
                    let sum = deletion_sum(key.as_str(), revision);
                    change.execute(params![place, key.as_str(), None::<&[u8]>, None::<i64>, sum])?;
                }
            }
        }
        for StoredRecord {
            number, record: told, ..
        } in &one.records
        {
            let (number, moment) = (signed(*number), micros(told.moment));
            let sum = record_sum(number, revision, moment, &told.kind, &told.user, &told.body);
            record.execute(params![
                number,
                revision,
                moment,
                told.kind,
                told.user,
                &told.body[..],
                sum
            ])?;
        }
        commit.execute(params![revision, one.latest, signed(one.last_record)])?;
    }
    Ok(())
}

/// Forgets the commits up to `floor`, inside the caller's transaction.
pub(super) fn forget(connection: &Connection, floor: Revision) -> rusqlite::Result<()> {
    let floor = signed(floor.0);
    connection
        .prepare_cached("DELETE FROM commits WHERE revision <= ?1")?
        .execute([floor])?;
    connection
        .prepare_cached("DELETE FROM changes WHERE place < ?1")?
        .execute([(floor + 1) * ORDINALS])?;
    Ok(())
}

/// How many threads read the items at opening, at most, and from how many rows on they are worth their start.
const SHARES_MAX: usize = 4;
const SHARED_FROM: i64 = 10_000;

/// All items, a sorted run for each share of the rows: they are read and checked side by side, a thread a processor.
pub(super) fn items(connection: &Connection, file: &Path) -> Result<Vec<Vec<(Key, Entry)>>, RowError> {
    let last: Option<i64> = connection.query_row("SELECT max(id) FROM items", [], |row| row.get(0))?;
    let last = last.unwrap_or(0);
    let shares = match thread::available_parallelism() {
        Ok(processors) if last >= SHARED_FROM => processors.get().min(SHARES_MAX),
        _ => 1,
    };
    let wide = last / i64::try_from(shares).unwrap_or(i64::MAX) + 1;
    let ends = (1..).map(|share| share * wide).take(shares - 1);
    let begins: Vec<i64> = std::iter::once(i64::MIN).chain(ends).collect();
    let ends = begins.iter().skip(1).map(|begin| begin - 1).chain([i64::MAX]);
    let mut ranges = begins.iter().copied().zip(ends);
    let mine = ranges.next();
    thread::scope(|scope| {
        let others: Vec<_> = ranges
            .map(|range| scope.spawn(move || share(&schema::connect_reader(file)?, range)))
            .collect();
        let mine = mine.map(|range| share(connection, range));
        let joined = others.into_iter().map(|other| {
            other
                .join()
                .unwrap_or_else(|_| Err(RowError::Damaged("the items could not be checked".to_owned())))
        });
        mine.into_iter().chain(joined).collect()
    })
}

/// The items of some rows, checked and in order.
fn share(connection: &Connection, (first, last): (i64, i64)) -> Result<Vec<(Key, Entry)>, RowError> {
    let mut select = connection
        .prepare("SELECT key, value, revision, expires, sum FROM items WHERE id BETWEEN ?1 AND ?2")?;
    let mut rows = select.query([first, last])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, value) = (text(row, 0)?, blob(row, 1)?);
        let (revision, expires): (i64, Option<i64>) = (row.get(2)?, row.get(3)?);
        if item_sum(key, value, revision, expires) != row.get::<_, i64>(4)? {
            return Err(RowError::Damaged(format!(
                "the item `{key}` is not what was written"
            )));
        }
        let entry = Entry {
            value: Bytes::copy_from_slice(value),
            revision: Revision(unsigned(revision)),
            expires: expires.unwrap_or(i64::MAX),
        };
        items.push((parse(key)?, entry));
    }
    items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(items)
}

/// A row of the outbox.
pub(super) struct KeptCommit {
    pub revision: Revision,
    pub latest: i64,
    pub last_record: u64,
}

/// The commits that the outbox keeps, in order.
pub(super) fn commits(connection: &Connection) -> rusqlite::Result<Vec<KeptCommit>> {
    let mut select =
        connection.prepare("SELECT revision, moment, last_record FROM commits ORDER BY revision")?;
    let rows = select.query_map([], |row| {
        Ok(KeptCommit {
            revision: Revision(unsigned(row.get(0)?)),
            latest: row.get(1)?,
            last_record: unsigned(row.get(2)?),
        })
    })?;
    rows.collect()
}

/// What the outbox's commits changed, in order. What is still so in `state` shares its bytes.
pub(super) fn changes(connection: &Connection, state: &State) -> Result<Vec<(Revision, Change)>, RowError> {
    let mut select =
        connection.prepare("SELECT place, key, value, expires, sum FROM changes ORDER BY place")?;
    let mut rows = select.query([])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let place: i64 = row.get(0)?;
        let revision = place / ORDINALS;
        let (key, expires, sum): (&str, Option<i64>, i64) = (text(row, 1)?, row.get(3)?, row.get(4)?);
        let at = Revision(unsigned(revision));
        let (change, actual) = if row.get_ref(2)? == ValueRef::Null {
            (Change::Delete(parse(key)?), deletion_sum(key, revision))
        } else if let Some(item) = state.held(key, at) {
            (Change::Put(item), sum)
        } else {
            let value = blob(row, 2)?;
            let item = Item {
                key: parse(key)?,
                value: Bytes::copy_from_slice(value),
                revision: at,
                expires: expires.map(moment),
            };
            (Change::Put(item), item_sum(key, value, revision, expires))
        };
        if actual != sum {
            return Err(RowError::Damaged(format!(
                "the outbox entry for `{key}` is not what was written"
            )));
        }
        changes.push((at, change));
    }
    Ok(changes)
}

/// The number of the last audit record, 0 if there is none.
pub(super) fn last_record(connection: &Connection) -> rusqlite::Result<u64> {
    let last: Option<i64> = connection.query_row("SELECT max(number) FROM records", [], |row| row.get(0))?;
    Ok(last.map_or(0, unsigned))
}

/// What [`record`] expects of a statement.
pub(super) const RECORD_COLUMNS: &str = "number, revision, moment, kind, user, body, sum";

/// Up to `limit` records from number `from` on.
pub(super) fn records(
    connection: &Connection,
    from: u64,
    limit: usize,
) -> Result<Vec<StoredRecord>, RowError> {
    let mut select: CachedStatement<'_> = connection.prepare_cached(&format!(
        "SELECT {RECORD_COLUMNS} FROM records WHERE number >= ?1 ORDER BY number LIMIT ?2"
    ))?;
    let mut rows = select.query(params![signed(from), i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = record(row)?;
        let expected = from.max(1) + found.len() as u64;
        if stored.number != expected {
            return Err(RowError::Damaged(format!("audit record {expected} is missing")));
        }
        found.push(stored);
    }
    Ok(found)
}

/// Reads one record out of a row with [`RECORD_COLUMNS`].
pub(super) fn record(row: &Row<'_>) -> Result<StoredRecord, RowError> {
    let (number, revision, at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (kind, user, body, sum) = (text(row, 3)?, text(row, 4)?, blob(row, 5)?, row.get::<_, i64>(6)?);
    if record_sum(number, revision, at, kind, user, body) != sum {
        return Err(RowError::Damaged(format!(
            "audit record {number} is not what was written"
        )));
    }
    Ok(StoredRecord {
        number: unsigned(number),
        revision: Revision(unsigned(revision)),
        record: Record {
            moment: moment(at),
            kind: kind.to_owned(),
            user: user.to_owned(),
            body: Bytes::copy_from_slice(body),
        },
    })
}

fn parse(key: &str) -> Result<Key, RowError> {
    Key::parse(key).map_err(|error| RowError::Damaged(error.to_string()))
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, RowError> {
    let value = row.get_ref(column)?;
    value
        .as_str()
        .map_err(|_| RowError::Damaged(format!("column {column} of a row is not text")))
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], RowError> {
    let value = row.get_ref(column)?;
    value
        .as_blob()
        .map_err(|_| RowError::Damaged(format!("column {column} of a row holds no bytes")))
}
