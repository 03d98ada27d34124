//! `tctl rm`: resources, by their full names.

use cli::Failure;
use wire::resource::{ReferenceError, References};

use crate::connection::Connection;
use crate::kinds::remove;
use crate::output;

/// Removes resources.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// What to remove: `KIND/NAME`, or several between commas
    #[arg(value_name = "RESOURCES", value_parser = parse)]
    resources: References,
}

fn parse(text: &str) -> Result<References, ReferenceError> {
    References::parse(text)
}

impl Remove {
    /// Removes one after the other; nothing, if one of them names no single resource.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let References::Listed(references) = self.resources else {
            return Err(Failure::new(
                "'all' cannot be removed; name each resource as 'KIND/NAME'",
            ));
        };
        let named = references
            .iter()
            .map(remove::check)
            .collect::<Result<Vec<_>, _>>()?;
        let session = connection.session().await?;
        session.before_change().await?;
        for (kind, name) in named {
            output::line(&remove::remove(session, kind, &name).await?)?;
        }
        Ok(())
    }
}
