//! Reads YAML, and JSON as a part of it, into [`Node`]s that know where they stand.
//!
//! What arrives here may come from anybody. Our own limits hold before and beside the library's: the length of the text, the
//! depth of nesting, the number of values and the amount of text after aliases have been followed. So a "billion laughs"
//! document costs what its limit says and no more.
//!
//! Refused on purpose: names that stand twice (readers disagree about which one counts), tags, keys that are no plain words, and
//! references that contain themselves.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::scalar;
use super::tree::{Entry, Node, Position, Value, shortened};

/// How much one text may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text in bytes.
    pub bytes_max: usize,
    /// How deep lists and groups may stand in each other.
    pub depth_max: usize,
    /// Values of all documents together, counted after aliases have been followed.
    pub values_max: usize,
    /// Bytes of text and names of all documents together, counted after aliases have been followed.
    pub text_max: usize,
}

impl Limits {
    /// For files a person applies: room for a backup of a cluster.
    pub const FILE: Self = Self {
        bytes_max: 8 << 20,
        depth_max: 48,
        values_max: 200_000,
        text_max: 12 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::FILE
    }
}

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Longer than [`Limits::bytes_max`].
    #[error("the text is {bytes} bytes long, at most {bytes_max} are read")]
    TooLong {
        /// The length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Nested deeper than [`Limits::depth_max`].
    #[error("nested more than {depth_max} levels deep at {at}")]
    TooDeep {
        /// Where the limit was passed.
        at: Position,
        /// The limit.
        depth_max: usize,
    },
    /// More values or more text than [`Limits`] allow.
    #[error("too much content at {at}: documents and what their aliases (`*name`) repeat are limited")]
    TooMuch {
        /// Where the limit was passed.
        at: Position,
    },
    /// Not YAML.
    #[error("not valid YAML at {at}: {problem}")]
    Syntax {
        /// Where reading stopped.
        at: Position,
        /// What the reader missed there.
        problem: String,
    },
    /// One name twice in one group.
    #[error("`{key}` stands twice, at {first} and at {at}; keep one of them")]
    Twice {
        /// The name.
        key: String,
        /// The second place.
        at: Position,
        /// The first place.
        first: Position,
    },
    /// An unquoted name that YAML reads as something else.
    #[error("the name `{key}` at {at} is not read as text by YAML; put it in quotes: '{key}'")]
    Ambiguous {
        /// As written.
        key: String,
        /// Where.
        at: Position,
    },
    /// A list, a group or nothing in the place of a name.
    #[error("a name is missing at {at}: a list or group cannot name a value")]
    NoName {
        /// Where.
        at: Position,
    },
    /// A tag such as `!!binary`.
    #[error("the tag `{tag}` at {at} is not supported; remove it")]
    Tag {
        /// As written.
        tag: String,
        /// Where.
        at: Position,
    },
    /// An alias inside the value it stands for.
    #[error("the alias at {at} refers to a value that contains it")]
    Circular {
        /// Where.
        at: Position,
    },
    /// `<<` with something that is no group.
    #[error("`<<` at {at} takes a group of fields or a list of them")]
    Merge {
        /// Where.
        at: Position,
    },
}

impl ReadError {
    /// Where reading stopped; a text that is too long has no place.
    pub fn at(&self) -> Option<Position> {
        match self {
            Self::TooLong { .. } => None,
            Self::TooDeep { at, .. }
            | Self::TooMuch { at }
            | Self::Syntax { at, .. }
            | Self::Twice { at, .. }
            | Self::Ambiguous { at, .. }
            | Self::NoName { at }
            | Self::Tag { at, .. }
            | Self::Circular { at }
            | Self::Merge { at } => Some(*at),
        }
    }
}

/// The documents of a text, in order; empty ones (a trailing `---`, only comments) are left out.
///
/// # Errors
/// The first reason why the text cannot be read.
pub fn documents(text: &str, limits: &Limits) -> Result<Vec<Node>, ReadError> {
    if text.len() > limits.bytes_max {
        return Err(ReadError::TooLong {
            bytes: text.len(),
            bytes_max: limits.bytes_max,
        });
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: limits.depth_max.saturating_add(1),
        block_nesting_limit: limits.depth_max.saturating_add(1),
    };
    let mut reader = Reader {
        limits,
        frames: Vec::new(),
        anchors: HashMap::new(),
        open: Vec::new(),
        documents: Vec::new(),
        values: 0,
        text: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| syntax(&error, limits))?;
        reader.take(event, span)?;
    }
    Ok(reader.documents)
}

