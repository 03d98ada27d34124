//! `TrustService`: the authorities, with or without what only they may know.

pub mod rotate;

use pki::AuthorityKind;
use wire::pb::teleport::trust::v1 as trust;
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

fn kind(name: &str) -> Answer<AuthorityKind> {
    AuthorityKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| Failure::bad_parameter(format!("{name:?} authority type is not supported")))
}

fn allow(call: &Call, with_keys: bool) -> Answer<()> {
    if !with_keys {
        return call.allow("cert_authority", &["readnosecrets"]);
    }
    // Private keys leave the server for nobody but the administrator of its own host.
    call.allow("cert_authority", &["read"])?;
    call.caller.require_admin()
}

async fn one(
    auth: &Auth,
    call: &Call,
    kind: AuthorityKind,
    with_keys: bool,
) -> Answer<Option<types::CertAuthorityV2>> {
    if with_keys {
        auth.state.authority_with_keys(kind, call.now).await
    } else {
        auth.state.authority_shown(kind, call.now).await
    }
}

/// Handles `GetCertAuthorities`.
pub async fn list(
    auth: &Auth,
    call: &Call,
    asked: trust::GetCertAuthoritiesRequest,
) -> Answer<trust::GetCertAuthoritiesResponse> {
    call.allow("cert_authority", &["list"])?;
    allow(call, asked.include_key)?;
    let found = one(auth, call, kind(&asked.r#type)?, asked.include_key).await?;
    Ok(trust::GetCertAuthoritiesResponse {
        cert_authorities_v2: found.into_iter().collect(),
    })
}

/// Handles `GetCertAuthority`.
pub async fn get(
    auth: &Auth,
    call: &Call,
    asked: trust::GetCertAuthorityRequest,
) -> Answer<types::CertAuthorityV2> {
    allow(call, asked.include_key)?;
    let unknown = || {
        Failure::not_found(format!(
            "cert_authority \"{}/{}\" is not found",
            asked.r#type, asked.domain
        ))
    };
    let kind = kind(&asked.r#type)?;
    if asked.domain != auth.cluster() {
        return Err(unknown());
    }
    one(auth, call, kind, asked.include_key)
        .await?
        .ok_or_else(unknown)
}
