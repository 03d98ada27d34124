//! Planted flaws: what a broken server would do, put around the store or before the door of a sound one, so that every
//! attack can be shown to fail when the defence it tests is missing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use prost::Message as _;
use rustls_pki_types::CertificateDer;
use store::{
    Answer, Batch, CommitError, Committed, Figures, Health, Item, Key, Page, Prefix, Range, ReadError,
    RecordPage, Revision, Search, Snapshot, Store, StoredRecord, Watch, WatchError, Write,
};
use transport::{Authority, Peer};
use wire::pb::types::{AccessRequestSpecV3, AccessRequestV3};

use crate::calls::Distortion;
use crate::world::{Plan, World, on};

type OnItem = Box<dyn Fn(&Key, Option<Item>) -> Option<Item> + Send + Sync>;
type OnPage = Box<dyn Fn(&Prefix, Page) -> Page + Send + Sync>;
type OnBatch = Box<dyn Fn(Batch) -> Batch + Send + Sync>;

/// What is wrong with a cluster. Nothing, by default.
#[derive(Default)]
pub struct Flaw {
    /// What reads see instead.
    pub reads: Option<OnItem>,
    /// What lists show instead.
    pub lists: Option<OnPage>,
    /// What is written instead.
    pub writes: Option<OnBatch>,
    /// The store lives at this moment and no later.
    pub stuck_at: Option<Timestamp>,
    /// The door takes callers for whom the story says.
    pub at_the_door: bool,
    /// Nobody is limited.
    pub no_limits: bool,
    /// Nothing can be written.
    pub refuses: Option<fn() -> CommitError>,
    /// Nothing can be read.
    pub unreadable: bool,
}

/// Whether the flaw shows yet, and whom callers are taken for.
#[derive(Clone, Default)]
pub struct Bent {
    begun: Arc<AtomicBool>,
    meeting: Arc<Meeting>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
    disguise: Arc<Mutex<Option<(CertificateDer<'static>, Authority)>>>,
}

/// What is done right before the next commit of which this text tells.
struct Meanwhile {
    told: &'static str,
    deed: BoxFuture<'static, ()>,
}

/// Where commits wait for each other, so that what is to happen at the same moment does.
struct Meeting {
    expected: AtomicUsize,
    barrier: tokio::sync::Barrier,
}

impl Default for Meeting {
    fn default() -> Self {
        Self {
            expected: AtomicUsize::new(0),
            barrier: tokio::sync::Barrier::new(2),
        }
    }
}

impl Bent {
    /// The next two commits that change an access request, a member of a list, a session of the browser or a link are handed in together.
    pub fn meet(&self) {
        self.meeting.expected.store(2, Ordering::SeqCst);
    }

    async fn wait_for_the_other(&self, batch: &Batch) {
        if !batch.writes.iter().any(|write| {
            [
                "access_requests",
                "access_list_members",
                "web_sessions",
                "user_tokens",
            ]
            .iter()
            .any(|collection| below(write.key(), collection))
        }) {
            return;
        }
        let one_less = |expected: usize| expected.checked_sub(1);
        let expected = &self.meeting.expected;
        if expected
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
        {
            self.meeting.barrier.wait().await;
        }
    }

    /// Right before the next commit that is recorded as an event whose name begins with `told`, `deed` is done.
    pub fn meanwhile(&self, told: &'static str, deed: BoxFuture<'static, ()>) {
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(Meanwhile { told, deed });
    }

    async fn let_happen(&self, batch: &Batch) {
        let due = {
            let mut meanwhile = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = |meanwhile: &mut Meanwhile| {
                let told = meanwhile.told;
                batch.records.iter().any(|record| record.kind.starts_with(told))
            };
            meanwhile.take_if(is_due)
        };
        if let Some(meanwhile) = due {
            meanwhile.deed.await;
        }
    }

    pub fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    pub fn end(&self) {
        self.begun.store(false, Ordering::SeqCst);
    }

    fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    pub fn disguise(&self, certificate: CertificateDer<'static>, by: Authority) {
        *self.disguise.lock().unwrap_or_else(PoisonError::into_inner) = Some((certificate, by));
    }

    /// A door that believes the disguise.
    pub fn distortion(&self) -> Distortion {
        let bent = self.clone();
        Arc::new(move |_, peer| {
            let disguise = bent
                .disguise
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let (certificate, by) = disguise.filter(|_| bent.has_begun())?;
            Some(Peer::proven(peer.address(), certificate, by))
        })
    }
}

impl Flaw {
    /// The door takes callers for whom the story says.
    pub fn door() -> Self {
        Self {
            at_the_door: true,
            ..Self::default()
        }
    }

