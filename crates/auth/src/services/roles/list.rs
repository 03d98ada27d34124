//! `AuthService.ListRoles`: roles in the order of their names, page by page.

use wire::pb::proto::{ListRolesRequest, ListRolesResponse};
use wire::pb::types;

use super::is_system;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::pages::matches_all;
use crate::state::resource::Resource as _;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 16_000;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: ListRolesRequest) -> Answer<ListRolesResponse> {
    call.caller.require_certificate()?;
    let limit = match usize::try_from(request.limit) {
        Ok(0) => PAGE_DEFAULT,
        Ok(asked) if asked <= PAGE_MAX => asked,
        _ => {
            return Err(Failure::bad_parameter(format!(
                "page size of {} is too large",
                request.limit
            )));
        }
    };
    let all = call.allow("role", &["list", "read"]);
    let filter = request.filter.unwrap_or_default();
    let first = request.start_key.is_empty();
    let mut roles = Vec::new();
    let mut from = request.start_key;
    loop {
        let page = auth
            .state
            .find_page::<types::RoleV6>(&from, limit + 1 - roles.len(), call.now)
            .await?;
        for found in page.found {
            let role = found.resource;
            if roles.len() == limit {
                return Ok(ListRolesResponse {
                    next_key: role.name().to_owned(),
                    roles,
                });
            }
            let visible = all.is_ok() || call.allow_on("role", &["list", "read"], role.metadata()).is_ok();
            let wanted = matches_all(&filter.search_keywords, std::iter::once(role.name()));
            if visible && wanted && !(filter.skip_system_roles && is_system(&role)) {
                roles.push(role);
            }
        }
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    if roles.is_empty() && first {
        all?;
    }
    Ok(ListRolesResponse {
        roles,
        next_key: String::new(),
    })
}
