//! `UpdateApp`, `UpdateDatabase` and `UpdateKubernetesCluster`: a resource that is there, as it is from now on.

use access::resource::Resource;
use wire::keep::Kept;

use super::kinds::{accept, spoken, told};
use super::view::{Borrowed, View};
use super::{Registered, missing};
use crate::audit::registered::Deed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::pages::changed_meanwhile;
use crate::state::resource::same_stamp;
use crate::state::{Change, Tries};

/// Handles `UpdateApp`, `UpdateDatabase` and `UpdateKubernetesCluster`.
pub async fn handle<M: Registered>(auth: &Auth, call: &Call, resource: Kept<M>) -> Answer<()> {
    call.allow(M::KIND, &["update"])?;
    let stamp = resource.stamp().to_owned();
    let resource = accept(resource)?;
    let described = resource.described();
    may_write(auth, call, &described).await?;
    let mut tries = Tries::default();
    loop {
        let stored = auth
            .state
            .find::<M>(&described.name, call.now)
            .await?
            .ok_or_else(|| missing(M::KIND_OF, &described.name))?;
        may_write(auth, call, &stored.resource.described()).await?;
        if !stamp.is_empty() && !same_stamp(&stamp, stored.revision) {
            return Err(changed_meanwhile());
        }
        let event = told(call, M::KIND_OF, Deed::Updated, &described, resource.expires());
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(&M::key(&described.name), Some(stored.revision))
            .put_resource(&resource);
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Refuses whoever may not reach what is written: labels decide about writing as they do about reaching.
pub(super) async fn may_write(auth: &Auth, call: &Call, resource: &Resource) -> Answer<()> {
    if View::of(auth, call, Borrowed::default()).await?.reaches(resource) {
        return Ok(());
    }
    Err(Failure::access_denied(format!(
        "access to {} {:?} denied",
        spoken(resource.kind),
        resource.name
    )))
}
