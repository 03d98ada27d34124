//! `CreateUserNotification`, `CreateGlobalNotification`, `DeleteUserNotification` and `DeleteGlobalNotification`: what
//! administrators tell people.

use jiff::{SignedDuration, Timestamp};
use wire::convert;
use wire::pb::teleport::notifications::v1 as pb;

use super::{KIND, TITLE, id};
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::names;
use crate::services::users::no_such_user;
use crate::state::Change;
use crate::state::notifications::{bytes_of, global_key, user_key};

/// How long one is shown for which nobody said how long.
const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long one is shown at most.
const SHOWN_FOR_MAX: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Most labels, and most bytes of each.
const LABELS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 4096;
/// Most users, roles or conditions that one is for.
const AUDIENCE_MAX: usize = 1_000;

/// One as a client sent it, checked and filled in.
fn accept(auth: &Auth, call: &Call, sent: Option<pb::Notification>) -> Answer<(pb::Notification, Timestamp)> {
    let mut notification = sent.ok_or_else(|| Failure::bad_parameter("missing parameter notification"))?;
    let metadata = notification.metadata.get_or_insert_default();
    if metadata
        .labels
        .get(TITLE)
        .is_none_or(|title| title.trim().is_empty())
    {
        return Err(Failure::bad_parameter(format!(
            "the notification has no title; set it as the label {TITLE:?}"
        )));
    }
    let too_long = |text: &String| text.len() > LABEL_BYTES_MAX;
    let labels = &metadata.labels;
    if labels.len() > LABELS_MAX || labels.iter().any(|(key, value)| too_long(key) || too_long(value)) {
        return Err(Failure::bad_parameter(format!(
            "a notification has at most {LABELS_MAX} labels of {LABEL_BYTES_MAX} bytes"
        )));
    }
    let after = |span: SignedDuration| call.now.saturating_add(span).unwrap_or(Timestamp::MAX);
    let ends = convert::moment(metadata.expires.as_ref()).unwrap_or_else(|| after(SHOWN_FOR));
    if ends <= call.now {
        return Err(Failure::bad_parameter(
            "the notification would have ended already; its end must be in the future",
        ));
    }
    let ends = ends.min(after(SHOWN_FOR_MAX));
    metadata.expires = Some(convert::timestamp(ends));
    metadata.name = auth.chance.uuid_at(call.now);
    KIND.clone_into(&mut notification.kind);
    "v1".clone_into(&mut notification.version);
    if notification.sub_kind.is_empty() {
        "user-created".clone_into(&mut notification.sub_kind);
    }
    let spec = notification.spec.get_or_insert_default();
    spec.created = Some(convert::timestamp(call.now));
    spec.unscoped = true;
    spec.username.clear();
    Ok((notification, ends))
}

/// Handles `CreateUserNotification`.
pub async fn create_for_user(
    auth: &Auth,
    call: &Call,
    asked: pb::CreateUserNotificationRequest,
) -> Answer<pb::Notification> {
    call.allow(KIND, &["create"])?;
    let (mut notification, ends) = accept(auth, call, asked.notification)?;
    let sent = notification.spec.as_ref().map(|spec| spec.username.clone());
    let user = Some(asked.username)
        .filter(|user| !user.is_empty())
        .or(sent)
        .unwrap_or_default();
    if user.is_empty() {
        return Err(Failure::bad_parameter("missing parameter username"));
    }
    if auth.state.user(&user, call.now).await?.is_none() {
        return Err(no_such_user(&user));
    }
    user.clone_into(&mut notification.spec.get_or_insert_default().username);
    let told = changed(
        call.actor(),
        KIND,
        &format!("{user}/{}", id(&notification)),
        "create",
    );
    let change = Change::new(call.now, &call.actor().user, told).put_until(
        user_key(&user, id(&notification)),
        bytes_of(&notification),
        Some(ends),
    );
    auth.state.commit(change).await?;
    Ok(notification)
}

/// Handles `CreateGlobalNotification`.
pub async fn create_for_all(
    auth: &Auth,
    call: &Call,
    asked: pb::CreateGlobalNotificationRequest,
) -> Answer<pb::GlobalNotification> {
    use pb::global_notification_spec::Matcher;
    call.allow(KIND, &["create"])?;
    let mut global = asked
        .global_notification
        .ok_or_else(|| Failure::bad_parameter("missing parameter global_notification"))?;
    let spec = global.spec.get_or_insert_default();
    let audience = match &spec.matcher {
        Some(Matcher::All(true)) => 1,
        Some(Matcher::ByRoles(by)) => by.roles.len(),
        Some(Matcher::ByUsers(by)) => by.users.len(),
        Some(Matcher::ByPermissions(by)) => by.role_conditions.len(),
        Some(Matcher::All(false)) | None => 0,
    };
    if audience == 0 {
        return Err(Failure::bad_parameter(
            "the notification says nobody whom it is for: name users, roles or permissions, or all",
        ));
    }
    if audience > AUDIENCE_MAX || spec.exclude_users.len() > AUDIENCE_MAX {
        return Err(Failure::bad_parameter(format!(
            "a notification names at most {AUDIENCE_MAX} users, roles or permissions"
        )));
    }
    let (notification, ends) = accept(auth, call, spec.notification.take())?;
    let name = id(&notification).to_owned();
    global.kind = "global_notification".to_owned();
    global.version = "v1".to_owned();
    let metadata = global.metadata.get_or_insert_default();
    name.clone_into(&mut metadata.name);
    metadata.expires = Some(convert::timestamp(ends));
    global.spec.get_or_insert_default().notification = Some(notification);
    let told = changed(call.actor(), KIND, &name, "create");
    let change = Change::new(call.now, &call.actor().user, told).put_until(
        global_key(&name),
        bytes_of(&global),
        Some(ends),
    );
    auth.state.commit(change).await?;
    Ok(global)
}

/// Handles `DeleteUserNotification`.
pub async fn delete_of_user(
    auth: &Auth,
    call: &Call,
    asked: pb::DeleteUserNotificationRequest,
) -> Answer<()> {
    call.allow(KIND, &["delete"])?;
    let key = user_key(&asked.username, &asked.notification_id);
    remove(auth, call, key, &asked.notification_id).await
}

/// Handles `DeleteGlobalNotification`.
pub async fn delete_of_all(
    auth: &Auth,
    call: &Call,
    asked: pb::DeleteGlobalNotificationRequest,
) -> Answer<()> {
    call.allow(KIND, &["delete"])?;
    remove(
        auth,
        call,
        global_key(&asked.notification_id),
        &asked.notification_id,
    )
    .await
}

async fn remove(auth: &Auth, call: &Call, key: store::Key, name: &str) -> Answer<()> {
    let stored = auth.state.item(&key, call.now).await?;
    let stored = stored.ok_or_else(|| {
        let name = names::bounded(name);
        Failure::not_found(format!("notification {name:?} is not found"))
    })?;
    let told = changed(call.actor(), KIND, name, "delete");
    let change = Change::new(call.now, &call.actor().user, told)
        .require_same(&key, Some(stored.revision))
        .delete(key);
    auth.state.commit(change).await?;
    Ok(())
}
