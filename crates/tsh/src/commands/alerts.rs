//! What administrators want everybody to know, shown after the status.

use std::time::Duration;

use client::Cluster;
use wire::pb::types::{AlertSeverity, GetClusterAlertsRequest};

use crate::out;

/// Nobody waits longer for alerts than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints the alerts of high severity. That there are none, or that they cannot be had, is no news.
pub async fn show(cluster: &Cluster) {
    let asked = GetClusterAlertsRequest {
        severity: AlertSeverity::High as i32,
        ..GetClusterAlertsRequest::default()
    };
    let mut auth = cluster.auth();
    let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, auth.get_cluster_alerts(asked)).await else {
        return;
    };
    let mut alerts: Vec<_> = answer
        .into_inner()
        .alerts
        .into_iter()
        .filter_map(|alert| alert.spec)
        .collect();
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
    for alert in alerts {
        out::talk(&alert.message);
    }
}
