//! From a tree and a request to a value, or to none.

use std::collections::BTreeMap;

use super::parse::Node;
use super::{Name, Subject, Value};
use crate::role::Traits;

/// The value of a tree; `None` if there is none.
pub fn value(node: &Node, subject: &Subject<'_>) -> Option<Value> {
    let holds = |node: &Node| match value(node, subject) {
        Some(Value::Bool(answer)) => Some(answer),
        _ => None,
    };
    Some(match node {
        Node::Text(text) => Value::Text(text.clone()),
        Node::Bool(answer) => Value::Bool(*answer),
        Node::Name(name) => look(*name, subject),
        Node::Key(map, key) => match (value(map, subject)?, value(key, subject)?) {
            (Value::Map(mut map), Value::Text(key)) => Value::Set(map.remove(&key).unwrap_or_default()),
            _ => return None,
        },
        Node::Not(inner) => Value::Bool(!holds(inner)?),
        Node::And(nodes) => {
            for node in nodes {
                if !holds(node)? {
                    return Some(Value::Bool(false));
                }
            }
            Value::Bool(true)
        }
        Node::Or(nodes) => {
            for node in nodes {
                if holds(node)? {
                    return Some(Value::Bool(true));
                }
            }
            Value::Bool(false)
        }
        Node::Equal(left, right) => Value::Bool(value(left, subject)? == value(right, subject)?),
        Node::Call(function, arguments) => {
            let arguments: Option<Vec<Value>> = arguments.iter().map(|node| value(node, subject)).collect();
            return function.call(arguments?);
        }
    })
}

fn look(name: Name, subject: &Subject<'_>) -> Value {
    let set = |texts: &[String]| Value::Set(texts.iter().cloned().collect());
    let map = |traits: &Traits| {
        let entries = traits.iter();
        let entries = entries.map(|(key, values)| (key.clone(), values.iter().cloned().collect()));
        Value::Map(entries.collect::<BTreeMap<_, _>>())
    };
    match name {
        Name::Roles => set(subject.roles),
        Name::SuggestedReviewers => set(subject.suggested_reviewers),
        Name::SystemAnnotations => map(subject.system_annotations),
        Name::User => Value::Text(subject.user.to_owned()),
        Name::Reason => Value::Text(subject.reason.to_owned()),
        Name::Created => Value::Time(subject.created),
        Name::Expires => Value::Time(subject.expires),
        Name::Traits => map(subject.traits),
    }
}
