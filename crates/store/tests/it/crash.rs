//! `kill -9` at random moments: what was answered is there, what was not is there whole or not at all.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use access::ambient::{Entropy, SeededEntropy};
use jiff::Timestamp;
use store::{Batch, Key, Prefix, Range, Record, Sqlite, Store};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const KILLS: usize = 20;
const WRITERS: usize = 12;

#[tokio::test]
async fn what_was_answered_survives_kill_nine() {
    let home = tempfile::tempdir().unwrap();
    let chance = SeededEntropy::new(3);
    // Writer → the highest round that was answered, and its record's number.
    let mut answered: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for kill in 0..KILLS {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::victim", "--nocapture"])
            .env("STORE_TEST_VICTIM", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut bytes = [0; 2];
        chance.fill(&mut bytes);
        let count = 50 + usize::from(u16::from_be_bytes(bytes)) % 500;
        let mut seen = 0;
        while let Some(Ok(line)) = lines.next() {
            if let Some(("answered", rest)) = line.split_once(' ') {
                let words: Vec<&str> = rest.split(' ').collect();
                // The last line may be cut by the kill.
                if let [writer, round, number, "."] = words[..] {
                    let (round, number) = (round.parse().unwrap(), number.parse().unwrap());
                    answered.insert(writer.to_owned(), (round, number));
                    seen += 1;
                }
            }
            if seen == count {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert!(
            seen >= count,
            "the victim wrote until it was killed (kill {kill})"
        );
        check(home.path(), &answered).await;
    }
}

async fn check(dir: &std::path::Path, answered: &BTreeMap<String, (u64, u64)>) {
    let store = Sqlite::open(dir).unwrap();
    let mut records = Vec::new();
    loop {
        let page = store.records(records.len() as u64 + 1, 10_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        records.extend(page);
    }
    assert_eq!(
        records.len() as u64,
        store.revision().0,
        "one record for each change"
    );
    for (writer, (round, number)) in answered {
        let record = &records[usize::try_from(*number).unwrap() - 1];
        assert_eq!(record.record.user, *writer);
        assert_eq!(&record.record.body[..], round.to_string().as_bytes());
    }
    // The state is what the records tell.
    let mut told: BTreeMap<Key, (String, u64)> = BTreeMap::new();
    for record in &records {
        let text = String::from_utf8_lossy(&record.record.body).into_owned();
        told.insert(
            Key::of(["writers", &record.record.user]),
            (text, record.revision.0),
        );
    }
    let page = store
        .range(Range::under(Prefix::of(["writers"])), NOW)
        .await
        .unwrap();
    let held: BTreeMap<Key, (String, u64)> = page
        .items
        .into_iter()
        .map(|item| {
            (
                item.key,
                (String::from_utf8_lossy(&item.value).into_owned(), item.revision.0),
            )
        })
        .collect();
    assert_eq!(held, told);
    for (writer, (round, _)) in answered {
        let held: u64 = held[&Key::of(["writers", writer])].0.parse().unwrap();
        assert!(
            held == *round || held == round + 1,
            "{writer}: {held} after {round} was answered"
        );
    }
}

/// Does something only when the test above starts it: writes until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(dir) = std::env::var_os("STORE_TEST_VICTIM") else {
        return;
    };
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(std::path::Path::new(&dir)).unwrap());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write_for_ever(Arc::clone(&store), writer.to_string()));
    }
    writers.join_all().await;
}

async fn write_for_ever(store: Arc<dyn Store>, name: String) {
    let key = Key::of(["writers", &name]);
    loop {
        let before = store.get(&key, NOW).await.unwrap();
        let round: u64 = before.as_ref().map_or(0, |item| {
            String::from_utf8_lossy(&item.value).parse::<u64>().unwrap() + 1
        });
        let batch = Batch::at(NOW)
            .require_same(key.clone(), before.map(|item| item.revision))
            .put(key.clone(), round.to_string())
            // So much that the log is moved into the database every few hundred batches.
            .put(Key::of(["ballast", &name]), vec![7; 20_000])
            .record(Record::new(NOW, "round", name.clone(), round.to_string()));
        let made = store.commit(batch).await.unwrap();
        let line = format!("answered {name} {round} {} .\n", made.records.start);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}
