//! The conformance suite on every backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use store::{Memory, Sqlite, SqliteOptions, Store, conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract() {
    conformance::run(&|setting| Arc::new(Memory::with_history(setting.history_commits_max, usize::MAX)))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_the_contract() {
    let home = tempfile::tempdir().unwrap();
    let count = AtomicUsize::new(0);
    conformance::run(&|setting| {
        let dir = home
            .path()
            .join(count.fetch_add(1, Ordering::Relaxed).to_string());
        let options = SqliteOptions {
            history_commits_max: setting.history_commits_max,
            ..SqliteOptions::new(dir)
        };
        Arc::new(Sqlite::open_with(&options).unwrap()) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_lasts() {
    let home = tempfile::tempdir().unwrap();
    conformance::run_lasting(&|| Arc::new(Sqlite::open(home.path()).unwrap())).await;
}
