//! `tctl requests create`: asks in the name of a user.

use cli::Failure;
use wire::keep::Kept;
use wire::pb::types::{AccessRequestSpecV3, AccessRequestV3, Metadata, RequestState, ResourceId};
use wire::resource::{Kind, json};

use crate::commands::lists::split;
use crate::commands::new_id;
use crate::connection::Connection;
use crate::kinds::resource;
use crate::output;

/// Asks in the name of a user.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// Who shall have the access
    #[arg(value_name = "USERNAME")]
    username: String,
    /// The roles asked for; without roles and resources, every role that the user may ask for
    #[arg(long, value_name = "LIST")]
    roles: Vec<String>,
    /// A resource asked for, as /CLUSTER/KIND/NAME; may be given several times
    #[arg(long, value_name = "ID", value_parser = resource_id)]
    resource: Vec<ResourceId>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Only show what the request would be
    #[arg(long)]
    dry_run: bool,
}

/// A resource, as `/CLUSTER/KIND/NAME` or `/CLUSTER/KIND/NAME/PART`.
fn resource_id(text: &str) -> Result<ResourceId, access::resource::IdError> {
    access::request::ResourceId::parse(text).map(|id| wire::convert::resource_id_message(&id))
}

impl Create {
    /// Asks, and prints the id of the request.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let mut roles = split(&self.roles);
        if roles.is_empty() && self.resource.is_empty() {
            roles.push("*".to_owned());
        }
        let request = AccessRequestV3 {
            kind: "access_request".to_owned(),
            version: "v3".to_owned(),
            metadata: Some(Metadata {
                name: new_id(connection),
                namespace: "default".to_owned(),
                ..Metadata::default()
            }),
            spec: Some(AccessRequestSpecV3 {
                user: self.username,
                roles,
                state: RequestState::Pending.into(),
                request_reason: self.reason,
                requested_resource_i_ds: self.resource,
                dry_run: self.dry_run,
                ..AccessRequestSpecV3::default()
            }),
            ..AccessRequestV3::default()
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let mut auth = session.cluster().auth();
        let made = session
            .call(auth.create_access_request_v2(Kept::from(request)))
            .await?;
        let made = resource(Kind::AccessRequest, &made)?;
        if self.dry_run {
            return output::line(&json::pretty(&made.to_json(), 2));
        }
        output::line(&made.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_paths() {
        let read = resource_id("/example.com/node/n1").expect("a resource");
        assert_eq!(
            (&*read.cluster_name, &*read.kind, &*read.name),
            ("example.com", "node", "n1")
        );
        assert_eq!(
            resource_id("/c/pod/k/ns/p")
                .map(|read| read.sub_resource_name)
                .ok()
                .as_deref(),
            Some("ns/p")
        );
        for bad in ["", "node/n1", "/c/node", "/c/node/", "//node/n"] {
            assert!(resource_id(bad).is_err(), "{bad}");
        }
    }
}
