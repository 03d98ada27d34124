//! What can be reached: servers, applications, databases and Kubernetes clusters, kept as they were registered.
//!
//! `access::resource` decides who may reach which; a resource somebody may not reach is one that does not exist. Nothing
//! here connects to anything.

pub mod create;
pub mod delete;
pub mod get;
mod kinds;
mod list;
mod listing;
pub mod names;
mod unified;
pub mod update;
mod view;

use access::resource::{Kind, Resource};
use wire::pb::proto::{GetSshTargetsRequest, GetSshTargetsResponse};

pub use kinds::{Registered, find};
pub use list::handle as list;
pub use unified::handle as list_unified;
pub use view::{Borrowed, View, limit};

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};

/// The refusal that somebody sees who asks for what is not there, or not for them.
fn missing(kind: Kind, name: &str) -> Failure {
    Failure::not_found(format!("{} {name:?} is not found", kinds::spoken(kind)))
}

/// Reading a server needs no more than listing it.
fn verbs(kind: &str) -> &'static [&'static str] {
    if kind == "node" {
        &["list"]
    } else {
        &["list", "read"]
    }
}

/// Handles `AuthService.GetSSHTargets`: the servers that the caller may reach and calls by this name or address.
pub async fn ssh_targets(
    auth: &Auth,
    call: &Call,
    asked: GetSshTargetsRequest,
) -> Answer<GetSshTargetsResponse> {
    call.allow("node", &["list"])?;
    let view = View::of(auth, call, Borrowed::default()).await?;
    let mut servers = Vec::new();
    for found in auth.state.find_all::<wire::pb::types::ServerV2>(call.now).await? {
        let resource: Resource = found.resource.described();
        let address = resource.details.get("resource.spec.addr");
        let called = resource.name == asked.host
            || resource.friendly == asked.host
            || address
                .and_then(|address| address.rsplit_once(':'))
                .map(|(host, _)| host)
                == Some(asked.host.as_str());
        if called && view.shows(&resource) {
            servers.push(found.resource);
        }
    }
    Ok(GetSshTargetsResponse { servers })
}
