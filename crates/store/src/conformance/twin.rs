//! Random batches against a model that is written the slow, obvious way.

use std::sync::Arc;

use access::ambient::{Entropy, SeededEntropy};
use jiff::Timestamp;

use super::{Make, Setting, at, everything};
use crate::{Batch, Change, Item, Key, Prefix, Range, Require, Revision, Store, Watch, Write};

const SEEDS: u64 = 20;
const STEPS: usize = 150;

pub(super) async fn run(make: Make<'_>) {
    for seed in 0..SEEDS {
        let store = make(Setting::default());
        play(store, seed).await;
    }
}

/// Everything there is, in no order, found by looking at all of it.
#[derive(Default)]
struct Model {
    items: Vec<Item>,
    /// Which key changed in which commit.
    changes: Vec<(Revision, Key)>,
    revision: u64,
    records: u64,
}

impl Model {
    fn alive(&self, key: &Key, now: Timestamp) -> Option<&Item> {
        self.items
            .iter()
            .find(|item| item.key == *key && item.expires.is_none_or(|end| end > now))
    }

    fn holds(&self, condition: &Require, now: Timestamp) -> bool {
        match condition {
            Require::Absent(key) => self.alive(key, now).is_none(),
            Require::Present(key) => self.alive(key, now).is_some(),
            Require::AtRevision(key, revision) => self
                .alive(key, now)
                .is_some_and(|item| item.revision == *revision),
            Require::Expired(key, revision) => {
                self.alive(key, now).is_none()
                    && self
                        .items
                        .iter()
                        .any(|item| item.key == *key && item.revision == *revision)
            }
            Require::Unchanged { prefix, since } => !self
                .changes
                .iter()
                .any(|(revision, key)| revision > since && prefix.holds(key)),
        }
    }

    /// Applies the batch if it may, and says whether it did.
    fn commit(&mut self, batch: &Batch) -> bool {
        if !batch
            .require
            .iter()
            .all(|condition| self.holds(condition, batch.now))
        {
            return false;
        }
        if batch.writes.is_empty() && batch.records.is_empty() {
            return true;
        }
        self.revision += 1;
        self.records += batch.records.len() as u64;
        let revision = Revision(self.revision);
        for write in &batch.writes {
            let before = self.items.iter().position(|item| item.key == *write.key());
            let existed = before.map(|place| self.items.remove(place)).is_some();
            match write {
                Write::Put { key, value, expires } => {
                    self.items.push(Item {
                        key: key.clone(),
                        value: value.clone(),
                        revision,
                        expires: *expires,
                    });
                    self.changes.push((revision, key.clone()));
                }
                Write::Delete(key) if existed => self.changes.push((revision, key.clone())),
                Write::Delete(_) => {}
            }
        }
        true
    }
}

/// A stream of choices that a seed gives again.
struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_be_bytes(bytes) % limit as u64).unwrap_or_default()
    }

    fn key(&self) -> Key {
        match self.below(3) {
            0 => Key::of(["users", &self.below(4).to_string()]),
            1 => Key::of(["requests", &self.below(6).to_string()]),
            _ => Key::of(["requests", &self.below(6).to_string(), "review"]),
        }
    }

    fn prefix(&self) -> Prefix {
        match self.below(4) {
            0 => Prefix::all(),
            1 => Prefix::of(["users"]),
            2 => Prefix::of(["requests"]),
            _ => Prefix::of(["requests", &self.below(6).to_string()]),
        }
    }

    /// A batch that has some chance to be accepted.
    fn batch(&self, model: &Model, now: Timestamp) -> Batch {
        let mut batch = Batch::at(now);
        for _ in 0..self.below(3) {
            let key = self.key();
            let known = model
                .items
                .iter()
                .find(|item| item.key == key)
                .map(|item| item.revision);
            let near = Revision((model.revision + 1).saturating_sub(self.below(4) as u64));
            batch.require.push(match self.below(5) {
                0 => Require::Absent(key),
                1 => Require::Present(key),
                2 => Require::AtRevision(key, known.unwrap_or(near)),
                3 => Require::Expired(key, known.unwrap_or(near)),
                _ => Require::Unchanged {
                    prefix: self.prefix(),
                    since: near,
                },
            });
        }
        for _ in 0..self.below(4) {
            let key = self.key();
            if batch.writes.iter().any(|write| *write.key() == key) {
                continue;
            }
            batch = match self.below(4) {
                0 => batch.delete(key),
                1 => batch.put_until(key, "until", Some(at(i64::try_from(self.below(40)).unwrap_or(0)))),
                _ => batch.put(key, self.below(1_000).to_string()),
            };
        }
        for _ in 0..self.below(2) {
            batch = batch.record(super::record("played"));
        }
        batch
    }
}

