//! `AccessMonitoringRulesService.GetAccessMonitoringRule`: one rule.

use wire::pb::teleport::accessmonitoringrules::v1::GetAccessMonitoringRuleRequest;

use super::{KIND, missing};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::monitoring_rules::Rule;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: GetAccessMonitoringRuleRequest) -> Answer<Rule> {
    call.allow(KIND, &["read"])?;
    let found = auth.state.monitoring_rule(&asked.name, call.now).await?;
    found.map(|(rule, _)| rule).ok_or_else(|| missing(&asked.name))
}
