//! `BotService.ListBots`: bots in the order of their users' names, page by page.

use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use super::{bot_of_user, shown};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::resource::Resource as _;

/// The most bots of one page, and how many there are if the client does not say.
const PAGE_MAX: usize = 1_000;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::ListBotsRequest,
) -> Answer<machineid::ListBotsResponse> {
    call.allow("bot", &["list"])?;
    let limit = match usize::try_from(request.page_size) {
        Ok(0) | Err(_) => PAGE_MAX,
        Ok(asked) => asked.min(PAGE_MAX),
    };
    let mut bots = Vec::new();
    let mut from = request.page_token;
    loop {
        let page = auth
            .state
            .find_page::<types::UserV2>(&from, PAGE_MAX, call.now)
            .await?;
        for found in page.found {
            if bot_of_user(&found.resource).is_none() {
                continue;
            }
            let name = found.resource.name();
            if bots.len() == limit {
                return Ok(machineid::ListBotsResponse {
                    next_page_token: name.to_owned(),
                    bots,
                });
            }
            let role = auth.state.find::<types::RoleV6>(name, call.now).await?;
            bots.push(shown(&found.resource, role.as_ref().map(|role| &*role.resource)));
        }
        match page.next {
            Some(next) => from = next,
            None => {
                return Ok(machineid::ListBotsResponse {
                    bots,
                    next_page_token: String::new(),
                });
            }
        }
    }
}
