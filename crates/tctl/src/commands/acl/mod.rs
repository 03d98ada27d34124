//! `tctl acl`: access lists, who is in them, and their reviews.

pub mod get;
pub mod list;
pub mod reviews;
pub mod users;

use cli::Failure;

use crate::connection::Connection;

/// Show access lists, add and remove members, review them.
#[derive(Debug, clap::Subcommand)]
pub enum Acl {
    /// Show the access lists that you may see
    Ls(list::List),
    /// Show one access list
    Get(get::Get),
    /// Show, add and remove members
    #[command(subcommand)]
    Users(users::Users),
    /// Show reviews, and review a list
    #[command(subcommand)]
    Reviews(reviews::Reviews),
}

impl Acl {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Ls(command) => command.run(connection).await,
            Self::Get(command) => command.run(connection).await,
            Self::Users(command) => command.run(connection).await,
            Self::Reviews(command) => command.run(connection).await,
        }
    }
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// As documents.
    Yaml,
    /// As JSON.
    Json,
    /// As a table.
    Text,
}
