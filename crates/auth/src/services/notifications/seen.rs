//! `UpsertUserNotificationState` and `UpsertUserLastSeenNotification`: what a reader did with the own notifications.

use jiff::SignedDuration;
use wire::pb::teleport::header::v1::Metadata;
use wire::pb::teleport::notifications::v1 as pb;

use super::KIND;
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure, denied};
use crate::state::Change;
use crate::state::notifications::{bytes_of, seen_key, state_key};

/// How long it is remembered: longer than any notification is shown.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(100 * 24);
/// Longest id of a notification.
const ID_BYTES_MAX: usize = 64;

/// The caller, if the state is the caller's own.
fn own<'a>(call: &'a Call, user: &str) -> Answer<&'a str> {
    let caller = call.caller.require_user()?.name();
    if caller != user {
        return Err(denied());
    }
    Ok(caller)
}

/// Handles `UpsertUserNotificationState`.
pub async fn state(
    auth: &Auth,
    call: &Call,
    asked: pb::UpsertUserNotificationStateRequest,
) -> Answer<pb::UserNotificationState> {
    let user = own(call, &asked.username)?;
    let mut state = asked.user_notification_state.unwrap_or_default();
    let spec = state.spec.get_or_insert_default();
    if spec.notification_id.is_empty() || spec.notification_id.len() > ID_BYTES_MAX {
        return Err(Failure::bad_parameter("missing or invalid notification id"));
    }
    user.clone_into(&mut spec.username);
    let id = spec.notification_id.clone();
    state.kind = "user_notification_state".to_owned();
    state.version = "v1".to_owned();
    state.metadata = Some(Metadata {
        name: id.clone(),
        ..Metadata::default()
    });
    let until = call.now.saturating_add(KEPT_FOR).ok();
    let told = changed(call.actor(), KIND, &id, "update");
    let change = Change::new(call.now, user, told).put_until(state_key(user, &id), bytes_of(&state), until);
    auth.state.commit(change).await?;
    Ok(state)
}

/// Handles `UpsertUserLastSeenNotification`.
pub async fn last(
    auth: &Auth,
    call: &Call,
    asked: pb::UpsertUserLastSeenNotificationRequest,
) -> Answer<pb::UserLastSeenNotification> {
    let user = own(call, &asked.username)?;
    let mut seen = asked.user_last_seen_notification.unwrap_or_default();
    if seen.status.is_none_or(|status| status.last_seen_time.is_none()) {
        return Err(Failure::bad_parameter("missing parameter last_seen_time"));
    }
    seen.kind = "user_last_seen_notification".to_owned();
    seen.version = "v1".to_owned();
    seen.metadata = Some(Metadata {
        name: user.to_owned(),
        ..Metadata::default()
    });
    let told = changed(call.actor(), "user_last_seen_notification", user, "update");
    let change = Change::new(call.now, user, told).put(seen_key(user), bytes_of(&seen));
    auth.state.commit(change).await?;
    Ok(seen)
}
