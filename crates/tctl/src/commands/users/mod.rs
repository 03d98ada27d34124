//! `tctl users`: who there is, with which roles and traits, and the links by which people choose their password.

pub mod add;
mod link;
pub mod list;
pub mod remove;
pub mod reset;
mod traits;
pub mod update;

use cli::Failure;
use wire::keep::Kept;
use wire::pb::teleport::users::v1::GetUserRequest;
use wire::pb::{proto, types};

use crate::connection::Connection;
use crate::session::Session;

/// Add, show, change, reset and remove users.
#[derive(Debug, clap::Subcommand)]
pub enum Users {
    /// Add a user and make an invite link
    Add(add::Add),
    /// Show the users and their roles
    Ls(list::List),
    /// Change the roles and traits of a user
    Update(update::Update),
    /// Take password and authenticators away and make a link for new ones
    Reset(reset::Reset),
    /// Remove users
    #[command(visible_alias = "del")]
    Rm(remove::Remove),
}

impl Users {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(connection).await,
            Self::Ls(command) => command.run(connection).await,
            Self::Update(command) => command.run(connection).await,
            Self::Reset(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
        }
    }
}

/// How a command prints what it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Refuses roles that do not exist.
pub async fn check_roles(session: &Session, roles: &[String]) -> Result<(), Failure> {
    for name in roles {
        let request = proto::GetRoleRequest { name: name.clone() };
        let answer = session.call(session.cluster().auth().get_role(request)).await;
        answer.map_err(|refusal| Failure::from(refusal).hint("`tctl get roles` lists the roles"))?;
    }
    Ok(())
}

/// The user as stored now.
async fn stored(session: &Session, name: &str) -> Result<Kept<types::UserV2>, Failure> {
    let request = GetUserRequest {
        name: name.to_owned(),
        ..GetUserRequest::default()
    };
    let answer = session.call(session.cluster().users().get_user(request)).await?;
    answer
        .user
        .ok_or_else(|| Failure::new(format!("the cluster gave no user {name:?}")))
}
