//! Calls whose answers are streams or plain lists, in the form the server needs them.

use std::sync::Arc;

use futures::stream;
use tonic::codegen::BoxStream;
use wire::keep::Kept;
use wire::pb::{proto, types};

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::services::{requests, watch as watching};

fn boxed<T: Send + 'static>(items: Vec<T>) -> BoxStream<T> {
    Box::pin(stream::iter(items.into_iter().map(Ok)))
}

/// Handles `AuthService.WatchEvents`.
pub async fn watch(auth: &Arc<Auth>, call: &Call, asked: proto::Watch) -> Answer<BoxStream<proto::Event>> {
    watching::open(auth, call, asked)
        .await
        .map(|events| Box::pin(events) as BoxStream<proto::Event>)
}

/// Handles `AuthService.GetAccessRequestsV2`.
pub async fn access_requests(
    auth: &Auth,
    call: &Call,
    filter: types::AccessRequestFilter,
) -> Answer<BoxStream<Kept<types::AccessRequestV3>>> {
    requests::list::all(auth, call, &filter).await.map(boxed)
}

/// Handles `AuthService.GetCurrentUser`.
pub async fn current_user(_: &Auth, call: &Call, (): ()) -> Answer<Kept<types::UserV2>> {
    Ok(Kept::clone(&call.caller.require_user()?.user))
}

/// Handles `AuthService.GetCurrentUserRoles`.
pub async fn current_roles(auth: &Auth, call: &Call, (): ()) -> Answer<BoxStream<Kept<types::RoleV6>>> {
    let mut roles = Vec::new();
    for role in call.caller.require_user()?.roles() {
        roles.extend(
            auth.state
                .find::<types::RoleV6>(&role.name, call.now)
                .await?
                .map(|found| found.resource),
        );
    }
    Ok(boxed(roles))
}

/// Handles `AuthService.GetGithubConnectors`: none can be made yet, so there are none.
pub async fn github_connectors(
    _: &Auth,
    call: &Call,
    _: types::ResourcesWithSecretsRequest,
) -> Answer<types::GithubConnectorV3List> {
    call.allow("github", &["list", "readnosecrets"])
        .or_else(|_| call.allow("auth_connector", &["list", "readnosecrets"]))?;
    Ok(types::GithubConnectorV3List::default())
}

/// Handles `AuthService.GetSAMLConnectors`: none can be made yet, so there are none.
pub async fn saml_connectors(
    _: &Auth,
    call: &Call,
    _: types::ResourcesWithSecretsRequest,
) -> Answer<types::SamlConnectorV2List> {
    call.allow("saml", &["list", "readnosecrets"])
        .or_else(|_| call.allow("auth_connector", &["list", "readnosecrets"]))?;
    Ok(types::SamlConnectorV2List::default())
}

/// Handles `AuthService.GetOIDCConnectors`: none can be made yet, so there are none.
pub async fn oidc_connectors(
    _: &Auth,
    call: &Call,
    _: types::ResourcesWithSecretsRequest,
) -> Answer<types::OidcConnectorV3List> {
    call.allow("oidc", &["list", "readnosecrets"])
        .or_else(|_| call.allow("auth_connector", &["list", "readnosecrets"]))?;
    Ok(types::OidcConnectorV3List::default())
}

/// Handles `AuthService.GetTrustedClusters`: this version trusts none.
pub async fn trusted_clusters(_: &Auth, call: &Call, (): ()) -> Answer<types::TrustedClusterV2List> {
    call.allow("trusted_cluster", &["list", "read"])?;
    Ok(types::TrustedClusterV2List::default())
}
