//! Instances of bots: which machine holds the certificate of which bot, and how often it has renewed it.
//!
//! | key | what |
//! | --- | --- |
//! | `/bot_instances/BOT/ID` | the instance in Teleport's form; the count that decides is that of its last authentication |

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message as _;
use store::{Item, Key, Prefix};
use wire::pb::teleport::machineid::v1::BotInstance;

use super::resource::stamp;
use super::{Change, Read, State};
use crate::failure::{Answer, Failure};

/// Where one instance lives.
pub fn key(bot: &str, id: &str) -> Key {
    Key::of(["bot_instances", bot, id])
}

/// Where all instances of a bot live.
pub fn of_bot(bot: &str) -> Prefix {
    Prefix::of(["bot_instances", bot])
}

/// Where all instances live.
pub fn prefix() -> Prefix {
    Prefix::of(["bot_instances"])
}

/// Reads one from what the store keeps.
pub fn read(item: &Item) -> Answer<Read<BotInstance>> {
    let mut value = BotInstance::decode(item.value.clone())
        .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
    value.metadata.get_or_insert_default().revision = stamp(item.revision);
    Ok(Read {
        value,
        revision: item.revision,
        expires: item.expires,
    })
}

impl State {
    /// One instance.
    pub async fn bot_instance(
        &self,
        bot: &str,
        id: &str,
        now: Timestamp,
    ) -> Answer<Option<Read<BotInstance>>> {
        let item = self.item(&key(bot, id), now).await?;
        item.as_ref().map(read).transpose()
    }
}

impl Change {
    /// Puts an instance into the change, until its own end.
    #[must_use]
    pub fn put_bot_instance(self, instance: &BotInstance) -> Self {
        let spec = instance.spec.clone().unwrap_or_default();
        let mut plain = instance.clone();
        let metadata = plain.metadata.get_or_insert_default();
        metadata.revision.clear();
        let ends = crate::moment::read_option(metadata.expires.as_ref());
        let bytes = Bytes::from(plain.encode_to_vec());
        self.put_until(key(&spec.bot_name, &spec.instance_id), bytes, ends)
    }
}
