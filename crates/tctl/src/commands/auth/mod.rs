//! `tctl auth`: certificates for people and programs, and the authorities that others have to trust.

pub mod export;
pub mod rotate;
pub mod sign;

use cli::Failure;

use crate::connection::Connection;

/// Sign certificates, export and rotate authorities.
#[derive(Debug, clap::Subcommand)]
pub enum Auth {
    /// Sign a certificate for a user or a host
    Sign(sign::Sign),
    /// Show authorities in the form that other programs trust
    Export(export::Export),
    /// Exchange the keys of an authority
    Rotate(rotate::Rotate),
}

impl Auth {
    /// Does it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Sign(command) => command.run(connection).await,
            Self::Export(command) => command.run(connection).await,
            Self::Rotate(command) => command.run(connection).await,
        }
    }
}
