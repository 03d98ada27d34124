//! Documents as messages, checked field by field.
//!
//! Everything that is wrong in a document is found in one pass and named with its place; nothing is dropped silently. The
//! original ignores names it does not know, which turns a typing mistake in a role into a role without that line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value as Proto,
};

use super::form::{EnumForm, FieldForm, MessageForm, Whole, enum_forms, other_words};
use super::problem::{Findings, Problem, Warning, unknown, unknown_choice};
use super::tree::{Entry, Node, Value, shortened};
use super::{duration, moment, scalar};
use crate::pb::countersign::FormKind;

/// Reads a group of fields as a message.
pub(super) fn message(
    node: &Node,
    descriptor: &MessageDescriptor,
    field: &str,
    found: &mut Findings,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let form = MessageForm::of(descriptor);
    let Some(entries) = node.entries() else {
        if !matches!(node.value, Value::Null) {
            found.wrong_type(field, node, "a group of fields", None);
        }
        return message;
    };
    match form.whole {
        Whole::Fields => fields(entries, &form, &mut message, found),
        Whole::TunnelStrategy => tunnel_strategy(node, entries, &form, &mut message, field, found),
        Whole::Struct => structure(entries, &mut message),
        Whole::Opaque => {
            if let Some(entry) = entries.first() {
                let owner = found.owner.clone();
                found.report(Problem::NotYet {
                    field: field.to_owned(),
                    owner,
                    at: entry.at,
                });
            }
        }
    }
    message
}

fn fields(entries: &[Entry], form: &MessageForm, message: &mut DynamicMessage, found: &mut Findings) {
    for entry in entries {
        if let Some((_, only)) = form.silent.iter().find(|(key, _)| *key == entry.key) {
            silent(entry, only, found);
            continue;
        }
        let other = form.other_names.iter().find(|(written, _)| *written == entry.key);
        let key = match other {
            // Both names at once would be two values for one field.
            Some((_, meant)) if !entries.iter().any(|entry| entry.key == *meant) => {
                let (written, owner) = (entry.key.clone(), found.owner.clone());
                found.warnings.push(Warning::OtherName {
                    written,
                    meant,
                    owner,
                    at: entry.at,
                });
                meant
            }
            _ => entry.key.as_str(),
        };
        let Some(field) = form.field(key) else {
            unknown(entry, form.fields.iter().map(|field| field.key.as_str()), found);
            continue;
        };
        let mut target = &mut *message;
        for outer in &field.inside {
            let Some(inner) = target.get_field_mut(outer).as_message_mut() else {
                return;
            };
            target = inner;
        }
        if let Some(value) = value(&entry.node, field, found) {
            target.set_field(&field.field, value);
        }
    }
}

/// A key of older releases that says nothing any more.
fn silent(entry: &Entry, only: &'static str, found: &mut Findings) {
    let fits = |node: &Node| matches!(node.value, Value::Null) || node.text() == Some(only);
    let harmless = only.is_empty()
        || match &entry.node.value {
            Value::List(items) => items.iter().all(fits),
            _ => fits(&entry.node),
        };
    if !harmless {
        let owner = found.owner.clone();
        found.report(Problem::Fixed {
            field: entry.key.clone(),
            owner,
            at: entry.node.at,
            only,
        });
    }
}

/// The value of a field; `None` where nothing is to be set.
fn value(node: &Node, form: &FieldForm, found: &mut Findings) -> Option<Proto> {
    if matches!(node.value, Value::Null) {
        return None;
    }
    if form.field.is_map() {
        return map(node, form, found);
    }
    if form.as_traits && node.entries().is_some() {
        return traits(node, form, found);
    }
    if form.field.is_list() {
        let Value::List(items) = &node.value else {
            let hint = node.text().map(|text| format!("write `[{}]`", shortened(text)));
            found.wrong_type(&form.key, node, "a list", hint);
            return None;
        };
        return Some(Proto::List(
            items
                .iter()
                .filter_map(|item| single(item, form, found))
                .collect(),
        ));
    }
    single(node, form, found)
}

