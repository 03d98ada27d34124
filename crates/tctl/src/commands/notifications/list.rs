//! `tctl notifications ls`: what administrators have made, for a user or for many.

use cli::{Failure, Table, moment, text};
use client::calls::pages;
use futures::TryStreamExt as _;
use serde_json::json;
use wire::convert;
use wire::pb::teleport::notifications::v1 as pb;

use super::TITLE;
use crate::commands::lists::pairs;
use crate::commands::users::Format;
use crate::connection::Connection;
use crate::output;

/// Shows the notifications.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Those for this user alone, in place of those for many
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only those with these labels, key=value, several between commas
    #[arg(long, value_name = "LABELS")]
    labels: Vec<String>,
    /// text or json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl List {
    /// Prints them.
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        let session = connection.session().await?;
        let wanted = pairs(&self.labels)?;
        let filters = pb::NotificationFilters {
            username: self.user.clone().unwrap_or_default(),
            global_only: self.user.is_none(),
            user_created_only: true,
            labels: wanted
                .into_iter()
                .map(|(key, values)| (key, values.join(",")))
                .collect(),
        };
        let listed = pages(|page_token| {
            let mut notifications = session.cluster().notifications();
            let filters = filters.clone();
            async move {
                let request = pb::ListNotificationsRequest {
                    page_token,
                    filters: Some(filters),
                    ..pb::ListNotificationsRequest::default()
                };
                let page = session.call(notifications.list_notifications(request)).await?;
                Ok::<_, Failure>((page.notifications, page.next_page_token))
            }
        });
        let found: Vec<pb::Notification> = listed.try_collect().await?;
        if self.format == Format::Json {
            let documents: Vec<_> = found.iter().map(document).collect();
            return output::line(&wire::resource::json::pretty(&documents.into(), 4));
        }
        if found.is_empty() {
            return output::line("no notifications");
        }
        let mut table = Table::new(["ID", "Created", "Expires", "Title"]);
        for notification in &found {
            let metadata = notification.metadata.clone().unwrap_or_default();
            let spec = notification.spec.clone().unwrap_or_default();
            let when = |stamp: &Option<prost_types::Timestamp>| {
                convert::moment(stamp.as_ref())
                    .map(moment::rfc822)
                    .unwrap_or_default()
            };
            let title = metadata.labels.get(TITLE).cloned().unwrap_or_default();
            table.row([
                metadata.name.clone(),
                when(&spec.created),
                when(&metadata.expires),
                text::visible(&title),
            ]);
        }
        output::print(&table.print(usize::MAX))
    }
}

fn document(notification: &pb::Notification) -> serde_json::Value {
    let metadata = notification.metadata.clone().unwrap_or_default();
    let spec = notification.spec.clone().unwrap_or_default();
    let when = |stamp: &Option<prost_types::Timestamp>| {
        convert::moment(stamp.as_ref()).map(|moment| moment.to_string())
    };
    let labels: std::collections::BTreeMap<_, _> = metadata.labels.into_iter().collect();
    json!({
        "kind": notification.kind,
        "sub_kind": notification.sub_kind,
        "version": notification.version,
        "metadata": {"name": metadata.name, "labels": labels, "expires": when(&metadata.expires)},
        "spec": {"created": when(&spec.created), "username": spec.username},
    })
}
