//! `AuthService.UpsertLock`: shuts somebody or something out, at once.

use wire::keep::Kept;
use wire::pb::types;

use super::target_fields;
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::names;
use crate::state::resource::{Resource as _, bytes_of};
use crate::state::{Change, Tries};

/// Most bytes of a lock's message, which everybody it shuts out reads.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, mut lock: Kept<types::LockV2>) -> Answer<()> {
    call.allow("lock", &["create", "update"])?;
    names::check_role(lock.name())?;
    "lock".clone_into(&mut lock.kind);
    "v2".clone_into(&mut lock.version);
    lock.metadata_mut().namespace = "default".to_owned();
    let spec = lock.spec.get_or_insert_default();
    let target = target_fields(spec.target.as_ref());
    if target.is_empty() {
        return Err(Failure::bad_parameter("at least one target field must be set"));
    }
    if spec.message.len() > MESSAGE_BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "the lock's message is longer than {MESSAGE_BYTES_MAX} bytes"
        )));
    }
    for named in target.values().filter_map(|value| value.as_str()) {
        names::check_mentioned("lock", named)?;
    }
    for out_of_reach in ["windows_desktop", "device"] {
        if target.contains_key(out_of_reach) {
            call.warn(format!(
                "this cluster gives nobody anything that carries `{out_of_reach}`: the lock shuts nobody out"
            ));
        }
    }
    let ends = moment::read_option(spec.expires.as_ref());
    if ends.is_some_and(|ends| ends <= call.now) {
        return Err(Failure::bad_parameter("the lock's end lies in the past"));
    }
    if ends.is_none() {
        spec.expires = None;
    }
    if moment::read_option(spec.created_at.as_ref()).is_none() {
        spec.created_at = Some(moment::write(call.now));
    }
    if spec.created_by.is_empty() {
        spec.created_by = call.caller.short_name().to_owned();
    }
    let mut tries = Tries::default();
    loop {
        let stored = auth.state.find::<types::LockV2>(lock.name(), call.now).await?;
        let told = record::lock_created(call.actor(), lock.name(), ends, &target);
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(
                &types::LockV2::key(lock.name()),
                stored.map(|stored| stored.revision),
            )
            // The item goes when the lock ends, so that lists do not fill up with what is over.
            .put_until(types::LockV2::key(lock.name()), bytes_of(&lock), ends);
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
