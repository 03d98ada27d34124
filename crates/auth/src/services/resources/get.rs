//! `GetNode`, `GetApp`, `GetApps` and their like: one resource, or all of a kind that the caller may reach.

use wire::keep::Kept;
use wire::pb::types::{
    AppV3, AppV3List, DatabaseV3, DatabaseV3List, KubernetesClusterV3, KubernetesClusterV3List,
    ResourceInNamespaceRequest, ResourceRequest, ServerV2,
};

use super::view::{Borrowed, View};
use super::{Registered, missing, verbs};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;

/// Handles `AuthService.GetNode`.
pub async fn node(auth: &Auth, call: &Call, asked: ResourceInNamespaceRequest) -> Answer<Kept<ServerV2>> {
    one(auth, call, &asked.name).await
}

/// Handles `GetApp`, `GetDatabase` and `GetKubernetesCluster`.
pub async fn handle<M: Registered>(auth: &Auth, call: &Call, asked: ResourceRequest) -> Answer<Kept<M>> {
    one(auth, call, &asked.name).await
}

async fn one<M: Registered>(auth: &Auth, call: &Call, name: &str) -> Answer<Kept<M>> {
    call.allow(M::KIND, &["read"])?;
    let view = View::of(auth, call, Borrowed::default()).await?;
    let found = auth.state.find::<M>(name, call.now).await?;
    found
        .map(|found| found.resource)
        .filter(|resource| view.reaches(&resource.described()))
        .ok_or_else(|| missing(M::KIND_OF, name))
}

/// Handles `AuthService.GetApps`.
pub async fn apps(auth: &Auth, call: &Call, (): ()) -> Answer<AppV3List> {
    let apps = all::<AppV3>(auth, call).await?;
    Ok(AppV3List { apps })
}

/// Handles `AuthService.GetDatabases`.
pub async fn databases(auth: &Auth, call: &Call, (): ()) -> Answer<DatabaseV3List> {
    let databases = all::<DatabaseV3>(auth, call).await?;
    Ok(DatabaseV3List { databases })
}

/// Handles `AuthService.GetKubernetesClusters`.
pub async fn kubernetes_clusters(auth: &Auth, call: &Call, (): ()) -> Answer<KubernetesClusterV3List> {
    let kubernetes_clusters = all::<KubernetesClusterV3>(auth, call).await?;
    Ok(KubernetesClusterV3List { kubernetes_clusters })
}

async fn all<M: Registered>(auth: &Auth, call: &Call) -> Answer<Vec<Kept<M>>> {
    call.allow(M::KIND, verbs(M::KIND))?;
    let view = View::of(auth, call, Borrowed::default()).await?;
    let found = auth.state.find_all::<M>(call.now).await?;
    Ok(found
        .into_iter()
        .map(|found| found.resource)
        .filter(|resource| view.reaches(&resource.described()))
        .collect())
}
