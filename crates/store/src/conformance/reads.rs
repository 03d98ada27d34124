//! Reads: the last commit and nothing older, pages in order, and nothing whose time is over.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Make, Setting, at, commit, everything, key, put, record, things};
use crate::{Batch, Direction, Item, Key, Page, Prefix, Range, Require, Revision, Store};

pub(super) async fn run(make: Make<'_>) {
    let new = || make(Setting::default());
    one_item(&*new()).await;
    several_items_of_one_revision(new()).await;
    pages(&*new()).await;
    pages_by_bytes(&*new()).await;
    expiry(&*new()).await;
    the_sweep(&*new()).await;
    answered_is_seen(new()).await;
}

async fn one_item(store: &dyn Store) {
    assert_eq!(store.get(&key("a"), at(0)).await, Ok(None));
    let first = commit(store, put("a", "1")).await.revision;
    let second = commit(store, put("a", "2")).await.revision;
    assert!(second > first);
    let expected = Item {
        key: key("a"),
        value: "2".into(),
        revision: second,
        expires: None,
    };
    assert_eq!(store.get(&key("a"), at(0)).await, Ok(Some(expected)));
    commit(store, Batch::at(at(0)).delete(key("a"))).await;
    assert_eq!(store.get(&key("a"), at(0)).await, Ok(None));
    let empty = commit(store, put("empty", "")).await.revision;
    let found = store.get(&key("empty"), at(0)).await.unwrap().unwrap();
    assert_eq!((found.value.len(), found.revision), (0, empty));
}

