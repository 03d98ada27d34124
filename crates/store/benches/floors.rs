//! What the SQLite store costs beside what the disk costs, in one run: `cargo bench -p store`.
//!
//! Ratios are what counts; the disk of a shared machine varies ninefold by the hour. Rounds alternate
//! between the floor (one row, one sync, nothing else) and the store.

#![allow(clippy::disallowed_methods, reason = "measuring is reading a clock")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on stops"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use store::{Batch, Key, Record, Require, Sqlite, Store};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const ROUNDS: usize = 7;
const VALUE_BYTES: usize = 553;
const RECORD_BYTES: usize = 700;
const REQUESTS: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(commits());
    runtime.block_on(watches());
    runtime.block_on(many_items());
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn quantiles(mut values: Vec<Duration>) -> String {
    values.sort();
    let at = |part: usize| values[(values.len() - 1) * part / 100];
    format!("p50 {:?}, p99 {:?}", at(50), at(99))
}

fn per_second(count: usize, since: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / since.elapsed().as_secs_f64()
}

/// One row of 1.2 KB, one transaction, one sync.
fn raw(dir: &Path, count: usize) -> f64 {
    let connection = rusqlite::Connection::open(dir.join("raw.db")).unwrap();
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
        .unwrap();
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, value BLOB)",
        )
        .unwrap();
    let mut insert = connection
        .prepare("INSERT INTO rows (value) VALUES (?1)")
        .unwrap();
    let value = vec![7_u8; 1_200];
    let begin = Instant::now();
    for _ in 0..count {
        insert.execute([&value]).unwrap();
    }
    per_second(count, begin)
}

/// A review: the request rewritten if nobody changed it meanwhile, and its record.
async fn review(store: &dyn Store, request: usize, caller: usize) {
    let key = Key::of(["access_requests", &request.to_string()]);
    loop {
        let before = store.get(&key, NOW).await.unwrap().map(|item| item.revision);
        let batch = Batch::at(NOW)
            .require_same(key.clone(), before)
            .require(Require::Unchanged {
                prefix: store::Prefix::of(["locks"]),
                since: store.revision(),
            })
            .put(key.clone(), vec![7; VALUE_BYTES])
            .record(Record::new(
                NOW,
                "access_request.review",
                format!("user-{caller}"),
                vec![7; RECORD_BYTES],
            ));
        match store.commit(batch).await {
            Ok(_) => return,
            Err(error) if error.is_conflict() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

async fn load(store: &Arc<dyn Store>, callers: usize, each: usize) -> f64 {
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            for n in 0..each {
                review(&*store, (caller * each + n) % REQUESTS, caller).await;
            }
        });
    }
    tasks.join_all().await;
    per_second(callers * each, begin)
}

async fn commits() {
    let home = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&home.path().join("data")).unwrap());
    let (mut floors, mut alone, mut crowds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut hundred, mut hundred_floor) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floors.push(raw(home.path(), 1_000));
        alone.push(load(&store, 1, 1_000).await);
        crowds.push(load(&store, 64, 200).await);
        // 100 callers at the same instant, one review each, beside 100 raw commits.
        hundred_floor.push(100.0 / raw(home.path(), 100));
        hundred.push(100.0 / load(&store, 100, 1).await);
    }
    let figures = store.figures();
    let ratio =
        |subject: &[f64], floor: &[f64]| median(subject.iter().zip(floor).map(|(a, b)| a / b).collect());
    println!(
        "raw commits, one row each          {:>10.0}/s",
        median(floors.clone())
    );
    println!(
        "reviews, 1 caller                  {:>10.0}/s  {:.2} of raw",
        median(alone.clone()),
        ratio(&alone, &floors)
    );
    println!(
        "reviews, 64 callers                {:>10.0}/s  {:.2} of raw",
        median(crowds.clone()),
        ratio(&crowds, &floors)
    );
    println!(
        "100 reviews at once                {:>10.2} ms {:.2} of 100 raw commits",
        median(hundred.clone()) * 1_000.0,
        ratio(&hundred, &hundred_floor)
    );
    println!(
        "batches in all {}, durable writes {}, conflicts {}",
        figures.batches, figures.groups, figures.conflicts
    );
}

async fn watches() {
    let home = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(home.path()).unwrap());
    for crowd in [1, 100, 1_000, 5_000] {
        let mut tasks = tokio::task::JoinSet::new();
        let (arrivals, mut arrived) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..crowd {
            let mut watch = store.watch(vec![], None).unwrap();
            let arrivals = arrivals.clone();
            tasks.spawn(async move {
                while let Ok(event) = watch.next().await {
                    if arrivals.send((event.revision, Instant::now())).is_err() {
                        return;
                    }
                }
            });
        }
        let (mut answers, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..200 {
            let begin = Instant::now();
            review(&*store, n, 0).await;
            let answered = Instant::now();
            answers.push(answered - begin);
            let mut seen = Vec::new();
            for _ in 0..crowd {
                seen.push(arrived.recv().await.unwrap().1);
            }
            firsts.push(seen.iter().min().unwrap().saturating_duration_since(answered));
            lasts.push(seen.iter().max().unwrap().saturating_duration_since(answered));
        }
        println!(
            "{crowd} watches: answer {}; after it the first {}, the last {}",
            quantiles(answers),
            quantiles(firsts),
            quantiles(lasts)
        );
        tasks.abort_all();
    }
}

/// Resident memory, in bytes.
fn memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or(0)
        * 4_096
}

async fn many_items() {
    const COUNT: usize = 100_000;
    let home = tempfile::tempdir().unwrap();
    let store = Sqlite::open(home.path()).unwrap();
    let mut made = 0;
    while made < COUNT {
        let mut batch = Batch::at(NOW);
        for _ in 0..1_000 {
            let id = format!("019{made:05x}-7000-7000-8000-{:012x}", made * 7_919 % COUNT);
            batch = batch.put_until(
                Key::of(["access_requests", &id]),
                vec![7; VALUE_BYTES],
                Some(Timestamp::MAX),
            );
            made += 1;
        }
        store.commit(batch).await.unwrap();
    }
    let encoded = store.figures().item_bytes;
    store.close().await;
    drop(store);
    let select = Instant::now();
    let connection = rusqlite::Connection::open(home.path().join("state.db")).unwrap();
    let mut statement = connection
        .prepare("SELECT key, value, revision, expires FROM items")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().unwrap() {
        bytes += row.get_ref(0).unwrap().as_str().unwrap().len()
            + row.get_ref(1).unwrap().as_blob().unwrap().len();
    }
    let select = select.elapsed();
    drop(rows);
    drop(statement);
    drop(connection);
    let before = memory();
    let begin = Instant::now();
    let store = Sqlite::open(home.path()).unwrap();
    let opened = begin.elapsed();
    println!(
        "opening {COUNT} items of {} MB: {opened:?}, a bare select of their {} MB: {select:?}; resident memory grew by {} MB",
        encoded >> 20,
        bytes >> 20,
        memory().saturating_sub(before) >> 20
    );
    let key = store
        .range(store::Range::under(store::Prefix::all()).limit(1), NOW)
        .await
        .unwrap()
        .items[0]
        .key
        .clone();
    let begin = Instant::now();
    for _ in 0..100_000 {
        assert!(store.get(&key, NOW).await.unwrap().is_some());
    }
    println!("one read: {:?}", begin.elapsed() / 100_000);
}
