//! `tctl requests`: what people ask for, and what was decided. Whether a decision may be made this way is the Auth
//! Service's to say: where a rule asks for two approvals, it refuses `approve` for everybody.

pub mod capabilities;
pub mod create;
pub mod decide;
pub mod list;
pub mod remove;
pub mod review;
pub mod show;

use cli::{Failure, text};
use futures::TryStreamExt as _;
use wire::keep::Kept;
use wire::pb::proto::ListAccessRequestsRequest;
use wire::pb::types::{AccessRequestFilter, AccessRequestV3};
use wire::resource::{Kind, Resource, json_of};

use crate::connection::Connection;
use crate::kinds::resource;
use crate::session::Session;

/// Show and decide access requests.
#[derive(Debug, clap::Subcommand)]
pub enum Requests {
    /// Show the access requests
    Ls(list::List),
    /// Show access requests in full
    Get(show::Show),
    /// Ask in the name of a user
    Create(create::Create),
    /// Approve requests whose rule is content with one approval
    Approve(decide::Approve),
    /// Deny requests; what was approved is taken back
    Deny(decide::Deny),
    /// Delete requests
    #[command(visible_alias = "del")]
    Rm(remove::Remove),
    /// Submit a review in the name of a user
    #[command(hide = true)]
    Review(review::Review),
    /// Show what a user could ask for
    #[command(visible_alias = "caps")]
    Capabilities(capabilities::Capabilities),
}

impl Requests {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Ls(command) => command.run(connection).await,
            Self::Get(command) => command.run(connection).await,
            Self::Create(command) => command.run(connection).await,
            Self::Approve(command) => command.run(connection).await,
            Self::Deny(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
            Self::Review(command) => command.run(connection).await,
            Self::Capabilities(command) => command.run(connection).await,
        }
    }
}

/// How requests are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table.
    Text,
    /// A list of documents.
    Json,
}

/// The request of an id.
async fn find(session: &Session, id: &str) -> Result<Kept<AccessRequestV3>, Failure> {
    let request = ListAccessRequestsRequest {
        filter: Some(AccessRequestFilter {
            id: id.to_owned(),
            ..AccessRequestFilter::default()
        }),
        ..ListAccessRequestsRequest::default()
    };
    let found = session.cluster().access_requests(request);
    let found: Vec<_> = found
        .try_collect()
        .await
        .map_err(|status| session.refusal(&status))?;
    found.into_iter().next().ok_or_else(|| {
        Failure::new(format!("request with ID {id:?} not found"))
            .hint("`tctl requests ls` lists those that you may see")
    })
}

/// The requests as documents, with the line end that the other lists do not have.
fn json(requests: &[Kept<AccessRequestV3>]) -> Result<String, Failure> {
    let documents: Vec<Resource> = requests
        .iter()
        .map(|request| resource(Kind::AccessRequest, request))
        .collect::<Result<_, _>>()?;
    Ok(json_of(&documents, 2) + "\n")
}

/// `roles=elevated-access,devops`.
fn metadata(roles: &[String]) -> String {
    if roles.is_empty() {
        return String::new();
    }
    format!("roles={}", roles.join(","))
}

/// `/CLUSTER/KIND/NAME`, between commas.
fn resources(ids: &[wire::pb::types::ResourceId]) -> String {
    let shown = |id: &wire::pb::types::ResourceId| {
        let sub = Some(&id.sub_resource_name).filter(|sub| !sub.is_empty());
        let sub = sub.map(|sub| format!("/{sub}")).unwrap_or_default();
        format!("/{}/{}/{}{sub}", id.cluster_name, id.kind, id.name)
    };
    ids.iter().map(shown).collect::<Vec<_>>().join(",")
}

/// A reason in quotes; nothing if there is none.
fn reason(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        text::quoted(reason)
    }
}

/// `PENDING`.
fn state(state: i32) -> &'static str {
    wire::pb::types::RequestState::try_from(state).map_or("UNKNOWN", |state| state.as_str_name())
}
