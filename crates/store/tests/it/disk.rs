//! Disks that are full, and disks that give back something else than they got.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use store::{Batch, CommitError, Health, Key, OpenError, ReadError, Record, Sqlite, SqliteOptions, Store};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn large(n: usize) -> Batch {
    Batch::at(NOW)
        .put(Key::of(["large", &n.to_string()]), "v".repeat(50_000))
        .record(Record::new(NOW, "large.put", "alice", n.to_string()))
}

/// Writes until nothing fits any more; says how many batches did.
async fn fill(store: &Sqlite) -> usize {
    for n in 0..10_000 {
        match store.commit(large(n)).await {
            Ok(_) => {}
            Err(CommitError::Full { place }) => {
                assert!(!place.is_empty());
                return n;
            }
            Err(other) => panic!("a full disk is called full: {other}"),
        }
    }
    panic!("the disk has no end");
}

/// Everything that was answered is there, nothing else is, and reading goes on.
async fn holds(store: &Sqlite, count: usize) {
    assert_eq!(store.figures().items, count as u64);
    assert_eq!(store.revision().0, count as u64);
    let records = store.records(1, 10_000).await.unwrap();
    assert_eq!(records.len(), count);
    if let Some(last) = count.checked_sub(1) {
        let found = store
            .get(&Key::of(["large", &last.to_string()]), NOW)
            .await
            .unwrap();
        assert_eq!(found.unwrap().value.len(), 50_000);
    }
    assert_eq!(
        store.get(&Key::of(["large", &count.to_string()]), NOW).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_full_store_changes_nothing_and_stays_readable() {
    let home = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        pages_max: Some(400),
        ..SqliteOptions::new(home.path())
    };
    let store = Sqlite::open_with(&options).unwrap();
    let mut watch = store.watch(vec![], None).unwrap();
    let count = fill(&store).await;
    assert!(count > 3);
    assert_eq!(store.health(), Health::Full);
    holds(&store, count).await;
    for _ in 0..count {
        assert!(watch.try_next().unwrap().is_some());
    }
    assert_eq!(
        watch.try_next().unwrap(),
        None,
        "nobody hears of what did not happen"
    );
    // Small batches that come together with a large one still fit.
    let answers = (0..10).map(|n| {
        let small = Batch::at(NOW).put(Key::of(["small", &n.to_string()]), "1");
        store.commit(if n == 5 { large(count) } else { small })
    });
    let answers: Vec<_> = answers.collect();
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.is_ok(), n != 5, "batch {n}");
    }
    assert_eq!(store.health(), Health::Writable);
    store.close().await;
    drop(store);
    let store = Sqlite::open(home.path()).unwrap();
    assert_eq!(store.figures().items, count as u64 + 9);
    store.commit(large(count)).await.unwrap();
}

/// The same on a real file system of three megabytes, where this machine lets a test mount one.
#[test]
fn a_full_disk_changes_nothing_and_recovers_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=3m tmpfs \"$STORE_TEST_DISK\" || exit 77; exec \"$0\" --exact disk::small_disk --nocapture";
    let run = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("STORE_TEST_DISK", home.path())
        .output();
    match run {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains("the small disk was full and recovered"), "{said}");
        }
        Ok(output) if output.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        }
        // `a_full_store_changes_nothing_and_stays_readable` stands in for it.
        other => eprintln!("no file system of one's own here: {other:?}"),
    }
}

/// Does something only when the test above starts it.
#[tokio::test]
async fn small_disk() {
    let Some(dir) = std::env::var_os("STORE_TEST_DISK") else {
        return;
    };
    let dir = Path::new(&dir);
    let store = Sqlite::open(&dir.join("data")).unwrap();
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let count = fill(&store).await;
    assert!(count > 3, "{count}");
    // The very last byte too.
    let mut rest = std::fs::File::create(dir.join("rest")).unwrap();
    while rest.write_all(&[1; 64]).is_ok() {}
    for _ in 0..20 {
        assert!(matches!(
            store.commit(large(count)).await,
            Err(CommitError::Full { .. })
        ));
    }
    assert_eq!(store.health(), Health::Full);
    holds(&store, count).await;
    std::fs::remove_file(ballast).unwrap();
    store.commit(large(count)).await.unwrap();
    assert_eq!(store.health(), Health::Writable);
    holds(&store, count + 1).await;
    drop(store);
    let store = Sqlite::open(&dir.join("data")).unwrap();
    holds(&store, count + 1).await;
    // A disk too full to make a store says so.
    let mut rest = std::fs::File::create(dir.join("more")).unwrap();
    while rest.write_all(&[1; 64]).is_ok() {}
    let Err(error) = Sqlite::open(&dir.join("another")) else {
        panic!("there is no space")
    };
    assert!(error.to_string().contains("space"), "{error}");
    println!("the small disk was full and recovered");
}

