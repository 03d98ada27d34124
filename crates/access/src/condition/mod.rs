//! The language of access monitoring rules: which requests a rule is about.
//!
//! Another language than the [`predicate`](crate::predicate) of roles: values have methods, sets are values, and a
//! condition that cannot be answered does not match. A name or method that does not exist, or values of the wrong kind,
//! are found when the text is parsed, with their column. Text and depth have limits.

mod evaluate;
mod functions;
mod parse;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::role::Traits;
pub use parse::ParseError;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Bool,
    Text,
    Set,
    Map,
    Time,
    /// A key with its values, for `dict`.
    Pair,
    /// An answer with its question, for `choose`.
    Choice,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Bool(bool),
    Text(String),
    Set(BTreeSet<String>),
    Map(BTreeMap<String, BTreeSet<String>>),
    Time(Timestamp),
    Pair(String, BTreeSet<String>),
    Choice(bool, Box<Value>),
}

/// What a condition can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Roles,
    SuggestedReviewers,
    SystemAnnotations,
    User,
    Reason,
    Created,
    Expires,
    Traits,
}

const NAMES: [(&str, Name, Type); 8] = [
    ("access_request.spec.roles", Name::Roles, Type::Set),
    (
        "access_request.spec.suggested_reviewers",
        Name::SuggestedReviewers,
        Type::Set,
    ),
    (
        "access_request.spec.system_annotations",
        Name::SystemAnnotations,
        Type::Map,
    ),
    ("access_request.spec.user", Name::User, Type::Text),
    ("access_request.spec.request_reason", Name::Reason, Type::Text),
    ("access_request.spec.creation_time", Name::Created, Type::Time),
    ("access_request.spec.expiry", Name::Expires, Type::Time),
    ("user.traits", Name::Traits, Type::Map),
];

/// The request a condition is asked about, and the traits its user has now.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The roles asked for.
    pub roles: &'a [String],
    /// Who was suggested as reviewer.
    pub suggested_reviewers: &'a [String],
    /// What the roles that let it be asked for say of it.
    pub system_annotations: &'a Traits,
    /// Who asks.
    pub user: &'a str,
    /// Why.
    pub reason: &'a str,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it waits.
    pub expires: Timestamp,
    /// The user's traits as they are now; none if they are not known.
    pub traits: &'a Traits,
}

/// A parsed condition.
#[derive(Debug, Clone)]
pub struct Condition(parse::Node);

impl Condition {
    /// Parses `text`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text).map(Self)
    }

    /// Whether it is about this request. What cannot be answered is not.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        matches!(evaluate::value(&self.0, subject), Some(Value::Bool(true)))
    }
}

#[cfg(test)]
mod tests;
