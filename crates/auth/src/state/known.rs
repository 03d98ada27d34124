//! What was decoded once need not be decoded again, as long as nobody wrote it anew.
//!
//! This is no cache of what is stored: the item is read from the store each time, and what was decoded counts only if it
//! came from the same commit. So nothing here can be out of date.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use store::{Item, Key, Revision};

use crate::failure::Answer;

/// So many are kept; then it begins anew.
const KEPT_MAX: usize = 10_000;

/// Decoded items, each with the commit that wrote it.
pub struct Known<T>(Mutex<HashMap<Key, (Revision, Arc<T>)>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Known<T> {
    /// What `item` says, read by `read` unless it is known.
    pub fn read(&self, item: &Item, read: impl FnOnce(&Item) -> Answer<T>) -> Answer<Arc<T>> {
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((revision, value)) = known.get(&item.key)
                && *revision == item.revision
            {
                return Ok(Arc::clone(value));
            }
        }
        let value = Arc::new(read(item)?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(item.key.clone(), (item.revision, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    fn item(name: &str, revision: u64, value: &'static str) -> Item {
        Item {
            key: Key::of(["roles", name]),
            value: value.into(),
            revision: Revision(revision),
            expires: None,
        }
    }

    fn text(item: &Item) -> Answer<String> {
        let text = String::from_utf8_lossy(&item.value).into_owned();
        match text.as_str() {
            "bad" => Err(Failure::internal("not readable")),
            _ => Ok(text),
        }
    }

    #[test]
    fn what_was_written_anew_is_read_anew() {
        let known = Known::default();
        assert_eq!(*known.read(&item("a", 1, "one"), text).unwrap(), "one");
        let again = known.read(&item("a", 1, "one"), |_| panic!("it is known"));
        assert_eq!(*again.unwrap(), "one");
        assert_eq!(*known.read(&item("a", 2, "two"), text).unwrap(), "two");
        assert_eq!(*known.read(&item("b", 2, "other"), text).unwrap(), "other");
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let known = Known::default();
        assert!(known.read(&item("a", 1, "bad"), text).is_err());
        assert!(known.read(&item("a", 1, "bad"), text).is_err());
    }
}
