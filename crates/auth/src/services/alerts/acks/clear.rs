//! `AuthService.ClearAlertAcks`: pushes an alert again, or all of them.

use wire::pb::proto::ClearAlertAcksRequest;

use crate::audit;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::alerts::KIND;
use crate::state::Change;
use crate::state::alerts::ack_key;

/// Stands for all alerts.
const ALL: &str = "*";

/// Handles the call. That nothing was acknowledged is no failure.
pub async fn handle(auth: &Auth, call: &Call, request: ClearAlertAcksRequest) -> Answer<()> {
    call.allow(KIND, &["delete"])?;
    if request.alert_id.is_empty() {
        return Err(Failure::bad_parameter(format!(
            "name the alert that is to be pushed again, or {ALL:?} for all of them"
        )));
    }
    let told = audit::cluster::changed(call.actor(), "cluster_alert_ack", &request.alert_id, "delete");
    let mut change = Change::new(call.now, &call.actor().user, told);
    for ack in auth.state.alert_acks(call.now).await? {
        if request.alert_id == ALL || ack.alert_id == request.alert_id {
            change = change.delete(ack_key(&ack.alert_id));
        }
    }
    auth.state.commit(change).await?;
    Ok(())
}
