//! `tctl tokens`: the secrets with which machines join.

pub mod add;
pub mod list;
pub mod remove;

use cli::Failure;

use crate::connection::Connection;

/// Make, show and remove join tokens.
#[derive(Debug, clap::Subcommand)]
pub enum Tokens {
    /// Make a token with which a machine can join
    Add(add::Add),
    /// Show the tokens; their secrets are hidden
    Ls(list::List),
    /// Remove a token
    #[command(visible_alias = "del")]
    Rm(remove::Remove),
}

impl Tokens {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Add(command) => command.run(connection).await,
            Self::Ls(command) => command.run(connection).await,
            Self::Rm(command) => command.run(connection).await,
        }
    }
}

/// A random secret of 16 bytes, in hex.
pub fn secret(connection: &Connection) -> String {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 16];
    connection.entropy().fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// How long something lasts, in whole minutes or hours, for a sentence: `59 minutes`, `1 hour`.
pub fn spoken(left: jiff::SignedDuration) -> String {
    let (count, unit) = match (left.as_mins(), left.as_secs()) {
        (minutes, _) if minutes >= 120 => (left.as_hours(), "hour"),
        (minutes, _) if minutes >= 1 => (minutes, "minute"),
        (_, seconds) => (seconds.max(0), "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
