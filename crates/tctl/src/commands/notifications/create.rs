//! `tctl notifications create`: one for a user, for the holders of roles, or for everybody.

use cli::Failure;
use jiff::SignedDuration;
use wire::convert;
use wire::pb::teleport::header::v1::Metadata;
use wire::pb::teleport::notifications::v1 as pb;
use wire::pb::teleport::notifications::v1::global_notification_spec::Matcher;

use super::{CONTENT, TITLE};
use crate::commands::lists::{pairs, split};
use crate::connection::Connection;
use crate::output;

/// Tells people something.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// What is shown
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// More about it
    #[arg(long, value_name = "TEXT", default_value = "")]
    content: String,
    /// For this user alone
    #[arg(long, value_name = "USER", conflicts_with_all = ["roles", "all_users"])]
    user: Option<String>,
    /// For those who hold one of these roles; several between commas
    #[arg(long, value_name = "ROLES", conflicts_with = "all_users")]
    roles: Vec<String>,
    /// Only for those who hold all of the roles
    #[arg(long, requires = "roles")]
    require_all_roles: bool,
    /// For everybody
    #[arg(long)]
    all_users: bool,
    /// Show it as a warning
    #[arg(long)]
    warning: bool,
    /// Labels of it, key=value, several between commas
    #[arg(long, value_name = "LABELS")]
    labels: Vec<String>,
    /// How long it is shown
    #[arg(long, value_name = "DURATION", default_value = "720h", value_parser = cli::duration::parse)]
    ttl: SignedDuration,
}

impl Create {
    /// Makes it.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let roles = split(&self.roles);
        if self.user.is_none() && roles.is_empty() && !self.all_users {
            return Err(Failure::new("nobody is named whom the notification is for")
                .hint("use --user, --roles or --all-users"));
        }
        let mut labels: std::collections::HashMap<String, String> = pairs(&self.labels)?
            .into_iter()
            .map(|(key, values)| (key, values.join(",")))
            .collect();
        labels.insert(TITLE.to_owned(), self.title);
        if !self.content.is_empty() {
            labels.insert(CONTENT.to_owned(), self.content);
        }
        let ends = connection.now().saturating_add(self.ttl).ok();
        let notification = pb::Notification {
            sub_kind: if self.warning {
                "user-created-warning"
            } else {
                "user-created"
            }
            .to_owned(),
            metadata: Some(Metadata {
                labels: labels.into_iter().collect(),
                expires: ends.map(convert::timestamp),
                ..Metadata::default()
            }),
            ..pb::Notification::default()
        };
        let session = connection.session().await?;
        session.before_change().await?;
        let mut notifications = session.cluster().notifications();
        if let Some(user) = self.user {
            let request = pb::CreateUserNotificationRequest {
                username: user.clone(),
                notification: Some(notification),
            };
            let made = session
                .call(notifications.create_user_notification(request))
                .await?;
            let id = made.metadata.unwrap_or_default().name;
            return output::line(&format!("Created notification {id} for user {user}."));
        }
        let matcher = if self.all_users {
            Matcher::All(true)
        } else {
            Matcher::ByRoles(pb::ByRoles { roles })
        };
        let request = pb::CreateGlobalNotificationRequest {
            global_notification: Some(pb::GlobalNotification {
                spec: Some(pb::GlobalNotificationSpec {
                    matcher: Some(matcher),
                    match_all_conditions: self.require_all_roles,
                    notification: Some(notification),
                    ..pb::GlobalNotificationSpec::default()
                }),
                ..pb::GlobalNotification::default()
            }),
        };
        let made = session
            .call(notifications.create_global_notification(request))
            .await?;
        let id = made.metadata.unwrap_or_default().name;
        output::line(&format!("Created notification {id}."))
    }
}
