//! `tsh request create`: asks for roles, and waits for the approval.

use cli::Failure;
use wire::pb::types::ResourceId;

use super::flow::{self, Asking};
use super::span;
use crate::args::Create;
use crate::session::Session;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, asked: &Create) -> Result<(), Failure> {
    let roles = flow::named(&asked.roles);
    let resources = asked
        .resources
        .iter()
        .map(|text| resource(text))
        .collect::<Result<Vec<_>, _>>()?;
    if roles.is_empty() && resources.is_empty() {
        return Err(
            Failure::new("at least one role or resource or a request ID must be specified")
                .hint("name the roles with `--roles=NAME[,NAME]`"),
        );
    }
    let clock = &*world.clock;
    let asking = Asking {
        roles,
        resources,
        reason: asked.reason.clone().unwrap_or_default(),
        reviewers: flow::named(&asked.reviewers),
        nowait: asked.nowait,
        pending_end: span::end_of("request TTL", asked.request_ttl.as_deref(), clock)?,
        session_end: span::end_of("session TTL", asked.session_ttl.as_deref(), clock)?,
        access_end: span::end_of("max duration", asked.max_duration.as_deref(), clock)?,
        start: span::moment("--assume-start-time", asked.assume_start_time.as_deref())?,
    };
    let session = Session::require(world)?;
    let cluster = session.connect(world).await?;
    flow::code(flow::create(world, session, &cluster, asking).await?)
}

/// `/CLUSTER/KIND/NAME[/SUB]` taken apart.
fn resource(text: &str) -> Result<ResourceId, Failure> {
    access::request::ResourceId::parse(text)
        .map(|id| wire::convert::resource_id_message(&id))
        .map_err(|error| {
            Failure::new(error.to_string()).hint(
                "write it like `/CLUSTER/KIND/NAME`; `tsh request search --kind=node` lists the servers",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_three_parts_or_four() {
        let id = resource("/c/node/n").unwrap();
        assert_eq!(
            (id.cluster_name.as_str(), id.kind.as_str(), id.name.as_str()),
            ("c", "node", "n")
        );
        assert_eq!(resource("/c/pod/n/ns/p").unwrap().sub_resource_name, "ns/p");
        for text in ["", "c/node/n", "/c/node", "/c//n"] {
            assert!(resource(text).is_err(), "{text}");
        }
    }
}
