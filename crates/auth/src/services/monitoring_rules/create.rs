//! `AccessMonitoringRulesService.CreateAccessMonitoringRule`: a rule that is not there yet.

use wire::pb::teleport::accessmonitoringrules::v1::CreateAccessMonitoringRuleRequest;

use super::KIND;
use super::check::accept;
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::state::monitoring_rules::{Rule, bytes_of, key, name, stamped};
use crate::state::{Change, Refused};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: CreateAccessMonitoringRuleRequest) -> Answer<Rule> {
    call.allow(KIND, &["create"])?;
    let rule = accept(call, request.rule)?;
    let told = changed(call.actor(), KIND, name(&rule), "create");
    let ends = moment::read_option(
        rule.metadata
            .as_ref()
            .and_then(|metadata| metadata.expires.as_ref()),
    );
    let change = Change::new(call.now, &call.actor().user, told)
        .require_same(&key(name(&rule)), None)
        .put_until(key(name(&rule)), bytes_of(&rule), ends);
    match auth.state.commit(change).await {
        Ok(committed) => Ok(stamped(rule, committed.revision)),
        Err(Refused::Conflict(_)) => Err(Failure::already_exists(format!(
            "{KIND} {:?} already exists",
            name(&rule)
        ))),
        Err(refused) => Err(refused.into()),
    }
}
