//! One document, one resource: its kind, version and name first, then its fields.

use std::fmt;

use prost::{DecodeError, Message as _};
use prost_reflect::{DynamicMessage, Value as Proto};
use serde_json::Value as Json;

use super::decode;
use super::form::MessageForm;
use super::kind::{Kind, NOT_YET};
use super::name::{self, NameError};
use super::nearest::nearest;
use super::problem::{Findings, Problem, Warning, quoted};
use super::read::{self, Limits, ReadError};
use super::tree::{Node, Position, Value, shortened};
use super::{encode, json, secrets, yaml};

/// A resource of a known kind.
#[derive(Clone)]
pub struct Resource {
    kind: Kind,
    message: DynamicMessage,
    warnings: Vec<Warning>,
}

impl fmt::Debug for Resource {
    /// The kind and the name: the rest may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({} `{}`)", self.kind, self.name())
    }
}

/// Why a text holds no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// It cannot be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It holds no document.
    #[error("no resources found, empty input?")]
    Empty,
    /// It holds more than the one document that was expected.
    #[error("one resource was expected, a second one starts at {at}")]
    Several {
        /// Where the second one starts.
        at: Position,
    },
    /// A document that is no group of fields.
    #[error("a resource was expected at {at}, found {found}")]
    NoResource {
        /// Where.
        at: Position,
        /// What was found.
        found: String,
    },
    /// No `kind`.
    #[error("the resource at {at} has no `kind`; add one, such as `kind: role`")]
    NoKind {
        /// Where the resource starts.
        at: Position,
    },
    /// A kind nobody knows.
    #[error(
        "unknown kind `{kind}` at {at}{}",
        nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
    )]
    UnknownKind {
        /// As written.
        kind: String,
        /// Where.
        at: Position,
        /// The kind it is closest to.
        nearest: Option<&'static str>,
    },
    /// A kind of the original that is not here yet.
    #[error("resources of kind `{kind}` (at {at}) are not available yet")]
    NotYet {
        /// The kind.
        kind: String,
        /// Where.
        at: Position,
    },
    /// No `metadata.name`.
    #[error("the {kind} at {at} has no name; add it under `metadata`: `name: NAME`")]
    NoName {
        /// The kind.
        kind: Kind,
        /// Where the resource starts.
        at: Position,
    },
    /// A name that cannot be one.
    #[error("{error}, at {at}")]
    BadName {
        /// What is wrong with it.
        error: NameError,
        /// Where.
        at: Position,
    },
    /// The only resource of its kind under another name.
    #[error("there is one {kind}, its name is `{name}`, found `{found}` at {at}")]
    OnlyName {
        /// The kind.
        kind: Kind,
        /// Its name.
        name: &'static str,
        /// As written.
        found: String,
        /// Where.
        at: Position,
    },
    /// A version that is not understood, or none where one is needed.
    #[error("{kind} version \"{version}\" is not supported, at {at}; use {}", quoted(kind.versions()))]
    Version {
        /// The kind.
        kind: Kind,
        /// As written.
        version: String,
        /// Where.
        at: Position,
    },
    /// Fields that are wrong, all of them.
    #[error("{}", several(.0))]
    Fields(Vec<Problem>),
}

fn several(problems: &[Problem]) -> String {
    match problems {
        [] => String::new(),
        [one] => one.to_string(),
        [first, rest @ ..] => {
            let noun = if rest.len() == 1 { "problem" } else { "problems" };
            format!("{first} (and {} more {noun})", rest.len())
        }
    }
}

