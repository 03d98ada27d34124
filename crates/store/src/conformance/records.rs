//! The audit log: gapless, in commit order, and found by time, kind and person.

use access::ambient::{Entropy, SeededEntropy};
use jiff::{SignedDuration, Timestamp};

use super::{Make, Setting, at, commit, put, record};
use crate::{Batch, Record, RecordPlace, Search, Store, StoredRecord};

pub(super) async fn run(make: Make<'_>) {
    let new = || make(Setting::default());
    numbers(&*new()).await;
    what_is_written_is_read(&*new()).await;
    searches_equal_the_slow_way(&*new()).await;
}

async fn numbers(store: &dyn Store) {
    assert_eq!(store.records(1, 10).await, Ok(vec![]));
    for n in 0..20 {
        let mut batch = put("a", "1");
        for part in 0..n % 3 {
            batch = batch.record(record(&format!("{n}.{part}")));
        }
        commit(store, batch).await;
    }
    let all = store.records(1, 1_000).await.unwrap();
    assert_eq!(
        all.iter().map(|stored| stored.number).collect::<Vec<_>>(),
        (1..=19).collect::<Vec<_>>()
    );
    assert!(all.is_sorted_by_key(|stored| stored.revision));
    assert_eq!(store.figures().records, 19);
    assert_eq!(store.records(0, 1_000).await.unwrap(), all);
    assert_eq!(store.records(5, 3).await.unwrap(), all[4..7]);
    assert_eq!(store.records(20, 3).await.unwrap(), []);
    assert_eq!(store.records(u64::MAX, 3).await.unwrap(), []);
    assert_eq!(store.records(1, 0).await.unwrap(), []);
}

async fn what_is_written_is_read(store: &dyn Store) {
    let odd = Record::new(
        at(5) + SignedDuration::from_nanos(1_234_567),
        "kind with 'quotes' %_",
        "user\0\u{202e}é",
        vec![0, 255, 7],
    );
    let made = commit(store, Batch::at(at(0)).record(odd.clone())).await;
    let kept = Record {
        moment: at(5) + SignedDuration::from_micros(1_234),
        ..odd
    };
    let expected = vec![StoredRecord {
        number: 1,
        revision: made.revision,
        record: kept.clone(),
    }];
    assert_eq!(store.records(1, 1).await.unwrap(), expected);
    let search = Search::between(at(5), at(6)).kinds([kept.kind]);
    assert_eq!(store.search(search).await.unwrap().records, expected);
    let search = Search::between(at(5), at(6)).user(kept.user);
    assert_eq!(store.search(search).await.unwrap().records, expected);
}

/// Moments neither unique nor in order, kinds and people crossed, every page size.
async fn searches_equal_the_slow_way(store: &dyn Store) {
    let chance = SeededEntropy::new(11);
    let draw = |below: u8| {
        let mut byte = [0];
        chance.fill(&mut byte);
        byte[0] % below
    };
    for _ in 0..40 {
        let mut batch = Batch::at(at(0));
        for _ in 0..draw(8) {
            let moment = at(i64::from(draw(10))) + SignedDuration::from_micros(i64::from(draw(2)));
            let (kind, user) = (format!("kind.{}", draw(4)), format!("user{}", draw(3)));
            batch = batch.record(Record::new(moment, kind, user, "{}"));
        }
        commit(store, batch).await;
    }
    let log = store.records(1, 1_000).await.unwrap();
    assert!(log.len() > 100);
    let spans = [
        (Timestamp::MIN, Timestamp::MAX),
        (at(2), at(7)),
        (at(3), at(3) + SignedDuration::from_nanos(1)),
        (at(3) + SignedDuration::from_nanos(1), at(4)),
        (at(7), at(2)),
    ];
    let choices: [&[&str]; 4] = [&[], &["kind.1"], &["kind.0", "kind.3", "kind.0"], &["kind.none"]];
    for (from, to) in spans {
        for kinds in choices {
            for user in [None, Some("user1"), Some("nobody")] {
                for newest_first in [false, true] {
                    let mut search = Search::between(from, to).kinds(kinds.iter().copied());
                    search.user = user.map(str::to_owned);
                    search.newest_first = newest_first;
                    let expected = slowly(&log, &search);
                    let whole = store.search(search.clone()).await.unwrap();
                    assert_eq!((&whole.records, whole.next), (&expected, None), "{search:?}");
                    for limit in [1, 7, 50] {
                        assert_eq!(
                            paged(store, search.clone().limit(limit)).await,
                            expected,
                            "{search:?}"
                        );
                    }
                }
            }
        }
    }
    // A place of another search is only a place.
    let stray = RecordPlace {
        moment: at(-5),
        number: 3,
    };
    let search = Search::between(at(2), at(7));
    assert_eq!(
        store
            .search(search.clone().after(Some(stray)))
            .await
            .unwrap()
            .records,
        slowly(&log, &search)
    );
}

async fn paged(store: &dyn Store, search: Search) -> Vec<StoredRecord> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.search(search.clone().after(after)).await.unwrap();
        assert!(page.records.len() <= search.limit);
        found.extend(page.records);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn slowly(log: &[StoredRecord], search: &Search) -> Vec<StoredRecord> {
    let mut found: Vec<StoredRecord> = log
        .iter()
        .filter(|stored| stored.record.moment >= search.from && stored.record.moment < search.to)
        .filter(|stored| search.kinds.is_empty() || search.kinds.contains(&stored.record.kind))
        .filter(|stored| {
            search
                .user
                .as_ref()
                .is_none_or(|user| *user == stored.record.user)
        })
        .cloned()
        .collect();
    found.sort_by_key(|stored| (stored.record.moment, stored.number));
    if search.newest_first {
        found.reverse();
    }
    found
}
