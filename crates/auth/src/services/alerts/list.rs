//! `AuthService.GetClusterAlerts`: what the caller should know, the most severe and then the newest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use wire::pb::proto::GetClusterAlertsResponse;
use wire::pb::types::{ClusterAlert, GetClusterAlertsRequest};

use super::{KIND, SUPERSEDES, is_for, label, name, severity};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::state::alerts::metadata;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: GetClusterAlertsRequest,
) -> Answer<GetClusterAlertsResponse> {
    call.caller.require_certificate()?;
    let sees_all = asked.with_untargeted && call.allow(KIND, &["list", "read"]).is_ok();
    let seen: BTreeSet<String> = if asked.with_acknowledged {
        BTreeSet::new()
    } else {
        let acks = auth.state.alert_acks(call.now).await?;
        acks.into_iter().map(|ack| ack.alert_id).collect()
    };
    let mut alerts: Vec<ClusterAlert> = auth.state.alerts(call.now).await?;
    alerts.retain(|alert| !seen.contains(name(alert)) && (sees_all || is_for(call, alert)));
    if !asked.with_superseded {
        let superseded = superseded(&alerts);
        alerts.retain(|alert| {
            let by = superseded.get(name(alert));
            by.is_none_or(|by| *by < severity(alert))
        });
    }
    alerts.retain(|alert| is_asked_for(&asked, alert));
    alerts.sort_by_key(|alert| {
        let created = alert.spec.as_ref().and_then(|spec| spec.created.as_ref());
        Reverse((severity(alert), moment::read_option(created)))
    });
    Ok(GetClusterAlertsResponse { alerts })
}

fn is_asked_for(asked: &GetClusterAlertsRequest, alert: &ClusterAlert) -> bool {
    let labels = metadata(alert).map(|metadata| &metadata.labels);
    severity(alert) >= asked.severity
        && (asked.alert_id.is_empty() || asked.alert_id == name(alert))
        && asked
            .labels
            .iter()
            .all(|(label, value)| labels.is_some_and(|labels| labels.get(label) == Some(value)))
}

/// The alerts that others make superfluous, and how severe the severest of those is.
fn superseded(alerts: &[ClusterAlert]) -> BTreeMap<String, i32> {
    let mut superseded = BTreeMap::new();
    for alert in alerts {
        for name in label(alert, SUPERSEDES)
            .split(',')
            .filter(|name| !name.is_empty())
        {
            let by = superseded.entry(name.to_owned()).or_insert(i32::MIN);
            *by = severity(alert).max(*by);
        }
    }
    superseded
}
