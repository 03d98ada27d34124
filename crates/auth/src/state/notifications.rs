//! Notifications that somebody wrote, and what their readers did with them.
//!
//! | key | what |
//! | --- | --- |
//! | `/user_notifications/USER/ID` | one for one user |
//! | `/global_notifications/ID` | one for all whom its condition matches |
//! | `/notification_states/USER/ID` | that a user has opened or dismissed one |
//! | `/notifications_seen/USER` | until when a user has looked |
//!
//! What is told of access requests is not stored: it is read off the requests themselves.

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use store::{Item, Key, Prefix};
use wire::pb::teleport::notifications::v1 as pb;

use super::State;
use crate::failure::{Answer, Failure};

/// Where the notifications of a user live.
pub fn of_user(user: &str) -> Prefix {
    Prefix::of(["user_notifications", user])
}

/// Where one of them lives.
pub fn user_key(user: &str, id: &str) -> Key {
    Key::of(["user_notifications", user, id])
}

/// Where the ones for all live.
pub fn global() -> Prefix {
    Prefix::of(["global_notifications"])
}

/// Where one of them lives.
pub fn global_key(id: &str) -> Key {
    Key::of(["global_notifications", id])
}

/// Where it is kept what a user did with theirs.
pub fn states_of(user: &str) -> Prefix {
    Prefix::of(["notification_states", user])
}

/// Where it is kept what a user did with one.
pub fn state_key(user: &str, id: &str) -> Key {
    Key::of(["notification_states", user, id])
}

/// Where it is kept until when a user has looked.
pub fn seen_key(user: &str) -> Key {
    Key::of(["notifications_seen", user])
}

/// Reads one of them.
pub fn read<M: Message + Default>(item: &Item) -> Answer<M> {
    M::decode(item.value.clone())
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))
}

/// The bytes to store.
pub fn bytes_of(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

impl State {
    /// All below a prefix.
    pub async fn notifications<M: Message + Default>(
        &self,
        prefix: Prefix,
        now: Timestamp,
    ) -> Answer<Vec<M>> {
        let (items, _) = self.all(prefix, now).await?;
        items.iter().map(read).collect()
    }

    /// Until when a user has looked.
    pub async fn notifications_seen(
        &self,
        user: &str,
        now: Timestamp,
    ) -> Answer<Option<pb::UserLastSeenNotification>> {
        let item = self.item(&seen_key(user), now).await?;
        item.as_ref().map(read).transpose()
    }
}
