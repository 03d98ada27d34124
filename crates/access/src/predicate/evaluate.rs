//! From a tree and values to yes or no.

use super::parse::{Function, Node};
use super::{SEARCHED, Scope, Value};
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
        Node::Key(map, key) => entry(map, key, scope)?.unwrap_or_else(|missing| missing),
        Node::Not(inner) => Value::Bool(!holds(inner, scope)?),
        Node::And(nodes) => Value::Bool(first_that(nodes, scope, false)?.is_none()),
        Node::Or(nodes) => Value::Bool(first_that(nodes, scope, true)?.is_some()),
        Node::Equal(left, right) => Value::Bool(value(left, scope)? == value(right, scope)?),
        Node::Call(Function::Exists, arguments) => Value::Bool(exists(arguments, scope)?),
        Node::Call(Function::Search, arguments) => Value::Bool(search(arguments, scope)?),
        Node::Call(Function::LabelsMatching, arguments) => labels_matching(arguments, scope)?,
        Node::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments
                .iter()
                .map(|node| value(node, scope))
                .collect::<Result<_, _>>()?;
            match texts(*function, &arguments)? {
                Some(list) => Value::List(list),
                None => Value::Bool(call(*function, &arguments)?),
            }
        }
    })
}

/// The value under a key; `Err` holds what stands for a missing one.
fn entry(map: &Node, key: &Node, scope: &Scope) -> Result<Result<Value, Value>, EvaluateError> {
    let Value::Text(key) = value(key, scope)? else {
        return Err(wrong("a key is a text"));
    };
    let Node::Name(name) = map else {
        return Err(wrong("only maps have keys"));
    };
    match scope.get(name).ok_or(EvaluateError::Missing(name))? {
        Value::Map(map) => Ok(map
            .get(&key)
            .map(|list| Value::List(list.clone()))
            .ok_or(Value::List(Vec::new()))),
        Value::Labels(labels) => Ok(labels
            .get(&key)
            .map(|text| Value::Text(text.clone()))
            .ok_or(Value::Text(String::new()))),
        _ => Err(wrong("only maps have keys")),
    }
}

/// `exists(labels["k"])`: an empty label exists too.
fn exists(arguments: &[Node], scope: &Scope) -> Result<bool, EvaluateError> {
    match arguments {
        [Node::Key(map, key)] => Ok(entry(map, key, scope)?.is_ok()),
        [other] => Ok(!as_list(&value(other, scope)?, "exists")?
            .iter()
            .all(String::is_empty)),
        _ => Err(wrong("`exists` takes one value")),
    }
}

/// `search("a", "b")`: each word stands somewhere in what the resource says of itself, in any case.
fn search(arguments: &[Node], scope: &Scope) -> Result<bool, EvaluateError> {
    let Some(Value::List(searched)) = scope.get(SEARCHED) else {
        return Err(EvaluateError::Missing(SEARCHED));
    };
    for argument in arguments {
        let Value::Text(word) = value(argument, scope)? else {
            return Err(wrong("`search` takes texts"));
        };
        let word = word.to_lowercase();
        if !searched.iter().any(|text| text.to_lowercase().contains(&word)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `labels_matching("k*")`: the values of the labels whose names match.
fn labels_matching(arguments: &[Node], scope: &Scope) -> Result<Value, EvaluateError> {
    let [argument] = arguments else {
        return Err(wrong("`labels_matching` takes one expression"));
    };
    let (Value::Text(expression), Some(Value::Labels(labels))) =
        (value(argument, scope)?, scope.get("labels"))
    else {
        return Err(wrong("`labels_matching` takes an expression"));
    };
    let expression = pattern::whole(&expression)?;
    Ok(Value::List(
        labels
            .iter()
            .filter(|(name, _)| expression.is_match(name))
            .map(|(_, text)| text.clone())
            .collect(),
    ))
}

/// What the functions that give texts give; nothing for those that give yes or no.
fn texts(function: Function, arguments: &[Value]) -> Result<Option<Vec<String>>, EvaluateError> {
    Ok(Some(match (function, arguments) {
        (Function::RegexpReplace, [list, Value::Text(expression), Value::Text(replacement)]) => {
            let expression = pattern::whole(expression)?;
            as_list(list, "regexp.replace")?
                .iter()
                .filter(|text| expression.is_match(text))
                .map(|text| expression.replace(text, replacement.as_str()).into_owned())
                .collect()
        }
        (Function::EmailLocal, [list]) => as_list(list, "email.local")?
            .iter()
            .map(|text| match text.split_once('@') {
                Some((local, host)) if !local.is_empty() && !host.is_empty() => Ok(local.to_owned()),
                _ => Err(EvaluateError::WrongValues(format!(
                    "`{text}` is not an e-mail address"
                ))),
            })
            .collect::<Result<_, _>>()?,
        (Function::Upper, [list]) => as_list(list, "strings.upper")?
            .iter()
            .map(|text| text.to_uppercase())
            .collect(),
        (Function::Lower, [list]) => as_list(list, "strings.lower")?
            .iter()
            .map(|text| text.to_lowercase())
            .collect(),
        (Function::Split, [Value::Text(text), Value::Text(at)]) if !at.is_empty() => {
            text.split(at.as_str()).map(str::to_owned).collect()
        }
        (
            Function::RegexpReplace
            | Function::EmailLocal
            | Function::Upper
            | Function::Lower
            | Function::Split,
            _,
        ) => return Err(wrong("the function takes texts")),
        _ => return Ok(None),
    }))
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
        (Function::ContainsAny, [list, items]) => {
            let (list, items) = (as_list(list, "contains_any")?, as_list(items, "contains_any")?);
            Ok(items.iter().any(|item| list.contains(item)))
        }
        (Function::ContainsAll, [list, items]) => {
            let (list, items) = (as_list(list, "contains_all")?, as_list(items, "contains_all")?);
            Ok(!items.is_empty() && items.iter().all(|item| list.contains(item)))
        }
        (Function::HasPrefix, [Value::Text(text), Value::Text(prefix)]) => {
            Ok(text.starts_with(prefix.as_str()))
        }
        (_, _) => Err(wrong("the function takes a list and texts")),
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