fn syntax(error: &ScanError, limits: &Limits) -> ReadError {
    let marker = error.marker();
    let at = Position {
        line: marker.line(),
        column: marker.col() + 1,
    };
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => ReadError::TooDeep {
            at,
            depth_max: limits.depth_max,
        },
        ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => ReadError::Syntax {
            at,
            problem: "a tab cannot indent, use spaces".to_owned(),
        },
        _ => ReadError::Syntax {
            at,
            problem: shortened_line(&error.info()),
        },
    }
}

fn shortened_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

/// A list or group whose end has not come yet.
struct Frame {
    at: Position,
    anchor: usize,
    kind: FrameKind,
    /// The size of what is inside so far.
    size: Size,
}

enum FrameKind {
    List(Vec<Node>),
    /// `key` waits for its value; it is empty for `<<`.
    Map {
        entries: Vec<Entry>,
        seen: HashMap<String, Position>,
        key: Option<(Option<String>, Position)>,
        merged: Vec<Node>,
    },
}

/// What a value takes from the limits.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    text: usize,
    /// Levels of nesting inside; zero for a scalar.
    height: usize,
}

struct Reader<'l> {
    limits: &'l Limits,
    frames: Vec<Frame>,
    /// Finished values with a name of their own (`&name`).
    anchors: HashMap<usize, (Node, Size)>,
    /// Named values that are still being read.
    open: Vec<usize>,
    documents: Vec<Node>,
    values: usize,
    text: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), ReadError> {
        let at = Position {
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        let tag_at = span.tag_start.map_or(at, |marker| Position {
            line: marker.line(),
            column: marker.col() + 1,
        });
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar_node(&text, style, tag.as_deref().map(|tag| (tag, tag_at)), at)?;
                let size = Size {
                    values: 1,
                    text: text.len(),
                    height: 0,
                };
                self.charge(size, at)?;
                self.finish(node, size, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                only_core_tag(tag.as_deref(), "seq", tag_at)?;
                self.open(FrameKind::List(Vec::new()), anchor, at)
            }
            Event::MappingStart(_, anchor, tag) => {
                only_core_tag(tag.as_deref(), "map", tag_at)?;
                self.open(
                    FrameKind::Map {
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        key: None,
                        merged: Vec::new(),
                    },
                    anchor,
                    at,
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(ReadError::Circular { at });
                };
                let size = *size;
                if self.frames.len() + size.height > self.limits.depth_max {
                    return Err(ReadError::TooDeep {
                        at,
                        depth_max: self.limits.depth_max,
                    });
                }
                let node = node.clone();
                self.charge(size, at)?;
                self.finish(node, size, 0)
            }
            Event::UnresolvedAlias(name) => Err(ReadError::Syntax {
                at,
                problem: format!("nothing is named `&{}`", shortened(&name)),
            }),
            _ => Ok(()),
        }
    }

    fn charge(&mut self, size: Size, at: Position) -> Result<(), ReadError> {
        self.values = self.values.saturating_add(size.values);
        self.text = self.text.saturating_add(size.text);
        if self.values > self.limits.values_max || self.text > self.limits.text_max {
            return Err(ReadError::TooMuch { at });
        }
        Ok(())
    }

    fn open(&mut self, kind: FrameKind, anchor: usize, at: Position) -> Result<(), ReadError> {
        if self.frames.len() >= self.limits.depth_max {
            return Err(ReadError::TooDeep {
                at,
                depth_max: self.limits.depth_max,
            });
        }
        let size = Size {
            values: 1,
            text: 0,
            height: 1,
        };
        self.charge(size, at)?;
        if anchor != 0 {
            self.open.push(anchor);
        }
        self.frames.push(Frame {
            at,
            anchor,
            kind,
            size,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            FrameKind::List(items) => Value::List(items),
            FrameKind::Map {
                mut entries,
                mut seen,
                merged,
                ..
            } => {
                // What stands in the group itself wins over what `<<` brings, and earlier groups over later ones.
                for node in merged {
                    let Value::Map(brought) = node.value else { continue };
                    for entry in brought {
                        if !seen.contains_key(&entry.key) {
                            seen.insert(entry.key.clone(), entry.at);
                            entries.push(entry);
                        }
                    }
                }
                Value::Map(entries)
            }
        };
        if frame.anchor != 0 {
            self.open.retain(|open| *open != frame.anchor);
        }
        self.finish(
            Node {
                value,
                at: frame.at,
                written: None,
            },
            frame.size,
            frame.anchor,
        )
    }

    /// Puts a finished value where it belongs: into the list or group around it, or among the documents.
    fn finish(&mut self, node: Node, size: Size, anchor: usize) -> Result<(), ReadError> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.frames.last_mut() else {
            if !matches!(node.value, Value::Null) {
                self.documents.push(node);
            }
            return Ok(());
        };
        frame.size.values = frame.size.values.saturating_add(size.values);
        frame.size.text = frame.size.text.saturating_add(size.text);
        frame.size.height = frame.size.height.max(size.height + 1);
        match &mut frame.kind {
            FrameKind::List(items) => items.push(node),
            FrameKind::Map {
                entries,
                seen,
                key,
                merged,
            } => match key.take() {
                None => {
                    let at = node.at;
                    let merge = node.written.as_deref() == Some("<<");
                    let name = if merge { None } else { Some(name(node)?) };
                    if let Some(name) = &name
                        && let Some(first) = seen.insert(name.clone(), at)
                    {
                        return Err(ReadError::Twice {
                            key: shortened(name),
                            at,
                            first,
                        });
                    }
                    *key = Some((name, at));
                }
                Some((None, at)) => match &node.value {
                    Value::Map(_) => merged.push(node),
                    Value::List(items) if items.iter().all(|item| item.entries().is_some()) => {
                        if let Value::List(items) = node.value {
                            merged.extend(items);
                        }
                    }
                    _ => return Err(ReadError::Merge { at }),
                },
                Some((Some(name), at)) => entries.push(Entry { key: name, at, node }),
            },
        }
        Ok(())
    }
}

