//! `tctl rm`: one resource, by its full name.

use cli::Failure;
use wire::resource::{Reference, ReferenceError};

use crate::connection::Connection;
use crate::kinds::remove;
use crate::output;

/// Removes a resource.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// What to remove: `KIND/NAME`
    #[arg(value_name = "RESOURCE", value_parser = parse)]
    resource: Reference,
}

fn parse(text: &str) -> Result<Reference, ReferenceError> {
    Reference::parse(text)
}

impl Remove {
    /// Removes it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let (kind, name) = remove::check(&self.resource)?;
        let session = connection.session().await?;
        session.before_change().await?;
        output::line(&remove::remove(session, kind, &name).await?)
    }
}
