//! Batches: whole or not at all, one after the other, and only if what they require holds.

use std::sync::Arc;

use super::{Make, Setting, at, commit, key, put, record, things, value};
use crate::{
    BATCH_BYTES_MAX, Batch, CommitError, KEY_BYTES_MAX, Key, RECORD_BYTES_MAX, Require, Revision, Store,
    VALUE_BYTES_MAX, WatchError,
};

pub(super) async fn run(make: Make<'_>) {
    let new = || make(Setting::default());
    whole_or_nothing(&*new()).await;
    conditions(&*new()).await;
    unchanged_guards_what_a_list_did_not_contain(&*new()).await;
    a_check_writes_nothing(&*new()).await;
    limits(&*new()).await;
    sixty_four_writers(new()).await;
    a_conflicting_batch_fails_alone(new()).await;
    who_stops_waiting_does_not_harm_others(new()).await;
    closing(&*new()).await;
}

async fn whole_or_nothing(store: &dyn Store) {
    let first = commit(store, put("a", "1").put(key("b"), "1").record(record("first"))).await;
    assert_eq!(first.records, 1..2);
    let watch = store.watch(vec![], None).unwrap();
    let refused = store
        .commit(
            put("a", "2")
                .delete(key("b"))
                .record(record("never"))
                .require(Require::Present(key("a")))
                .require(Require::Present(key("missing"))),
        )
        .await;
    let Err(CommitError::Conflict(obstacle)) = refused else {
        panic!("a condition that does not hold refuses the batch: {refused:?}");
    };
    assert_eq!(obstacle.required, Require::Present(key("missing")));
    assert_eq!(obstacle.found, None);
    assert_eq!(value(store, "a").await.as_deref(), Some("1"));
    assert_eq!(value(store, "b").await.as_deref(), Some("1"));
    assert_eq!(store.revision(), first.revision);
    assert_eq!(store.records(1, 10).await.unwrap().len(), 1);
    let mut watch = watch;
    assert_eq!(watch.try_next().unwrap(), None);
    // Numbers and revisions that a refused batch would have had go to the next one.
    let second = commit(
        store,
        put("a", "3").record(record("second")).record(record("third")),
    )
    .await;
    assert_eq!(second.revision, Revision(first.revision.0 + 1));
    assert_eq!(second.records, 2..4);
}

async fn conditions(store: &dyn Store) {
    let there = commit(store, Batch::at(at(0)).put_until(key("a"), "1", Some(at(10))))
        .await
        .revision;
    let other = Revision(there.0 + 7);
    // condition, holds while the item is alive, holds when its time is over
    let table = [
        (Require::Absent(key("a")), false, true),
        (Require::Absent(key("none")), true, true),
        (Require::Present(key("a")), true, false),
        (Require::Present(key("none")), false, false),
        (Require::AtRevision(key("a"), there), true, false),
        (Require::AtRevision(key("a"), other), false, false),
        (Require::AtRevision(key("none"), there), false, false),
        (Require::Expired(key("a"), there), false, true),
        (Require::Expired(key("a"), other), false, false),
        (Require::Expired(key("none"), there), false, false),
    ];
    for (condition, alive, over) in table {
        for (now, expected) in [(at(9), alive), (at(10), over), (at(11), over)] {
            let outcome = store.commit(Batch::at(now).require(condition.clone())).await;
            assert_eq!(outcome.is_ok(), expected, "{condition:?} at {now}: {outcome:?}");
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.is_conflict()));
        }
    }
}

async fn unchanged_guards_what_a_list_did_not_contain(store: &dyn Store) {
    let locks = crate::Prefix::of(["locks"]);
    let lock = Key::of(["locks", "bob"]);
    let seen = commit(store, put("a", "1")).await.revision;
    let guarded = || {
        Batch::at(at(0)).require(Require::Unchanged {
            prefix: locks.clone(),
            since: seen,
        })
    };
    commit(
        store,
        put("b", "elsewhere").put(Key::of(["locks-old", "bob"]), "elsewhere"),
    )
    .await;
    commit(store, guarded().put(key("c"), "1")).await;
    let locked = commit(store, Batch::at(at(0)).put(lock.clone(), "1"))
        .await
        .revision;
    let Err(CommitError::Conflict(obstacle)) = store.commit(guarded()).await else {
        panic!("a new item below the prefix is a change");
    };
    assert_eq!(obstacle.found, Some(locked));
    let since = |since| {
        Batch::at(at(0)).require(Require::Unchanged {
            prefix: locks.clone(),
            since,
        })
    };
    commit(store, since(locked)).await;
    let freed = commit(store, Batch::at(at(0)).delete(lock)).await.revision;
    assert!(
        store.commit(since(locked)).await.is_err(),
        "a deletion below the prefix is a change"
    );
    commit(store, since(freed)).await;
}

async fn a_check_writes_nothing(store: &dyn Store) {
    let made = commit(store, put("a", "1").record(record("one"))).await;
    let checked = commit(store, Batch::at(at(0)).require(Require::Present(key("a")))).await;
    assert_eq!(checked.revision, made.revision);
    assert_eq!(checked.records, 2..2);
    assert_eq!(store.revision(), made.revision);
    // Deleting what is not there is a commit without a change.
    let mut watch = store.watch(vec![things()], None).unwrap();
    let empty = commit(store, Batch::at(at(0)).delete(key("none")).record(record("two"))).await;
    assert_eq!(empty.revision, Revision(made.revision.0 + 1));
    assert_eq!(watch.try_next().unwrap(), None);
    assert_eq!(watch.revision(), empty.revision);
}

