//! Secrets of ours in the store: sealed whole, or kept as a keyed digest only.

use access::SecretBytes;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{Class, Item, Key};

use super::{Read, State};
use crate::failure::{Answer, Failure};

impl State {
    /// A sealed record of ours.
    pub(crate) async fn sealed<T: DeserializeOwned>(
        &self,
        class: Class,
        key: &Key,
        now: Timestamp,
    ) -> Answer<Option<Read<T>>> {
        match self.item(key, now).await? {
            Some(item) => self.open_item(class, &item).map(Some),
            None => Ok(None),
        }
    }

    /// Opens a sealed record of ours.
    pub(crate) fn open_item<T: DeserializeOwned>(&self, class: Class, item: &Item) -> Answer<Read<T>> {
        let plain = self
            .seal
            .open_sealed(class, &item.key, &item.value)
            .map_err(|error| Failure::internal(error.to_string()))?;
        let value = serde_json::from_slice(plain.expose())
            .map_err(|error| Failure::internal(format!("`{}` is not readable: {error}", item.key)))?;
        Ok(Read {
            value,
            revision: item.revision,
            expires: item.expires,
        })
    }

    /// Seals a record of ours for its key.
    pub(crate) fn seal_own<T: Serialize>(&self, class: Class, key: &Key, value: &T) -> Answer<Bytes> {
        let plain = serde_json::to_vec(value)
            .map(SecretBytes::new)
            .map_err(|error| Failure::internal(format!("a record cannot be written: {error}")))?;
        let sealed = self
            .seal
            .seal(class, key, plain.expose())
            .map_err(|error| Failure::internal(error.to_string()))?;
        Ok(sealed.into())
    }

    /// What is kept of a secret that only has to be recognised.
    pub(crate) fn digest(&self, class: Class, purpose: &str, secret: &str) -> Answer<String> {
        self.seal
            .digest(class, purpose, secret.as_bytes())
            .map_err(|error| Failure::internal(error.to_string()))
    }
}
