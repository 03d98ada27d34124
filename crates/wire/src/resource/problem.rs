//! What can be wrong in a document, said so that its author can mend it: what, where, and what was meant.

use super::nearest::nearest;
use super::tree::{Entry, Node, Position, shortened};

/// Something wrong in a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A field that the kind does not have.
    #[error("unknown field `{field}` in {owner} at {at}{}", suggestion(nearest.as_deref(), known))]
    UnknownField {
        /// As written.
        field: String,
        /// The resource, such as "role `x`".
        owner: String,
        /// Where.
        at: Position,
        /// The known field it is closest to.
        nearest: Option<String>,
        /// The fields known there, if they are few.
        known: Vec<String>,
    },
    /// A value of another type than the field has.
    #[error("field `{field}` in {owner} at {at} takes {expected}, found {found}{}", hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    WrongType {
        /// The field.
        field: String,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
        /// What the field takes.
        expected: &'static str,
        /// What was found.
        found: String,
        /// How to write it.
        hint: Option<String>,
    },
    /// A text that does not say what the field needs: a duration, a moment, base64.
    #[error("field `{field}` in {owner} at {at}: `{value}` is not understood: {reason}")]
    Unreadable {
        /// The field.
        field: String,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
        /// As written.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A text that is none of the field's choices.
    #[error("field `{field}` in {owner} at {at} does not know `{value}`{}", choice(nearest.as_deref(), choices))]
    UnknownChoice {
        /// The field.
        field: String,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
        /// As written.
        value: String,
        /// The choice it is closest to.
        nearest: Option<String>,
        /// All choices.
        choices: Vec<String>,
    },
    /// A number outside of what the field can hold.
    #[error(
        "field `{field}` in {owner} at {at}: the number `{value}` is out of range, {least} to {most} is possible"
    )]
    OutOfRange {
        /// The field.
        field: String,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
        /// The number.
        value: i128,
        /// The smallest possible.
        least: i128,
        /// The largest possible.
        most: i128,
    },
    /// Content of a field that this version only carries along.
    #[error("the content of field `{field}` in {owner} at {at} is not supported yet; leave it out")]
    NotYet {
        /// The field.
        field: String,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
    },
    /// A field that no longer has a meaning, with a value that would need one.
    #[error("field `{field}` in {owner} at {at} can only be `{only}`; leave it out")]
    Fixed {
        /// The field.
        field: String,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
        /// The one value.
        only: &'static str,
    },
}

impl Problem {
    /// Where it is.
    pub fn at(&self) -> Position {
        match self {
            Self::UnknownField { at, .. }
            | Self::WrongType { at, .. }
            | Self::Unreadable { at, .. }
            | Self::UnknownChoice { at, .. }
            | Self::OutOfRange { at, .. }
            | Self::NotYet { at, .. }
            | Self::Fixed { at, .. } => *at,
        }
    }
}

fn suggestion(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; known here: {}", quoted(known)),
    }
}

fn choice(nearest: Option<&str>, choices: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if choices.is_empty() => String::new(),
        None => format!("; it takes {}", quoted(choices)),
    }
}

pub(super) fn quoted<T: AsRef<str>>(words: &[T]) -> String {
    words
        .iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Something in a document that is accepted but should be written otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Another name for a field.
    #[error("field `{written}` in {owner} at {at} is read as `{meant}`; write `{meant}`")]
    OtherName {
        /// As written.
        written: String,
        /// As meant.
        meant: &'static str,
        /// The resource.
        owner: String,
        /// Where.
        at: Position,
    },
}

/// What was found while a document was read.
pub(super) struct Findings {
    /// The resource as messages call it: "role `x`".
    pub(super) owner: String,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

/// No reader needs more than so many problems at once.
const PROBLEMS_MAX: usize = 50;

impl Findings {
    pub(super) fn new(owner: String) -> Self {
        Self {
            owner,
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn report(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    pub(super) fn wrong_type(
        &mut self,
        field: &str,
        node: &Node,
        expected: &'static str,
        hint: Option<String>,
    ) {
        let owner = self.owner.clone();
        self.report(Problem::WrongType {
            field: field.to_owned(),
            owner,
            at: node.at,
            expected,
            found: node.described(),
            hint,
        });
    }

    pub(super) fn unreadable(&mut self, field: &str, node: &Node, value: &str, reason: &dyn ToString) {
        let (owner, value) = (self.owner.clone(), shortened(value));
        self.report(Problem::Unreadable {
            field: field.to_owned(),
            owner,
            at: node.at,
            value,
            reason: reason.to_string(),
        });
    }
}

/// A field that the group does not have.
pub(super) fn unknown<'k>(entry: &Entry, known: impl Iterator<Item = &'k str> + Clone, found: &mut Findings) {
    const KNOWN_MAX: usize = 12;
    let names: Vec<String> = known.clone().map(str::to_owned).collect();
    let owner = found.owner.clone();
    found.report(Problem::UnknownField {
        field: shortened(&entry.key),
        owner,
        at: entry.at,
        nearest: nearest(&entry.key, known).map(str::to_owned),
        known: if names.len() <= KNOWN_MAX {
            names
        } else {
            Vec::new()
        },
    });
}

/// A word that is none of the field's.
pub(super) fn unknown_choice(node: &Node, text: &str, key: &str, choices: Vec<String>, found: &mut Findings) {
    let nearest = nearest(text, choices.iter().map(String::as_str)).map(str::to_owned);
    let (owner, value) = (found.owner.clone(), shortened(text));
    found.report(Problem::UnknownChoice {
        field: key.to_owned(),
        owner,
        at: node.at,
        value,
        nearest,
        choices,
    });
}
