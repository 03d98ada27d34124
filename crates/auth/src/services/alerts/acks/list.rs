//! `AuthService.GetAlertAcks`: which alerts were seen.

use wire::pb::proto::{GetAlertAcksRequest, GetAlertAcksResponse};

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::services::alerts::KIND;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, _: GetAlertAcksRequest) -> Answer<GetAlertAcksResponse> {
    call.allow(KIND, &["list", "read"])?;
    Ok(GetAlertAcksResponse {
        acks: auth.state.alert_acks(call.now).await?,
    })
}
