//! The sweep: what was made for a time goes when that is over. Requests leave the lists with a record, and go to the
//! archive; users go with all that is theirs; the rest just goes.
//!
//! Nothing rests on its punctuality: reads and decisions do not see what is overdue, swept or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::{Item, Require};
use wire::pb::types;

use crate::audit::{Actor, access as told, cluster, people};
use crate::auth::Auth;
use crate::failure::Answer;
use crate::services::{locks, users};
use crate::state::requests::{plain, put_away};
use crate::state::resource::{Found, Resource as _};
use crate::state::{Change, Refused};

/// How many things are swept at once.
const AT_ONCE: usize = 100;
/// Longest sleep, so that a clock that was moved is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// What one sweep took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Access requests.
    pub requests: usize,
    /// Users, roles, locks, links, sessions and everything else.
    pub others: usize,
}

impl Swept {
    fn all(self) -> usize {
        self.requests + self.others
    }
}

/// Sweeps until the Auth Service is dropped.
pub async fn run(auth: Arc<Auth>) {
    let mut earliest = auth.state.earliest_expiry();
    let auth = Arc::downgrade(&auth);
    loop {
        let next = *earliest.borrow_and_update();
        let wait = {
            let Some(auth) = auth.upgrade() else { return };
            let now = auth.clock.now();
            if next.is_some_and(|next| next <= now) {
                match once(&auth, now).await {
                    // There may be more that ended at the same moment. Others get their turn in between.
                    Ok(swept) if swept.all() > 0 => {
                        tokio::task::yield_now().await;
                        continue;
                    }
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "what is overdue could not be swept"),
                }
            }
            next.filter(|next| *next > now)
                .and_then(|next| Duration::try_from(next.duration_since(now)).ok())
                .map_or(SLEEP_MAX, |left| left.min(SLEEP_MAX))
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            changed = earliest.changed() => if changed.is_err() { return },
        }
    }
}

/// Sweeps some of what is overdue at `now`, the longest overdue first.
pub async fn once(auth: &Auth, now: Timestamp) -> Answer<Swept> {
    let mut swept = Swept::default();
    let mut archived = BTreeSet::new();
    let mut rest = Vec::new();
    for item in auth.state.expired(now, AT_ONCE).await? {
        if types::AccessRequestV3::prefix().holds(&item.key) {
            archived.insert(item.key.name().into_owned());
            swept.requests += gone(&item, request(auth, &item, now).await);
        } else if types::UserV2::prefix().holds(&item.key) {
            swept.others += gone(&item, users::delete::end(auth, &item.key.name(), now).await);
        } else if types::LockV2::prefix().holds(&item.key) || types::RoleV6::prefix().holds(&item.key) {
            swept.others += gone(&item, named(auth, &item, now).await);
        } else {
            rest.push(item);
        }
    }
    // The people of a request have gone with it.
    let people = crate::state::requests::people_prefix();
    rest.retain(|item| !(people.holds(&item.key) && archived.contains(&*item.key.name())));
    swept.others += nameless(auth, &rest, now).await?;
    Ok(swept)
}

/// Counts what went. One thing that cannot be read must not keep everything after it.
fn gone(item: &Item, outcome: Answer<bool>) -> usize {
    outcome.map_or_else(
        |error| {
            tracing::warn!(key = %item.key, %error, "one thing that is overdue could not be swept");
            0
        },
        usize::from,
    )
}

async fn request(auth: &Auth, item: &Item, now: Timestamp) -> Answer<bool> {
    let found = plain(Found::<types::AccessRequestV3>::read(item)?)?;
    let change = Change::new(now, &Actor::system().user, told::expired(&found.request))
        .require(Require::Expired(item.key.clone(), item.revision));
    commit(auth, put_away(change, &found)).await
}

/// A lock or a role.
async fn named(auth: &Auth, item: &Item, now: Timestamp) -> Answer<bool> {
    let system = Actor::system();
    let name = item.key.name();
    let event = if types::LockV2::prefix().holds(&item.key) {
        let lock = Found::<types::LockV2>::read(item)?.resource;
        let target = lock.spec.as_ref().and_then(|spec| spec.target.as_ref());
        people::lock_deleted(&system, &name, &locks::target_fields(target))
    } else {
        people::role(people::RoleChange::Deleted, &system, &name, None)
    };
    let change = Change::new(now, &system.user, event)
        .require(Require::Expired(item.key.clone(), item.revision))
        .delete(item.key.clone());
    commit(auth, change).await
}

/// Counts of guesses, links, sessions, notes of plugins: one record says how many of each went.
async fn nameless(auth: &Auth, items: &[Item], now: Timestamp) -> Answer<usize> {
    if items.is_empty() {
        return Ok(0);
    }
    let system = Actor::system();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let collection = item.key.segments().next().unwrap_or_default().into_owned();
        *counts.entry(collection).or_default() += 1;
    }
    let text: Vec<String> = counts
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    let event = cluster::changed(&system, "expired", &text.join(", "), "delete");
    let change = items
        .iter()
        .fold(Change::new(now, &system.user, event), |change, item| {
            change
                .require(Require::Expired(item.key.clone(), item.revision))
                .delete(item.key.clone())
        });
    match (commit(auth, change).await?, items) {
        (true, _) => Ok(items.len()),
        (false, [_]) => Ok(0),
        // One of them has come back to life; the others go alone.
        (false, several) => {
            let mut gone = 0;
            for item in several {
                gone += Box::pin(nameless(auth, std::slice::from_ref(item), now)).await?;
            }
            Ok(gone)
        }
    }
}

/// Says whether it came about: somebody else may have been quicker.
async fn commit(auth: &Auth, change: Change) -> Answer<bool> {
    match auth.state.commit(change).await {
        Ok(_) => Ok(true),
        Err(Refused::Conflict(_)) => Ok(false),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
