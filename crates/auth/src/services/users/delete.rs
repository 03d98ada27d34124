//! `UsersService.DeleteUser`: the user goes, with password, devices, links and sessions. Who was
//! behind the name is remembered, so that the next of that name is somebody else.

use wire::pb::teleport::users::v1::DeleteUserRequest;
use wire::pb::types;

use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::people::{self, Subject, keys};
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

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
        let mut change = Change::new(call.now, &call.actor().user, told)
            .require_same(&types::UserV2::key(name), Some(stored.revision))
            .delete(types::UserV2::key(name))
            .delete(keys::spelling(name))
            .delete(keys::password(name));
        for (key, _) in auth.state.devices(name, call.now).await? {
            change = change.delete(key);
        }
        for key in auth.state.links_of(name, call.now).await? {
            change = change.delete(key);
        }
        for key in auth.state.web_sessions_of(name, call.now).await? {
            change = change.delete(key);
        }
        let subject = auth.state.subject(name, call.now).await?;
        change = change.require_same(&keys::subject(name), subject.as_ref().map(|read| read.revision));
        if let Some(subject) = subject {
            let ended = Subject {
                ended: Some(call.now),
                ..subject.value
            };
            change = people::put_subject(change, name, &ended)?;
        }
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
