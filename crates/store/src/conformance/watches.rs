//! Watches: every change once, in the order of commits, or an error that says to list again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Make, Setting, at, commit, everything, key, put, record, things};
use crate::{Batch, Change, Event, Key, Prefix, Revision, Store, Watch, WatchError};

pub(super) async fn run(make: Make<'_>) {
    let new = || make(Setting::default());
    from_the_present(&*new()).await;
    order_is_commit_order(new()).await;
    resume_at_every_boundary(&*new()).await;
    list_then_watch_misses_nothing(new()).await;
    nobody_reads_the_future(&*new()).await;
    a_crowd_wakes(new()).await;
    waiting_can_be_given_up(new()).await;
    let small = || {
        make(Setting {
            history_commits_max: 16,
        })
    };
    who_lags_is_told(&*small()).await;
    who_waits_for_other_things_does_not_lag(small()).await;
}

async fn from_the_present(store: &dyn Store) {
    commit(store, put("before", "1")).await;
    let mut mine = store.watch(vec![things()], None).unwrap();
    let mut two = store
        .watch(vec![Prefix::of(["x"]), Prefix::of(["y"])], None)
        .unwrap();
    let mut all = store.watch(vec![], None).unwrap();
    let other = Key::of(["y", "1"]);
    let batch = put("b", "1")
        .put(other.clone(), "2")
        .delete(key("before"))
        .put(key("a"), "3");
    let made = commit(store, batch.record(record("one"))).await.revision;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(mine.next().await.unwrap());
    }
    // Within a commit in the order of its writes.
    let order: Vec<_> = seen
        .iter()
        .map(|event| (event.revision, event.change.key().name()))
        .collect();
    assert_eq!(
        order,
        [(made, "b".into()), (made, "before".into()), (made, "a".into())]
    );
    assert_eq!(seen[1].change, Change::Delete(key("before")));
    let Change::Put(item) = &seen[0].change else {
        panic!("a put is a put: {:?}", seen[0]);
    };
    assert_eq!(Some(item), store.get(&key("b"), at(0)).await.unwrap().as_ref());
    assert_eq!(mine.try_next().unwrap(), None);
    assert_eq!(mine.revision(), made);
    assert_eq!(two.next().await.unwrap().change.key(), &other);
    assert_eq!(two.try_next().unwrap(), None);
    let mut count = 0;
    while all.try_next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 4);
}

/// Sixteen writers, eight watches; every watch sees the same story, and it ends in what the store holds.
async fn order_is_commit_order(store: Arc<dyn Store>) {
    const WRITERS: usize = 16;
    const ROUNDS: usize = 40;
    let watches: Vec<_> = (0..8)
        .map(|_| {
            let mut watch = store.watch(vec![things()], None).unwrap();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while seen.len() < WRITERS * ROUNDS {
                    seen.push(watch.next().await.unwrap());
                }
                seen
            })
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut made = Vec::new();
                for round in 0..ROUNDS {
                    // All write the same few keys, so that order matters.
                    let name = ((writer + round) % 5).to_string();
                    let text = format!("{writer}-{round}");
                    made.push((commit(&*store, put(&name, &text)).await.revision, name, text));
                }
                made
            })
        })
        .collect();
    let mut expected = Vec::new();
    for writer in writers {
        let made = writer.await.unwrap();
        assert!(
            made.is_sorted(),
            "one caller's commits are in the order of its calls"
        );
        expected.extend(made);
    }
    expected.sort();
    for watch in watches {
        let seen: Vec<_> = watch.await.unwrap().iter().map(told).collect();
        assert_eq!(seen, expected, "no gap, no repetition, one order");
    }
    let last: BTreeMap<_, _> = expected.into_iter().map(|(_, name, text)| (name, text)).collect();
    let held: BTreeMap<_, _> = everything(&*store, at(0))
        .await
        .into_iter()
        .map(|item| {
            (
                item.key.name().into_owned(),
                String::from_utf8_lossy(&item.value).into_owned(),
            )
        })
        .collect();
    assert_eq!(last, held, "after quiet a watch's view equals the store");
}

fn told(event: &Event) -> (Revision, String, String) {
    match &event.change {
        Change::Put(item) => {
            let text = String::from_utf8_lossy(&item.value).into_owned();
            (event.revision, item.key.name().into_owned(), text)
        }
        Change::Delete(key) => (event.revision, key.name().into_owned(), "deleted".to_owned()),
    }
}

fn rest(watch: &mut Watch) -> Vec<(Revision, String, String)> {
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next().unwrap() {
        seen.push(told(&event));
    }
    seen
}

async fn resume_at_every_boundary(store: &dyn Store) {
    let begin = store.revision();
    for n in 0..12 {
        let batch = put(&(n % 3).to_string(), &n.to_string()).put(Key::of(["other", "x"]), "1");
        let batch = if n % 4 == 3 {
            batch.delete(key("1"))
        } else {
            batch.put(key("more"), n.to_string())
        };
        if n % 4 == 3 && n % 3 == 1 {
            continue;
        }
        commit(store, batch).await;
    }
    let whole = rest(&mut store.watch(vec![things()], Some(begin)).unwrap());
    assert!(whole.len() > 12);
    for cut in 0..=whole.len() {
        let mut first = store.watch(vec![things()], Some(begin)).unwrap();
        let mut seen = Vec::new();
        for _ in 0..cut {
            seen.push(told(&first.next().await.unwrap()));
        }
        let position = first.revision();
        let mut second = store.watch(vec![things()], Some(position)).unwrap();
        // A commit that was cut in its middle comes again whole.
        seen.retain(|(revision, ..)| *revision <= position);
        seen.extend(rest(&mut second));
        assert_eq!(seen, whole, "cut after {cut}");
    }
}

