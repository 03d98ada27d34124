//! Lists of what this version cannot have: no call makes one, so each list is empty, for whoever may read it.
//!
//! Other people's tools ask for these beside what they came for, and stop when nobody answers. A kind leaves this file
//! with the first call that makes one of it.

use wire::pb::proto::{self, GetSessionEventsRequest};
use wire::pb::teleport::healthcheckconfig::v1 as health;
use wire::pb::teleport::presence::v1 as presence;
use wire::pb::types::SemaphoreFilter;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// The most events that a search may ask for.
const EVENTS_MAX: i32 = 10_000;

/// Handles `PresenceService.ListRemoteClusters`: no cluster trusts this one.
pub async fn remote_clusters(
    _: &Auth,
    call: &Call,
    _: presence::ListRemoteClustersRequest,
) -> Answer<presence::ListRemoteClustersResponse> {
    call.allow("remote_cluster", &["list", "read"])?;
    Ok(presence::ListRemoteClustersResponse::default())
}

/// Handles `PresenceService.GetRemoteCluster`.
pub async fn remote_cluster(
    _: &Auth,
    call: &Call,
    asked: presence::GetRemoteClusterRequest,
) -> Answer<wire::pb::types::RemoteClusterV3> {
    call.allow("remote_cluster", &["read"])?;
    Err(Failure::not_found(format!(
        "remote cluster {:?} is not found",
        asked.name
    )))
}

/// Handles `AuthService.GetSemaphores`: nothing takes one.
pub async fn semaphores(_: &Auth, call: &Call, _: SemaphoreFilter) -> Answer<proto::Semaphores> {
    call.allow("semaphore", &["list", "read"])?;
    Ok(proto::Semaphores::default())
}

/// Handles `HealthCheckConfigService.ListHealthCheckConfigs`: there is nothing whose health could be checked.
pub async fn health_checks(
    _: &Auth,
    call: &Call,
    _: health::ListHealthCheckConfigsRequest,
) -> Answer<health::ListHealthCheckConfigsResponse> {
    call.allow("health_check_config", &["list", "read"])?;
    Ok(health::ListHealthCheckConfigsResponse::default())
}

/// Handles `AuthService.GetSessionEvents`: without nodes nobody has a session that could have been recorded. Everybody may
/// look for their own.
pub async fn sessions(_: &Auth, call: &Call, asked: GetSessionEventsRequest) -> Answer<proto::Events> {
    if call.caller.require_user().is_err() {
        call.allow("session", &["list"])?;
    }
    if asked.limit > EVENTS_MAX {
        return Err(Failure::bad_parameter(format!(
            "limit {} is above {EVENTS_MAX}",
            asked.limit
        )));
    }
    let seconds =
        |moment: Option<prost_types::Timestamp>| moment.map(|moment| (moment.seconds, moment.nanos));
    if seconds(asked.end_date) < seconds(asked.start_date) {
        return Err(Failure::bad_parameter(
            "the end of the search is before its start",
        ));
    }
    Ok(proto::Events::default())
}
