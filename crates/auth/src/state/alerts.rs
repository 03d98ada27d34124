//! Cluster alerts and who has seen them, one item each. Both end by themselves.

use jiff::Timestamp;
use prost::Message as _;
use store::{Item, Key, Prefix};
use wire::pb::types;

use super::{Change, State};
use crate::failure::{Answer, Failure};
use crate::moment;

/// Where the alert called `name` lives.
pub fn key(name: &str) -> Key {
    Key::of(["cluster_alerts", name])
}

/// Where it is kept that an alert was seen.
pub fn ack_key(alert: &str) -> Key {
    Key::of(["cluster_alert_acks", alert])
}

/// Name, labels and end of an alert.
pub fn metadata(alert: &types::ClusterAlert) -> Option<&types::Metadata> {
    alert.header.as_ref()?.metadata.as_ref()
}

/// Puts an alert into a change.
#[must_use]
pub fn put(change: Change, alert: &types::ClusterAlert) -> Change {
    let metadata = metadata(alert);
    let name = metadata.map_or("", |metadata| metadata.name.as_str());
    let ends = moment::read_option(metadata.and_then(|metadata| metadata.expires.as_ref()));
    change.put_until(key(name), alert.encode_to_vec(), ends)
}

/// Puts into a change that an alert was seen.
#[must_use]
pub fn put_ack(change: Change, ack: &types::AlertAcknowledgement) -> Change {
    let ends = moment::read_option(ack.expires.as_ref());
    change.put_until(ack_key(&ack.alert_id), ack.encode_to_vec(), ends)
}

impl State {
    /// All alerts.
    pub async fn alerts(&self, now: Timestamp) -> Answer<Vec<types::ClusterAlert>> {
        let (items, _) = self.all(Prefix::of(["cluster_alerts"]), now).await?;
        items
            .iter()
            .map(|item| {
                types::ClusterAlert::decode(item.value.clone()).map_err(|error| unreadable(item, &error))
            })
            .collect()
    }

    /// Which alerts were seen.
    pub async fn alert_acks(&self, now: Timestamp) -> Answer<Vec<types::AlertAcknowledgement>> {
        let (items, _) = self.all(Prefix::of(["cluster_alert_acks"]), now).await?;
        items
            .iter()
            .map(|item| {
                types::AlertAcknowledgement::decode(item.value.clone())
                    .map_err(|error| unreadable(item, &error))
            })
            .collect()
    }
}

fn unreadable(item: &Item, error: &prost::DecodeError) -> Failure {
    Failure::internal(format!("`{}` is not readable: {error}", item.key))
}
