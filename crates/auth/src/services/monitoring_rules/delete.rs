//! `AccessMonitoringRulesService.DeleteAccessMonitoringRule`: a rule goes.

use wire::pb::teleport::accessmonitoringrules::v1::DeleteAccessMonitoringRuleRequest;

use super::{KIND, missing};
use crate::audit::cluster::changed;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::state::monitoring_rules::key;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: DeleteAccessMonitoringRuleRequest) -> Answer<()> {
    call.allow(KIND, &["delete"])?;
    let mut tries = Tries::default();
    loop {
        let found = auth.state.monitoring_rule(&asked.name, call.now).await?;
        let (_, revision) = found.ok_or_else(|| missing(&asked.name))?;
        let told = changed(call.actor(), KIND, &asked.name, "delete");
        let change = Change::new(call.now, &call.actor().user, told)
            .require_same(&key(&asked.name), Some(revision))
            .delete(key(&asked.name));
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
