//! `tctl bots rm`: the bot goes, with its user, its role and its tokens.

use cli::Failure;
use wire::pb::teleport::machineid::v1 as machineid;

use crate::connection::Connection;
use crate::output;

/// Removes a bot; its certificates count no more.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The bot
    #[arg(value_name = "NAME")]
    name: String,
}

impl Remove {
    /// Removes it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        session.before_change().await?;
        let request = machineid::DeleteBotRequest {
            bot_name: self.name.clone(),
        };
        session.call(session.cluster().bots().delete_bot(request)).await?;
        output::line(&format!("Bot {:?} deleted successfully.", self.name))
    }
}
