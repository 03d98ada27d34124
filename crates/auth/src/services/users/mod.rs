//! Users: reading, making, changing, deleting.

pub mod create;
pub mod delete;
pub mod get;
pub mod list;
pub mod login_state;
pub mod password;
pub mod update;
pub mod upsert;

use jiff::Timestamp;
use store::{Require, Revision};
use wire::keep::Kept;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::lockout::Door;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::names;
use crate::state::people::{self, Subject, keys};
use crate::state::resource::{Found, Resource as _};
use crate::state::{Change, Read};

/// What clients are told of a user that is not there.
pub fn no_such_user(name: &str) -> Failure {
    Failure::not_found(format!("\"user\" {name:?} does not exist"))
}

/// A user as a client sent it, checked and cleaned: what only the server may say is taken out.
fn accept(mut user: Kept<types::UserV2>) -> Answer<Kept<types::UserV2>> {
    names::check_user(user.name())?;
    if !matches!(user.kind.as_str(), "" | "user") {
        return Err(Failure::bad_parameter(format!(
            "resource is of kind {:?}, not \"user\"",
            user.kind
        )));
    }
    if !matches!(user.version.as_str(), "" | "v1" | "v2") {
        return Err(Failure::bad_parameter(format!(
            "user version {:?} is not supported",
            user.version
        )));
    }
    "user".clone_into(&mut user.kind);
    "v2".clone_into(&mut user.version);
    user.metadata_mut().namespace = "default".to_owned();
    let spec = user.spec.get_or_insert_default();
    spec.local_auth = None;
    spec.status = None;
    let mut seen = std::collections::HashSet::new();
    spec.roles.retain(|role| seen.insert(role.clone()));
    for role in &spec.roles {
        names::check_role(role)?;
    }
    user.status = None;
    Ok(user)
}

/// The roles of a user resource.
pub fn roles_of(user: &types::UserV2) -> &[String] {
    user.spec.as_ref().map_or(&[], |spec| &spec.roles)
}

/// Whether another system vouches for this user.
pub fn is_external(user: &types::UserV2) -> bool {
    let created_by = user.spec.as_ref().and_then(|spec| spec.created_by.as_ref());
    created_by.is_some_and(|created| created.connector.is_some())
}

/// Refuses roles that do not exist, and holds the change to their existence.
async fn with_roles(auth: &Auth, change: Change, roles: &[String]) -> Answer<Change> {
    let mut change = change;
    for role in roles {
        let found = auth.state.find::<types::RoleV6>(role, change.now()).await?;
        if found.is_none() {
            return Err(Failure::not_found(format!("role {role} is not found")));
        }
        change = change.require(Require::Present(types::RoleV6::key(role)));
    }
    Ok(change)
}

/// Puts a user who is not there yet into a change, with the subject behind the name.
pub(in crate::services) async fn born(
    auth: &Auth,
    call: &Call,
    change: Change,
    mut user: Kept<types::UserV2>,
) -> Answer<(Change, Kept<types::UserV2>)> {
    let name = user.name().to_owned();
    if let Some(taken) = auth.state.own::<String>(&keys::spelling(&name), call.now).await? {
        let present = auth.state.find::<types::UserV2>(&taken.value, call.now).await?;
        if present.is_some() {
            return Err(Failure::already_exists(format!(
                "user {name:?} already registered as {:?}",
                taken.value
            )));
        }
        // Made for a time that is over, and not swept yet: nothing of that user may pass on to this one.
        delete::end(auth, &taken.value, call.now).await?;
    }
    let earlier = auth.state.subject(&name, call.now).await?;
    let subject = Subject {
        id: auth.chance.uuid(),
        born: born_after(earlier.as_ref(), call.now),
        ended: None,
        namesake_until: earlier.as_ref().and_then(|earlier| earlier.value.ended),
    };
    let spec = user.spec.get_or_insert_default();
    let connector = spec.created_by.take().and_then(|created| created.connector);
    spec.created_by = Some(types::CreatedBy {
        connector,
        time: Some(moment::write(call.now)),
        user: Some(types::UserRef {
            name: call.actor().user.clone(),
        }),
    });
    user.status = Some(types::UserStatusV2 {
        password_state: types::PasswordState::Unset.into(),
        mfa_weakest_device: types::MfaDeviceKind::Unset.into(),
    });
    let change = change
        .require_same(&types::UserV2::key(&name), None)
        .require_same(&keys::subject(&name), earlier.map(|earlier| earlier.revision))
        .require_same(&keys::spelling(&name), None)
        .put(keys::spelling(&name), crate::state::own_bytes(&name)?)
        .put_resource(&user);
    Ok((people::put_subject(change, &name, &subject)?, user))
}

/// The birth of a subject: never in the second in which an earlier one of that name could still be
/// given a certificate.
fn born_after(earlier: Option<&Read<Subject>>, now: Timestamp) -> Timestamp {
    let ended = earlier.and_then(|earlier| earlier.value.ended);
    let next_second = ended.and_then(|ended| Timestamp::from_second(ended.as_second() + 1).ok());
    next_second.map_or(now, |next| next.max(now))
}

/// Puts a user who is there into a change; who made him, and what he signs in with, stays.
fn kept(
    change: Change,
    mut user: Kept<types::UserV2>,
    stored: &Found<types::UserV2>,
) -> (Change, Kept<types::UserV2>) {
    let spec = user.spec.get_or_insert_default();
    spec.created_by = stored
        .resource
        .spec
        .as_ref()
        .and_then(|spec| spec.created_by.clone());
    user.status.clone_from(&stored.resource.status);
    let change = change
        .require_same(&types::UserV2::key(user.name()), Some(stored.revision))
        .put_resource(&user);
    (change, user)
}

/// The resource as the answer to a write shows it.
fn written(mut user: Kept<types::UserV2>, revision: Revision) -> Kept<types::UserV2> {
    user.metadata_mut().revision = crate::state::resource::stamp(revision);
    user
}

/// Adds what is true at this moment: whether too many wrong guesses have closed the account.
async fn with_door(auth: &Auth, now: Timestamp, user: &mut Kept<types::UserV2>) -> Answer<()> {
    let attempts = auth.state.attempts(user.name(), now).await?;
    let door = attempts.map_or(Door::Open, |attempts| attempts.value.door(now));
    let status = match door {
        Door::Open => types::LoginStatus::default(),
        Door::Closed(until) => types::LoginStatus {
            is_locked: true,
            locked_message: "user has exceeded maximum failed login attempts".to_owned(),
            locked_time: None,
            lock_expires: Some(moment::write(until)),
        },
    };
    user.spec.get_or_insert_default().status = Some(status);
    Ok(())
}
