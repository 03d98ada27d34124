//! `AccessMonitoringRulesService.ListAccessMonitoringRules` and `…WithFilter`: rules by pages. Plugins from version 16 on
//! end if the second one is not answered.

use wire::pb::teleport::accessmonitoringrules::v1::{
    AccessMonitoringRule, ListAccessMonitoringRulesRequest, ListAccessMonitoringRulesResponse,
    ListAccessMonitoringRulesWithFilterRequest, ListAccessMonitoringRulesWithFilterResponse,
};

use super::KIND;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::monitoring_rules::{Rule, name};

/// Most rules of a page.
const PAGE_MAX: usize = 1000;

/// Handles the call for all rules.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: ListAccessMonitoringRulesRequest,
) -> Answer<ListAccessMonitoringRulesResponse> {
    call.allow(KIND, &["list", "read"])?;
    let limit = page_size(asked.page_size);
    let (rules, next_page_token) = auth
        .state
        .monitoring_rules(&asked.page_token, limit, call.now)
        .await?;
    Ok(ListAccessMonitoringRulesResponse {
        rules,
        next_page_token,
    })
}

/// Handles the call for those that match; pages are filled up.
pub async fn handle_filtered(
    auth: &Auth,
    call: &Call,
    asked: ListAccessMonitoringRulesWithFilterRequest,
) -> Answer<ListAccessMonitoringRulesWithFilterResponse> {
    call.allow(KIND, &["list", "read"])?;
    let limit = page_size(asked.page_size);
    let mut rules: Vec<Rule> = Vec::new();
    let mut from = asked.page_token.clone();
    loop {
        let (found, next) = auth.state.monitoring_rules(&from, PAGE_MAX, call.now).await?;
        for rule in found.into_iter().filter(|rule| is_asked_for(&asked, rule)) {
            if rules.len() == limit {
                return Ok(ListAccessMonitoringRulesWithFilterResponse {
                    next_page_token: name(&rule).to_owned(),
                    rules,
                });
            }
            rules.push(rule);
        }
        if next.is_empty() {
            return Ok(ListAccessMonitoringRulesWithFilterResponse {
                rules,
                next_page_token: String::new(),
            });
        }
        from = next;
    }
}

fn page_size(asked: i64) -> usize {
    usize::try_from(asked)
        .ok()
        .filter(|size| (1..=PAGE_MAX).contains(size))
        .unwrap_or(PAGE_MAX)
}

fn is_asked_for(asked: &ListAccessMonitoringRulesWithFilterRequest, rule: &AccessMonitoringRule) -> bool {
    let spec = rule.spec.clone().unwrap_or_default();
    let notification = spec.notification.unwrap_or_default().name;
    let review = spec.automatic_review.unwrap_or_default().integration;
    asked
        .subjects
        .iter()
        .all(|subject| spec.subjects.contains(subject))
        && (asked.notification_name.is_empty() || asked.notification_name == notification)
        && (asked.automatic_review_name.is_empty() || asked.automatic_review_name == review)
}
