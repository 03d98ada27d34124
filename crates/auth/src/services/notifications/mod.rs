//! Notifications: what people are told when they look, and what they did with it.
//!
//! Whoever may review is told that somebody asked, and again when half of the waiting is over; the requester is told how it
//! was decided and that the access is about to end. That is read off the requests at each look ([`requests`]), so it is
//! there exactly as long as it is true, and costs nothing while nobody looks. Administrators write others.

pub mod list;
mod requests;
pub mod seen;
pub mod write;

use jiff::Timestamp;
use wire::convert;
use wire::pb::teleport::header::v1::Metadata;
use wire::pb::teleport::notifications::v1 as pb;

/// The kind, as rules of roles call it.
pub const KIND: &str = "notification";
/// What is shown.
const TITLE: &str = "teleport.internal/title";
/// `user` or `global`.
const SCOPE: &str = "teleport.internal/scope";
/// `true` once it was opened.
const CLICKED: &str = "teleport.internal/clicked";

/// The id of a notification.
fn id(notification: &pb::Notification) -> &str {
    notification
        .metadata
        .as_ref()
        .map_or("", |metadata| metadata.name.as_str())
}

/// One that the server writes.
fn told(id: String, sub_kind: &str, title: &str, created: Timestamp, ends: Timestamp) -> pb::Notification {
    pb::Notification {
        kind: KIND.to_owned(),
        sub_kind: sub_kind.to_owned(),
        version: "v1".to_owned(),
        metadata: Some(Metadata {
            name: id,
            labels: [(TITLE.to_owned(), title.to_owned())].into(),
            expires: Some(convert::timestamp(ends)),
            ..Metadata::default()
        }),
        spec: Some(pb::NotificationSpec {
            created: Some(convert::timestamp(created)),
            unscoped: true,
            ..pb::NotificationSpec::default()
        }),
    }
}