fn map(node: &Node, form: &FieldForm, found: &mut Findings) -> Option<Proto> {
    let Some(entries) = node.entries() else {
        found.wrong_type(&form.key, node, "a group of named values", None);
        return None;
    };
    let Kind::Message(entry_descriptor) = form.field.kind() else {
        return None;
    };
    let value_field = entry_descriptor.map_entry_value_field();
    let mut values = std::collections::HashMap::new();
    for entry in entries {
        if let Some(value) = plain(&entry.node, &value_field, &entry.key, found) {
            values.insert(MapKey::String(entry.key.clone()), value);
        }
    }
    Some(Proto::Map(values))
}

/// Traits written as a group of them by their names.
fn traits(node: &Node, form: &FieldForm, found: &mut Findings) -> Option<Proto> {
    let descriptor = form.field.kind().as_message()?.clone();
    let mut traits = Vec::new();
    for entry in node.entries()? {
        let values = texts(&entry.node, &entry.key, found)?;
        let mut message = DynamicMessage::new(descriptor.clone());
        message.set_field_by_number(1, Proto::String(entry.key.clone()));
        message.set_field_by_number(2, Proto::List(values.into_iter().map(Proto::String).collect()));
        traits.push(Proto::Message(message));
    }
    Some(Proto::List(traits))
}

fn single(node: &Node, form: &FieldForm, found: &mut Findings) -> Option<Proto> {
    let key = form.key.as_str();
    match form.kind {
        FormKind::Plain => plain(node, &form.field, key, found),
        FormKind::Nanos => {
            let span = span(node, key, found)?;
            if let Ok(nanoseconds) = i64::try_from(span.as_nanos()) {
                Some(Proto::I64(nanoseconds))
            } else {
                found.unreadable(
                    key,
                    node,
                    node.text().unwrap_or_default(),
                    &duration::DurationError::TooLong,
                );
                None
            }
        }
        FormKind::Duration => {
            let span = if form.as_parts && node.entries().is_some() {
                parts(node, form, found)?
            } else if let Some(span) = nanoseconds(node, form) {
                span
            } else {
                span(node, key, found)?
            };
            two_numbers(&form.field, span.as_secs(), span.subsec_nanos())
        }
        FormKind::Moment => {
            let Some(text) = node.text() else {
                found.wrong_type(key, node, "a moment such as `2026-11-21T18:50:00Z`", None);
                return None;
            };
            match moment::parse(text) {
                Ok(at) => {
                    let timestamp = moment::to_proto(at?);
                    two_numbers(&form.field, timestamp.seconds, timestamp.nanos)
                }
                Err(error) => {
                    found.unreadable(key, node, text, &error);
                    None
                }
            }
        }
        FormKind::Labels | FormKind::Traits => labels(node, form, found),
        FormKind::Strings => {
            let descriptor = form.field.kind().as_message()?.clone();
            Some(Proto::Message(strings(&descriptor, texts(node, key, found)?)))
        }
        FormKind::BoolOption => {
            let flag = flag(node, key, found)?;
            let mut option = DynamicMessage::new(form.field.kind().as_message()?.clone());
            option.set_field_by_number(1, Proto::Bool(flag));
            Some(Proto::Message(option))
        }
        FormKind::EnumText => {
            let Kind::Enum(descriptor) = form.field.kind() else {
                return None;
            };
            enum_text(node, &descriptor, key, found)
        }
    }
}

/// `google.protobuf.Timestamp` and `Duration`: seconds and nanoseconds.
fn two_numbers(field: &FieldDescriptor, seconds: i64, nanos: i32) -> Option<Proto> {
    let mut message = DynamicMessage::new(field.kind().as_message()?.clone());
    message.set_field_by_number(1, Proto::I64(seconds));
    message.set_field_by_number(2, Proto::I32(nanos));
    Some(Proto::Message(message))
}

fn span(node: &Node, key: &str, found: &mut Findings) -> Option<SignedDuration> {
    let Some(text) = node.text() else {
        let hint = match &node.value {
            Value::Integer(number) => Some(format!("add a unit, such as `{number}h`, or write `never`")),
            _ => None,
        };
        found.wrong_type(key, node, "a duration such as `30h` or `1h30m`", hint);
        return None;
    };
    duration::parse(text)
        .map_err(|error| found.unreadable(key, node, text, &error))
        .ok()
}

