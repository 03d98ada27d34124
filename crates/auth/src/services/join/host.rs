//! A host joins as a part of the cluster: it shows a token for its role and gets its certificates.
//!
//! Such a token lets in as many hosts as its time allows. Each says itself which host it is; none gets the Auth
//! Service's own id, nor one that is locked.

use access::SystemRole;
use store::Revision;
use wire::pb::proto::Certs;
use wire::pb::types;

use super::refused;
use crate::audit::machines::{JoinedHost, instance_joined};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::ids::is_uuid;
use crate::services::certificates::part::{self, Part};
use crate::services::certificates::{self, Wanted};
use crate::services::tokens::METHOD_TOKEN;
use crate::state::Refused;
use crate::state::resource::{Found, Resource as _};

/// The role of that name, if a host can join with it.
pub fn role(name: &str) -> Option<SystemRole> {
    [SystemRole::Proxy, SystemRole::Node]
        .into_iter()
        .find(|role| role.name().eq_ignore_ascii_case(name))
}

/// Lets a host in with `token`, which is for its role.
pub async fn join(
    auth: &Auth,
    call: &Call,
    asked: &types::RegisterUsingTokenRequest,
    token: &Found<types::ProvisionTokenV2>,
    role: SystemRole,
) -> Answer<Certs> {
    if asked.expires.is_some() {
        return Err(Failure::bad_parameter(
            "only bots choose how long their certificates live",
        ));
    }
    if !is_uuid(&asked.host_id) || asked.host_id == auth.settings.host_id {
        return Err(Failure::bad_parameter("a host joins under a UUID of its own"));
    }
    let keys = Wanted {
        ssh: certificates::key(&asked.public_ssh_key)?,
        tls: certificates::key(&asked.public_tls_key)?,
    };
    let part = Part {
        role,
        host_id: &asked.host_id,
        node_name: &asked.node_name,
        names: asked
            .additional_principals
            .iter()
            .chain(&asked.dns_names)
            .collect(),
        token: Some(token.resource.name()),
    };
    let told = instance_joined(
        call.actor(),
        &JoinedHost {
            host_id: &asked.host_id,
            node_name: &asked.node_name,
            role: role.name(),
            method: METHOD_TOKEN,
            token: token.resource.name(),
            token_expires: token.resource.expires(),
        },
    );
    let key = auth.state.token_key(token.resource.name())?;
    let revision: Option<Revision> = Some(token.revision);
    let signed = part::sign(auth, call, &part, &keys, |change| {
        change
            .telling(&call.actor().user, told.clone())
            .require_same(&key, revision)
    });
    match signed.await {
        Ok(certificates) => Ok(certificates),
        // The token was taken away at the same moment.
        Err(Refused::Conflict(_)) => Err(refused(asked)),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