async fn limits(store: &dyn Store) {
    let too_large = async |batch: Batch, expected: &str| match store.commit(batch).await {
        Err(CommitError::TooLarge { what, .. }) => assert_eq!(what, expected),
        other => panic!("a {expected} that is too large is refused: {other:?}"),
    };
    let name = "k".repeat(KEY_BYTES_MAX);
    too_large(put(&name, "1"), "key").await;
    too_large(put("a", &"v".repeat(VALUE_BYTES_MAX + 1)), "value").await;
    too_large(
        Batch::at(at(0)).record(record(&"r".repeat(RECORD_BYTES_MAX))),
        "record",
    )
    .await;
    let large = "v".repeat(VALUE_BYTES_MAX);
    let names: Vec<String> = (0..=BATCH_BYTES_MAX / VALUE_BYTES_MAX)
        .map(|n| format!("k{n}"))
        .collect();
    let whole = names.iter().fold(Batch::at(at(0)), |batch, name| {
        batch.put(key(name), large.clone())
    });
    too_large(whole, "batch").await;
    assert_eq!(
        store.commit(put("a", "1").delete(key("a"))).await,
        Err(CommitError::Twice { key: key("a") })
    );
    assert_eq!(store.revision(), Revision(0));
    commit(store, put("a", &large)).await;
    assert_eq!(
        value(store, "a").await.map(|value| value.len()),
        Some(VALUE_BYTES_MAX)
    );
}

/// Each adds one to the same number, reading and trying again until nobody came between.
async fn sixty_four_writers(store: Arc<dyn Store>) {
    const WRITERS: usize = 64;
    const ROUNDS: usize = 10;
    commit(&*store, put("sum", "0")).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut conflicts = 0_usize;
                for round in 0..ROUNDS {
                    loop {
                        let item = store.get(&key("sum"), at(0)).await.unwrap().unwrap();
                        let sum: usize = std::str::from_utf8(&item.value).unwrap().parse().unwrap();
                        let batch = put("sum", &(sum + 1).to_string())
                            .require_same(key("sum"), Some(item.revision))
                            .put(key(&format!("{writer}-{round}")), sum.to_string())
                            .record(record(&sum.to_string()));
                        match store.commit(batch).await {
                            Ok(made) => {
                                let now = store.get(&key("sum"), at(0)).await.unwrap().unwrap();
                                assert!(now.revision >= made.revision, "what was answered is seen");
                                break;
                            }
                            Err(error) if error.is_conflict() => conflicts += 1,
                            Err(error) => panic!("only conflicts are allowed: {error}"),
                        }
                        tokio::task::yield_now().await;
                    }
                }
                conflicts
            })
        })
        .collect();
    let mut conflicts = 0;
    for writer in writers {
        conflicts += writer.await.unwrap();
    }
    let total = WRITERS * ROUNDS;
    assert_eq!(
        value(&*store, "sum").await,
        Some(total.to_string()),
        "no addition is lost"
    );
    assert_eq!(
        store.revision(),
        Revision(1 + total as u64),
        "a refused batch has no revision"
    );
    let records = store.records(1, total + 1).await.unwrap();
    for (sum, stored) in records.iter().enumerate() {
        assert_eq!(stored.number, sum as u64 + 1, "records have no gap");
        assert_eq!(
            &stored.record.body[..],
            sum.to_string().as_bytes(),
            "records are in commit order"
        );
    }
    assert_eq!(records.len(), total, "one record for each change");
    assert_eq!(store.figures().conflicts, conflicts as u64);
    assert_eq!(store.figures().batches, 1 + total as u64);
}

/// Handed in together, so that a backend with group commit judges them in one group.
async fn a_conflicting_batch_fails_alone(store: Arc<dyn Store>) {
    let batches = (0..200).map(|n| match n % 4 {
        // Every second pair wants to be the only one.
        0 | 1 => put(&format!("only-{}", n / 4), &n.to_string())
            .require(Require::Absent(key(&format!("only-{}", n / 4))))
            .record(record("made")),
        2 => put(&format!("free-{n}"), "1").record(record("made")),
        _ => put("never", "1")
            .require(Require::Present(key("missing")))
            .record(record("never")),
    });
    let waiting: Vec<_> = batches
        .map(|batch| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.commit(batch).await })
        })
        .collect();
    let mut made = 0;
    for answer in waiting {
        match answer.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
    assert_eq!(made, 100, "one of each pair, and all that stand alone");
    assert_eq!(store.records(1, 1_000).await.unwrap().len(), made);
    assert_eq!(value(&*store, "never").await, None);
}

async fn who_stops_waiting_does_not_harm_others(store: Arc<dyn Store>) {
    for n in 0..50 {
        let answer = store.commit(put(&n.to_string(), "1").record(record("left alone")));
        drop(answer);
        commit(&*store, put("kept", &n.to_string()).record(record("kept"))).await;
    }
    assert_eq!(value(&*store, "kept").await.as_deref(), Some("49"));
    let records = store.records(1, 1_000).await.unwrap();
    let last = store.figures().records;
    assert_eq!(
        records.len() as u64,
        last,
        "numbers have no gap, whoever still waits"
    );
}

async fn closing(store: &dyn Store) {
    let mut watch = store.watch(vec![things()], None).unwrap();
    commit(store, put("a", "1")).await;
    store.close().await;
    assert_eq!(store.commit(put("b", "1")).await, Err(CommitError::Closed));
    assert_eq!(store.health(), crate::Health::Closed);
    assert_eq!(
        watch.next().await.unwrap().change.key(),
        &key("a"),
        "a watch ends after what was committed"
    );
    assert_eq!(watch.next().await, Err(WatchError::Closed));
    assert_eq!(store.watch(vec![], None).unwrap_err(), WatchError::Closed);
    store.close().await;
}