/// The original prints the interval between second factors as a number of nanoseconds. A number that small that somebody
/// may have meant seconds or hours is not taken for one.
fn nanoseconds(node: &Node, form: &FieldForm) -> Option<SignedDuration> {
    let Value::Integer(number) = node.value else {
        return None;
    };
    let printed = form.field.full_name() == "types.RoleOptions.MFAVerificationInterval";
    let number = i64::try_from(number)
        .ok()
        .filter(|number| printed && *number >= 1_000_000_000)?;
    Some(SignedDuration::from_nanos(number))
}

/// A duration written as `{seconds: 43200}`.
fn parts(node: &Node, form: &FieldForm, found: &mut Findings) -> Option<SignedDuration> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    for entry in node.entries()? {
        let target = match entry.key.as_str() {
            "seconds" => &mut seconds,
            "nanos" => &mut nanos,
            _ => {
                unknown(entry, ["seconds", "nanos"].into_iter(), found);
                continue;
            }
        };
        *target = i64::try_from(integer(&entry.node, &form.key, (0, 999_999_999_999), found)?).ok()?;
    }
    SignedDuration::from_secs(seconds).checked_add(SignedDuration::from_nanos(nanos))
}

fn plain(node: &Node, field: &FieldDescriptor, key: &str, found: &mut Findings) -> Option<Proto> {
    match field.kind() {
        Kind::String => text(node, key, found).map(Proto::String),
        Kind::Bool => flag(node, key, found).map(Proto::Bool),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            let number = integer(node, key, (i32::MIN.into(), i32::MAX.into()), found)?;
            i32::try_from(number).ok().map(Proto::I32)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            let number = integer(node, key, (i64::MIN.into(), i64::MAX.into()), found)?;
            i64::try_from(number).ok().map(Proto::I64)
        }
        Kind::Uint32 | Kind::Fixed32 => {
            let number = integer(node, key, (0, u32::MAX.into()), found)?;
            u32::try_from(number).ok().map(Proto::U32)
        }
        Kind::Uint64 | Kind::Fixed64 => {
            let number = integer(node, key, (0, u64::MAX.into()), found)?;
            u64::try_from(number).ok().map(Proto::U64)
        }
        Kind::Double => number(node, key, found).map(Proto::F64),
        #[allow(clippy::cast_possible_truncation)]
        Kind::Float => number(node, key, found).map(|number| Proto::F32(number as f32)),
        Kind::Bytes => {
            let text = text(node, key, found)?;
            let stripped: String = text.split_ascii_whitespace().collect();
            if let Ok(bytes) = STANDARD.decode(stripped) {
                Some(Proto::Bytes(bytes.into()))
            } else {
                found.unreadable(key, node, &text, &"expected base64");
                None
            }
        }
        Kind::Enum(descriptor) => enum_number(node, &descriptor, key, found),
        Kind::Message(descriptor) => {
            if !matches!(node.value, Value::Map(_) | Value::Null) {
                found.wrong_type(key, node, "a group of fields", None);
                return None;
            }
            Some(Proto::Message(message(node, &descriptor, key, found)))
        }
    }
}

fn text(node: &Node, key: &str, found: &mut Findings) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        Value::List(_) | Value::Map(_) => {
            found.wrong_type(key, node, "a text", None);
            None
        }
        _ => {
            let hint = node
                .written
                .as_deref()
                .map(|written| format!("put it in quotes: \"{}\"", shortened(written)));
            found.wrong_type(key, node, "a text", hint);
            None
        }
    }
}

fn flag(node: &Node, key: &str, found: &mut Findings) -> Option<bool> {
    match &node.value {
        Value::Bool(flag) => Some(*flag),
        Value::Text(text) => {
            if let Value::Bool(flag) = scalar::resolve(text) {
                return Some(flag);
            }
            found.wrong_type(key, node, "`true` or `false`", None);
            None
        }
        _ => {
            found.wrong_type(key, node, "`true` or `false`", None);
            None
        }
    }
}

