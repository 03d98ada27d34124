//! `AccessMonitoringRulesService.UpdateAccessMonitoringRule`: a rule that is there, as the client last read it.

use wire::pb::teleport::accessmonitoringrules::v1::UpdateAccessMonitoringRuleRequest;

use super::check::accept;
use super::{KIND, missing};
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::services::pages::changed_meanwhile;
use crate::state::monitoring_rules::{Rule, bytes_of, key, name, stamped};
use crate::state::resource::same_stamp;
use crate::state::{Change, Refused};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpdateAccessMonitoringRuleRequest) -> Answer<Rule> {
    call.allow(KIND, &["update"])?;
    let rule = accept(call, request.rule)?;
    let stored = auth.state.monitoring_rule(name(&rule), call.now).await?;
    let (_, revision) = stored.ok_or_else(|| missing(name(&rule)))?;
    let sent = rule
        .metadata
        .as_ref()
        .map_or("", |metadata| metadata.revision.as_str());
    if !same_stamp(sent, revision) {
        return Err(changed_meanwhile());
    }
    let told = changed(call.actor(), KIND, name(&rule), "update");
    let ends = moment::read_option(
        rule.metadata
            .as_ref()
            .and_then(|metadata| metadata.expires.as_ref()),
    );
    let change = Change::new(call.now, &call.actor().user, told)
        .require_same(&key(name(&rule)), Some(revision))
        .put_until(key(name(&rule)), bytes_of(&rule), ends);
    match auth.state.commit(change).await {
        Ok(committed) => Ok(stamped(rule, committed.revision)),
        Err(Refused::Conflict(_)) => Err(changed_meanwhile()),
        Err(refused) => Err(refused.into()),
    }
}