async fn written(dir: &Path) {
    let store = Sqlite::open(dir).unwrap();
    for n in 0..50 {
        let batch = Batch::at(NOW)
            .put(Key::of(["things", &n.to_string()]), format!("value-{n}-of-many"))
            .record(Record::new(
                NOW,
                "thing.put",
                "alice",
                format!("body-{n}-of-many"),
            ));
        store.commit(batch).await.unwrap();
    }
    store.close().await;
}

/// Changes the file behind the store's back.
fn tamper(dir: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(dir.join("state.db")).unwrap();
    assert!(connection.execute(statement, []).unwrap() > 0, "{statement}");
}

#[tokio::test]
async fn what_the_disk_changed_is_noticed_at_opening() {
    let table = [
        (
            "UPDATE items SET value = x'00' WHERE key = '/things/7'",
            "the item `/things/7` is not what was written",
        ),
        (
            "UPDATE items SET key = '/things/99' WHERE key = '/things/7'",
            "the item `/things/99` is not what was written",
        ),
        (
            "UPDATE items SET revision = 3 WHERE key = '/things/7'",
            "the item `/things/7` is not what was written",
        ),
        (
            "UPDATE items SET expires = 5 WHERE key = '/things/7'",
            "the item `/things/7` is not what was written",
        ),
        (
            "UPDATE changes SET value = NULL WHERE key = '/things/7'",
            "the outbox entry for `/things/7` is not what was written",
        ),
        (
            "DELETE FROM records WHERE number = 50",
            "the audit log ends at record 49, the last commit says 50",
        ),
        (
            "DELETE FROM commits WHERE revision = 50",
            "an item is newer than the last commit, 49",
        ),
        (
            "DELETE FROM commits WHERE revision = 20",
            "commit 20 is missing in the outbox",
        ),
        (
            "DELETE FROM commits WHERE revision = 1",
            "the outbox has a change of no commit, 1",
        ),
    ];
    for (statement, expected) in table {
        let home = tempfile::tempdir().unwrap();
        written(home.path()).await;
        tamper(home.path(), statement);
        let Err(OpenError::Corrupt { detail, .. }) = Sqlite::open(home.path()) else {
            panic!("noticed: {statement}");
        };
        assert_eq!(detail, expected);
    }
}

#[tokio::test]
async fn a_damaged_record_is_noticed_when_it_is_read() {
    let home = tempfile::tempdir().unwrap();
    written(home.path()).await;
    tamper(home.path(), "UPDATE records SET body = x'00' WHERE number = 7");
    tamper(home.path(), "DELETE FROM records WHERE number = 9");
    let store = Sqlite::open(home.path()).unwrap();
    assert_eq!(store.records(1, 6).await.unwrap().len(), 6);
    let damaged = |detail: &str| {
        Err(ReadError::Corrupt {
            detail: detail.to_owned(),
        })
    };
    assert_eq!(
        store.records(1, 7).await,
        damaged("audit record 7 is not what was written")
    );
    assert_eq!(store.records(8, 3).await, damaged("audit record 9 is missing"));
    assert_eq!(store.records(9, 3).await, damaged("audit record 9 is missing"));
}

/// One flipped bit anywhere: either it is noticed, or it is in a place that does not matter.
#[tokio::test]
async fn a_flipped_bit_never_becomes_an_answer() {
    let home = tempfile::tempdir().unwrap();
    written(home.path()).await;
    let file = home.path().join("state.db");
    let whole = std::fs::read(&file).unwrap();
    let store = Sqlite::open(home.path()).unwrap();
    let page = store
        .range(store::Range::under(store::Prefix::all()), NOW)
        .await
        .unwrap();
    let records = store.records(1, 100).await.unwrap();
    drop(store);
    let mut noticed = 0;
    for n in 0..400 {
        let place = n * whole.len() / 400 + n % 7;
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (n % 8);
        std::fs::write(&file, &bytes).unwrap();
        match Sqlite::open(home.path()) {
            Ok(store) => {
                let now = store
                    .range(store::Range::under(store::Prefix::all()), NOW)
                    .await
                    .unwrap();
                assert_eq!(now.items, page.items, "byte {place}");
                match store.records(1, 100).await {
                    Ok(now) => assert_eq!(now, records, "byte {place}"),
                    Err(error) => {
                        assert!(
                            matches!(error, ReadError::Corrupt { .. }),
                            "byte {place}: {error}"
                        );
                        noticed += 1;
                    }
                }
            }
            Err(_) => noticed += 1,
        }
        // What an opening may have left beside the file does not belong to the next one.
        for left in ["state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(home.path().join(left));
        }
    }
    assert!(noticed > 50, "{noticed}");
}
