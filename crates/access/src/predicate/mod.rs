//! The predicate language of `where` and `filter`: parsed once against the names that exist there, evaluated against
//! values.
//!
//! A name that does not exist, a wrong number of arguments, or a result that is not yes or no is found when the text
//! is parsed, with its column. Text, depth and expressions have limits; evaluation takes time proportional to the
//! text and the values.

mod could;
mod evaluate;
mod parse;

use std::collections::BTreeMap;

pub use could::Could;
pub use evaluate::EvaluateError;
pub use parse::ParseError;

/// What a name can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Yes or no.
    Bool,
    /// A whole number.
    Integer,
    /// A text.
    Text,
    /// A list of texts.
    List,
    /// Texts to lists of texts.
    Map,
    /// Texts to one text each.
    Labels,
}

/// A value during evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Texts to lists of texts.
    Map(BTreeMap<String, Vec<String>>),
    /// Texts to one text each.
    Labels(BTreeMap<String, String>),
}

/// The names that exist where a predicate stands.
pub type Names = &'static [(&'static str, Type)];

/// Names in `review_requests.where`.
pub const WHERE_NAMES: Names = &[
    ("reviewer.roles", Type::List),
    ("reviewer.traits", Type::Map),
    ("request.roles", Type::List),
    ("request.reason", Type::Text),
    ("request.system_annotations", Type::Map),
];

/// Names in a threshold's `filter`.
pub const FILTER_NAMES: Names = &[
    ("reviewer.roles", Type::List),
    ("reviewer.traits", Type::Map),
    ("request.roles", Type::List),
    ("request.reason", Type::Text),
    ("request.system_annotations", Type::Map),
    ("review.reason", Type::Text),
    ("review.annotations", Type::Map),
];

/// Names in the `where` of a rule.
pub const RULE_NAMES: Names = &[
    ("user.metadata.name", Type::Text),
    ("user.spec.roles", Type::List),
    ("user.spec.traits", Type::Map),
    ("resource.metadata.name", Type::Text),
    ("resource.metadata.labels", Type::Map),
    ("session.participants", Type::List),
    ("session_tracker.participants", Type::List),
    ("impersonate_role.metadata.name", Type::Text),
    ("impersonate_role.metadata.labels", Type::Map),
    ("impersonate_user.metadata.name", Type::Text),
    ("impersonate_user.metadata.labels", Type::Map),
];

/// Names in a role's `node_labels_expression` and its like.
pub const LABEL_NAMES: Names = &[("labels", Type::Labels), ("user.spec.traits", Type::Map)];

/// Names in the query of a listing.
pub const RESOURCE_NAMES: Names = &[
    ("name", Type::Text),
    ("labels", Type::Labels),
    ("resource.kind", Type::Text),
    ("resource.metadata.name", Type::Text),
    ("resource.metadata.description", Type::Text),
    ("resource.metadata.labels", Type::Labels),
    ("resource.spec.hostname", Type::Text),
    ("resource.spec.addr", Type::Text),
    ("resource.spec.public_addr", Type::Text),
    ("resource.spec.uri", Type::Text),
    ("resource.spec.protocol", Type::Text),
];

/// Where `search` looks; nobody can write this name.
pub const SEARCHED: &str = "search()";

/// Values by name; a name without value is what the situation does not have.
pub type Scope = BTreeMap<&'static str, Value>;

/// A parsed predicate.
#[derive(Debug, Clone)]
pub struct Predicate(Option<parse::Node>);

impl Predicate {
    /// Parses `text`; an empty one always holds.
    pub fn parse(text: &str, names: Names) -> Result<Self, ParseError> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        parse::parse(text, names).map(|node| Self(Some(node)))
    }

    /// Whether it holds with these values.
    pub fn holds(&self, scope: &Scope) -> Result<bool, EvaluateError> {
        match &self.0 {
            None => Ok(true),
            Some(node) => evaluate::holds(node, scope),
        }
    }

    /// Which answers are possible when names without a value are anybody's choice.
    pub fn could(&self, scope: &Scope) -> Could {
        match &self.0 {
            None => Could {
                hold: true,
                fail: false,
            },
            Some(node) => could::answers(node, scope),
        }
    }

    /// Whether the answer could depend on which of two values `name` has. Other names are anybody's choice: a comparison of
    /// `name` with one of them could.
    pub(crate) fn tells_apart(&self, name: &'static str, one: &Value, other: &Value) -> bool {
        self.0
            .as_ref()
            .is_some_and(|node| could::tells_apart(node, name, one, other))
    }
}

#[cfg(test)]
mod tests;
