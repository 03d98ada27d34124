//! Join tokens. Their name is the secret, so the place of each is a keyed digest of it, and what stands there is sealed.
//!
//! | key | what |
//! | --- | --- |
//! | `/tokens/DIGEST` | a join token, sealed |

use jiff::Timestamp;
use prost::Message as _;
use store::{Class, Item, Key, Prefix};
use wire::keep::Kept;
use wire::pb::types;

use super::resource::{Found, Resource as _, bytes_of, stamp};
use super::{Change, State};
use crate::failure::{Answer, Failure};

/// Where all join tokens live.
pub fn prefix() -> Prefix {
    Prefix::of(["tokens"])
}

impl State {
    /// Where the join token with this secret lives.
    pub fn token_key(&self, secret: &str) -> Answer<Key> {
        let digest = self.digest(Class::Tokens, "join token", secret)?;
        Ok(Key::of(["tokens", &digest]))
    }

    /// The join token with this secret.
    pub async fn token(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Answer<Option<Found<types::ProvisionTokenV2>>> {
        let item = self.item(&self.token_key(secret)?, now).await?;
        item.map(|item| self.open_token(&item)).transpose()
    }

    /// All join tokens, in no order that says anything.
    pub async fn tokens(&self, now: Timestamp) -> Answer<Vec<Found<types::ProvisionTokenV2>>> {
        let (items, _) = self.all(prefix(), now).await?;
        items.iter().map(|item| self.open_token(item)).collect()
    }

    /// Puts a join token into a change.
    pub fn put_token(&self, change: Change, token: &Kept<types::ProvisionTokenV2>) -> Answer<Change> {
        let key = self.token_key(token.name())?;
        let sealed = self
            .seal
            .seal(Class::Tokens, &key, &bytes_of(token))
            .map_err(|error| Failure::internal(error.to_string()))?;
        Ok(change.put_until(key, sealed, token.expires()))
    }

    fn open_token(&self, item: &Item) -> Answer<Found<types::ProvisionTokenV2>> {
        let plain = self
            .seal
            .open_sealed(Class::Tokens, &item.key, &item.value)
            .map_err(|error| Failure::internal(error.to_string()))?;
        let mut resource = Kept::<types::ProvisionTokenV2>::decode(plain.expose().as_slice())
            .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
        resource.metadata_mut().revision = stamp(item.revision);
        Ok(Found {
            resource,
            revision: item.revision,
        })
    }
}
