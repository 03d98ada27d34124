//! Where an item lives: `/collection/name/…`, one escaped segment a step.
//!
//! A [`Key`] is built from segments, never by pasting text together, so a user who calls himself
//! `x/../locks` stays one segment and cannot reach into another collection.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// The longest key in bytes, escapes included.
pub const KEY_BYTES_MAX: usize = 1_024;

/// How an empty segment is written; `%_` is no escape of any byte.
const EMPTY_SEGMENT: &str = "%_";

/// The place of one item, such as `/roles/auditor`. Cloning is one counter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a key: segments are written `/like/this`, each escaped, at most {KEY_BYTES_MAX} bytes in all"
)]
pub struct KeyError(String);

impl Key {
    /// The key with these segments, each escaped: `Key::of(["roles", "auditor"])` is `/roles/auditor`.
    pub fn of<const N: usize>(segments: [&str; N]) -> Self {
        const { assert!(N > 0, "a key has at least one segment") };
        let mut text = String::with_capacity(segments.iter().map(|s| s.len() + 1).sum());
        for segment in segments {
            text.push('/');
            escape(segment, &mut text);
        }
        Self(text.into())
    }

    /// Reads a key back from what [`Key::as_str`] gave.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let whole = text.strip_prefix('/').filter(|_| text.len() <= KEY_BYTES_MAX);
        let sound = whole.is_some_and(|rest| {
            rest.split('/').all(|segment| {
                if !segment.is_empty()
                    && !segment
                        .bytes()
                        .any(|byte| byte == b'%' || byte.is_ascii_control())
                {
                    return true;
                }
                let mut again = String::with_capacity(segment.len());
                unescape(segment).is_some_and(|plain| {
                    escape(&plain, &mut again);
                    again == segment
                })
            })
        });
        if sound {
            Ok(Self(text.into()))
        } else {
            Err(KeyError(text.to_owned()))
        }
    }

    /// The key one segment further down.
    #[must_use]
    pub fn child(&self, segment: &str) -> Self {
        let mut text = String::with_capacity(self.0.len() + segment.len() + 1);
        text.push_str(&self.0);
        text.push('/');
        escape(segment, &mut text);
        Self(text.into())
    }

    /// The whole key in its escaped form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment, escaped.
    pub(crate) fn collection(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// The segments in order, without escapes.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0
            .split('/')
            .skip(1)
            .map(|s| unescape(s).unwrap_or(Cow::Borrowed(s)))
    }

    /// The last segment without escapes: the name of the thing.
    pub fn name(&self) -> Cow<'_, str> {
        let last = self.0.rsplit('/').next().unwrap_or_default();
        unescape(last).unwrap_or(Cow::Borrowed(last))
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything below a path: `/roles/` holds `/roles/auditor` and not `/roles-old/x`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Arc<str>);

impl Prefix {
    /// All keys whose first segments are these; `Prefix::of([])` is everything.
    pub fn of<const N: usize>(segments: [&str; N]) -> Self {
        let mut text = String::from("/");
        for segment in segments {
            escape(segment, &mut text);
            text.push('/');
        }
        Self(text.into())
    }

    /// Everything.
    pub fn all() -> Self {
        Self::of([])
    }

    /// Whether `key` lies below.
    pub fn holds(&self, key: &Key) -> bool {
        key.0.starts_with(&*self.0)
    }

    /// The path with its closing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment, escaped; `None` if this is everything.
    pub(crate) fn collection(&self) -> Option<&str> {
        self.0.split('/').nth(1).filter(|segment| !segment.is_empty())
    }

    /// The first text after every key below: `0` follows `/`.
    pub(crate) fn end(&self) -> String {
        let mut end = self.0[..self.0.len() - 1].to_owned();
        end.push('0');
        end
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(segment: &str, into: &mut String) {
    if segment.is_empty() {
        into.push_str(EMPTY_SEGMENT);
    }
    for letter in segment.chars() {
        if matches!(letter, '/' | '%') || letter.is_ascii_control() {
            // Writing to a `String` cannot fail.
            let _ = write!(into, "%{:02X}", u32::from(letter));
        } else {
            into.push(letter);
        }
    }
}

fn unescape(segment: &str) -> Option<Cow<'_, str>> {
    if segment == EMPTY_SEGMENT {
        return Some(Cow::Borrowed(""));
    }
    if segment.is_empty() {
        return None;
    }
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut plain = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let code = u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?;
        plain.push(char::from(code));
        rest = &rest[at + 3..];
    }
    plain.push_str(rest);
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_segment() {
        let key = Key::of(["users", "x/../../locks/y", "%2F\n"]);
        assert_eq!(key.as_str(), "/users/x%2F..%2F..%2Flocks%2Fy/%252F%0A");
        assert_eq!(
            key.segments().collect::<Vec<_>>(),
            ["users", "x/../../locks/y", "%2F\n"]
        );
        assert_eq!(key.name(), "%2F\n");
        assert!(!Prefix::of(["locks"]).holds(&key));
        assert_eq!(Key::parse(key.as_str()), Ok(key));
    }

    #[test]
    fn empty_names_are_names_too() {
        let key = Key::of(["users", ""]);
        assert_eq!(key.as_str(), "/users/%_");
        assert_eq!(key.name(), "");
        assert_ne!(key, Key::of(["users", "%_"]));
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let roles = Prefix::of(["roles"]);
        assert!(roles.holds(&Key::of(["roles", "a"])));
        assert!(!roles.holds(&Key::of(["roles-old", "a"])));
        assert!(!roles.holds(&Key::of(["roles"])));
        assert_eq!(roles.end(), "/roles0");
        assert_eq!(Prefix::all().end(), "0");
    }

    #[test]
    fn only_what_a_key_prints_is_read_back() {
        for wrong in [
            "", "roles/a", "/", "/a//b", "/a/", "/a%2f", "/a%", "/a%zz", "/a\n", "/%41",
        ] {
            assert!(Key::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Key::parse(&format!("/{}", "a".repeat(KEY_BYTES_MAX))).is_err());
        assert_eq!(Key::parse("/a/b").unwrap(), Key::of(["a"]).child("b"));
    }
}
