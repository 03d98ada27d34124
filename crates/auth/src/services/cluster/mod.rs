//! What the cluster is and how it is set up.

pub mod settings;

use wire::pb::proto::{
    AccessRequestsFeature, EntitlementInfo, Features, GetClusterCaCertResponse, GetDomainNameResponse,
    PingRequest, PingResponse,
};
use wire::pb::teleport::clusterconfig::v1::GetClusterNameRequest;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::server::dispatch::SERVER_VERSION;

/// Handles `AuthService.Ping`: anybody may ask.
pub async fn ping(auth: &Auth, call: &Call, _: PingRequest) -> Answer<PingResponse> {
    let preference = auth.preference(call.now).await?;
    Ok(PingResponse {
        cluster_name: auth.cluster().to_owned(),
        server_version: SERVER_VERSION.to_owned(),
        server_features: Some(features()),
        proxy_public_addr: auth.known_proxy_address().unwrap_or_default(),
        remote_addr: call
            .caller
            .address()
            .map(|address| address.to_string())
            .unwrap_or_default(),
        signature_algorithm_suite: preference.signature_suite(),
        ..PingResponse::default()
    })
}

fn features() -> Features {
    let on = || EntitlementInfo {
        enabled: true,
        limit: 0,
    };
    Features {
        access_controls: true,
        advanced_access_workflows: true,
        identity_governance: true,
        access_requests: Some(AccessRequestsFeature::default()),
        entitlements: [("AccessRequests".to_owned(), on()), ("Identity".to_owned(), on())].into(),
        ..Features::default()
    }
}

/// Handles `AuthService.GetDomainName`.
pub async fn domain_name(auth: &Auth, call: &Call, (): ()) -> Answer<GetDomainNameResponse> {
    call.caller.require_certificate()?;
    Ok(GetDomainNameResponse {
        domain_name: auth.cluster().to_owned(),
    })
}

/// Handles `AuthService.GetClusterCACert`: the certificates of the host authority, PEM.
///
/// Whoever joins has no certificate yet, and compares what it gets here with the pin it was given.
pub async fn ca_certificate(auth: &Auth, call: &Call, (): ()) -> Answer<GetClusterCaCertResponse> {
    if call.caller.require_certificate().is_err() {
        auth.limits.guess(call)?;
    }
    let authority = auth.state.authority(pki::AuthorityKind::Host, call.now).await?;
    let pem: String = authority
        .certificates()
        .map(pki::authority::AuthorityCertificate::to_pem)
        .collect();
    Ok(GetClusterCaCertResponse {
        tlsca: pem.into_bytes().into(),
    })
}

/// Handles `ClusterConfigService.GetClusterName`.
pub async fn cluster_name(
    auth: &Auth,
    call: &Call,
    _: GetClusterNameRequest,
) -> Answer<types::ClusterNameV2> {
    call.allow("cluster_name", &["read"])?;
    let identity = auth.state.identity(call.now).await?;
    Ok(types::ClusterNameV2 {
        kind: "cluster_name".to_owned(),
        version: "v2".to_owned(),
        metadata: Some(types::Metadata {
            name: "cluster-name".to_owned(),
            namespace: "default".to_owned(),
            ..types::Metadata::default()
        }),
        spec: Some(types::ClusterNameSpecV2 {
            cluster_name: auth.cluster().to_owned(),
            cluster_id: identity.map(|identity| identity.value.id).unwrap_or_default(),
        }),
        ..types::ClusterNameV2::default()
    })
}
