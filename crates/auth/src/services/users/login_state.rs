//! `UserLoginStateService.GetUserLoginState`: roles and traits a user would sign in with.
//!
//! The original keeps what was true at the last sign-in. Here a user's current record decides, always, so the state is
//! made from it.

use wire::convert;
use wire::pb::teleport::header::v1::{Metadata, ResourceHeader};
use wire::pb::teleport::r#trait::v1::Trait;
use wire::pb::teleport::userloginstate::v1::{GetUserLoginStateRequest, Spec, UserLoginState};

use super::get;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: GetUserLoginStateRequest) -> Answer<UserLoginState> {
    call.allow("user_login_state", &["read"])?;
    let user = get::read(auth, call, &request.name).await?;
    let spec = user.spec.clone().unwrap_or_default();
    let traits: Vec<Trait> = convert::traits(spec.traits.as_ref())
        .into_iter()
        .map(|(key, values)| Trait { key, values })
        .collect();
    Ok(UserLoginState {
        header: Some(ResourceHeader {
            kind: "user_login_state".to_owned(),
            version: "v1".to_owned(),
            metadata: Some(Metadata {
                name: request.name,
                namespace: "default".to_owned(),
                ..Metadata::default()
            }),
            ..ResourceHeader::default()
        }),
        spec: Some(Spec {
            original_roles: spec.roles.clone(),
            roles: spec.roles,
            original_traits: traits.clone(),
            traits,
            user_type: "local".to_owned(),
            git_hub_identity: None,
        }),
    })
}