    /// Access requests are read as `change` makes them.
    pub fn requests_read_as(change: impl Fn(&mut AccessRequestSpecV3) + Send + Sync + 'static) -> Self {
        Self {
            reads: Some(Box::new(move |key, item| {
                item.map(|item| {
                    if below(key, "access_requests") {
                        let value = changed(&item.value, &change);
                        Item { value, ..item }
                    } else {
                        item
                    }
                })
            })),
            ..Self::default()
        }
    }

    /// The same, and who their people are beyond their names is not known.
    pub fn requests_read_by_name_as(
        change: impl Fn(&mut AccessRequestSpecV3) + Send + Sync + 'static,
    ) -> Self {
        let reads = Self::requests_read_as(change).reads;
        Self {
            reads: Some(Box::new(move |key, item| {
                let item = item.filter(|_| !below(key, "access_request_people"));
                reads.as_ref().map_or(item.clone(), |reads| reads(key, item))
            })),
            ..Self::default()
        }
    }

    /// Access requests are written as `change` makes them.
    pub fn requests_written_as(change: impl Fn(&mut AccessRequestSpecV3) + Send + Sync + 'static) -> Self {
        Self::writes(move |write| match write {
            Write::Put { key, value, expires } if below(&key, "access_requests") => Some(Write::Put {
                value: changed(&value, &change),
                key,
                expires,
            }),
            other => Some(other),
        })
    }

    /// Each write is done as `change` makes it, or not at all.
    pub fn writes(change: impl Fn(Write) -> Option<Write> + Send + Sync + 'static) -> Self {
        Self {
            writes: Some(Box::new(move |mut batch| {
                batch.writes = batch.writes.into_iter().filter_map(&change).collect();
                batch
            })),
            ..Self::default()
        }
    }

    /// What is deleted below `collection` stays.
    pub fn keeps(collection: &'static str) -> Self {
        Self::writes(move |write| match write {
            Write::Delete(key) if below(&key, collection) => None,
            other => Some(other),
        })
    }

    /// What is put below `collection` is forgotten.
    pub fn forgets(collection: &'static str) -> Self {
        Self::writes(move |write| match write {
            Write::Put { key, .. } if below(&key, collection) => None,
            other => Some(other),
        })
    }

    /// Nothing below `collection` is ever seen.
    pub fn blind_for(collection: &'static str) -> Self {
        Self {
            reads: Some(Box::new(move |key, item| {
                item.filter(|_| !below(key, collection))
            })),
            lists: Some(Box::new(move |prefix, page| {
                if prefix.as_str().trim_matches('/') == collection {
                    Page {
                        items: Vec::new(),
                        next: None,
                        ..page
                    }
                } else {
                    page
                }
            })),
            writes: Some(Box::new(move |mut batch| {
                batch
                    .require
                    .retain(|require| !format!("{require:?}").contains(&format!("/{collection}/")));
                batch
            })),
            ..Self::default()
        }
    }

    /// Items below `collections` are read as they were when first read.
    pub fn stale(collections: &'static [&'static str]) -> Self {
        let first: Mutex<std::collections::HashMap<String, Option<Item>>> = Mutex::default();
        Self {
            reads: Some(Box::new(move |key, item| {
                if !collections.iter().any(|collection| below(key, collection)) {
                    return item;
                }
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                first.entry(key.as_str().to_owned()).or_insert(item).clone()
            })),
            writes: Some(Box::new(unconditional)),
            ..Self::default()
        }
    }

    /// Nothing is required of what was read.
    pub fn unconditional() -> Self {
        Self {
            writes: Some(Box::new(unconditional)),
            ..Self::default()
        }
    }

    /// Deeds are not recorded.
    pub fn unrecorded() -> Self {
        Self {
            writes: Some(Box::new(|mut batch| {
                batch.records.clear();
                batch
            })),
            ..Self::default()
        }
    }

    pub fn around(&mut self, store: Arc<dyn Store>, bent: &Bent) -> Arc<dyn Store> {
        let flaw = std::mem::take(self);
        self.at_the_door = flaw.at_the_door;
        Arc::new(Flawed {
            store,
            flaw,
            bent: bent.clone(),
        })
    }
}

fn unconditional(mut batch: Batch) -> Batch {
    batch.require.clear();
    batch
}

/// The item as if somebody had just written it so.
pub fn rewritten(item: Item, value: Vec<u8>) -> Item {
    Item {
        value: value.into(),
        revision: Revision(item.revision.0 + (1 << 32)),
        ..item
    }
}

/// Whether a key lives in a collection.
pub fn below(key: &Key, collection: &str) -> bool {
    key.segments().next().as_deref() == Some(collection)
}