/// A list and a watch from the list's revision are the store, while others write.
async fn list_then_watch_misses_nothing(store: Arc<dyn Store>) {
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for n in 0..300 {
            let name = (n % 17).to_string();
            let batch = if n % 5 == 0 {
                Batch::at(at(0)).delete(key(&name))
            } else {
                put(&name, &n.to_string())
            };
            commit(&*writer, batch).await;
        }
    });
    let mut views = Vec::new();
    for _ in 0..10 {
        let page = store.range(crate::Range::under(things()), at(0)).await.unwrap();
        let view: BTreeMap<Key, crate::Item> = page
            .items
            .into_iter()
            .map(|item| (item.key.clone(), item))
            .collect();
        views.push((view, store.watch(vec![things()], Some(page.revision)).unwrap()));
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
    let held = everything(&*store, at(0)).await;
    for (mut view, mut watch) in views {
        while let Some(event) = watch.try_next().unwrap() {
            match event.change {
                Change::Put(item) => view.insert(item.key.clone(), item),
                Change::Delete(key) => view.remove(&key),
            };
        }
        assert_eq!(view.into_values().collect::<Vec<_>>(), held);
    }
}

async fn nobody_reads_the_future(store: &dyn Store) {
    let head = commit(store, put("a", "1")).await.revision;
    let position = Revision(head.0 + 1);
    assert_eq!(
        store.watch(vec![], Some(position)).unwrap_err(),
        WatchError::Ahead { position, head }
    );
}

async fn a_crowd_wakes(store: Arc<dyn Store>) {
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let mut watch = store.watch(vec![things()], None).unwrap();
            tokio::spawn(async move {
                (
                    watch.next().await.unwrap().revision,
                    watch.next().await.unwrap().revision,
                )
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let first = commit(&*store, put("a", "1")).await.revision;
    let second = commit(&*store, put("a", "2")).await.revision;
    for watch in waiting {
        assert_eq!(watch.await.unwrap(), (first, second));
    }
}

async fn waiting_can_be_given_up(store: Arc<dyn Store>) {
    let mut watch = store.watch(vec![things()], None).unwrap();
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for n in 0..100 {
            commit(&*writer, put("a", &n.to_string())).await;
        }
    });
    let mut seen = 0;
    while seen < 100 {
        tokio::select! {
            biased;
            // Gives up as often as it can.
            () = tokio::task::yield_now() => {}
            event = watch.next() => {
                assert_eq!(told(&event.unwrap()).2, seen.to_string());
                seen += 1;
            }
        }
        if let Some(event) = watch.try_next().unwrap() {
            assert_eq!(told(&event).2, seen.to_string());
            seen += 1;
        }
    }
    writing.await.unwrap();
}

async fn who_lags_is_told(store: &dyn Store) {
    let begin = store.revision();
    let mut idle = store.watch(vec![things()], None).unwrap();
    let mut half = store.watch(vec![things()], None).unwrap();
    commit(store, put("a", "first").put(key("b"), "first")).await;
    assert_eq!(half.next().await.unwrap().change.key(), &key("a"));
    for n in 0..64 {
        commit(store, put("a", &n.to_string())).await;
    }
    let Err(WatchError::Lagged { position, oldest }) = idle.next().await else {
        panic!("a watch that missed something says so");
    };
    assert_eq!(position, begin);
    assert!(oldest > begin && oldest < store.revision());
    assert!(
        matches!(idle.next().await, Err(WatchError::Lagged { .. })),
        "and goes on saying so"
    );
    // What was half delivered is delivered to its end; then comes the error.
    assert_eq!(half.next().await.unwrap().change.key(), &key("b"));
    assert!(matches!(half.next().await, Err(WatchError::Lagged { .. })));
    assert_eq!(
        store.watch(vec![things()], Some(begin)).unwrap_err(),
        WatchError::Lagged {
            position: begin,
            oldest
        }
    );
    let mut resumed = store.watch(vec![things()], Some(oldest)).unwrap();
    assert_eq!(rest(&mut resumed).len() as u64, store.revision().0 - oldest.0);
    // A decision that rests on a list so old has to be made again.
    let old = crate::Require::Unchanged {
        prefix: Prefix::of(["things", "b"]),
        since: begin,
    };
    assert!(store.commit(Batch::at(at(0)).require(old)).await.is_err());
}

/// What does not concern a watch does not push it out, as long as it is waiting.
async fn who_waits_for_other_things_does_not_lag(store: Arc<dyn Store>) {
    let mut watch = store.watch(vec![Prefix::of(["rare"])], None).unwrap();
    let waiting = tokio::spawn(async move { watch.next().await });
    for n in 0..200 {
        commit(&*store, put("a", &n.to_string())).await;
        tokio::task::yield_now().await;
    }
    let rare = Key::of(["rare", "x"]);
    commit(&*store, Batch::at(at(0)).put(rare.clone(), "1")).await;
    assert_eq!(waiting.await.unwrap().unwrap().change.key(), &rare);
}
