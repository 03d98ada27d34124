//! Finding audit records without reading those that were not asked for.
//!
//! A search first finds places (moment and number) in an index that holds all it compares, then reads
//! exactly the records of the page. The cost follows the page, not the log.

use rusqlite::{Connection, params};

use super::rows::{self, RowError};
use crate::engine::{micros, moment};
use crate::record::{RecordPage, RecordPlace, Search};

/// Which index, and what it is asked beside the time.
enum By<'a> {
    Moment,
    Kind(&'a str),
    User(&'a str),
}

/// One page of a search.
pub(super) fn page(connection: &Connection, search: &Search) -> Result<RecordPage, RowError> {
    let limit = search.limit.min(crate::PAGE_ITEMS_MAX);
    let kinds: std::collections::BTreeSet<&str> = search.kinds.iter().map(String::as_str).collect();
    let mut places = Vec::new();
    if let Some(user) = &search.user {
        find(connection, search, &By::User(user), limit, &mut places, |kind| {
            kinds.is_empty() || kinds.contains(kind)
        })?;
    } else if kinds.is_empty() {
        find(connection, search, &By::Moment, limit, &mut places, |_| true)?;
    } else {
        for kind in kinds {
            find(connection, search, &By::Kind(kind), limit, &mut places, |_| true)?;
        }
    }
    places.sort_unstable();
    if search.newest_first {
        places.reverse();
    }
    let more = places.len() > limit;
    places.truncate(limit);
    let mut read = connection.prepare_cached(&format!(
        "SELECT {} FROM records WHERE number = ?1",
        rows::RECORD_COLUMNS
    ))?;
    let mut records = Vec::with_capacity(places.len());
    for (_, number) in places {
        let mut found = read.query([number])?;
        let row = found.next()?.ok_or_else(|| {
            RowError::Damaged(format!("audit record {number} is in an index and not in the log"))
        })?;
        records.push(rows::record(row)?);
    }
    let next = records.last().map(crate::StoredRecord::place).filter(|_| more);
    Ok(RecordPage { records, next })
}

/// Adds the first `limit + 1` places that one index gives; one more than a page tells whether there is another.
fn find(
    connection: &Connection,
    search: &Search,
    by: &By<'_>,
    limit: usize,
    places: &mut Vec<(i64, i64)>,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), RowError> {
    let (index, condition, value) = match by {
        By::Moment => ("records_by_moment", "?5 = ''", ""),
        By::Kind(kind) => ("records_by_kind", "kind = ?5", *kind),
        By::User(user) => ("records_by_user", "user = ?5", *user),
    };
    let order = if search.newest_first { "DESC" } else { "ASC" };
    // Only the search by person looks at the kind, which its index holds.
    let kind = if matches!(by, By::User(_)) { "kind" } else { "''" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT moment, number, {kind} FROM records INDEXED BY {index}
         WHERE {condition} AND moment BETWEEN ?1 AND ?3
           AND (moment, number) > (?1, ?2) AND (moment, number) < (?3, ?4)
         ORDER BY moment {order}, number {order}"
    ))?;
    let (low, high) = bounds(search);
    let mut rows = select.query(params![low.0, low.1, high.0, high.1, value])?;
    let mut left = limit.saturating_add(1);
    while left > 0
        && let Some(row) = rows.next()?
    {
        let kind = row.get_ref(2)?;
        if wanted(kind.as_str().unwrap_or_default()) {
            places.push((row.get(0)?, row.get(1)?));
            left -= 1;
        }
    }
    Ok(())
}

/// The open interval of places that the search covers. Numbers begin at 1, so `(moment, 0)` lies just
/// before everything of that moment.
fn bounds(search: &Search) -> ((i64, i64), (i64, i64)) {
    let first = (edge(search.from), 0);
    let last = (edge(search.to), 0);
    let after = search
        .after
        .map(|RecordPlace { moment, number }| (micros(moment), i64::try_from(number).unwrap_or(i64::MAX)));
    match after {
        None => (first, last),
        Some(place) if search.newest_first => (first, last.min(place)),
        Some(place) => (first.max(place), last),
    }
}

/// Kept moments are whole microseconds: one is not before `bound` exactly if it is not before `bound`
/// rounded up.
fn edge(bound: jiff::Timestamp) -> i64 {
    let down = micros(bound);
    if moment(down) < bound {
        down.saturating_add(1)
    } else {
        down
    }
}
