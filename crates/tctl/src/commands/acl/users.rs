//! `tctl acl users`: who is in an access list.

use cli::Failure;
use jiff::Timestamp;
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::resource::{Kind, json_of};

use crate::commands::moments::moment;
use crate::commands::users::Format;
use crate::connection::Connection;
use crate::kinds::{access_lists, resource};
use crate::output;

/// Show, add and remove members.
#[derive(Debug, clap::Subcommand)]
pub enum Users {
    /// Add a user or a list to an access list
    Add(Add),
    /// Remove a user or a list from an access list
    #[command(visible_alias = "remove")]
    Rm(Remove),
    /// Show the members of an access list
    Ls(List),
}

impl Users {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
            Self::Ls(command) => command.run(connection).await,
        }
    }
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum MemberKind {
    /// A user.
    User,
    /// All members of another access list.
    List,
}

/// Adds a member.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Name of the list
    #[arg(value_name = "LIST")]
    list: String,
    /// Name of the user, or of the list with `--kind list`
    #[arg(value_name = "USER")]
    user: String,
    /// When the membership ends, RFC 3339; empty for never
    #[arg(value_name = "EXPIRES", default_value = "")]
    expires: String,
    /// Why
    #[arg(value_name = "REASON", default_value = "")]
    reason: String,
    /// What is added
    #[arg(long, value_enum, default_value_t = MemberKind::User)]
    kind: MemberKind,
}

impl Add {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let expires: Option<Timestamp> = match self.expires.as_str() {
            "" => None,
            text => Some(moment(text).map_err(|error| Failure::new(error.to_string()))?),
        };
        let kind = match self.kind {
            MemberKind::User => pb::MembershipKind::User,
            MemberKind::List => pb::MembershipKind::List,
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let member = pb::Member {
            spec: Some(pb::MemberSpec {
                access_list: self.list.clone(),
                name: self.user.clone(),
                expires: expires.map(convert::timestamp),
                reason: self.reason,
                membership_kind: kind.into(),
                ..pb::MemberSpec::default()
            }),
            ..pb::Member::default()
        };
        let request = pb::UpsertAccessListMemberRequest {
            member: Some(Kept::from(member)),
        };
        let mut lists = session.cluster().access_lists();
        session.call(lists.upsert_access_list_member(request)).await?;
        output::line(&format!(
            "successfully added user {} to access list {}",
            self.user, self.list
        ))
    }
}

/// Removes a member.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Name of the list
    #[arg(value_name = "LIST")]
    list: String,
    /// Name of the user or list in it
    #[arg(value_name = "USER")]
    user: String,
}

impl Remove {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        session.before_change().await?;
        let request = pb::DeleteAccessListMemberRequest {
            access_list: self.list.clone(),
            member_name: self.user.clone(),
        };
        let mut lists = session.cluster().access_lists();
        session.call(lists.delete_access_list_member(request)).await?;
        output::line(&format!(
            "successfully removed user {} from access list {}",
            self.user, self.list
        ))
    }
}

/// Shows the members.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Name of the list
    #[arg(value_name = "LIST")]
    list: String,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let members = access_lists::members(session, &self.list).await?;
        if self.format == Format::Json {
            let documents: Vec<_> = members
                .iter()
                .map(|member| resource(Kind::AccessListMember, member))
                .collect::<Result<_, _>>()?;
            return output::line(&json_of(&documents, 4));
        }
        if members.is_empty() {
            return output::line(&format!(
                "No members found for access list {}.\nYou may not have access to see the members for this list.",
                self.list
            ));
        }
        output::line(&format!("Members of {}:", self.list))?;
        for member in &members {
            output::line(&shown(member))?;
        }
        Ok(())
    }
}

/// A member as a line; what keeps it from having what the list gives is said.
fn shown(member: &pb::Member) -> String {
    let spec = member.spec.clone().unwrap_or_default();
    let kind = match spec.membership_kind() {
        pb::MembershipKind::List => "(Access List) ",
        _ => "",
    };
    let why = match spec.ineligible_status() {
        pb::IneligibleStatus::Unspecified | pb::IneligibleStatus::Eligible => "",
        pb::IneligibleStatus::UserNotExist => " (does not exist)",
        pb::IneligibleStatus::MissingRequirements => " (does not meet what the list requires)",
        pb::IneligibleStatus::Expired => " (membership has ended)",
    };
    format!("- {kind}{}{why}", cli::text::visible(&spec.name))
}