fn integer(node: &Node, key: &str, (least, most): (i128, i128), found: &mut Findings) -> Option<i128> {
    let Value::Integer(value) = node.value else {
        found.wrong_type(key, node, "a whole number", None);
        return None;
    };
    if value < least || value > most {
        let owner = found.owner.clone();
        found.report(Problem::OutOfRange {
            field: key.to_owned(),
            owner,
            at: node.at,
            value,
            least,
            most,
        });
        return None;
    }
    Some(value)
}

fn number(node: &Node, key: &str, found: &mut Findings) -> Option<f64> {
    match &node.value {
        Value::Float(value) => Some(*value),
        #[allow(clippy::cast_precision_loss)]
        Value::Integer(value) => Some(*value as f64),
        _ => {
            found.wrong_type(key, node, "a number", None);
            None
        }
    }
}

/// One text or a list of texts.
fn texts(node: &Node, key: &str, found: &mut Findings) -> Option<Vec<String>> {
    match &node.value {
        Value::Null => Some(Vec::new()),
        Value::List(items) => items.iter().map(|item| text(item, key, found)).collect(),
        _ => text(node, key, found).map(|text| vec![text]),
    }
}

fn strings(descriptor: &MessageDescriptor, texts: Vec<String>) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    message.set_field_by_number(1, Proto::List(texts.into_iter().map(Proto::String).collect()));
    message
}

fn labels(node: &Node, form: &FieldForm, found: &mut Findings) -> Option<Proto> {
    let Some(entries) = node.entries() else {
        found.wrong_type(&form.key, node, "a group of named texts or lists of texts", None);
        return None;
    };
    let descriptor = form.field.kind().as_message()?.clone();
    let values_field = descriptor.get_field(1)?;
    let entry_descriptor = values_field.kind().as_message()?.clone();
    let strings_descriptor = entry_descriptor
        .map_entry_value_field()
        .kind()
        .as_message()?
        .clone();
    let mut values = std::collections::HashMap::new();
    for entry in entries {
        if let Some(texts) = texts(&entry.node, &entry.key, found) {
            values.insert(
                MapKey::String(entry.key.clone()),
                Proto::Message(strings(&strings_descriptor, texts)),
            );
        }
    }
    let mut message = DynamicMessage::new(descriptor);
    message.set_field(&values_field, Proto::Map(values));
    Some(Proto::Message(message))
}

/// An enumeration written by number. Its names are understood as well.
fn enum_number(node: &Node, descriptor: &EnumDescriptor, key: &str, found: &mut Findings) -> Option<Proto> {
    if let Some(text) = node.text() {
        let by_name = descriptor
            .values()
            .find(|value| value.name().eq_ignore_ascii_case(text));
        if let Some(value) = by_name {
            return Some(Proto::EnumNumber(value.number()));
        }
        let choices: Vec<String> = descriptor.values().map(|value| value.name().to_owned()).collect();
        unknown_choice(node, text, key, choices, found);
        return None;
    }
    let number = integer(node, key, (i32::MIN.into(), i32::MAX.into()), found)?;
    i32::try_from(number).ok().map(Proto::EnumNumber)
}

/// An enumeration written by words, flags among them.
fn enum_text(node: &Node, descriptor: &EnumDescriptor, key: &str, found: &mut Findings) -> Option<Proto> {
    let forms = enum_forms(descriptor);
    // `off` without quotes is a flag to YAML and may still be one of the words.
    let written = node.text().or(node.written.as_deref());
    let by_word = |word: &str| {
        forms
            .iter()
            .find(|(_, form)| *form == EnumForm::Text(word.to_owned()))
            .map(|(number, _)| *number)
    };
    let by_flag = |flag: bool| {
        forms
            .iter()
            .find(|(_, form)| *form == EnumForm::Flag(flag))
            .map(|(number, _)| *number)
    };
    if let Some(number) = written.and_then(by_word) {
        return Some(Proto::EnumNumber(number));
    }
    if let Some(number) = written.and_then(|written| other_words(descriptor, written)) {
        return Some(Proto::EnumNumber(number));
    }
    let flag = match &node.value {
        Value::Bool(flag) => Some(*flag),
        Value::Text(text) => match scalar::resolve(text) {
            Value::Bool(flag) => Some(flag),
            _ => None,
        },
        _ => None,
    };
    if let Some(number) = flag.and_then(by_flag) {
        return Some(Proto::EnumNumber(number));
    }
    if let Value::Integer(number) = node.value
        && let Ok(number) = i32::try_from(number)
    {
        return Some(Proto::EnumNumber(number));
    }
    let Some(text) = written else {
        found.wrong_type(key, node, "one of its words", None);
        return None;
    };
    let choices = forms
        .iter()
        .filter_map(|(_, form)| match form {
            EnumForm::Text(text) if text.is_empty() => None,
            EnumForm::Text(text) => Some(text.clone()),
            EnumForm::Flag(flag) => Some(flag.to_string()),
        })
        .collect();
    unknown_choice(node, text, key, choices, found);
    None
}

