//! `AuthService.GetLocks`: all locks, or those on some targets.

use wire::pb::proto::{GetLocksRequest, GetLocksResponse};
use wire::pb::types;

use super::target_fields;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: GetLocksRequest) -> Answer<GetLocksResponse> {
    call.allow("lock", &["list", "read"])?;
    let wanted: Vec<_> = request
        .targets
        .iter()
        .map(|target| target_fields(Some(target)))
        .collect();
    let mut locks = Vec::new();
    for found in auth.state.find_all::<types::LockV2>(call.now).await? {
        let lock = found.resource;
        let spec = lock.spec.as_ref();
        let ends = moment::read_option(spec.and_then(|spec| spec.expires.as_ref()));
        if request.in_force_only && ends.is_some_and(|ends| ends <= call.now) {
            continue;
        }
        let target = target_fields(spec.and_then(|spec| spec.target.as_ref()));
        let matches = |wanted: &serde_json::Map<_, _>| {
            !wanted.is_empty() && wanted.iter().all(|(key, value)| target.get(key) == Some(value))
        };
        if wanted.is_empty() || wanted.iter().any(matches) {
            locks.push(lock);
        }
    }
    Ok(GetLocksResponse { locks })
}
