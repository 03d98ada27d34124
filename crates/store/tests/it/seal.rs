//! Secrets at rest: they open only with the right key, in the right place.

use std::path::Path;
use std::sync::Arc;

use access::ambient::{Entropy, SeededEntropy};
use jiff::Timestamp;
use store::{
    Batch, Class, Key, Memory, Record, Seal, SealError, SealKey, SealKeyError, Sqlite, Store, UnsealError,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn told(classes: &[Class]) -> Record {
    let names: Vec<_> = classes.iter().map(|class| class.name()).collect();
    Record::new(NOW, "seal.create", "", names.join(","))
}

fn entropy(seed: u64) -> Arc<dyn Entropy> {
    Arc::new(SeededEntropy::new(seed))
}

async fn open(store: &dyn Store, file: &Path, seed: u64) -> Result<Seal, SealError> {
    Seal::open(store, file, entropy(seed), NOW, told).await
}

#[tokio::test]
async fn a_secret_opens_only_where_it_was_put() {
    let store = Memory::new();
    let seal = Seal::with_key(&store, &SealKey::from_bytes([7; 32]), entropy(1), NOW, told)
        .await
        .unwrap();
    let (alice, bob) = (Key::of(["devices", "alice"]), Key::of(["devices", "bob"]));
    let sealed = seal.seal(Class::Credentials, &alice, b"JBSWY3DP").unwrap();
    let opens = |seal: &Seal, class, key: &Key, bytes: &[u8]| match seal.open_sealed(class, key, bytes) {
        Ok(plain) => {
            assert_eq!(plain.expose(), b"JBSWY3DP");
            true
        }
        Err(UnsealError { key: named }) => {
            assert_eq!(named, *key);
            false
        }
    };
    assert!(opens(&seal, Class::Credentials, &alice, &sealed));
    assert!(
        !opens(&seal, Class::Credentials, &bob, &sealed),
        "not in another row"
    );
    assert!(
        !opens(&seal, Class::Sessions, &alice, &sealed),
        "not as another class"
    );
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(
            !opens(&seal, Class::Credentials, &alice, &changed),
            "byte {place}"
        );
        assert!(
            !opens(&seal, Class::Credentials, &alice, &sealed[..place]),
            "cut to {place}"
        );
    }
    let again = seal.seal(Class::Credentials, &alice, b"JBSWY3DP").unwrap();
    assert_ne!(again, sealed, "no nonce is used twice");
    // Another cluster with the same seal key has other data keys.
    let key = SealKey::from_bytes([7; 32]);
    let other = Seal::with_key(&Memory::new(), &key, entropy(2), NOW, told)
        .await
        .unwrap();
    assert!(!opens(&other, Class::Credentials, &alice, &sealed));
    // The same store later, or another instance beside it, has the same ones.
    let later = Seal::with_key(&store, &key, entropy(3), NOW, told).await.unwrap();
    assert!(opens(&later, Class::Credentials, &alice, &sealed));
    let records = store.records(1, 10).await.unwrap();
    assert_eq!(records.len(), 1, "data keys are made once, and told of");
    assert_eq!(
        records[0].record.body,
        "authorities,connectors,credentials,sessions,tokens"
    );
}

#[tokio::test]
async fn two_who_make_data_keys_at_once_agree() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let mut opened = tokio::task::JoinSet::new();
    for seed in 0..8 {
        let store = Arc::clone(&store);
        opened.spawn(async move {
            let key = SealKey::from_bytes([7; 32]);
            Seal::with_key(&*store, &key, entropy(seed), NOW, told)
                .await
                .unwrap()
        });
    }
    let opened = opened.join_all().await;
    let key = Key::of(["a"]);
    let sealed = opened[0].seal(Class::Tokens, &key, b"x").unwrap();
    for seal in &opened {
        assert_eq!(
            seal.open_sealed(Class::Tokens, &key, &sealed).unwrap().expose(),
            b"x"
        );
    }
    assert_eq!(store.figures().records, 1);
}

#[tokio::test]
async fn digests_need_the_key_and_keep_purposes_apart() {
    let key = SealKey::from_bytes([7; 32]);
    let store = Memory::new();
    let seal = Seal::with_key(&store, &key, entropy(1), NOW, told).await.unwrap();
    let other = Seal::with_key(&Memory::new(), &key, entropy(2), NOW, told)
        .await
        .unwrap();
    let digest =
        |seal: &Seal, purpose, secret: &str| seal.digest(Class::Tokens, purpose, secret.as_bytes()).unwrap();
    let first = digest(&seal, "invite", "token");
    assert_eq!(first.len(), 64);
    assert_eq!(first, digest(&seal, "invite", "token"));
    for different in [
        digest(&seal, "invite", "Token"),
        digest(&seal, "reset", "token"),
        digest(&seal, "invitet", "oken"),
        digest(&other, "invite", "token"),
        seal.digest(Class::Sessions, "invite", b"token").unwrap(),
    ] {
        assert_ne!(first, different);
    }
}

