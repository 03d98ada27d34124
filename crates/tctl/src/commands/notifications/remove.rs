//! `tctl notifications rm`: a notification goes, whether it was seen or not.

use cli::Failure;
use wire::pb::teleport::notifications::v1 as pb;

use crate::connection::Connection;
use crate::output;

/// Removes a notification.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Its id, as `tctl notifications ls` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// It is for this user alone
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

impl Remove {
    /// Removes it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        session.before_change().await?;
        let mut notifications = session.cluster().notifications();
        let notification_id = self.id.clone();
        match self.user {
            Some(username) => {
                let request = pb::DeleteUserNotificationRequest {
                    username,
                    notification_id,
                };
                session
                    .call(notifications.delete_user_notification(request))
                    .await?;
            }
            None => {
                let request = pb::DeleteGlobalNotificationRequest { notification_id };
                session
                    .call(notifications.delete_global_notification(request))
                    .await?;
            }
        }
        output::line(&format!("Notification {} has been removed.", self.id))
    }
}
