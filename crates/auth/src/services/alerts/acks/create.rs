//! `AuthService.CreateAlertAck`: says that an alert was seen.

use wire::pb::types::AlertAcknowledgement;

use crate::audit;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::names;
use crate::services::alerts::KIND;
use crate::state::alerts::{ack_key, put_ack};
use crate::state::{Change, Refused};

/// Most bytes of a reason.
const REASON_BYTES_MAX: usize = 1024;

/// Handles the call. The alert need not be there yet, and is not changed.
pub async fn handle(auth: &Auth, call: &Call, ack: AlertAcknowledgement) -> Answer<()> {
    call.allow(KIND, &["create", "update"])?;
    if ack.alert_id.is_empty() {
        return Err(Failure::bad_parameter("alert ack missing id"));
    }
    names::check_mentioned("alert", &ack.alert_id)?;
    if ack.reason.is_empty() || ack.reason.len() > REASON_BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "say why the alert needs nothing more, in 1 to {REASON_BYTES_MAX} bytes"
        )));
    }
    if moment::read_option(ack.expires.as_ref()).is_none_or(|ends| ends <= call.now) {
        return Err(Failure::bad_parameter(
            "an alert is acknowledged until a moment that lies ahead",
        ));
    }
    let told = audit::cluster::changed(call.actor(), "cluster_alert_ack", &ack.alert_id, "create");
    let change = Change::new(call.now, &call.actor().user, told).require_same(&ack_key(&ack.alert_id), None);
    match auth.state.commit(put_ack(change, &ack)).await {
        Ok(_) => Ok(()),
        Err(Refused::Conflict(_)) => Err(Failure::already_exists(format!(
            "alert {:?} has already been acknowledged",
            ack.alert_id
        ))),
        Err(refused) => Err(refused.into()),
    }
}