impl ResourceError {
    /// Every problem as a message of its own, in the order of the document.
    pub fn messages(&self) -> Vec<String> {
        match self {
            Self::Fields(problems) => problems.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }
}

/// The resources of a file. Nothing is given back unless all of it is right.
///
/// # Errors
/// The first document that is not right, with every problem of its fields.
pub fn read_all(text: &str, limits: &Limits) -> Result<Vec<Resource>, ResourceError> {
    let mut resources = Vec::new();
    for document in read::documents(text, limits)? {
        match document.value {
            // What `get --format=json` prints is a list.
            Value::List(items) => {
                for item in &items {
                    resources.push(Resource::from_node(item)?);
                }
            }
            _ => resources.push(Resource::from_node(&document)?),
        }
    }
    if resources.is_empty() {
        Err(ResourceError::Empty)
    } else {
        Ok(resources)
    }
}

/// The one resource of a file.
///
/// # Errors
/// As [`read_all`], and if there is a second one.
pub fn read_one(text: &str, limits: &Limits) -> Result<Resource, ResourceError> {
    let documents = read::documents(text, limits)?;
    match documents.as_slice() {
        [] => Err(ResourceError::Empty),
        [document] => match &document.value {
            Value::List(items) => match items.as_slice() {
                [item] => Resource::from_node(item),
                [_, second, ..] => Err(ResourceError::Several { at: second.at }),
                [] => Err(ResourceError::Empty),
            },
            _ => Resource::from_node(document),
        },
        [_, second, ..] => Err(ResourceError::Several { at: second.at }),
    }
}

/// What `tctl get` prints: one document for each resource, `[]` and no line end for none.
pub fn yaml_of(resources: &[Resource]) -> String {
    if resources.is_empty() {
        return "[]".to_owned();
    }
    let values: Vec<Json> = resources.iter().map(Resource::to_json).collect();
    yaml::documents(&values)
}

/// What `tctl get --format=json` prints: a list indented by `indent`, without a line end.
pub fn json_of(resources: &[Resource], indent: usize) -> String {
    let values: Json = resources.iter().map(Resource::to_json).collect();
    json::pretty(&values, indent)
}

impl Resource {
    /// The resource a document describes.
    fn from_node(node: &Node) -> Result<Self, ResourceError> {
        if node.entries().is_none() {
            return Err(ResourceError::NoResource {
                at: node.at,
                found: node.described(),
            });
        }
        let kind = kind_of(node)?;
        let name_node = node.path(&["metadata", "name"]);
        let written_name = name_node.and_then(Node::text);
        let owner = match (written_name, kind.singleton()) {
            (Some(name), None) if !name.is_empty() => format!("{} `{}`", kind.name(), shortened(name)),
            _ => format!("the {}", kind.name()),
        };
        let mut found = Findings::new(owner);
        let message = decode::message(node, &kind.descriptor(), kind.name(), &mut found);
        if !found.problems.is_empty() {
            found.problems.sort_by_key(Problem::at);
            return Err(ResourceError::Fields(found.problems));
        }
        let mut resource = Self {
            kind,
            message,
            warnings: found.warnings,
        };
        resource.set(&["kind"], kind.name());
        resource.check_version(node)?;
        resource.check_name(node)?;
        Ok(resource)
    }

    fn check_version(&mut self, node: &Node) -> Result<(), ResourceError> {
        let version = self.version();
        if self.kind.versions().contains(&version.as_str()) {
            return Ok(());
        }
        match self.kind.version_default() {
            Some(default) if version.is_empty() => {
                self.set(&["version"], default);
                Ok(())
            }
            _ => {
                let at = node.field("version").map_or(node.at, |version| version.at);
                Err(ResourceError::Version {
                    kind: self.kind,
                    version: shortened(&version),
                    at,
                })
            }
        }
    }

    fn check_name(&mut self, node: &Node) -> Result<(), ResourceError> {
        let written = self.name();
        let at = node.path(&["metadata", "name"]).map_or(node.at, |name| name.at);
        if let Some(only) = self.kind.singleton() {
            if written.is_empty() {
                self.set(&["metadata", "name"], only);
            } else if written != only {
                return Err(ResourceError::OnlyName {
                    kind: self.kind,
                    name: only,
                    found: shortened(&written),
                    at,
                });
            }
            return Ok(());
        }
        match name::check(&written) {
            Ok(()) => Ok(()),
            Err(NameError::Missing) => Err(ResourceError::NoName {
                kind: self.kind,
                at: node.at,
            }),
            Err(error) => Err(ResourceError::BadName { error, at }),
        }
    }

