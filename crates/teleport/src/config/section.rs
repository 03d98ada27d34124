//! Reads one group of keys after another and collects every mistake with its line.
//!
//! A [`Section`] answers questions about one group ([`Section::value`]); what is not in the table of [`super::keys`] is a
//! mistake, and so is a value that is not understood. Nobody stops at the first one.

use std::cell::RefCell;

use wire::resource::nearest::nearest;
use wire::resource::{Entry, Node, Position, Value};

use super::keys::{Key, Standing};
use super::values;

/// Something wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where in the file; `None` for a flag, and for what the file leaves out.
    pub at: Option<Position>,
    /// What is wrong.
    pub what: String,
}

/// What was found while a configuration was read.
#[derive(Debug, Default)]
pub struct Findings {
    mistakes: RefCell<Vec<Mistake>>,
    notes: RefCell<Vec<String>>,
}

impl Findings {
    /// Something is wrong.
    pub fn wrong(&self, at: Option<Position>, what: impl Into<String>) {
        let what = what.into();
        self.mistakes.borrow_mut().push(Mistake { at, what });
    }

    /// Something is accepted and should be known.
    pub fn note(&self, at: Position, what: impl AsRef<str>) {
        let line = format!("line {}: {}", at.line, what.as_ref());
        self.notes.borrow_mut().push(line);
    }

    /// The mistakes in the order of their lines, and the notes.
    pub fn finish(self) -> (Vec<Mistake>, Vec<String>) {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|mistake| mistake.at);
        (mistakes, self.notes.into_inner())
    }
}

/// One group of keys, which may not be there at all.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    found: &'a Findings,
    keys: &'static [Key],
    path: &'a str,
    node: Option<&'a Node>,
}

impl<'a> Section<'a> {
    /// The group that `node` is, checked against its table down to the last key.
    pub fn root(node: Option<&'a Node>, keys: &'static [Key], found: &'a Findings) -> Self {
        if let Some(node) = node {
            check(node, keys, "", found);
        }
        Self {
            found,
            keys,
            path: "",
            node,
        }
    }

    /// The group under `name`; `path` is its full name.
    pub fn group(&self, name: &str, path: &'a str) -> Self {
        let keys = match self.standing(name) {
            Some(Standing::Group(keys)) => keys,
            _ => &[],
        };
        Self {
            found: self.found,
            keys,
            path,
            node: self.field(name),
        }
    }

    /// The groups of the list under `name`; `path` is the full name of each.
    pub fn groups(&self, name: &str, path: &'a str) -> Vec<Self> {
        let keys = match self.standing(name) {
            Some(Standing::Groups(keys)) => keys,
            _ => &[],
        };
        let items = match self.field(name).map(|node| &node.value) {
            Some(Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        items
            .iter()
            .filter(|item| item.entries().is_some())
            .map(|item| Self {
                found: self.found,
                keys,
                path,
                node: Some(item),
            })
            .collect()
    }

    /// The value of a key as `read` understands it; `None` if there is none, or none that is understood.
    pub fn value<T>(&self, name: &str, read: impl FnOnce(&Node) -> Result<T, String>) -> Option<T> {
        debug_assert!(
            self.standing(name) == Some(Standing::Used) || self.keys.is_empty(),
            "`{name}` is not in the table of `{}`",
            self.path
        );
        let node = self.field(name)?;
        match read(node) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.wrong(name, format!("`{}`: {problem}", self.full(name)));
                None
            }
        }
    }

    /// Where a key's value stands, if it is there.
    pub fn at(&self, name: &str) -> Option<Position> {
        self.field(name).map(|node| node.at)
    }

    /// Where the group stands.
    pub fn place(&self) -> Option<Position> {
        self.node.map(|node| node.at)
    }

    /// Says that the value of a key is wrong.
    pub fn wrong(&self, name: &str, what: impl Into<String>) {
        self.found.wrong(self.at(name), what);
    }