/// `type` names the alternative; its fields stand beside it.
fn tunnel_strategy(
    node: &Node,
    entries: &[Entry],
    form: &MessageForm,
    message: &mut DynamicMessage,
    field: &str,
    found: &mut Findings,
) {
    let Some(kind) = node.field("type") else {
        if !entries.is_empty() {
            found.wrong_type(field, node, "a group of fields with a `type`", None);
        }
        return;
    };
    let Some(word) = text(kind, "type", found) else {
        return;
    };
    let Some(alternative) = form.field(&word) else {
        let choices = form.fields.iter().map(|field| field.key.clone()).collect();
        unknown_choice(kind, &word, "type", choices, found);
        return;
    };
    let rest: Vec<Entry> = entries
        .iter()
        .filter(|entry| entry.key != "type")
        .cloned()
        .collect();
    let Kind::Message(descriptor) = alternative.field.kind() else {
        return;
    };
    let mut inner = DynamicMessage::new(descriptor.clone());
    fields(&rest, &MessageForm::of(&descriptor), &mut inner, found);
    message.set_field(&alternative.field, Proto::Message(inner));
}

/// `google.protobuf.Struct`.
fn structure(entries: &[Entry], message: &mut DynamicMessage) {
    let descriptor = prost_reflect::ReflectMessage::descriptor(message);
    let Some(field) = descriptor.get_field(1) else {
        return;
    };
    let Some(value_descriptor) = field
        .kind()
        .as_message()
        .map(|entry| entry.map_entry_value_field().kind())
        .and_then(|kind| kind.as_message().cloned())
    else {
        return;
    };
    let values = entries
        .iter()
        .map(|entry| {
            (
                MapKey::String(entry.key.clone()),
                Proto::Message(structure_value(&entry.node, &value_descriptor)),
            )
        })
        .collect();
    message.set_field(&field, Proto::Map(values));
}

fn structure_value(node: &Node, descriptor: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let inner = |number: u32| {
        descriptor
            .get_field(number)
            .and_then(|field| field.kind().as_message().cloned())
    };
    match &node.value {
        Value::Null => message.set_field_by_number(1, Proto::EnumNumber(0)),
        #[allow(clippy::cast_precision_loss)]
        Value::Integer(number) => message.set_field_by_number(2, Proto::F64(*number as f64)),
        Value::Float(number) => message.set_field_by_number(2, Proto::F64(*number)),
        Value::Text(text) => message.set_field_by_number(3, Proto::String(text.clone())),
        Value::Bool(flag) => message.set_field_by_number(4, Proto::Bool(*flag)),
        Value::Map(entries) => {
            if let Some(descriptor) = inner(5) {
                let mut group = DynamicMessage::new(descriptor);
                structure(entries, &mut group);
                message.set_field_by_number(5, Proto::Message(group));
            }
        }
        Value::List(items) => {
            if let Some(list_descriptor) = inner(6) {
                let mut list = DynamicMessage::new(list_descriptor);
                let items = items
                    .iter()
                    .map(|item| Proto::Message(structure_value(item, descriptor)))
                    .collect();
                list.set_field_by_number(1, Proto::List(items));
                message.set_field_by_number(6, Proto::Message(list));
            }
        }
    }
    message
}
