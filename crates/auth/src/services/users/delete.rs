//! `UsersService.DeleteUser`: the user goes, with password, devices, links and sessions. Who was
//! behind the name is remembered, so that the next of that name is somebody else.

use jiff::Timestamp;
use store::Require;
use wire::pb::teleport::users::v1::DeleteUserRequest;
use wire::pb::types;

use crate::audit::{Actor, people as record};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::people::{self, Subject, keys};
use crate::state::resource::Resource as _;
use crate::state::{Change, Refused, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: DeleteUserRequest) -> Answer<()> {
    call.allow("user", &["delete"])?;
    delete(auth, call, &request.name).await
}

/// Deletes the user called `name`.
pub async fn delete(auth: &Auth, call: &Call, name: &str) -> Answer<()> {
    if name.is_empty() {
        return Err(Failure::bad_parameter("missing parameter Name"));
    }
    let mut tries = Tries::default();
    loop {
        let found = auth.state.find::<types::UserV2>(name, call.now).await?;
        let stored = found.ok_or_else(|| Failure::not_found(format!("user {name:?} not found")))?;
        let told = record::user_deleted(call.actor(), name);
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&types::UserV2::key(name), Some(stored.revision));
        match auth.state.commit(without(auth, change, name).await?).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// The user called `name` was made for a time, and that is over: the rest goes too. Says whether anything did.
pub async fn end(auth: &Auth, name: &str, now: Timestamp) -> Answer<bool> {
    let system = Actor::system();
    let change = Change::new(now, &system.user, record::user_deleted(&system, name))
        .require(Require::Absent(types::UserV2::key(name)));
    match auth.state.commit(without(auth, change, name).await?).await {
        Ok(_) => Ok(true),
        // Somebody has just made the user anew.
        Err(Refused::Conflict(_)) => Ok(false),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}

/// Takes out everything that belongs to a user, and ends the subject behind the name.
pub(in crate::services) async fn without(auth: &Auth, change: Change, name: &str) -> Answer<Change> {
    let now = change.now();
    let mut change = change
        .delete(types::UserV2::key(name))
        .delete(keys::spelling(name))
        .delete(keys::password(name))
        .delete(keys::attempts(name))
        .delete(keys::sources(name));
    for (key, device) in auth.state.devices(name, now).await? {
        change = people::without_device(change, key, &device.value);
    }
    for key in auth.state.links_of(name, now).await? {
        change = change.delete(key);
    }
    change = auth.state.end_sessions_of(name, change).await?;
    let subject = auth.state.subject(name, now).await?;
    change = change.require_same(&keys::subject(name), subject.as_ref().map(|read| read.revision));
    if let Some(subject) = subject {
        let ended = Subject {
            ended: subject.value.ended.or(Some(now)),
            ..subject.value
        };
        change = people::put_subject(change, name, &ended)?;
    }
    Ok(change)
}
