//! Who may open a data directory, and what it looks like afterwards.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use store::{Batch, Key, OpenError, Sqlite, Store};

fn refusal(dir: &Path) -> OpenError {
    match Sqlite::open(dir) {
        Ok(_) => panic!("`{}` must not open", dir.display()),
        Err(error) => error,
    }
}

fn database(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("state.db")).unwrap()
}

#[tokio::test]
async fn a_second_server_is_refused_and_told_who_has_the_directory() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let first = Sqlite::open(&dir).unwrap();
    let here = std::process::id();
    let expected = format!(
        "data directory `{}` is already in use by process {here}",
        dir.display()
    );
    assert_eq!(refusal(&dir).to_string(), expected);
    // From another process too.
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "doors::another_process", "--nocapture"])
        .env("STORE_TEST_DOOR", &dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout).into_owned();
    assert!(said.contains(&expected), "{said}");
    // The first one is not harmed, and lets go when it closes.
    first
        .commit(Batch::at(Timestamp::UNIX_EPOCH).put(Key::of(["a"]), "1"))
        .await
        .unwrap();
    first.close().await;
    let second = Sqlite::open(&dir).unwrap();
    drop(second);
    drop(Sqlite::open(&dir).unwrap());
}

/// Does something only when the test above starts it.
#[test]
fn another_process() {
    if let Some(dir) = std::env::var_os("STORE_TEST_DOOR") {
        println!("{}", refusal(Path::new(&dir)));
    }
}

#[cfg(unix)]
#[test]
fn everything_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("deep/data");
    let store = Sqlite::open(&dir).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["state.db", "state.db-shm", "state.db-wal", "state.lock"]);
    drop(store);
    assert!(
        !dir.join("state.db-wal").exists(),
        "one file is left after an orderly end"
    );
}

#[test]
fn a_newer_release_is_recognised() {
    let home = tempfile::tempdir().unwrap();
    drop(Sqlite::open(home.path()).unwrap());
    database(home.path())
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = std::fs::read(home.path().join("state.db")).unwrap();
    let said = refusal(home.path()).to_string();
    assert!(said.ends_with(
        "was written by a newer release (its tables have version 99, this program knows up to 1)"
    ));
    assert_eq!(
        std::fs::read(home.path().join("state.db")).unwrap(),
        before,
        "nothing was changed"
    );
}

#[test]
fn another_programs_files_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    database(home.path())
        .execute_batch("CREATE TABLE theirs (a)")
        .unwrap();
    assert!(matches!(refusal(home.path()), OpenError::Foreign { .. }));
    std::fs::write(home.path().join("state.db"), [b'x'; 8_192]).unwrap();
    assert!(matches!(refusal(home.path()), OpenError::Corrupt { .. }));
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = refusal(&file).to_string();
    assert!(
        said.starts_with(&format!("cannot make `{}`", file.display())),
        "{said}"
    );
}

/// The backup that `docs/operations/data-directory.md` tells of.
#[tokio::test]
async fn a_copy_of_a_running_store_opens() {
    let home = tempfile::tempdir().unwrap();
    let (dir, copy) = (home.path().join("data"), home.path().join("copy"));
    let now = Timestamp::UNIX_EPOCH;
    let store = Sqlite::open(&dir).unwrap();
    let put = |n: usize| Batch::at(now).put(Key::of(["things", &n.to_string()]), "1");
    for n in 0..100 {
        store.commit(put(n)).await.unwrap();
    }
    std::fs::create_dir(&copy).unwrap();
    let statement = format!("VACUUM INTO '{}'", copy.join("state.db").display());
    database(&dir).execute_batch(&statement).unwrap();
    store.commit(put(100)).await.unwrap();
    let copied = Sqlite::open(&copy).unwrap();
    assert_eq!((copied.revision().0, copied.figures().items), (100, 100));
    copied.commit(put(101)).await.unwrap();
    assert_eq!((store.revision().0, store.figures().items), (101, 101));
}

/// The first version's tables with some content, frozen. What this release makes of them must be all of it.
#[tokio::test]
async fn a_store_of_the_first_version_opens() {
    let home = tempfile::tempdir().unwrap();
    database(home.path())
        .execute_batch(include_str!("../data/v1.sql"))
        .unwrap();
    let store = Sqlite::open(home.path()).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let kept = store
        .get(&Key::of(["roles", "auditor"]), now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&kept.value[..], kept.revision.0), (&b"second"[..], 2));
    let until = store
        .get(&Key::of(["tokens", "abc"]), now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        until.expires,
        Some("2033-05-18T03:33:20.000001Z".parse().unwrap())
    );
    assert_eq!(store.get(&Key::of(["roles", "gone"]), now).await, Ok(None));
    let records = store.records(1, 10).await.unwrap();
    let told: Vec<_> = records
        .iter()
        .map(|one| (one.revision.0, one.record.kind.as_str()))
        .collect();
    assert_eq!(told, [(1, "role.create"), (2, "role.update"), (3, "role.delete")]);
    let mut watch = store.watch(vec![], Some(store::Revision(0))).unwrap();
    let mut events = 0;
    while watch.try_next().unwrap().is_some() {
        events += 1;
    }
    assert_eq!(events, 5);
    let made = store
        .commit(Batch::at(now).put(Key::of(["roles", "new"]), "1"))
        .await
        .unwrap();
    assert_eq!((made.revision.0, made.records), (4, 4..4));
}
