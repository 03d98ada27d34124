//! `DeleteNode`, `DeleteApp` and their like: a resource that is gone.

use wire::pb::types::{ResourceInNamespaceRequest, ResourceRequest, ServerV2};

use super::kinds::told;
use super::update::may_write;
use super::{Registered, missing};
use crate::audit::registered::Deed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::{Change, Tries};

/// Handles `AuthService.DeleteNode`.
pub async fn node(auth: &Auth, call: &Call, asked: ResourceInNamespaceRequest) -> Answer<()> {
    remove::<ServerV2>(auth, call, &asked.name).await
}

/// Handles `DeleteApp`, `DeleteDatabase` and `DeleteKubernetesCluster`.
pub async fn handle<M: Registered>(auth: &Auth, call: &Call, asked: ResourceRequest) -> Answer<()> {
    remove::<M>(auth, call, &asked.name).await
}

async fn remove<M: Registered>(auth: &Auth, call: &Call, name: &str) -> Answer<()> {
    call.allow(M::KIND, &["delete"])?;
    let mut tries = Tries::default();
    loop {
        let stored = auth
            .state
            .find::<M>(name, call.now)
            .await?
            .ok_or_else(|| missing(M::KIND_OF, name))?;
        let described = stored.resource.described();
        // Servers come and go by themselves; their verb is enough.
        if M::KIND_OF != access::resource::Kind::Node {
            may_write(auth, call, &described).await?;
        }
        let event = told(call, M::KIND_OF, Deed::Deleted, &described, None);
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(&M::key(name), Some(stored.revision))
            .delete(M::key(name));
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
