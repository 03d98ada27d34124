//! `tctl users rm`: people who are no users any more.

use cli::{Failure, text};
use wire::pb::teleport::users::v1::DeleteUserRequest;

use crate::commands::lists::named;
use crate::connection::Connection;
use crate::output;

/// Removes users.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Their names, between commas
    #[arg(value_name = "LOGINS")]
    logins: String,
}

impl Remove {
    /// Removes one after the other and stops at the first that cannot be removed.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let names = named(&self.logins, "user")?;
        let session = connection.session().await?;
        session.before_change().await?;
        for name in names {
            let request = DeleteUserRequest { name: name.clone() };
            session
                .call(session.cluster().users().delete_user(request))
                .await?;
            output::line(&format!("User {} has been deleted", text::quoted(&name)))?;
        }
        Ok(())
    }
}
