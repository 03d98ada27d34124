//! What must still be there after a store was closed, or dropped, and opened again.

use super::{Reopen, at, commit, everything, key, put, record, things};
use crate::{Batch, Search, Store, WatchError};

pub(super) async fn run(reopen: Reopen<'_>) {
    let store = reopen();
    commit(
        &*store,
        put("kept", "1").put(key("gone"), "1").record(record("first")),
    )
    .await;
    let position = store.revision();
    commit(
        &*store,
        Batch::at(at(7))
            .put_until(key("ends"), "1", Some(at(50)))
            .delete(key("gone")),
    )
    .await;
    commit(
        &*store,
        put("kept", "2").record(record("second")).record(record("third")),
    )
    .await;
    let before = told(&*store, position).await;
    store.close().await;
    drop(store);

    // Closed in order.
    let store = reopen();
    assert_eq!(told(&*store, position).await, before);
    assert_eq!(
        store.latest_moment(),
        Some(at(7)),
        "the latest moment lasts, not the last"
    );
    assert_eq!(*store.earliest_expiry().borrow(), Some(at(50)));
    let next = commit(&*store, put("more", "1").record(record("fourth"))).await;
    assert_eq!(next.revision.0, before.revision + 1, "revisions go on");
    assert_eq!(next.records, 4..5, "record numbers go on");
    let before = told(&*store, position).await;
    drop(store);

    // Only dropped.
    let store = reopen();
    assert_eq!(told(&*store, position).await, before);
    let position = crate::Revision(before.revision + 1);
    assert!(matches!(
        store.watch(vec![], Some(position)),
        Err(WatchError::Ahead { .. })
    ));
    drop(store);
}

#[derive(Debug, PartialEq)]
struct Told {
    revision: u64,
    items: Vec<crate::Item>,
    records: Vec<crate::StoredRecord>,
    found: Vec<crate::StoredRecord>,
    events: Vec<crate::Event>,
}

async fn told(store: &dyn Store, position: crate::Revision) -> Told {
    let mut watch = store
        .watch(vec![things()], Some(position))
        .expect("a watch resumes over a restart");
    let mut events = Vec::new();
    while let Some(event) = watch.try_next().expect("the watch goes on") {
        events.push(event);
    }
    let search = Search::between(at(-1), at(100)).newest_first();
    Told {
        revision: store.revision().0,
        items: everything(store, at(0)).await,
        records: store.records(1, 100).await.expect("the log is read"),
        found: store.search(search).await.expect("the log is searched").records,
        events,
    }
}
