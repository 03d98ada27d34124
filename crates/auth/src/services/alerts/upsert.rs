//! `AuthService.UpsertClusterAlert`: makes an alert, or writes over it.

use wire::pb::proto::UpsertClusterAlertRequest;
use wire::pb::types;

use super::KIND;
use crate::audit;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Class, Failure};
use crate::moment;
use crate::names;
use crate::state::Change;
use crate::state::alerts::{key, put};

/// Most bytes of a message: it is printed after everybody's commands.
const MESSAGE_BYTES_MAX: usize = 1024;
/// Most labels of an alert.
const LABELS_MAX: usize = 16;
/// Most alerts at the same time: everybody asks for all of them after each command.
const ALERTS_MAX: usize = 200;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: UpsertClusterAlertRequest) -> Answer<()> {
    call.allow(KIND, &["create", "update"])?;
    let alert = request
        .alert
        .ok_or_else(|| Failure::bad_parameter("missing parameter alert"))?;
    let alert = accept(call, alert)?;
    let is_new = auth
        .state
        .item(&key(super::name(&alert)), call.now)
        .await?
        .is_none();
    if is_new && auth.state.alerts(call.now).await?.len() >= ALERTS_MAX {
        return Err(Failure::new(
            Class::LimitExceeded,
            format!("there are {ALERTS_MAX} alerts already; let some of them end first"),
        ));
    }
    let told = audit::cluster::changed(call.actor(), KIND, super::name(&alert), "upsert");
    let change = Change::new(call.now, &call.actor().user, told);
    auth.state.commit(put(change, &alert)).await?;
    Ok(())
}

/// An alert as a client sent it, checked and filled in.
pub(super) fn accept(call: &Call, mut alert: types::ClusterAlert) -> Answer<types::ClusterAlert> {
    let header = alert.header.get_or_insert_default();
    if !matches!(header.kind.as_str(), "" | KIND) || !matches!(header.version.as_str(), "" | "v1") {
        return Err(Failure::bad_parameter(format!(
            "an alert is of kind {KIND:?} and version \"v1\", not {:?} {:?}",
            header.kind, header.version
        )));
    }
    KIND.clone_into(&mut header.kind);
    "v1".clone_into(&mut header.version);
    let metadata = header.metadata.get_or_insert_default();
    metadata.namespace = "default".to_owned();
    metadata.revision.clear();
    names::check_mentioned("alert", &metadata.name)?;
    if metadata.name.is_empty() {
        return Err(Failure::bad_parameter("an alert needs a name"));
    }
    if metadata.labels.len() > LABELS_MAX {
        return Err(Failure::bad_parameter(format!(
            "an alert has {LABELS_MAX} labels at most"
        )));
    }
    for (label, value) in &metadata.labels {
        names::check_mentioned("label", label)?;
        names::check_mentioned("label", value)?;
    }
    match moment::read_option(metadata.expires.as_ref()) {
        Some(ends) if ends <= call.now => {
            return Err(Failure::bad_parameter("the alert's end lies in the past"));
        }
        Some(_) => {}
        None => metadata.expires = None,
    }
    let spec = alert.spec.get_or_insert_default();
    if types::AlertSeverity::try_from(spec.severity).is_err() {
        return Err(Failure::bad_parameter(format!(
            "the severity {} is none of 0 (low), 5 (medium) and 10 (high)",
            spec.severity
        )));
    }
    if spec.message.is_empty() || spec.message.len() > MESSAGE_BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "an alert's message has 1 to {MESSAGE_BYTES_MAX} bytes"
        )));
    }
    if spec.message.chars().any(char::is_control) {
        return Err(Failure::bad_parameter(
            "control characters are not supported in alert messages",
        ));
    }
    if moment::read_option(spec.created.as_ref()).is_none() {
        spec.created = Some(moment::write(call.now));
    }
    Ok(alert)
}
