//! `CreateApp`, `CreateDatabase` and `CreateKubernetesCluster`: a resource that is not there yet; `UpsertNode`: a server,
//! there or not.

use access::SystemRole;
use jiff::SignedDuration;
use wire::keep::Kept;
use wire::pb::types::keep_alive::KeepAliveType;
use wire::pb::types::{KeepAlive, ServerV2};

use super::Registered;
use super::kinds::{accept, spoken, told};
use super::update::may_write;
use crate::audit::registered::Deed;
use crate::auth::Auth;
use crate::call::Call;
use crate::caller::Who;
use crate::failure::{Answer, Failure};
use crate::state::resource::Resource as _;
use crate::state::{Change, Refused, Tries};

/// How long a server's own sign of life counts at most.
const HEARTBEAT_MAX: SignedDuration = SignedDuration::from_hours(1);

/// Handles `CreateApp`, `CreateDatabase` and `CreateKubernetesCluster`.
pub async fn handle<M: Registered>(auth: &Auth, call: &Call, resource: Kept<M>) -> Answer<()> {
    call.allow(M::KIND, &["create"])?;
    let resource = accept(resource)?;
    let described = resource.described();
    may_write(auth, call, &described).await?;
    let event = told(call, M::KIND_OF, Deed::Created, &described, resource.expires());
    let change = Change::new(call.now, &call.actor().user, event)
        .require_same(&M::key(resource.name()), None)
        .put_resource(&resource);
    match auth.state.commit(change).await {
        Ok(_) => Ok(()),
        Err(Refused::Conflict(_)) => Err(Failure::already_exists(format!(
            "{} {:?} already exists",
            spoken(M::KIND_OF),
            resource.name()
        ))),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}

/// A server that says itself that it is there: under its own id, for an hour at most.
fn check_heartbeat(call: &Call, host_id: &str, node: &Kept<ServerV2>) -> Answer<()> {
    if node.name() != host_id {
        return Err(Failure::access_denied(
            "a server says of no other server that it is there",
        ));
    }
    let latest = call.now.saturating_add(HEARTBEAT_MAX).unwrap_or(call.now);
    match node.expires() {
        Some(ends) if ends > call.now && ends <= latest => Ok(()),
        _ => Err(Failure::bad_parameter(
            "a server says that it is there for an hour at most",
        )),
    }
}

/// Handles `AuthService.UpsertNode`: for administrators, and for servers themselves, as their sign of life.
pub async fn upsert_node(auth: &Auth, call: &Call, node: Kept<ServerV2>) -> Answer<KeepAlive> {
    let node = accept(node)?;
    match call.caller.who() {
        Who::BuiltIn(part) if part.role == SystemRole::Node => check_heartbeat(call, &part.host_id, &node)?,
        _ => call.allow("node", &["create", "update"])?,
    }
    let described = node.described();
    let mut tries = Tries::default();
    loop {
        let stored = auth.state.find::<ServerV2>(&described.name, call.now).await?;
        let deed = if stored.is_some() {
            Deed::Updated
        } else {
            Deed::Created
        };
        let event = told(call, ServerV2::KIND_OF, deed, &described, node.expires());
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(
                &ServerV2::key(&described.name),
                stored.map(|stored| stored.revision),
            )
            .put_resource(&node);
        match auth.state.commit(change).await {
            Ok(_) => break,
            Err(refused) => tries.again(refused)?,
        }
    }
    Ok(KeepAlive {
        name: described.name,
        namespace: "default".to_owned(),
        r#type: KeepAliveType::Node.into(),
        expires: node.metadata.as_ref().and_then(|metadata| metadata.expires),
        ..KeepAlive::default()
    })
}