    /// Whether the group holds any of these keys.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.field(name).is_some())
    }

    /// Whether the group is there.
    pub fn is_there(&self) -> bool {
        self.node.is_some()
    }

    fn field(&self, name: &str) -> Option<&'a Node> {
        let node = self.node?.field(name)?;
        (node.value != Value::Null).then_some(node)
    }

    fn standing(&self, name: &str) -> Option<Standing> {
        let key = self.keys.iter().find(|key| key.name == name)?;
        Some(key.standing)
    }

    /// The full name of a key, for messages.
    pub fn full(&self, name: &str) -> String {
        full(self.path, name)
    }
}

fn full(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Holds a group to its table.
fn check(node: &Node, keys: &'static [Key], path: &str, found: &Findings) {
    let Some(entries) = node.entries() else {
        if node.value != Value::Null {
            let owner = if path.is_empty() {
                "the file".to_owned()
            } else {
                format!("`{path}`")
            };
            let what = format!("{owner} takes a group of keys, found {}", node.described());
            found.wrong(Some(node.at), what);
        }
        return;
    };
    for entry in entries {
        match keys.iter().find(|key| key.name == entry.key) {
            Some(key) => check_entry(entry, key, path, found),
            None => unknown(entry, keys, path, found),
        }
    }
}

fn check_entry(entry: &Entry, key: &Key, path: &str, found: &Findings) {
    let path = full(path, key.name);
    match key.standing {
        Standing::Used => {}
        Standing::Group(keys) => check(&entry.node, keys, &path, found),
        Standing::Groups(keys) => match &entry.node.value {
            Value::Null => {}
            Value::List(items) => items.iter().for_each(|item| check(item, keys, &path, found)),
            _ => {
                let what = format!(
                    "`{path}` takes a list of groups, found {}",
                    entry.node.described()
                );
                found.wrong(Some(entry.node.at), what);
            }
        },
        Standing::Idle(reason) => {
            if !says_nothing(&entry.node) {
                found.note(entry.at, format!("`{path}` changes nothing: {reason}"));
            }
        }
        Standing::NotYet(part) => {
            if !says_nothing(&entry.node) {
                found.wrong(Some(entry.at), format!("`{path}`: not available yet: {part}"));
            }
        }
        Standing::Service { part, on } => {
            let enabled = match entry.node.field("enabled") {
                Some(node) => values::switch(node),
                None => Ok(on && entry.node.value != Value::Null),
            };
            match enabled {
                Ok(false) => {}
                Ok(true) => found.wrong(
                    Some(entry.at),
                    format!("`{path}`: {part} are not available yet; leave it out, or set `enabled: no`"),
                ),
                Err(problem) => found.wrong(Some(entry.node.at), format!("`{path}.enabled`: {problem}")),
            }
        }
    }
}

fn unknown(entry: &Entry, keys: &[Key], path: &str, found: &Findings) {
    let place = if path.is_empty() {
        String::new()
    } else {
        format!(" in `{path}`")
    };
    let known = keys.iter().map(|key| key.name);
    let suggestion = match nearest(&entry.key, known.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => match elsewhere(&entry.key, path) {
            Some(home) => format!("; it belongs under `{home}`"),
            None => String::new(),
        },
    };
    let key = cli::text::visible(&entry.key);
    found.wrong(Some(entry.at), format!("unknown key `{key}`{place}{suggestion}"));
}

/// The section that has this key, if it stands in the wrong one.
fn elsewhere(name: &str, path: &str) -> Option<&'static str> {
    super::keys::FILE
        .iter()
        .find_map(|section| match section.standing {
            Standing::Group(keys) if section.name != path => {
                keys.iter().any(|key| key.name == name).then_some(section.name)
            }
            _ => None,
        })
}

/// Whether a value switches nothing on: empty, off, or a group that is off.
fn says_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Text(text) => matches!(text.as_str(), "" | "no" | "off" | "false"),
        Value::Integer(number) => *number == 0,
        Value::Float(_) => false,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => match node.field("enabled").or_else(|| node.field("mode")) {
            Some(switch) => says_nothing(switch),
            None => entries.iter().all(|entry| says_nothing(&entry.node)),
        },
    }
}
