//! Which answers a predicate could give while some values are still anybody's choice.
//!
//! A name without a value is unknown: what depends on it could be yes and could be no. What goes wrong whatever the
//! unknown turns out to be gives neither answer. Two mentions of one unknown are judged apart, so that an answer which is
//! possible is never missed and one that is not may rarely be called possible.

use super::parse::Node;
use super::{EvaluateError, Scope, Value, evaluate};

/// The answers that are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Could {
    /// It could hold.
    pub hold: bool,
    /// It could fail to hold.
    pub fail: bool,
}

impl Could {
    const EITHER: Self = Self {
        hold: true,
        fail: true,
    };
    const NEITHER: Self = Self {
        hold: false,
        fail: false,
    };

    fn of(answer: bool) -> Self {
        Self {
            hold: answer,
            fail: !answer,
        }
    }
}

pub fn answers(node: &Node, scope: &Scope) -> Could {
    match node {
        Node::Bool(answer) => Could::of(*answer),
        Node::Not(inner) => {
            let inner = answers(inner, scope);
            Could {
                hold: inner.fail,
                fail: inner.hold,
            }
        }
        Node::And(nodes) => all(nodes.iter().map(|node| answers(node, scope))),
        Node::Or(nodes) => {
            let turned = all(nodes.iter().map(|node| {
                let could = answers(node, scope);
                Could {
                    hold: could.fail,
                    fail: could.hold,
                }
            }));
            Could {
                hold: turned.fail,
                fail: turned.hold,
            }
        }
        _ => match evaluate::value(node, scope) {
            Ok(Value::Bool(answer)) => Could::of(answer),
            Err(EvaluateError::Missing(_)) => Could::EITHER,
            Ok(_) | Err(_) => Could::NEITHER,
        },
    }
}

/// All of them hold, asked in order: one that cannot fail to go wrong ends the asking.
fn all(answers: impl Iterator<Item = Could>) -> Could {
    let mut fail = false;
    for could in answers {
        fail |= could.fail;
        if !could.hold {
            return Could { hold: false, fail };
        }
    }
    Could { hold: true, fail }
}

/// Whether the answer could depend on which of two values `name` has.
pub fn tells_apart(node: &Node, name: &'static str, one: &Value, other: &Value) -> bool {
    match node {
        Node::Bool(_) => false,
        Node::Not(inner) => tells_apart(inner, name, one, other),
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(|node| tells_apart(node, name, one, other)),
        question => {
            let with = |value: &Value| evaluate::value(question, &Scope::from([(name, value.clone())]));
            mentions(question, &|named| named == name)
                && (mentions(question, &|named| named != name) || with(one) != with(other))
        }
    }
}

/// Whether a name for which `wanted` holds stands somewhere in it.
fn mentions(node: &Node, wanted: &impl Fn(&str) -> bool) -> bool {
    match node {
        Node::Text(_) | Node::Integer(_) | Node::Bool(_) => false,
        Node::Name(name) => wanted(name),
        Node::Key(one, other) | Node::Equal(one, other) => mentions(one, wanted) || mentions(other, wanted),
        Node::Not(inner) => mentions(inner, wanted),
        Node::And(nodes) | Node::Or(nodes) | Node::Call(_, nodes) => {
            nodes.iter().any(|node| mentions(node, wanted))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FILTER_NAMES, Predicate};
    use super::*;

    fn could(text: &str) -> Could {
        let scope = Scope::from([("reviewer.roles", Value::List(vec!["sec".to_owned()]))]);
        Predicate::parse(text, FILTER_NAMES).unwrap().could(&scope)
    }

    #[test]
    fn what_nobody_knows_could_be_either_and_what_is_known_decides() {
        for (text, hold, fail) in [
            ("", true, false),
            ("contains(reviewer.roles, \"sec\")", true, false),
            ("contains(reviewer.roles, \"ops\")", false, true),
            ("review.reason == \"x\"", true, true),
            ("!(review.reason == \"x\")", true, true),
            (
                "contains(reviewer.roles, \"sec\") && review.reason == \"x\"",
                true,
                true,
            ),
            (
                "contains(reviewer.roles, \"ops\") && review.reason == \"x\"",
                false,
                true,
            ),
            (
                "contains(reviewer.roles, \"sec\") || review.reason == \"x\"",
                true,
                false,
            ),
            ("equals(reviewer.roles, \"sec\")", false, false),
            (
                "contains(reviewer.roles, \"sec\") || equals(reviewer.roles, \"sec\")",
                true,
                false,
            ),
            (
                "equals(reviewer.roles, \"sec\") || contains(reviewer.roles, \"sec\")",
                false,
                false,
            ),
        ] {
            assert_eq!(could(text), Could { hold, fail }, "{text}");
        }
    }

    #[test]
    fn what_two_values_of_a_name_change_is_told_from_what_they_do_not() {
        let roles = |names: &[&str]| Value::List(names.iter().map(|name| (*name).to_owned()).collect());
        let (alone, both) = (roles(&["vault"]), roles(&["dev", "vault"]));
        for (text, differs) in [
            ("", false),
            ("contains(request.roles, \"vault\")", false),
            ("contains(request.roles, \"dev\")", true),
            ("!contains(request.roles, \"dev\")", true),
            ("contains(request.roles, \"web\")", false),
            ("contains(reviewer.roles, \"dev\")", false),
            ("regexp.match(request.roles, \"d*\")", true),
            ("equals(request.roles, reviewer.roles)", true),
            (
                "contains(reviewer.roles, \"a\") || contains(request.roles, \"dev\")",
                true,
            ),
            (
                "contains(reviewer.roles, \"a\") && contains(request.roles, \"web\")",
                false,
            ),
        ] {
            let predicate = Predicate::parse(text, FILTER_NAMES).unwrap();
            assert_eq!(
                predicate.tells_apart("request.roles", &alone, &both),
                differs,
                "{text}"
            );
        }
    }
}