/// Two items that always change together are never seen apart.
async fn several_items_of_one_revision(store: Arc<dyn Store>) {
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for n in 0..200 {
            commit(
                &*writer,
                put("left", &n.to_string()).put(key("right"), n.to_string()),
            )
            .await;
        }
    });
    let keys = [key("right"), key("none"), key("left")];
    loop {
        let over = writing.is_finished();
        let found = store.get_all(&keys, at(0)).await.unwrap();
        let [right, none, left] = &found.items[..] else {
            panic!("one answer for each key: {found:?}");
        };
        assert_eq!(none, &None);
        let pair = (
            left.as_ref().map(|item| &item.value),
            right.as_ref().map(|item| &item.value),
        );
        assert_eq!(pair.0, pair.1);
        assert!(left.as_ref().is_none_or(|item| item.revision <= found.revision));
        if over {
            break;
        }
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

fn names(page: &Page) -> Vec<String> {
    page.items
        .iter()
        .map(|item| item.key.name().into_owned())
        .collect()
}

async fn pages(store: &dyn Store) {
    let mut batch = Batch::at(at(0));
    for name in ["e", "a", "c", "b", "d"] {
        batch = batch.put(key(name), name);
    }
    // Neighbours that do not belong to the list.
    for neighbour in [["thing", "x"], ["things-old", "x"], ["thingt", "x"]] {
        batch = batch.put(Key::of(neighbour), "x");
    }
    commit(
        store,
        batch
            .put(Key::of(["things"]), "x")
            .put(key("c").child("deep"), "deep"),
    )
    .await;
    let read = async |range: Range| store.range(range, at(0)).await.unwrap();
    let all = read(Range::under(things())).await;
    assert_eq!(names(&all), ["a", "b", "c", "deep", "d", "e"]);
    assert_eq!((&all.next, all.revision), (&None, store.revision()));
    let back = read(Range::under(things()).backward()).await;
    assert_eq!(names(&back), ["e", "d", "deep", "c", "b", "a"]);
    assert_eq!(
        names(&read(Range::under(Prefix::of(["things", "c"]))).await),
        ["deep"]
    );
    assert_eq!(names(&read(Range::under(Prefix::of(["nothing"]))).await), [""; 0]);
    assert_eq!(read(Range::under(Prefix::all())).await.items.len(), 10);
    for direction in [Direction::Forward, Direction::Backward] {
        for limit in 1..8 {
            let (mut from, mut found) = (None, Vec::new());
            loop {
                let range = Range {
                    direction,
                    ..Range::under(things()).limit(limit).from(from)
                };
                let page = read(range).await;
                assert!(page.items.len() <= limit);
                assert!(page.next.is_none() || page.items.len() == limit);
                found.extend(names(&page));
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
            let expected = if direction == Direction::Forward {
                &all
            } else {
                &back
            };
            let expected: Vec<String> = expected
                .items
                .iter()
                .map(|item| item.key.name().into_owned())
                .collect();
            assert_eq!(found, expected, "pages of {limit}, {direction:?}");
        }
    }
    // A page may begin where nothing is, and outside of the list.
    let from = |key| Range::under(things()).from(Some(key));
    assert_eq!(names(&read(from(key("bb"))).await), ["c", "deep", "d", "e"]);
    assert_eq!(names(&read(from(key("bb")).backward()).await), ["b", "a"]);
    assert_eq!(names(&read(from(Key::of(["aaa"]))).await).len(), 6);
    assert_eq!(names(&read(from(Key::of(["zzz"]))).await).len(), 0);
    assert_eq!(names(&read(from(Key::of(["zzz"])).backward()).await).len(), 6);
    assert_eq!(names(&read(from(Key::of(["aaa"])).backward()).await).len(), 0);
    let none = read(Range::under(things()).limit(0)).await;
    assert_eq!((none.items.len(), none.next), (0, Some(key("a"))));
}

async fn pages_by_bytes(store: &dyn Store) {
    let mut batch = Batch::at(at(0));
    for n in 0..10 {
        batch = batch.put(key(&n.to_string()), "v".repeat(if n == 3 { 500 } else { 91 }));
    }
    commit(store, batch).await;
    // Keys have nine bytes, so that all but one item have a hundred.
    let read = async |from| {
        let range = Range::under(things()).limit_bytes(300).from(from);
        let page = store.range(range, at(0)).await.unwrap();
        (page.items.len(), page.next)
    };
    assert_eq!(read(None).await, (3, Some(key("3"))));
    assert_eq!(
        read(Some(key("3"))).await,
        (1, Some(key("4"))),
        "one item always fits"
    );
    assert_eq!(read(Some(key("4"))).await, (3, Some(key("7"))));
    assert_eq!(read(Some(key("7"))).await, (3, None));
}

async fn expiry(store: &dyn Store) {
    let put = |name: &str, expires| Batch::at(at(0)).put_until(key(name), "1", expires);
    commit(store, put("never", None)).await;
    commit(store, put("late", Some(at(20)))).await;
    commit(store, put("soon", Some(at(10)))).await;
    let count = async |now| everything(store, now).await.len();
    assert_eq!(count(at(9)).await, 3);
    assert_eq!(
        store.get(&key("soon"), at(9)).await.unwrap().unwrap().expires,
        Some(at(10))
    );
    assert_eq!(
        count(at(10)).await,
        2,
        "an item's time is over at its moment, not after it"
    );
    assert_eq!(store.get(&key("soon"), at(10)).await, Ok(None));
    assert_eq!(store.get_all(&[key("soon")], at(10)).await.unwrap().items, [None]);
    assert_eq!(count(at(20)).await, 1);
    // An item whose time is over does not make a page shorter.
    let page = store
        .range(Range::under(things()).limit(1), at(20))
        .await
        .unwrap();
    assert_eq!((names(&page), page.next), (vec!["never".to_owned()], None));
    // Written again it lives again, with its new end only.
    commit(
        store,
        Batch::at(at(15))
            .require(Require::Absent(key("soon")))
            .put(key("soon"), "2"),
    )
    .await;
    assert_eq!(store.expired(at(15), 10).await, Ok(vec![]));
    assert_eq!(count(at(15)).await, 3);
    // Moments are kept to the microsecond, rounded down.
    let fine = at(30) + SignedDuration::from_nanos(1_999);
    commit(store, put("fine", Some(fine))).await;
    let kept = store.get(&key("fine"), at(30)).await.unwrap().unwrap().expires;
    assert_eq!(kept, Some(at(30) + SignedDuration::from_micros(1)));
    let early = Timestamp::UNIX_EPOCH - SignedDuration::from_nanos(1_500);
    commit(store, put("early", Some(early))).await;
    let found = store.expired(at(0), 1).await.unwrap();
    assert_eq!(
        found[0].expires,
        Some(Timestamp::UNIX_EPOCH - SignedDuration::from_micros(2))
    );
    commit(store, put("last", Some(Timestamp::MAX))).await;
    assert!(
        store
            .get(&key("last"), at(1_000_000_000))
            .await
            .unwrap()
            .is_some()
    );
}

async fn the_sweep(store: &dyn Store) {
    let mut earliest = store.earliest_expiry();
    assert_eq!(*earliest.borrow_and_update(), None);
    for n in [3, 1, 2, 5, 4] {
        let item = Batch::at(at(0)).put_until(key(&n.to_string()), "1", Some(at(n)));
        commit(store, item).await;
    }
    assert!(earliest.has_changed().unwrap());
    assert_eq!(*earliest.borrow_and_update(), Some(at(1)));
    commit(store, put("other", "1").record(record("no news"))).await;
    assert!(
        !earliest.has_changed().unwrap(),
        "only a new earliest moment is news"
    );
    let overdue = store.expired(at(4), 3).await.unwrap();
    let found: Vec<_> = overdue.iter().map(|item| item.key.name().into_owned()).collect();
    assert_eq!(
        found,
        ["1", "2", "3"],
        "the longest overdue first, no more than asked for"
    );
    for item in overdue {
        let removal = Batch::at(at(4))
            .require(Require::Expired(item.key.clone(), item.revision))
            .delete(item.key)
            .record(record("expired"));
        commit(store, removal.clone()).await;
        assert!(store.commit(removal).await.is_err(), "nothing expires twice");
    }
    assert_eq!(*earliest.borrow_and_update(), Some(at(4)));
    assert_eq!(store.expired(at(4), 10).await.unwrap().len(), 1);
    assert_eq!(store.figures().items, 3);
    assert_eq!(store.latest_moment(), Some(at(4)));
}

/// Each task reads back what it was answered, by every way of reading, while the others write too.
async fn answered_is_seen(store: Arc<dyn Store>) {
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let (mine, place) = (key(&task.to_string()), Prefix::of(["things", &task.to_string()]));
                let mut last = Revision(0);
                for round in 0..20 {
                    let (text, below) = (round.to_string(), mine.child("below"));
                    let before = store.revision();
                    let batch = Batch::at(at(0))
                        .put(mine.clone(), text.clone())
                        .put(below.clone(), text.clone())
                        .record(record(&text));
                    let made = commit(&*store, batch).await;
                    assert!(made.revision > before && made.revision > last);
                    last = made.revision;
                    assert!(store.revision() >= made.revision);
                    let item = store.get(&mine, at(0)).await.unwrap().unwrap();
                    assert_eq!((item.revision, &item.value[..]), (made.revision, text.as_bytes()));
                    let page = store.range(Range::under(place.clone()), at(0)).await.unwrap();
                    assert_eq!(page.items.len(), 1);
                    assert_eq!(page.items[0].revision, made.revision);
                    assert!(page.revision >= made.revision);
                    let told = store.records(made.records.start, 1).await.unwrap();
                    assert_eq!(
                        (&told[0].record.body[..], told[0].revision),
                        (text.as_bytes(), made.revision)
                    );
                    let since = Some(Revision(made.revision.0 - 1));
                    let mut watch = store.watch(vec![place.clone()], since).unwrap();
                    let event = watch
                        .try_next()
                        .unwrap()
                        .expect("an answered commit is there for every watch");
                    assert_eq!((event.revision, event.change.key()), (made.revision, &below));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