    /// A resource from its encoded message.
    ///
    /// # Errors
    /// If the bytes are not of that kind's message.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            kind,
            message: DynamicMessage::decode(kind.descriptor(), bytes)?,
            warnings: Vec::new(),
        })
    }

    /// A resource from its message.
    ///
    /// # Errors
    /// If the message is not of that kind.
    pub fn of(kind: Kind, message: &impl prost::Message) -> Result<Self, DecodeError> {
        Self::decode(kind, &message.encode_to_vec())
    }

    /// The message.
    ///
    /// # Errors
    /// If `M` is not the message of this kind.
    pub fn to<M: prost::Message + Default>(&self) -> Result<M, DecodeError> {
        M::decode(self.encode().as_slice())
    }

    /// The encoded message.
    pub fn encode(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is accepted in the document but should be written otherwise.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// `metadata.name`.
    pub fn name(&self) -> String {
        self.text(&["metadata", "name"])
    }

    /// `version`.
    pub fn version(&self) -> String {
        self.text(&["version"])
    }

    /// `sub_kind`.
    pub fn sub_kind(&self) -> String {
        self.text(&["sub_kind"])
    }

    /// `metadata.revision`: which state of the stored resource this was made from.
    pub fn revision(&self) -> String {
        self.text(&["metadata", "revision"])
    }

    /// The same without its secrets.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        secrets::blank(&mut self.message);
        self
    }

    /// The document as a tree, keys in the order of the fields.
    pub fn to_json(&self) -> Json {
        encode::to_json(&self.message)
    }

    /// The document as YAML, with a final line end.
    pub fn to_yaml(&self) -> String {
        yaml::document(&self.to_json())
    }

    fn text(&self, path: &[&str]) -> String {
        text_at(&self.message, path).unwrap_or_default()
    }

    fn set(&mut self, path: &[&str], text: &str) {
        set_at(&mut self.message, path, text);
    }
}

fn text_at(message: &DynamicMessage, path: &[&str]) -> Option<String> {
    let (key, rest) = path.split_first()?;
    let form = MessageForm::of(&prost_reflect::ReflectMessage::descriptor(message));
    let field = form.field(key)?;
    let mut holder = message.clone();
    for outer in &field.inside {
        let Proto::Message(inner) = holder.get_field(outer).into_owned() else {
            return None;
        };
        holder = inner;
    }
    let value = holder.get_field(&field.field);
    if rest.is_empty() {
        value.as_str().map(str::to_owned)
    } else {
        text_at(value.as_message()?, rest)
    }
}

fn set_at(message: &mut DynamicMessage, path: &[&str], text: &str) {
    let Some((key, rest)) = path.split_first() else {
        return;
    };
    let form = MessageForm::of(&prost_reflect::ReflectMessage::descriptor(message));
    let Some(field) = form.field(key) else { return };
    let mut holder = message;
    for outer in &field.inside {
        let Some(inner) = holder.get_field_mut(outer).as_message_mut() else {
            return;
        };
        holder = inner;
    }
    if rest.is_empty() {
        holder.set_field(&field.field, Proto::String(text.to_owned()));
    } else if let Some(inner) = holder.get_field_mut(&field.field).as_message_mut() {
        set_at(inner, rest, text);
    }
}

fn kind_of(node: &Node) -> Result<Kind, ResourceError> {
    let Some(kind) = node
        .field("kind")
        .filter(|kind| !matches!(kind.value, Value::Null))
    else {
        return Err(ResourceError::NoKind { at: node.at });
    };
    let at = kind.at;
    let Some(word) = kind.text() else {
        let found = kind
            .written
            .as_deref()
            .map_or_else(|| kind.described(), shortened);
        return Err(ResourceError::UnknownKind {
            kind: found,
            at,
            nearest: None,
        });
    };
    if let Some(kind) = Kind::of_name(word) {
        return Ok(kind);
    }
    if NOT_YET.contains(&word) {
        return Err(ResourceError::NotYet {
            kind: word.to_owned(),
            at,
        });
    }
    let nearest = Kind::of_alias(word)
        .map(Kind::name)
        .or_else(|| nearest(word, Kind::ALL.map(Kind::name)));
    Err(ResourceError::UnknownKind {
        kind: shortened(word),
        at,
        nearest,
    })
}