/// The name a scalar gives to the value after it.
fn name(node: Node) -> Result<String, ReadError> {
    let at = node.at;
    match (node.value, node.written) {
        (Value::Text(text), _) => Ok(text),
        // Written as every reader would print it again: nothing is lost by taking it as text.
        (Value::Integer(value), Some(written)) if value.to_string() == *written => Ok(written.into()),
        (Value::Bool(value), Some(written)) if value.to_string() == *written => Ok(written.into()),
        (Value::List(_) | Value::Map(_) | Value::Null, None) => Err(ReadError::NoName { at }),
        (_, Some(written)) if written.is_empty() => Err(ReadError::NoName { at }),
        (_, written) => Err(ReadError::Ambiguous {
            key: shortened(&written.unwrap_or_default()),
            at,
        }),
    }
}

fn scalar_node(
    text: &str,
    style: ScalarStyle,
    tag: Option<(&Tag, Position)>,
    at: Position,
) -> Result<Node, ReadError> {
    let plain = matches!(style, ScalarStyle::Plain);
    let resolved = if plain {
        scalar::resolve(text)
    } else {
        Value::Text(text.to_owned())
    };
    let value = match tag {
        None => resolved,
        Some((tag, tag_at)) => match (tag.core_suffix(), resolved) {
            (Some("str"), _) => Value::Text(text.to_owned()),
            (Some("null"), value @ Value::Null)
            | (Some("bool"), value @ Value::Bool(_))
            | (Some("int"), value @ Value::Integer(_))
            | (Some("float"), value @ Value::Float(_)) => value,
            _ if tag.original() == "!" => Value::Text(text.to_owned()),
            _ => {
                return Err(ReadError::Tag {
                    tag: shortened(&tag.original()),
                    at: tag_at,
                });
            }
        },
    };
    let written = match value {
        // An unquoted `<<` brings in the fields of other groups.
        Value::Text(_) if !(plain && tag.is_none() && text == "<<") => None,
        _ => Some(text.into()),
    };
    Ok(Node { value, at, written })
}

fn only_core_tag(tag: Option<&Tag>, suffix: &str, at: Position) -> Result<(), ReadError> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(suffix) => Err(ReadError::Tag {
            tag: shortened(&tag.original()),
            at,
        }),
        _ => Ok(()),
    }
}
