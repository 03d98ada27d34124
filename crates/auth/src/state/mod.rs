//! What the Auth Service remembers, one module per kind, and the only way to change it.
//!
//! The modules give typed reads and put typed writes into a [`Change`]; they neither decide nor
//! commit. [`State::commit`] stamps the records of a change and hands both to the store as one batch.

pub mod access_lists;
pub mod alerts;
pub mod authorities;
pub mod challenges;
pub mod change;
pub mod cluster;
pub mod instances;
mod known;
pub mod monitoring_rules;
pub mod notifications;
pub mod people;
pub mod requests;
pub mod resource;
pub mod sealing;
pub mod sessions;
pub mod tokens;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use resource::Resource as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Committed, Item, Key, Page, Prefix, Range, ReadError, Record, Revision, Seal, Store};
use wire::keep::Kept;
use wire::pb::types;

pub use change::{Change, Refused, Tries};

use crate::audit::{Event, Stamp};
use crate::failure::{Answer, Failure};
use crate::ids::Chance;
use crate::server::health::Health;
use crate::server::metrics::Metrics;

/// The memory of the Auth Service.
pub struct State {
    store: Arc<dyn Store>,
    pub(crate) seal: Arc<Seal>,
    chance: Chance,
    cluster: String,
    health: Health,
    metrics: Metrics,
    signers: authorities::Signers,
    users: known::Known<Kept<types::UserV2>>,
    roles: known::Known<access::Role>,
    access_lists: known::Known<access::list::List>,
    pins: known::Known<access::pin::Pin>,
}

/// Something of ours, read: the thing, and the commit that wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// The thing.
    pub value: T,
    /// The commit that wrote it.
    pub revision: Revision,
    /// When its time is over.
    pub expires: Option<Timestamp>,
}

impl State {
    /// The state of the cluster `cluster` in `store`.
    pub fn new(
        store: Arc<dyn Store>,
        seal: Arc<Seal>,
        cluster: String,
        chance: Chance,
        health: Health,
        metrics: Metrics,
    ) -> Self {
        Self {
            store,
            seal,
            chance,
            cluster,
            health,
            metrics,
            signers: authorities::Signers::default(),
            users: known::Known::default(),
            roles: known::Known::default(),
            access_lists: known::Known::default(),
            pins: known::Known::default(),
        }
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Makes a change come true together with its records, or neither.
    pub async fn commit(&self, change: Change) -> Result<Committed, Refused> {
        let Change { mut batch, events } = change;
        for (user, event) in &events {
            let uid = self.chance.uuid();
            let line = event.sealed_with(Stamp {
                uid: &uid,
                time: batch.now,
                cluster: &self.cluster,
            });
            let record = Record::new(batch.now, event.name(), user.as_str(), line);
            batch = batch.record(record);
        }
        let result = self.store.commit(batch).await;
        self.notice();
        if result.is_ok() {
            for (_, event) in &events {
                self.metrics.recorded(event.name(), event.code());
            }
        }
        result.map_err(Refused::from)
    }

    /// Tells of something that changed nothing, such as a refusal.
    pub async fn tell(&self, now: Timestamp, user: &str, event: Event) -> Answer<()> {
        self.commit(Change::new(now, user, event)).await?;
        Ok(())
    }

    /// One item.
    pub async fn item(&self, key: &Key, now: Timestamp) -> Answer<Option<Item>> {
        self.store.get(key, now).await.map_err(|error| unreadable(&error))
    }

    /// One page of items.
    pub async fn page(&self, range: Range, now: Timestamp) -> Answer<Page> {
        self.store
            .range(range, now)
            .await
            .map_err(|error| unreadable(&error))
    }

    /// All items below a prefix, and the revision of the first page: what was changed on an earlier page while a later
    /// one was read counts as changed.
    pub async fn all(&self, prefix: Prefix, now: Timestamp) -> Answer<(Vec<Item>, Revision)> {
        let mut items = Vec::new();
        let mut from = None;
        let mut first = None;
        loop {
            let page = self.page(Range::under(prefix.clone()).from(from), now).await?;
            let seen = *first.get_or_insert(page.revision);
            items.extend(page.items);
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok((items, seen)),
            }
        }
    }

