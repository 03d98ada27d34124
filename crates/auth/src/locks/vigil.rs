//! Minds somebody who is connected: tells at once when a lock on them is set, or when the authority that signed their
//! certificate is not trusted any more.
//!
//! Woken by the store's own news and by nothing else; looks at the lock that is new and not at all of them.

use std::sync::{Arc, Weak};

use store::{Change, WatchError};
use wire::pb::types;

use super::{Whom, check, judge};
use crate::auth::Auth;
use crate::failure::{Answer, Failure};
use crate::state::authorities;
use crate::state::resource::Resource as _;

/// Minds one connection or stream.
pub struct Vigil {
    auth: Weak<Auth>,
    whom: Whom,
    /// News of locks and authorities; none while the present ones have to be looked at first.
    news: Option<store::Watch>,
}

impl Vigil {
    /// Begins to mind `whom`.
    ///
    /// # Errors
    /// A lock is in force already, or that cannot be found out.
    pub async fn begin(auth: &Arc<Auth>, whom: Whom) -> Answer<Self> {
        let news = look(auth, &whom).await?;
        Ok(Self {
            auth: Arc::downgrade(auth),
            whom,
            news: Some(news),
        })
    }

    /// Returns when a lock is in force, or when that can no longer be found out. May be dropped while waiting.
    pub async fn until_locked(&mut self) -> Failure {
        loop {
            let Some(news) = &mut self.news else {
                let Some(auth) = self.auth.upgrade() else {
                    return std::future::pending().await;
                };
                match look(&auth, &self.whom).await {
                    Ok(news) => self.news = Some(news),
                    Err(failure) => return failure,
                }
                continue;
            };
            match news.next().await {
                Ok(event) => {
                    let Change::Put(item) = &event.change else {
                        continue;
                    };
                    let Some(auth) = self.auth.upgrade() else { continue };
                    let now = auth.clock.now();
                    let judged = if authorities::public_prefix().holds(&item.key) {
                        self.whom.check_signed(&auth.state, now).await
                    } else {
                        judge(item, &self.whom.targets(), now)
                    };
                    if let Err(failure) = judged {
                        return failure;
                    }
                }
                // The server is on its way out, and says so itself.
                Err(WatchError::Closed) => return std::future::pending().await,
                Err(WatchError::Lagged { .. } | WatchError::Ahead { .. }) => self.news = None,
            }
        }
    }
}

/// First listens, then looks at what is there: a lock that is set in between is seen twice rather than never.
async fn look(auth: &Auth, whom: &Whom) -> Answer<store::Watch> {
    let news = auth
        .state
        .watch(vec![types::LockV2::prefix(), authorities::public_prefix()])
        .map_err(|error| Failure::connection_problem(error.to_string()))?;
    let now = auth.clock.now();
    check(&auth.state, &whom.targets(), now).await?;
    whom.check_signed(&auth.state, now).await?;
    Ok(news)
}
