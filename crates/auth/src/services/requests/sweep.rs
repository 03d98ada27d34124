//! The sweep: requests whose time is over leave the lists with a record, and go to the archive.
//!
//! Nothing rests on its punctuality: reads and decisions do not see an overdue request, swept or not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use store::{Item, Require};
use wire::pb::types;

use crate::audit::{Actor, access as told};
use crate::auth::Auth;
use crate::failure::Answer;
use crate::state::requests::{plain, prefix, put_away};
use crate::state::resource::Found;
use crate::state::{Change, Refused};

/// How many are swept at once.
const AT_ONCE: usize = 100;
/// Longest sleep, so that a clock that was moved is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// Sweeps until the Auth Service is dropped.
pub async fn run(auth: Arc<Auth>) {
    let mut earliest = auth.state.earliest_expiry();
    let auth = Arc::downgrade(&auth);
    loop {
        let next = *earliest.borrow_and_update();
        let wait = {
            let Some(auth) = auth.upgrade() else { return };
            let now = auth.clock.now();
            if next.is_some_and(|next| next <= now)
                && let Err(error) = once(&auth, now).await
            {
                tracing::warn!(%error, "overdue access requests could not be swept");
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

/// Sweeps what is overdue at `now`.
pub async fn once(auth: &Auth, now: Timestamp) -> Answer<usize> {
    let mut swept = 0;
    let overdue = auth.state.expired(now, AT_ONCE).await?;
    for item in overdue.iter().filter(|item| prefix().holds(&item.key)) {
        swept += usize::from(one(auth, item, now).await?);
    }
    Ok(swept)
}

async fn one(auth: &Auth, item: &Item, now: Timestamp) -> Answer<bool> {
    let found = plain(Found::<types::AccessRequestV3>::read(item)?)?;
    let change = Change::new(now, &Actor::system().user, told::expired(&found.request))
        .require(Require::Expired(item.key.clone(), item.revision));
    match auth.state.commit(put_away(change, &found)).await {
        Ok(_) => Ok(true),
        // Somebody else was quicker.
        Err(Refused::Conflict(_)) => Ok(false),
        Err(refused) => Err(refused.into()),
    }
}