    /// The user called `name`.
    pub async fn user(&self, name: &str, now: Timestamp) -> Answer<Option<Arc<Kept<types::UserV2>>>> {
        let item = self.item(&types::UserV2::key(name), now).await?;
        let read = |item: &Item| resource::Found::read(item).map(|found| found.resource);
        item.map(|item| self.users.read(&item, read)).transpose()
    }

    /// All users, in the order of their names.
    pub async fn users(&self, now: Timestamp) -> Answer<Vec<Arc<Kept<types::UserV2>>>> {
        let (items, _) = self.all(types::UserV2::prefix(), now).await?;
        let read = |item: &Item| resource::Found::read(item).map(|found| found.resource);
        items.iter().map(|item| self.users.read(item, read)).collect()
    }

    /// The role called `name`, as decisions read it.
    pub async fn role(&self, name: &str, now: Timestamp) -> Answer<Option<Arc<access::Role>>> {
        let item = self.item(&types::RoleV6::key(name), now).await?;
        let read = |item: &Item| crate::policy::role(&resource::Found::read(item)?.resource);
        item.map(|item| self.roles.read(&item, read)).transpose()
    }

    /// What the roles called `names` grant now; those that do not exist are left out.
    pub async fn pins(&self, names: &[String], now: Timestamp) -> Answer<access::pin::Pins> {
        let mut pins = Vec::with_capacity(names.len());
        for name in names {
            let item = self.item(&types::RoleV6::key(name), now).await?;
            let read = |item: &Item| crate::policy::pin(&resource::Found::read(item)?.resource);
            if let Some(item) = item {
                pins.push(access::pin::Pin::clone(&*self.pins.read(&item, read)?));
            }
        }
        Ok(pins.into())
    }

    /// One record of our own (not a resource of Teleport's).
    pub async fn own<T: DeserializeOwned>(&self, key: &Key, now: Timestamp) -> Answer<Option<Read<T>>> {
        self.item(key, now).await?.map(|item| read_own(&item)).transpose()
    }

    /// The last commit.
    pub fn revision(&self) -> Revision {
        self.store.revision()
    }

    /// What is committed below any of `prefixes` from now on.
    pub fn watch(&self, prefixes: Vec<Prefix>) -> Result<store::Watch, store::WatchError> {
        self.store.watch(prefixes, None)
    }

    /// Items whose time is over.
    pub async fn expired(&self, now: Timestamp, limit: usize) -> Answer<Vec<Item>> {
        self.store
            .expired(now, limit)
            .await
            .map_err(|error| unreadable(&error))
    }

    /// When the next item's time is over.
    pub fn earliest_expiry(&self) -> tokio::sync::watch::Receiver<Option<Timestamp>> {
        self.store.earliest_expiry()
    }

    /// The store itself, for reading and watching. Changes go through [`State::commit`].
    pub(crate) fn reading(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Looks at the store's health after each write.
    fn notice(&self) {
        match self.store.health() {
            store::Health::Writable => self.health.well(),
            store::Health::Full => self.health.unwell("no space left for the store"),
            store::Health::Failed { reason } => self.health.unwell(&reason),
            store::Health::Closed => self.health.stopping(),
        }
    }
}

/// Reads a record of our own.
pub fn read_own<T: DeserializeOwned>(item: &Item) -> Answer<Read<T>> {
    let value = serde_json::from_slice(&item.value)
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
    Ok(Read {
        value,
        revision: item.revision,
        expires: item.expires,
    })
}

/// Writes a record of our own.
pub fn own_bytes<T: Serialize>(value: &T) -> Answer<Bytes> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| Failure::internal(format!("a record cannot be written: {error}")))
}

fn unreadable(error: &ReadError) -> Failure {
    tracing::error!(%error, "the store could not be read");
    Failure::connection_problem("failed to connect to the database")
}
