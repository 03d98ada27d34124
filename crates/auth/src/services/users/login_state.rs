//! `UserLoginStateService.GetUserLoginState`: roles and traits a user would sign in with.
//!
//! The original keeps what was true at the last sign-in. Here the user's current record and the access lists of now decide,
//! always, so the state is made from them.

use wire::convert;
use wire::pb::teleport::header::v1::{Metadata, ResourceHeader};
use wire::pb::teleport::userloginstate::v1::{GetUserLoginStateRequest, Spec, UserLoginState};

use super::get;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::services::access_lists::{Lent, lent};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, request: GetUserLoginStateRequest) -> Answer<UserLoginState> {
    call.allow("user_login_state", &["read"])?;
    let user = get::read(auth, call, &request.name).await?;
    let spec = user.spec.clone().unwrap_or_default();
    let own = convert::traits(spec.traits.as_ref());
    let original_traits = convert::pairs_message(&own);
    let subject = auth.state.subject(&request.name, call.now).await?;
    let lent = match subject.filter(|subject| subject.value.ended.is_none()) {
        Some(subject) => lent(&auth.state, &user, &subject.value, call.now).await?,
        None => Lent::default(),
    };
    let traits = convert::pairs_message(&lent.with_traits(own));
    let mut roles = spec.roles.clone();
    roles.extend(lent.roles.iter().map(|role| role.name.clone()));
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
            original_roles: spec.roles,
            roles,
            original_traits,
            traits,
            user_type: "local".to_owned(),
            git_hub_identity: None,
        }),
    })
}
