//! `AuthService.GetAccessCapabilities`: what somebody could ask for.

use access::request::capabilities;
use wire::pb::types;

use super::person;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::users::no_such_user;
use crate::state::resource::Resource as _;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: types::AccessCapabilitiesRequest,
) -> Answer<types::AccessCapabilities> {
    let own = call.caller.user_name();
    let user = if asked.user.is_empty() {
        own.unwrap_or_default().to_owned()
    } else {
        asked.user
    };
    if own != Some(user.as_str()) {
        call.allow("user", &["read"])?;
        call.allow("role", &["list", "read"])?;
    }
    let person = person(auth, &user, call.now)
        .await?
        .ok_or_else(|| no_such_user(&user))?;
    let roles: Vec<String> = auth
        .state
        .find_all::<types::RoleV6>(call.now)
        .await?
        .iter()
        .map(|found| found.resource.name().to_owned())
        .collect();
    let found = capabilities(&person.requester(), &roles)
        .map_err(|error| Failure::bad_parameter(error.to_string()))?;
    Ok(types::AccessCapabilities {
        requestable_roles: if asked.requestable_roles {
            found.requestable_roles
        } else {
            Vec::new()
        },
        suggested_reviewers: if asked.suggested_reviewers {
            found.suggested_reviewers
        } else {
            Vec::new()
        },
        request_prompt: found.request_prompt,
        require_reason: found.require_reason,
        auto_request: found.auto_request,
        ..types::AccessCapabilities::default()
    })
}
