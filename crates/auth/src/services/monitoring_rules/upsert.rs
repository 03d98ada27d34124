//! `AccessMonitoringRulesService.UpsertAccessMonitoringRule`: a rule, there or not.

use wire::pb::teleport::accessmonitoringrules::v1::UpsertAccessMonitoringRuleRequest;

use super::KIND;
use super::check::accept;
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::state::Change;
use crate::state::monitoring_rules::{Rule, bytes_of, key, name, stamped};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpsertAccessMonitoringRuleRequest) -> Answer<Rule> {
    call.allow(KIND, &["create", "update"])?;
    let rule = accept(call, request.rule)?;
    let told = changed(call.actor(), KIND, name(&rule), "upsert");
    let ends = moment::read_option(
        rule.metadata
            .as_ref()
            .and_then(|metadata| metadata.expires.as_ref()),
    );
    let change =
        Change::new(call.now, &call.actor().user, told).put_until(key(name(&rule)), bytes_of(&rule), ends);
    let committed = auth.state.commit(change).await?;
    Ok(stamped(rule, committed.revision))
}
