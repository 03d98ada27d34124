//! What must hold at the end of every story, read from the whole store and the whole record, and computed in the
//! slowest and plainest way, without the code under test.
//!
//! | | what |
//! | --- | --- |
//! | I1 | a certificate with a request inside came when that request was approved, its owner's, and by its reviews |
//! | I2 | the approving reviews come from enough distinct people, none of them the requester, a bot or impersonated |
//! | I4 | a final state stays, except that an approval can be revoked |
//! | I5 | no change without its record, no gap in the record's numbers |
//! | I7 | no certificate outlives its request |
//! | I8 | no planted secret in records, logs, or unsealed in the store |
//! | I9 | what a watcher saw adds up to what is stored |
//! | I12 | thresholds of a request never change |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use prost::Message as _;
use serde_json::Value;
use store::{Change, Prefix, Range, Revision, Store, StoredRecord};
use wire::pb::types::{AccessRequestV3, RequestState};

use crate::journal;
use crate::world::World;

/// Reads everything and holds it to the invariants.
pub async fn check(world: &World) {
    let history = History::read(&world.store).await;
    history.records_are_whole();
    history.every_change_is_told();
    history.a_watcher_saw_what_is_stored(world).await;
    history.requests_keep_their_rules();
    history.certificates_are_covered();
    history.no_secret_is_seen(world);
    assert_eq!(world.panics(), 0, "a handler panicked");
}

/// One record, parsed.
pub struct Told {
    pub number: u64,
    pub revision: Revision,
    pub body: Value,
}

impl Told {
    pub fn event(&self) -> &str {
        self.text("event")
    }

