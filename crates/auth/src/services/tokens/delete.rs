//! `AuthService.DeleteToken`: nobody joins with it any more.

use wire::pb::types;

use crate::audit::cluster::changed;
use crate::audit::machines::masked;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: types::ResourceRequest) -> Answer<()> {
    call.allow("token", &["delete"])?;
    let key = auth.state.token_key(&request.name)?;
    let mut tries = Tries::default();
    loop {
        let found = auth.state.token(&request.name, call.now).await?;
        let stored = found.ok_or_else(|| {
            Failure::not_found(format!("provisioning token({}) not found", masked(&request.name)))
        })?;
        // The original records nothing here.
        let told = changed(call.actor(), "token", &masked(&request.name), "delete");
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&key, Some(stored.revision))
            .delete(key.clone());
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