async fn play(store: Arc<dyn Store>, seed: u64) {
    let chance = Chance(SeededEntropy::new(seed));
    let mut model = Model::default();
    let mut watch = store.watch(vec![], None).unwrap();
    let mut views: Vec<(Prefix, Watch, usize)> = Vec::new();
    for step in 0..STEPS {
        let here = format!("seed {seed}, step {step}");
        let now = at(i64::try_from(step * 40 / STEPS).unwrap_or(0));
        let batch = chance.batch(&model, now);
        let outcome = store.commit(batch.clone()).await;
        assert_eq!(
            outcome.is_ok(),
            model.commit(&batch),
            "{here}: {batch:?} gave {outcome:?}"
        );
        assert!(
            outcome.is_ok() || outcome.is_err_and(|error| error.is_conflict()),
            "{here}"
        );
        assert_eq!(store.revision(), Revision(model.revision), "{here}");
        assert_eq!(store.figures().records, model.records, "{here}");
        let mut alive: Vec<Item> = model
            .items
            .iter()
            .filter(|item| item.expires.is_none_or(|end| end > now))
            .cloned()
            .collect();
        alive.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(everything(&*store, now).await, alive, "{here}");
        let prefix = chance.prefix();
        let below: Vec<Item> = alive
            .iter()
            .filter(|item| prefix.holds(&item.key))
            .rev()
            .cloned()
            .collect();
        let page = store
            .range(Range::under(prefix.clone()).backward(), now)
            .await
            .unwrap();
        assert_eq!(page.items, below, "{here}");
        let key = chance.key();
        assert_eq!(
            store.get(&key, now).await.unwrap().as_ref(),
            model.alive(&key, now),
            "{here}"
        );
        let mut overdue: Vec<Item> = model
            .items
            .iter()
            .filter(|item| item.expires.is_some_and(|end| end <= now))
            .cloned()
            .collect();
        overdue.sort_by(|a, b| (a.expires, &a.key).cmp(&(b.expires, &b.key)));
        assert_eq!(store.expired(now, 100).await.unwrap(), overdue, "{here}");
        let earliest = model.items.iter().filter_map(|item| item.expires).min();
        assert_eq!(*store.earliest_expiry().borrow(), earliest, "{here}");
        if step % 10 == 0 {
            let seen = model.changes.len();
            views.push((prefix.clone(), store.watch(vec![prefix], None).unwrap(), seen));
        }
    }
    assert_eq!(seen(&mut watch), model.changes, "seed {seed}");
    for (prefix, mut watch, begin) in views {
        let expected: Vec<_> = model.changes[begin..]
            .iter()
            .filter(|(_, key)| prefix.holds(key))
            .cloned()
            .collect();
        assert_eq!(seen(&mut watch), expected, "seed {seed}, below {prefix}");
    }
}

fn seen(watch: &mut Watch) -> Vec<(Revision, Key)> {
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next().unwrap() {
        if let Change::Put(item) = &event.change {
            assert_eq!(item.revision, event.revision);
        }
        seen.push((event.revision, event.change.key().clone()));
    }
    seen
}
