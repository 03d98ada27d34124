//! The functions and methods of conditions: which there are, what they take and give, and what they do.
//!
//! A method is a function whose first argument stands before the dot.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use regex::RegexBuilder;

use super::{Type, Value};

/// Largest compiled expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 1024 * 1024;

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Set,
    Union,
    Dict,
    Pair,
    IfElse,
    Choose,
    Option,
    Upper,
    Lower,
    ReplaceAll,
    Split,
    EmailLocal,
    RegexpReplace,
    Moment,
    Before,
    After,
    Between,
    Contains,
    ContainsAny,
    ContainsAll,
    IsEmpty,
    Add,
    Remove,
    Put,
}

const FUNCTIONS: &[(&str, Function)] = &[
    ("set", Function::Set),
    ("union", Function::Union),
    ("dict", Function::Dict),
    ("pair", Function::Pair),
    ("ifelse", Function::IfElse),
    ("choose", Function::Choose),
    ("option", Function::Option),
    ("strings.upper", Function::Upper),
    ("strings.lower", Function::Lower),
    ("strings.replaceall", Function::ReplaceAll),
    ("strings.split", Function::Split),
    ("email.local", Function::EmailLocal),
    ("regexp.replace", Function::RegexpReplace),
    ("time.RFC3339", Function::Moment),
    ("before", Function::Before),
    ("after", Function::After),
    ("between", Function::Between),
    ("contains_any", Function::ContainsAny),
    ("contains_all", Function::ContainsAll),
    ("is_empty", Function::IsEmpty),
];

const METHODS: &[(&str, Function)] = &[
    ("contains", Function::Contains),
    ("contains_any", Function::ContainsAny),
    ("contains_all", Function::ContainsAll),
    ("isempty", Function::IsEmpty),
    ("add", Function::Add),
    ("remove", Function::Remove),
    ("put", Function::Put),
    ("add_values", Function::Add),
    ("before", Function::Before),
    ("after", Function::After),
    ("between", Function::Between),
];

fn named(table: &[(&str, Function)], name: &str) -> Option<Function> {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, function)| *function)
}

impl Function {
    /// The function of that name.
    pub fn of(name: &str) -> Option<Self> {
        named(FUNCTIONS, name)
    }

    /// The method of that name.
    pub fn method(name: &str) -> Option<Self> {
        named(METHODS, name)
    }

    /// What it gives for arguments of these types; `None` if it is not for them.
    pub fn gives(self, arguments: &[Type]) -> Option<Type> {
        use Type::{Bool, Choice, Map, Pair, Set, Text, Time};
        let all = |wanted: Type| arguments.iter().all(|given| *given == wanted);
        match (self, arguments) {
            (Self::Set, _) => all(Text).then_some(Set),
            (Self::Union, _) => all(Set).then_some(Set),
            (Self::Dict, _) => all(Pair).then_some(Map),
            (Self::Pair, [Text, Set]) => Some(Pair),
            (Self::IfElse, [Bool, yes, no]) => (yes == no).then_some(*yes),
            (Self::Option, [Bool, Set]) => Some(Choice),
            (Self::Choose, [_, ..]) => all(Choice).then_some(Set),
            (Self::Upper | Self::Lower | Self::EmailLocal, [kind @ (Text | Set)])
            | (Self::ReplaceAll | Self::RegexpReplace, [kind @ (Text | Set), Text, Text]) => Some(*kind),
            (Self::Split, [Text | Set, Text]) => Some(Set),
            (Self::Moment, [Text]) => Some(Time),
            (Self::Before | Self::After, [Time, Time])
            | (Self::Between, [Time, Time, Time])
            | (Self::Contains, [Set, Text])
            | (Self::ContainsAny | Self::ContainsAll, [Set, Set])
            | (Self::IsEmpty, [Set]) => Some(Bool),
            (Self::Add | Self::Put, [Map, Text, Set]) => Some(Map),
            (Self::Remove, [Map, keys @ ..]) => keys.iter().all(|given| *given == Text).then_some(Map),
            (Self::Add | Self::Remove, [Set, rest @ ..]) => {
                rest.iter().all(|given| *given == Text).then_some(Set)
            }
            _ => None,
        }
    }