#[tokio::test]
async fn the_key_is_made_once_and_never_replaced() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("etc/seal.key");
    let store = Memory::new();
    let item = Key::of(["a"]);
    let seal = open(&store, &file, 1).await.unwrap();
    let sealed = seal.seal(Class::Authorities, &item, b"x").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
    assert_eq!(
        std::fs::read_dir(file.parent().unwrap()).unwrap().count(),
        1,
        "no draft is left"
    );
    let again = open(&store, &file, 2).await.unwrap();
    assert_eq!(
        again
            .open_sealed(Class::Authorities, &item, &sealed)
            .unwrap()
            .expose(),
        b"x"
    );
    // Lost: an error, not a new key.
    let kept = home.path().join("kept");
    std::fs::rename(&file, &kept).unwrap();
    let lost = open(&store, &file, 3).await.err().unwrap().to_string();
    let expected = format!(
        "the seal key `{}` is missing, and this store's secrets are sealed with it",
        file.display()
    );
    assert_eq!(lost, expected);
    assert!(!file.exists());
    // Another one: an error too.
    open(&Memory::new(), &file, 4).await.unwrap();
    let wrong = open(&store, &file, 5).await.err().unwrap();
    assert!(
        matches!(
            wrong,
            SealError::WrongKey {
                class: Class::Authorities
            }
        ),
        "{wrong}"
    );
    // A store of its own next to an existing key uses it.
    std::fs::rename(&kept, &file).unwrap();
    open(&Memory::new(), &file, 6).await.unwrap();
    open(&store, &file, 7).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_no_secret_or_no_key_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("seal.key");
    drop(open(&Memory::new(), &file, 1).await.unwrap());
    let line = std::fs::read_to_string(&file).unwrap();
    assert!(line.starts_with("countersign-seal-key-1 ") && line.len() == 23 + 64 + 1);
    for wrong in [
        "",
        "countersign-seal-key-1",
        "countersign-seal-key-2 00",
        &line[..80],
        &line.replace('-', "_"),
    ] {
        std::fs::write(&file, wrong).unwrap();
        let refused = open(&Memory::new(), &file, 2).await.err().unwrap();
        assert!(
            matches!(refused, SealError::Key(SealKeyError::Malformed { .. })),
            "{refused}"
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(&file, &line).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        let refused = open(&Memory::new(), &file, 2).await.err().unwrap().to_string();
        let expected = format!(
            "the seal key `{}` can be read by others (mode 0640); only its owner may",
            file.display()
        );
        assert_eq!(refused, expected);
    }
}

/// A stolen data directory, taken at its worst moment: under load, with its log.
#[tokio::test]
async fn no_secret_is_found_in_the_files() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let file = home.path().join("seal.key");
    let store = Sqlite::open(&dir).unwrap();
    let seal = open(&store, &file, 1).await.unwrap();
    let canary = b"canary-JBSWY3DPEHPK3PXP";
    for n in 0..50 {
        let key = Key::of(["devices", &n.to_string()]);
        let sealed = seal.seal(Class::Credentials, &key, canary).unwrap();
        let token = seal.digest(Class::Tokens, "invite", canary).unwrap();
        let batch = Batch::at(NOW)
            .put(key, sealed)
            .put(Key::of(["tokens", &token, &n.to_string()]), "x");
        store.commit(batch).await.unwrap();
    }
    let line = std::fs::read_to_string(&file).unwrap();
    let key = line.trim_end().rsplit(' ').next().unwrap();
    let raw: Vec<u8> = (0..32)
        .map(|n| u8::from_str_radix(&key[n * 2..n * 2 + 2], 16).unwrap())
        .collect();
    let search = |needle: &[u8]| {
        let mut found = 0;
        for entry in std::fs::read_dir(&dir).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            found += bytes
                .windows(needle.len())
                .filter(|piece| *piece == needle)
                .count();
        }
        found
    };
    for _ in 0..2 {
        assert!(search(b"/devices/49") > 0, "the search finds what is there");
        for needle in [&canary[..], key.as_bytes(), &raw] {
            assert_eq!(search(needle), 0);
        }
        store.close().await;
    }
}
