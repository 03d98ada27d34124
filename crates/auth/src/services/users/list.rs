//! `UsersService.ListUsers`: users in the order of their names, page by page.

use wire::pb::teleport::users::v1::{ListUsersRequest, ListUsersResponse};
use wire::pb::types;

use super::with_door;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::services::pages::matches_all;
use crate::state::resource::Resource as _;

/// The most users of one page, and how many there are if the client does not say.
const PAGE_MAX: usize = 1_000;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: ListUsersRequest) -> Answer<ListUsersResponse> {
    call.allow("user", &["read", "list"])?;
    if request.with_secrets {
        call.caller.require_admin()?;
    }
    let limit = match usize::try_from(request.page_size) {
        Ok(0) | Err(_) => PAGE_MAX,
        Ok(asked) => asked.min(PAGE_MAX),
    };
    let keywords = request
        .filter
        .map(|filter| filter.search_keywords)
        .unwrap_or_default();
    let mut users = Vec::new();
    let mut from = request.page_token;
    loop {
        let page = auth
            .state
            .find_page::<types::UserV2>(&from, limit + 1 - users.len(), call.now)
            .await?;
        for found in page.found {
            let mut user = found.resource;
            if users.len() == limit {
                return Ok(ListUsersResponse {
                    next_page_token: user.name().to_owned(),
                    users,
                });
            }
            let roles = super::roles_of(&user);
            if matches_all(
                &keywords,
                [user.name()].into_iter().chain(roles.iter().map(String::as_str)),
            ) {
                with_door(auth, call.now, &mut user).await?;
                users.push(user);
            }
        }
        match page.next {
            Some(next) => from = next,
            None => {
                return Ok(ListUsersResponse {
                    users,
                    next_page_token: String::new(),
                });
            }
        }
    }
}
