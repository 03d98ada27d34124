//! `tctl notifications`: what people are told when they look at their notifications.

pub mod create;
pub mod list;
pub mod remove;

use cli::Failure;

use crate::connection::Connection;

/// The label that holds the title.
const TITLE: &str = "teleport.internal/title";
/// The label that holds the text below it.
const CONTENT: &str = "teleport.internal/content";

/// Tell people something, show and remove what they are told.
#[derive(Debug, clap::Subcommand)]
pub enum Notifications {
    /// Tell a user, the holders of roles, or everybody something
    Create(create::Create),
    /// Show the notifications that administrators have made
    Ls(list::List),
    /// Remove a notification
    Rm(remove::Remove),
}

impl Notifications {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(connection).await,
            Self::Ls(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
        }
    }
}