    pub fn text(&self, field: &str) -> &str {
        self.body.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Everything that ever happened in a store.
struct History {
    head: Revision,
    records: Vec<Told>,
    raw: Vec<StoredRecord>,
    changes: Vec<(Revision, Change)>,
}

/// All records of a store, parsed, in order.
pub async fn records(store: &Arc<dyn Store>) -> Vec<Told> {
    History::read(store).await.records
}

impl History {
    async fn read(store: &Arc<dyn Store>) -> Self {
        let mut raw = Vec::new();
        loop {
            let from = raw.last().map_or(1, |last: &StoredRecord| last.number + 1);
            let page = store.records(from, 1_000).await.expect("readable");
            if page.is_empty() {
                break;
            }
            raw.extend(page);
        }
        let records = raw
            .iter()
            .map(|stored| Told {
                number: stored.number,
                revision: stored.revision,
                body: serde_json::from_slice(&stored.record.body).expect("a record is JSON"),
            })
            .collect();
        let mut watch = store
            .watch(Vec::new(), Some(Revision(0)))
            .expect("the whole past");
        let mut changes = Vec::new();
        while let Some(event) = watch.try_next().expect("nothing is forgotten") {
            changes.push((event.revision, event.change));
        }
        Self {
            head: store.revision(),
            records,
            raw,
            changes,
        }
    }

    /// I5, the numbers.
    fn records_are_whole(&self) {
        let mut ids = BTreeSet::new();
        for (place, told) in (1..).zip(&self.records) {
            assert_eq!(told.number, place, "the numbers of records have a gap");
            for field in ["event", "code", "uid", "time", "cluster_name"] {
                assert!(
                    !told.text(field).is_empty(),
                    "a record without {field}: {}",
                    told.body
                );
            }
            assert!(
                ids.insert(told.text("uid")),
                "two records have one id: {}",
                told.body
            );
        }
    }

    /// I5, the deeds.
    fn every_change_is_told(&self) {
        let told: BTreeSet<Revision> = self.records.iter().map(|told| told.revision).collect();
        for revision in 1..=self.head.0 {
            assert!(
                told.contains(&Revision(revision)),
                "commit {revision} has no record"
            );
        }
        for (revision, change) in &self.changes {
            let key = change.key();
            let mut segments = key.segments();
            let collection = segments.next().unwrap_or_default().into_owned();
            let name = key.name().into_owned();
            let names_it = |told: &&Told, events: &[&str], fields: &[&str]| {
                let says = events.iter().any(|prefix| told.event().starts_with(prefix))
                    && fields.iter().any(|field| told.text(field) == name);
                // A bot's user and role are made, changed and deleted with it, in one record.
                let is_its_bot =
                    told.event().starts_with("bot.") && format!("bot-{}", told.text("name")) == name;
                says || is_its_bot
            };
            let (events, fields): (&[&str], &[&str]) = match collection.as_str() {
                "access_requests" | "access_request_people" => (&["access_request."], &["id"]),
                "users" => (
                    &["user.", "reset_password_token.", "mfa.add", "mfa.delete"],
                    &["name", "user"],
                ),
                "roles" => (&["role."], &["name"]),
                "locks" => (&["lock."], &["name"]),
                _ => continue,
            };
            assert!(
                self.at(*revision).any(|told| names_it(&told, events, fields)),
                "no record of commit {revision} tells of `{key}`: {:?}",
                self.at(*revision)
                    .map(|told| told.body.to_string())
                    .collect::<Vec<_>>()
            );
        }
    }

    fn at(&self, revision: Revision) -> impl Iterator<Item = &Told> {
        self.records.iter().filter(move |told| told.revision == revision)
    }

    /// I9.
    async fn a_watcher_saw_what_is_stored(&self, world: &World) {
        let mut seen = BTreeMap::new();
        let mut last = Revision(0);
        for (revision, change) in &self.changes {
            assert!(*revision >= last, "a watcher saw commit {revision} after {last}");
            last = *revision;
            match change {
                Change::Put(item) => {
                    assert_eq!(item.revision, *revision);
                    seen.insert(item.key.as_str().to_owned(), item.clone());
                }
                Change::Delete(key) => {
                    seen.remove(key.as_str());
                }
            }
        }
        let now = world.now();
        seen.retain(|_, item| item.expires.is_none_or(|end| now < end));
        let mut from = None;
        let mut stored = BTreeMap::new();
        loop {
            let range = Range::under(Prefix::all()).from(from);
            let page = world.store.range(range, now).await.expect("readable");
            stored.extend(
                page.items
                    .into_iter()
                    .map(|item| (item.key.as_str().to_owned(), item)),
            );
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        assert_eq!(
            stored.keys().collect::<Vec<_>>(),
            seen.keys().collect::<Vec<_>>(),
            "what a watcher saw is not what is stored"
        );
        for (key, item) in stored {
            assert_eq!(seen.get(&key), Some(&item), "a watcher saw another `{key}`");
        }
    }

    /// I2, I4, I12.
    fn requests_keep_their_rules(&self) {
        let mut known: BTreeMap<String, AccessRequestV3> = BTreeMap::new();
        for (revision, change) in &self.changes {
            let Some(item) = put_below("access_requests", change) else {
                continue;
            };
            let id = item.key.name().into_owned();
            let request = AccessRequestV3::decode(item.value.clone()).expect("a stored request is readable");
            let spec = request.spec.clone().expect("a stored request has a spec");
            let state = spec.state();
            if let Some(before) = known.get(&id).and_then(|known| known.spec.as_ref()) {
                let old = before.state();
                let moved = match old {
                    RequestState::Pending => true,
                    RequestState::Approved => matches!(state, RequestState::Approved | RequestState::Denied),
                    final_state => state == final_state,
                };
                assert!(moved, "request {id} went from {old:?} to {state:?}");
                assert_eq!(
                    spec.thresholds, before.thresholds,
                    "the thresholds of {id} changed"
                );
                assert_eq!(
                    spec.role_threshold_mapping, before.role_threshold_mapping,
                    "the rules of {id} changed"
                );
                assert_eq!(spec.user, before.user, "request {id} changed hands");
            }
            if matches!(state, RequestState::Approved | RequestState::Promoted) {
                self.has_enough_approvals(&request, *revision);
            }
            known.insert(id, request);
        }
        for told in &self.records {
            if told.event() != "access_request.review" {
                continue;
            }
            // A machine's own certificate names the machine itself.
            let impersonator = told.text("impersonator");
            assert!(
                impersonator.is_empty() || impersonator == told.text("reviewer"),
                "a review under impersonation: {}",
                told.body
            );
            let request = known
                .get(told.text("id"))
                .and_then(|request| request.spec.as_ref());
            if let Some(request) = request {
                assert_ne!(
                    request.user,
                    told.text("reviewer"),
                    "the requester reviewed: {}",
                    told.body
                );
            }
        }
    }

    /// The stored reviews, counted from scratch: enough distinct people for each role and each of its sets.
    fn has_enough_approvals(&self, request: &AccessRequestV3, revision: Revision) {
        let id = &request.metadata.as_ref().expect("metadata").name;
        let spec = request.spec.as_ref().expect("a spec");
        let people = self.people_of(id, revision);
        assert!(
            !spec.role_threshold_mapping.is_empty(),
            "{id} is approved without a rule"
        );
        for role in &spec.roles {
            let sets = &spec
                .role_threshold_mapping
                .get(role)
                .unwrap_or_else(|| panic!("{id} gives {role}, about which nothing was decided"))
                .sets;
            assert!(!sets.is_empty(), "{id} gives {role} without a rule");
            for set in sets {
                let satisfied = set.indexes.iter().any(|index| {
                    let threshold = &spec.thresholds[*index as usize];
                    let mut minds = BTreeSet::new();
                    for review in &spec.reviews {
                        let person = people.get(&review.author);
                        let subject = person.map_or(review.author.as_str(), |person| person.subject.as_str());
                        let subject = if subject.is_empty() {
                            review.author.as_str()
                        } else {
                            subject
                        };
                        let is_machine = person.is_some_and(|person| person.voter != "person");
                        // Whoever approves with an access list in mind approves.
                        let approves = matches!(
                            review.proposed_state(),
                            RequestState::Approved | RequestState::Promoted
                        );
                        let counts = approves
                            && review.threshold_indexes.contains(index)
                            && review.author != spec.user
                            && people.get("").is_none_or(|asker| asker.subject != subject)
                            && (threshold.approve < 2 || !is_machine);
                        if counts {
                            minds.insert(subject.to_owned());
                        }
                    }
                    threshold.approve > 0 && minds.len() >= threshold.approve as usize
                });
                assert!(
                    satisfied,
                    "{id} is approved, but its reviews do not say so: {:?}",
                    spec.reviews
                );
            }
        }
    }

    /// Who the people of a request were when it was written; the requester stands under the empty name.
    fn people_of(&self, id: &str, revision: Revision) -> BTreeMap<String, Mind> {
        let item = self.changes.iter().find_map(|(at, change)| {
            let item = put_below("access_request_people", change)?;
            (*at == revision && item.key.name() == id).then_some(item)
        });
        let item = item.unwrap_or_else(|| panic!("commit {revision} says nothing about the people of {id}"));
        let value: Value = serde_json::from_slice(&item.value).expect("readable");
        let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let mut people = BTreeMap::from([(
            String::new(),
            Mind {
                subject: text(&value, "requester"),
                voter: String::new(),
            },
        )]);
        for author in value["authors"].as_array().into_iter().flatten() {
            people.insert(
                text(author, "name"),
                Mind {
                    subject: text(author, "subject"),
                    voter: text(author, "voter"),
                },
            );
        }
        people
    }

    /// I1, I7.
    fn certificates_are_covered(&self) {
        for told in self.records.iter().filter(|told| told.event() == "cert.create") {
            let identity = &told.body["identity"];
            let user = identity["user"].as_str().unwrap_or_default();
            let moment = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let end = moment(&identity["expires"]);
            let given = moment(&told.body["time"]).expect("a record has a time");
            for id in identity["access_requests"].as_array().into_iter().flatten() {
                let id = id.as_str().unwrap_or_default();
                let request = self.request_at(id, told.revision);
                let spec = request.and_then(|request| request.spec).unwrap_or_else(|| {
                    panic!("a certificate carries {id}, which is not there: {}", told.body)
                });
                assert_eq!(
                    spec.state(),
                    RequestState::Approved,
                    "a certificate carries {id}: {}",
                    told.body
                );
                assert_eq!(
                    spec.user, user,
                    "a certificate carries somebody else's {id}: {}",
                    told.body
                );
                let limit = wire::convert::moment(spec.expires.as_ref());
                assert!(
                    end <= limit,
                    "a certificate outlives its request {id}: {}",
                    told.body
                );
                let start = wire::convert::moment(spec.assume_start_time.as_ref());
                assert!(
                    start.is_none_or(|start| start.as_millisecond() <= given.as_millisecond()),
                    "a certificate carries {id} too early: {}",
                    told.body
                );
            }
        }
    }

    /// The request as it stood just before `revision`.
    fn request_at(&self, id: &str, revision: Revision) -> Option<AccessRequestV3> {
        let mut found = None;
        for (_, change) in self.changes.iter().take_while(|(at, _)| *at <= revision) {
            let mut segments = change.key().segments();
            if segments.next().as_deref() != Some("access_requests") || change.key().name() != id {
                continue;
            }
            found = match change {
                Change::Put(item) => AccessRequestV3::decode(item.value.clone()).ok(),
                Change::Delete(_) => None,
            };
        }
        found
    }

    /// I8.
    fn no_secret_is_seen(&self, world: &World) {
        let records: Vec<_> = self
            .raw
            .iter()
            .map(|stored| String::from_utf8_lossy(&stored.record.body))
            .collect();
        let changes: Vec<_> = self
            .changes
            .iter()
            .map(|(revision, change)| {
                let value = match change {
                    Change::Put(item) => String::from_utf8_lossy(&item.value),
                    Change::Delete(_) => "".into(),
                };
                (revision, change.key(), value)
            })
            .collect();
        for (what, secret) in world.canaries() {
            for (number, body) in (1..).zip(&records) {
                assert!(!body.contains(&secret), "{what} stands in record {number}");
            }
            for (revision, key, value) in &changes {
                let seen = key.as_str().contains(&secret) || value.contains(&secret);
                assert!(
                    !seen,
                    "{what} stands in the store, in `{key}` of commit {revision}"
                );
            }
            assert!(
                !journal::contains(&secret, world.journal_from),
                "{what} was logged"
            );
        }
    }
}

/// What is known of somebody beyond the name.
struct Mind {
    subject: String,
    voter: String,
}

/// The checker is checked: what breaks an invariant is noticed.
mod tests {
    use futures::FutureExt as _;
    use store::{Batch, Key, Record};

    use super::*;
    use crate::people::{approve, ask};
    use crate::world::Plan;

    /// Does `deed` behind the server's back; the check must say `expected`.
    async fn noticed(expected: &str, deed: impl AsyncFn(&World, &str) -> Batch) {
        let world = World::open(Plan::default()).await;
        let cast = world.cast().await;
        let id = ask(&world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        check(&world).await;
        let batch = deed(&world, &id).await;
        world.store.commit(batch).await.expect("committed");
        let outcome = std::panic::AssertUnwindSafe(check(&world)).catch_unwind().await;
        let panic = outcome.expect_err("nothing was noticed");
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_default();
        assert!(text.contains(expected), "{text}");
    }

    fn told(world: &World, event: &str, more: &str) -> Record {
        let uid = world.uuid();
        let body = format!(
            "{{\"event\":{event:?},\"uid\":{uid:?},\"code\":\"T\",\"time\":\"{}\",\"cluster_name\":\"C\"{more}}}",
            world.now()
        );
        Record::new(world.now(), event, "mallory", body)
    }

    /// The stored request after `change`, with a record that tells of it.
    async fn changed(world: &World, id: &str, change: impl Fn(&mut AccessRequestV3)) -> Batch {
        let key = Key::of(["access_requests", id]);
        let people = Key::of(["access_request_people", id]);
        let item = world
            .store
            .get(&key, world.now())
            .await
            .expect("readable")
            .expect("there");
        let known = world
            .store
            .get(&people, world.now())
            .await
            .expect("readable")
            .expect("there");
        let mut request = AccessRequestV3::decode(item.value).expect("a request");
        change(&mut request);
        Batch::at(world.now())
            .put_until(key, request.encode_to_vec(), item.expires)
            .put_until(people, known.value, known.expires)
            .record(told(world, "access_request.update", &format!(",\"id\":{id:?}")))
    }

    #[tokio::test]
    async fn a_change_without_a_record_is_noticed() {
        noticed("has no record", async |world, _| {
            Batch::at(world.now()).put(Key::of(["things", "new"]), "1")
        })
        .await;
        noticed("tells of `/roles/devops`", async |world, _| {
            Batch::at(world.now())
                .put(Key::of(["roles", "devops"]), "1")
                .record(told(world, "role.created", ",\"name\":\"other\""))
        })
        .await;
    }

    #[tokio::test]
    async fn an_approval_without_its_reviews_is_noticed() {
        noticed("its reviews do not say so", async |world, id| {
            changed(world, id, |request| {
                request.spec.get_or_insert_default().state = RequestState::Approved.into();
            })
            .await
        })
        .await;
        noticed("its reviews do not say so", async |world, id| {
            changed(world, id, |request| {
                let spec = request.spec.get_or_insert_default();
                spec.state = RequestState::Approved.into();
                let again = spec.reviews[0].clone();
                spec.reviews.push(again);
            })
            .await
        })
        .await;
    }

    #[tokio::test]
    async fn a_rule_that_changes_is_noticed() {
        noticed("the thresholds of", async |world, id| {
            changed(world, id, |request| {
                request.spec.get_or_insert_default().thresholds[0].approve = 1;
            })
            .await
        })
        .await;
    }

    #[tokio::test]
    async fn a_certificate_for_what_is_not_approved_is_noticed() {
        noticed("a certificate carries", async |world, id| {
            let identity = format!(
                ",\"identity\":{{\"user\":\"bob@example.com\",\"expires\":\"{}\",\"access_requests\":[{id:?}]}}",
                world.now()
            );
            Batch::at(world.now()).record(told(world, "cert.create", &identity))
        })
        .await;
    }

    #[tokio::test]
    async fn a_secret_in_the_store_is_noticed() {
        noticed("stands in the store", async |world, _| {
            let (_, secret) = world.canaries().swap_remove(0);
            Batch::at(world.now())
                .put(Key::of(["things", "new"]), secret)
                .record(told(world, "thing.new", ""))
        })
        .await;
        noticed("stands in record", async |world, _| {
            let (_, secret) = world.canaries().swap_remove(0);
            Batch::at(world.now()).record(told(world, "thing.new", &format!(",\"note\":{secret:?}")))
        })
        .await;
    }
}

fn put_below<'a>(collection: &str, change: &'a Change) -> Option<&'a store::Item> {
    match change {
        Change::Put(item) if item.key.segments().next().as_deref() == Some(collection) => Some(item),
        _ => None,
    }
}
