//! Cluster alerts: what some people, or everybody, should know, until its time is over or somebody has seen it.
//!
//! An alert reaches nobody by itself: tools ask for alerts when they have done their work. Who sees one follows from its
//! labels.

pub mod acks;
pub mod list;
mod saved;
pub mod upsert;

use wire::pb::types;

pub use saved::about_saved;

use crate::authorize::verdict;
use crate::call::Call;
use crate::state::alerts::metadata;

/// The kind, as rules call it.
pub const KIND: &str = "cluster_alert";
/// Everybody with a certificate sees the alert.
pub const PERMIT_ALL: &str = "teleport.internal/alert-permit-all";
/// Who may do any of these sees it: `KIND:VERB`, separated by `|`.
pub const PERMIT_VERBS: &str = "teleport.internal/alert-verb-permit";
/// Alerts that this one makes superfluous, separated by commas, unless they are more severe.
pub const SUPERSEDES: &str = "teleport.internal/alert-supersedes";
/// Tools show the alert when somebody signs in.
pub const ON_LOGIN: &str = "teleport.internal/alert-on-login";

fn label<'a>(alert: &'a types::ClusterAlert, name: &str) -> &'a str {
    metadata(alert)
        .and_then(|metadata| metadata.labels.get(name))
        .map_or("", String::as_str)
}

fn name(alert: &types::ClusterAlert) -> &str {
    metadata(alert).map_or("", |metadata| metadata.name.as_str())
}

fn severity(alert: &types::ClusterAlert) -> i32 {
    alert.spec.as_ref().map_or(0, |spec| spec.severity)
}

/// Whether an alert's labels let the caller see it.
fn is_for(call: &Call, alert: &types::ClusterAlert) -> bool {
    label(alert, PERMIT_ALL) == "yes"
        || label(alert, PERMIT_VERBS)
            .split('|')
            .filter_map(|permit| permit.split_once(':'))
            .any(|(kind, verb)| verdict(&call.caller, kind, verb, None).allows())
}
