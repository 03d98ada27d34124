//! `BotInstanceService.ListBotInstances`: instances, of all bots or one, page by page.

use store::{Key, Range};
use wire::pb::teleport::machineid::v1 as machineid;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::pages::matches_all;
use crate::state::instances;

/// The most instances of one page, and how many there are if the client does not say.
const PAGE_MAX: usize = 1_000;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: machineid::ListBotInstancesRequest,
) -> Answer<machineid::ListBotInstancesResponse> {
    call.allow("bot_instance", &["list", "read"])?;
    let limit = match usize::try_from(request.page_size) {
        Ok(0) | Err(_) => PAGE_MAX,
        Ok(asked) => asked.min(PAGE_MAX),
    };
    let prefix = if request.filter_bot_name.is_empty() {
        instances::prefix()
    } else {
        instances::of_bot(&request.filter_bot_name)
    };
    let keywords: Vec<String> = request
        .filter_search_term
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut from = place(&request.page_token)?;
    let mut found = Vec::new();
    loop {
        let range = Range::under(prefix.clone()).from(from).limit(PAGE_MAX);
        let page = auth.state.page(range, call.now).await?;
        for item in &page.items {
            let instance = instances::read(item)?.value;
            let spec = instance.spec.clone().unwrap_or_default();
            if !matches(&instance, &keywords) {
                continue;
            }
            if found.len() == limit {
                return Ok(machineid::ListBotInstancesResponse {
                    bot_instances: found,
                    next_page_token: format!("{}/{}", spec.bot_name, spec.instance_id),
                });
            }
            found.push(instance);
        }
        match page.next {
            Some(next) => from = Some(next),
            None => {
                return Ok(machineid::ListBotInstancesResponse {
                    bot_instances: found,
                    next_page_token: String::new(),
                });
            }
        }
    }
}

fn place(token: &str) -> Answer<Option<Key>> {
    if token.is_empty() {
        return Ok(None);
    }
    let (bot, id) = token
        .split_once('/')
        .ok_or_else(|| Failure::bad_parameter("the page token is not one of this list"))?;
    Ok(Some(instances::key(bot, id)))
}

fn matches(instance: &machineid::BotInstance, keywords: &[String]) -> bool {
    let spec = instance.spec.as_ref();
    let host = instance
        .status
        .as_ref()
        .and_then(|status| status.latest_heartbeats.last())
        .map_or("", |beat| beat.hostname.as_str());
    let texts = [
        spec.map_or("", |spec| spec.bot_name.as_str()),
        spec.map_or("", |spec| spec.instance_id.as_str()),
        host,
    ];
    matches_all(keywords, texts.into_iter())
}