fn changed(value: &bytes::Bytes, change: &dyn Fn(&mut AccessRequestSpecV3)) -> bytes::Bytes {
    let mut request = AccessRequestV3::decode(value.clone()).expect("a request");
    change(request.spec.get_or_insert_default());
    request.encode_to_vec().into()
}

/// A store with a flaw.
struct Flawed {
    store: Arc<dyn Store>,
    flaw: Flaw,
    bent: Bent,
}

impl Flawed {
    fn item(&self, key: &Key, item: Option<Item>) -> Option<Item> {
        match &self.flaw.reads {
            Some(reads) if self.bent.has_begun() => reads(key, item),
            _ => item,
        }
    }

    fn readable(&self) -> Result<(), ReadError> {
        if self.flaw.unreadable && self.bent.has_begun() {
            let reason = "the disk does not answer".to_owned();
            return Err(ReadError::Failed { reason });
        }
        Ok(())
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        match self.flaw.stuck_at {
            Some(stuck) if self.bent.has_begun() => stuck,
            _ => now,
        }
    }
}

impl Store for Flawed {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> Answer<'a, Result<Option<Item>, ReadError>> {
        Box::pin(async move {
            self.readable()?;
            Ok(self.item(key, self.store.get(key, self.now(now)).await?))
        })
    }

    fn get_all<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> Answer<'a, Result<Snapshot, ReadError>> {
        self.store.get_all(keys, now)
    }

    fn range(&self, range: Range, now: Timestamp) -> Answer<'_, Result<Page, ReadError>> {
        Box::pin(async move {
            self.readable()?;
            let prefix = range.prefix.clone();
            let page = self.store.range(range, self.now(now)).await?;
            Ok(match &self.flaw.lists {
                Some(lists) if self.bent.has_begun() => lists(&prefix, page),
                _ => page,
            })
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Result<Committed, CommitError>> {
        let mut batch = match &self.flaw.writes {
            Some(writes) if self.bent.has_begun() => writes(batch),
            _ => batch,
        };
        batch.now = self.now(batch.now);
        Box::pin(async move {
            if let Some(refuses) = self.flaw.refuses.filter(|_| self.bent.has_begun()) {
                return Err(refuses());
            }
            self.bent.let_happen(&batch).await;
            self.bent.wait_for_the_other(&batch).await;
            self.store.commit(batch).await
        })
    }

    fn watch(&self, prefixes: Vec<Prefix>, from: Option<Revision>) -> Result<Watch, WatchError> {
        self.store.watch(prefixes, from)
    }

    fn expired(&self, now: Timestamp, limit: usize) -> Answer<'_, Result<Vec<Item>, ReadError>> {
        self.store.expired(now, limit)
    }

    fn earliest_expiry(&self) -> tokio::sync::watch::Receiver<Option<Timestamp>> {
        self.store.earliest_expiry()
    }

    fn records(&self, from: u64, limit: usize) -> Answer<'_, Result<Vec<StoredRecord>, ReadError>> {
        self.store.records(from, limit)
    }

    fn search(&self, search: Search) -> Answer<'_, Result<RecordPage, ReadError>> {
        self.store.search(search)
    }

    fn revision(&self) -> Revision {
        self.store.revision()
    }

    fn latest_moment(&self) -> Option<Timestamp> {
        self.store.latest_moment()
    }

    fn health(&self) -> Health {
        match self
            .flaw
            .refuses
            .filter(|_| self.bent.has_begun())
            .map(|refuses| refuses())
        {
            None => self.store.health(),
            Some(CommitError::Full { .. }) => Health::Full,
            Some(error) => Health::Failed {
                reason: error.to_string(),
            },
        }
    }

    fn figures(&self) -> Figures {
        self.store.figures()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.store.close()
    }
}

/// Tries an attack on a sound cluster, where it must fail, and on one with the flaw, where the same story must end in
/// a failed assertion that says `noticed`.
pub async fn attack(flaw: Flaw, noticed: &str, story: impl AsyncFn(&World)) {
    attack_with(flaw, noticed, Plan::default, story).await;
}

/// The same in a world of another make.
pub async fn attack_with(flaw: Flaw, noticed: &str, plan: fn() -> Plan, story: impl AsyncFn(&World)) {
    on(plan(), &story).await;
    let mut broken = plan();
    if flaw.no_limits {
        broken.rates = crate::world::no_limits();
    }
    broken.flaw = flaw;
    let outcome = std::panic::AssertUnwindSafe(on(broken, &story))
        .catch_unwind()
        .await;
    let Err(panic) = outcome else {
        panic!("the flaw was planted, and the story did not notice");
    };
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    assert!(text.contains(noticed), "noticed something else: {text}");
}
