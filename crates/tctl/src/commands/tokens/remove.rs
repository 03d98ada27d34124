//! `tctl tokens rm`: nobody joins with the token any more.

use cli::Failure;
use wire::pb::types::ResourceRequest;

use crate::connection::Connection;
use crate::output;

/// Removes a token.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The token, whole
    #[arg(value_name = "TOKEN")]
    token: String,
}

impl Remove {
    /// Removes it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        session.before_change().await?;
        let request = ResourceRequest {
            name: self.token.clone(),
        };
        session
            .call(session.cluster().auth().delete_token(request))
            .await?;
        output::line(&format!("Token {} has been deleted", self.token))
    }
}
