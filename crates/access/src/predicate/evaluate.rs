//! From a tree and values to yes or no.

use super::parse::{Function, Node};
use super::{Scope, Value};
use crate::pattern;

/// Why a predicate has no answer with these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A function got values it is not for.
    #[error("{0}")]
    WrongValues(String),
    /// A regular expression does not compile.
    #[error("{0}")]
    Pattern(#[from] pattern::PatternError),
    /// The situation has no such value.
    #[error("`{0}` has no value here")]
    Missing(&'static str),
}

pub fn holds(node: &Node, scope: &Scope) -> Result<bool, EvaluateError> {
    match value(node, scope)? {
        Value::Bool(answer) => Ok(answer),
        _ => Err(wrong("the predicate is not a yes-or-no question")),
    }
}

/// The first of `nodes` with this answer; those after it are not asked.
fn first_that(nodes: &[Node], scope: &Scope, answer: bool) -> Result<Option<usize>, EvaluateError> {
    for (at, node) in nodes.iter().enumerate() {
        if holds(node, scope)? == answer {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn wrong(problem: &str) -> EvaluateError {
    EvaluateError::WrongValues(problem.to_owned())
}

pub fn value(node: &Node, scope: &Scope) -> Result<Value, EvaluateError> {
    Ok(match node {
        Node::Text(text) => Value::Text(text.clone()),
        Node::Integer(number) => Value::Integer(*number),
        Node::Bool(answer) => Value::Bool(*answer),
        Node::Name(name) => scope.get(name).cloned().ok_or(EvaluateError::Missing(name))?,
        Node::Key(map, key) => match (value(map, scope)?, value(key, scope)?) {
            (Value::Map(map), Value::Text(key)) => Value::List(map.get(&key).cloned().unwrap_or_default()),
            _ => return Err(wrong("only maps have keys")),
        },
        Node::Not(inner) => Value::Bool(!holds(inner, scope)?),
        Node::And(nodes) => Value::Bool(first_that(nodes, scope, false)?.is_none()),
        Node::Or(nodes) => Value::Bool(first_that(nodes, scope, true)?.is_some()),
        Node::Equal(left, right) => Value::Bool(value(left, scope)? == value(right, scope)?),
        Node::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments
                .iter()
                .map(|node| value(node, scope))
                .collect::<Result<_, _>>()?;
            Value::Bool(call(*function, &arguments)?)
        }
    })
}

fn call(function: Function, arguments: &[Value]) -> Result<bool, EvaluateError> {
    match (function, arguments) {
        (Function::Equals, [Value::Text(left), Value::Text(right)]) => Ok(left == right),
        (Function::Equals, [Value::List(left), Value::List(right)]) => Ok(left == right),
        (Function::Equals, _) => Err(wrong("`equals` compares two texts or two lists")),
        (Function::Contains, [list, Value::Text(item)]) => Ok(as_list(list, "contains")?.contains(item)),
        (Function::Contains, _) => Err(wrong("`contains` looks for a text in a list")),
        (Function::RegexpMatch, [list, Value::Text(expression)]) => {
            let expression = pattern::whole(expression)?;
            Ok(as_list(list, "regexp.match")?
                .iter()
                .any(|item| expression.is_match(item)))
        }
        (Function::RegexpMatch, _) => Err(wrong("`regexp.match` takes a list and an expression")),
        (Function::AllEndWith, [list, Value::Text(end)]) => {
            let list = as_list(list, "all_end_with")?;
            Ok(!list.is_empty() && list.iter().all(|item| item.ends_with(end.as_str())))
        }
        (Function::AllEqual, [list, Value::Text(item)]) => {
            let list = as_list(list, "all_equal")?;
            Ok(!list.is_empty() && list.iter().all(|other| other == item))
        }
        (Function::IsSubset, [list, allowed @ ..]) => {
            let mut items = Vec::new();
            for value in allowed {
                items.extend(as_list(value, "is_subset")?);
            }
            Ok(as_list(list, "is_subset")?
                .iter()
                .all(|item| items.contains(item)))
        }
        (Function::AllEndWith | Function::AllEqual | Function::IsSubset, _) => {
            Err(wrong("the function takes a list and texts"))
        }
    }
}

/// A list, or a single text as a list of one.
fn as_list(value: &Value, function: &str) -> Result<Vec<String>, EvaluateError> {
    match value {
        Value::List(list) => Ok(list.clone()),
        Value::Text(text) => Ok(vec![text.clone()]),
        _ => Err(EvaluateError::WrongValues(format!("`{function}` takes a list"))),
    }
}
