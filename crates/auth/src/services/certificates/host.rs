//! `TrustService.GenerateHostCert`: an SSH certificate for a host that people reach with OpenSSH.

use access::{HostGrant, HostPermit, SystemRole};
use jiff::{SignedDuration, Timestamp};
use pki::AuthorityKind;
use pki::issue::{SubjectKeys, host};
use wire::pb::teleport::trust::v1::{GenerateHostCertRequest, GenerateHostCertResponse};

use super::key;
use crate::audit;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// The most names of one host.
const PRINCIPALS_MAX: usize = 100;

/// Handles the call. The certificate has exactly the names that were asked for, and no end if none was asked for.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: GenerateHostCertRequest,
) -> Answer<GenerateHostCertResponse> {
    call.allow("host_cert", &["create"])?;
    if asked.cluster_name != auth.cluster() {
        return Err(Failure::bad_parameter(format!(
            "host certificates are signed for the cluster {:?} alone",
            auth.cluster()
        )));
    }
    // A certificate for a part of the cluster itself would be more than a name for a host.
    if !matches!(asked.role.as_str(), "" | "Node") || !asked.host_id.is_empty() {
        return Err(Failure::bad_parameter(
            "host certificates are signed for hosts that are no part of the cluster: role \"Node\", no host id",
        ));
    }
    let mut names = asked.principals;
    names.extend(Some(asked.node_name).filter(|name| !name.is_empty()));
    if names.is_empty() || names.len() > PRINCIPALS_MAX {
        return Err(Failure::bad_parameter(format!(
            "a host certificate needs 1 to {PRINCIPALS_MAX} names"
        )));
    }
    let key = key(&asked.key)?.ok_or_else(|| Failure::bad_parameter("a certificate needs a public key"))?;
    let ttl = asked.ttl.map_or(SignedDuration::ZERO, |ttl| {
        SignedDuration::new(ttl.seconds, ttl.nanos)
    });
    if ttl.is_negative() {
        return Err(Failure::bad_parameter("TTL can't be negative"));
    }
    let not_after = if ttl.is_zero() {
        Timestamp::MAX
    } else {
        call.now.saturating_add(ttl).unwrap_or(Timestamp::MAX)
    };
    let permit = HostPermit::for_named_host(HostGrant {
        host_id: String::new(),
        cluster: auth.cluster().to_owned(),
        role: SystemRole::Node,
        principals: names.clone(),
        not_after,
    });
    let authority = auth.state.authority(AuthorityKind::Host, call.now).await?;
    let keys = SubjectKeys {
        ssh: Some(&key),
        tls: None,
    };
    let signed = host(&permit, keys, &authority, call.now, auth.chance.entropy())
        .map_err(|error| Failure::bad_parameter(error.to_string()))?;
    let certificate = signed
        .ssh
        .ok_or_else(|| Failure::internal("host certificate: nothing was signed"))?;
    let end = (not_after != Timestamp::MAX).then_some(not_after);
    let told = audit::certificates::host_certificate(
        call.actor(),
        &names.join(","),
        SystemRole::Node.name(),
        &names,
        end,
    );
    auth.state.tell(call.now, &call.actor().user, told).await?;
    Ok(GenerateHostCertResponse {
        ssh_certificate: certificate.to_line().into_bytes().into(),
    })
}
