//! `AccessMonitoringRulesService`, as far as plugins ask at their start: this version makes no rules, so there are none.
//!
//! Plugins from version 16 on end if nobody answers here. Making a rule answers "unimplemented" by itself.

use wire::keep::Kept;
use wire::pb::teleport::accessmonitoringrules::v1 as rules;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

const KIND: &str = "access_monitoring_rule";

/// Handles `GetAccessMonitoringRule`.
pub async fn get(
    _: &Auth,
    call: &Call,
    asked: rules::GetAccessMonitoringRuleRequest,
) -> Answer<Kept<rules::AccessMonitoringRule>> {
    call.allow(KIND, &["read"])?;
    Err(Failure::not_found(format!(
        "{KIND} {:?} is not found",
        asked.name
    )))
}

/// Handles `ListAccessMonitoringRules`.
pub async fn list(
    _: &Auth,
    call: &Call,
    _: rules::ListAccessMonitoringRulesRequest,
) -> Answer<rules::ListAccessMonitoringRulesResponse> {
    call.allow(KIND, &["list", "read"])?;
    Ok(rules::ListAccessMonitoringRulesResponse::default())
}

/// Handles `ListAccessMonitoringRulesWithFilter`.
pub async fn list_filtered(
    _: &Auth,
    call: &Call,
    _: rules::ListAccessMonitoringRulesWithFilterRequest,
) -> Answer<rules::ListAccessMonitoringRulesWithFilterResponse> {
    call.allow(KIND, &["list", "read"])?;
    Ok(rules::ListAccessMonitoringRulesWithFilterResponse::default())
}
