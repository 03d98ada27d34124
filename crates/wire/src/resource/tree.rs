//! A document as it was written: values with the line and column they stand at.
//!
//! [`super::read`] makes these from YAML or JSON; [`super::decode`] and the configuration reader turn them into messages
//! and settings. The tree knows nothing of resources.

use std::fmt;

/// A place in a text. Lines and columns count from one; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from one.
    pub line: usize,
    /// The column, from one.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// One value of a document and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What stands there.
    pub value: Value,
    /// Where it starts.
    pub at: Position,
    /// An unquoted scalar as it was written, when YAML reads it as something other than text: `yes`, `0x10`, `~`.
    pub written: Option<Box<str>>,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// A truth value, in any of the spellings of YAML 1.1.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent, or too large to be whole.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Named values, in the order written. No name stands twice.
    Map(Vec<Entry>),
}

/// One named value of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name.
    pub key: String,
    /// Where the name starts.
    pub at: Position,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The entries of a map; `None` for anything else.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value under `key` in a map.
    pub fn field(&self, key: &str) -> Option<&Node> {
        self.entries()?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// The value at the end of a path of keys.
    pub fn path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.field(key))
    }

    /// The text of a text value.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What stands here, in words for a message: "a list", "the number `5`".
    pub fn described(&self) -> String {
        let written = self.written.as_deref().unwrap_or_default();
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) if written.is_empty() => format!("the boolean `{value}`"),
            Value::Bool(_) => format!("the boolean `{}`", shortened(written)),
            Value::Integer(value) if written.is_empty() => format!("the number `{value}`"),
            Value::Float(value) if written.is_empty() => format!("the number `{value}`"),
            Value::Integer(_) | Value::Float(_) => format!("the number `{}`", shortened(written)),
            Value::Text(text) => format!("the text `{}`", shortened(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a group of fields".to_owned(),
        }
    }
}

/// Text from a document as it may stand in a message: one line, no control characters, not longer than 60 characters.
pub(crate) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == CHARACTERS_MAX {
            out.push_str("...");
            break;
        }
        if character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}