    /// The value for these arguments; `None` if there is none.
    pub fn call(self, arguments: Vec<Value>) -> Option<Value> {
        let mut given = arguments.into_iter();
        Some(match self {
            Self::Set => Value::Set(given.map(text).collect::<Option<_>>()?),
            Self::Union => {
                let sets: Vec<BTreeSet<String>> = given.map(set).collect::<Option<_>>()?;
                Value::Set(sets.into_iter().flatten().collect())
            }
            Self::Dict => {
                let mut map: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for pair in given {
                    let Value::Pair(key, values) = pair else {
                        return None;
                    };
                    map.insert(key, values);
                }
                Value::Map(map)
            }
            Self::Pair => Value::Pair(text(given.next()?)?, set(given.next()?)?),
            Self::IfElse => {
                let (question, yes, no) = (given.next()?, given.next()?, given.next()?);
                if bool(&question)? { yes } else { no }
            }
            Self::Option => Value::Choice(bool(&given.next()?)?, Box::new(given.next()?)),
            // Nothing chosen has no value.
            Self::Choose => given.find_map(|choice| match choice {
                Value::Choice(true, value) => Some(*value),
                _ => None,
            })?,
            Self::Upper => each(given.next()?, |text| Some(text.to_uppercase()))?,
            Self::Lower => each(given.next()?, |text| Some(text.to_lowercase()))?,
            Self::EmailLocal => {
                let value = given.next()?;
                let bare = |text: &str| {
                    let (local, _) = text.rsplit_once('@')?;
                    (!local.is_empty()).then(|| local.to_owned())
                };
                each(value, bare)?
            }
            Self::ReplaceAll => {
                let (value, from, to) = (given.next()?, text(given.next()?)?, text(given.next()?)?);
                each(value, |text| Some(text.replace(&from, &to)))?
            }
            Self::RegexpReplace => {
                let (value, expression, to) = (given.next()?, text(given.next()?)?, text(given.next()?)?);
                let expression = RegexBuilder::new(&expression)
                    .size_limit(EXPRESSION_BYTES_MAX)
                    .build()
                    .ok()?;
                // What does not match is left out.
                match value {
                    Value::Set(items) => Value::Set(
                        items
                            .iter()
                            .filter(|item| expression.is_match(item))
                            .map(|item| expression.replace_all(item, &*to).into_owned())
                            .collect(),
                    ),
                    other => each(other, |text| {
                        Some(expression.replace_all(text, &*to).into_owned())
                    })?,
                }
            }
            Self::Split => {
                let (value, separator) = (given.next()?, text(given.next()?)?);
                let items = match value {
                    Value::Text(text) => BTreeSet::from([text]),
                    other => set(other)?,
                };
                let parts = items.iter().flat_map(|item| item.split(separator.as_str()));
                Value::Set(parts.map(str::to_owned).collect())
            }
            Self::Moment => Value::Time(text(given.next()?)?.parse().ok()?),
            Self::Before => Value::Bool(time(given.next()?)? < time(given.next()?)?),
            Self::After => Value::Bool(time(given.next()?)? > time(given.next()?)?),
            Self::Between => {
                let (at, from, to) = (time(given.next()?)?, time(given.next()?)?, time(given.next()?)?);
                Value::Bool(from < at && at < to)
            }
            Self::Contains => Value::Bool(set(given.next()?)?.contains(&text(given.next()?)?)),
            Self::ContainsAny => {
                let (list, items) = (set(given.next()?)?, set(given.next()?)?);
                Value::Bool(!list.is_disjoint(&items))
            }
            Self::ContainsAll => {
                let (list, items) = (set(given.next()?)?, set(given.next()?)?);
                Value::Bool(!items.is_empty() && items.is_subset(&list))
            }
            Self::IsEmpty => Value::Bool(set(given.next()?)?.is_empty()),
            Self::Add | Self::Put | Self::Remove => self.changed(given.next()?, given)?,
        })
    }

    /// A set or map that has more or less in it.
    fn changed(self, value: Value, mut given: impl Iterator<Item = Value>) -> Option<Value> {
        match value {
            Value::Set(mut items) => {
                for item in given {
                    let item = text(item)?;
                    if self == Self::Remove {
                        items.remove(&item);
                    } else {
                        items.insert(item);
                    }
                }
                Some(Value::Set(items))
            }
            Value::Map(mut map) => {
                if self == Self::Remove {
                    for key in given {
                        map.remove(&text(key)?);
                    }
                    return Some(Value::Map(map));
                }
                let (key, values) = (text(given.next()?)?, set(given.next()?)?);
                if self == Self::Put {
                    map.insert(key, values);
                } else {
                    map.entry(key).or_default().extend(values);
                }
                Some(Value::Map(map))
            }
            _ => None,
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn set(value: Value) -> Option<BTreeSet<String>> {
    match value {
        Value::Set(items) => Some(items),
        _ => None,
    }
}

fn time(value: Value) -> Option<Timestamp> {
    match value {
        Value::Time(time) => Some(time),
        _ => None,
    }
}

fn bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(answer) => Some(*answer),
        _ => None,
    }
}

/// A text, or each of a set, changed.
fn each(value: Value, change: impl Fn(&str) -> Option<String>) -> Option<Value> {
    match value {
        Value::Text(text) => change(&text).map(Value::Text),
        Value::Set(items) => items
            .iter()
            .map(|item| change(item))
            .collect::<Option<_>>()
            .map(Value::Set),
        _ => None,
    }
}
