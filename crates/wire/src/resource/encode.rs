//! Messages as the tree that JSON and YAML are printed from: keys in the order of the original, empty values left out where it
//! leaves them out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use prost_reflect::{DynamicMessage, Kind, MapKey, ReflectMessage as _, Value};
use serde_json::{Map, Value as Json};

use super::form::{EnumForm, FieldForm, MessageForm, Whole, enum_forms};
use super::{duration, moment};
use crate::pb::countersign::FormKind;

/// A message as JSON, keys in the order of its fields.
pub fn to_json(message: &DynamicMessage) -> Json {
    let form = MessageForm::of(&message.descriptor());
    match form.whole {
        Whole::Opaque => Json::Object(Map::new()),
        Whole::Struct => structure(message),
        Whole::TunnelStrategy => tunnel_strategy(message, &form),
        Whole::Fields => Json::Object(
            form.fields
                .iter()
                .filter_map(|field| Some((field.key.clone(), field_json(message, field, &field.inside)?)))
                .collect(),
        ),
    }
}

/// The value of a field; `None` if it is left out.
fn field_json(
    message: &DynamicMessage,
    form: &FieldForm,
    inside: &[prost_reflect::FieldDescriptor],
) -> Option<Json> {
    if let [outer, rest @ ..] = inside {
        if form.with_holder && !message.has_field(outer) {
            return None;
        }
        let value = message.get_field(outer);
        return field_json(value.as_message()?, form, rest);
    }
    let present = message.has_field(&form.field);
    let value = message.get_field(&form.field);
    if form.field.is_list() {
        let items = value.as_list().unwrap_or_default();
        if form.as_traits && !items.is_empty() {
            return Some(traits(items));
        }
        return match items {
            [] if form.omit_empty => None,
            [] => Some(Json::Null),
            items => Some(items.iter().filter_map(|item| single(item, form, true)).collect()),
        };
    }
    if form.field.is_map() {
        return map(&value, form);
    }
    single(&value, form, present)
}

/// Traits as a group of them by their names.
fn traits(items: &[Value]) -> Json {
    let mut entries: Vec<(String, Json)> = items
        .iter()
        .filter_map(|item| {
            let message = item.as_message()?;
            let key = message.get_field_by_number(1)?.as_str()?.to_owned();
            let values = message.get_field_by_number(2)?;
            Some((key, values.as_list()?.iter().map(plain).collect()))
        })
        .collect();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    Json::Object(entries.into_iter().collect())
}

fn map(value: &Value, form: &FieldForm) -> Option<Json> {
    let entries = value.as_map()?;
    if entries.is_empty() {
        return if form.omit_empty { None } else { Some(Json::Null) };
    }
    let mut entries: Vec<_> = entries
        .iter()
        .map(|(key, value)| (key_text(key), value))
        .collect();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    Some(Json::Object(
        entries
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect(),
    ))
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// One value in the shape its field asks for.
fn single(value: &Value, form: &FieldForm, present: bool) -> Option<Json> {
    let absent = || if form.omit_empty { None } else { Some(Json::Null) };
    match form.kind {
        FormKind::Nanos => {
            let nanoseconds = value.as_i64().unwrap_or_default();
            let text = duration::text(SignedDuration::from_nanos(nanoseconds));
            (nanoseconds != 0 || !form.omit_empty).then(|| text.into())
        }
        FormKind::Duration => {
            let (seconds, nanos) = parts(value);
            let zero = seconds == 0 && nanos == 0;
            if !present && !form.non_null || zero && form.non_null && form.omit_empty {
                return absent();
            }
            if form.as_parts {
                let mut parts = Map::new();
                for (key, part) in [("seconds", seconds), ("nanos", i64::from(nanos))] {
                    if part != 0 {
                        parts.insert(key.to_owned(), part.into());
                    }
                }
                return Some(Json::Object(parts));
            }
            Some(duration::text(span(seconds, nanos)).into())
        }
        FormKind::Moment => {
            let (seconds, nanos) = parts(value);
            let timestamp = present.then_some(prost_types::Timestamp { seconds, nanos });
            match moment::from_proto(timestamp.as_ref()) {
                Some(at) => Some(moment::text(at).into()),
                None if form.non_null => Some(moment::UNSET_TEXT.into()),
                None => absent(),
            }
        }
        FormKind::Labels | FormKind::Traits => {
            let message = value.as_message()?;
            let values = message.get_field_by_name("Values")?;
            let entries = values.as_map()?;
            if entries.is_empty() {
                return if form.omit_empty {
                    None
                } else {
                    Some(Json::Object(Map::new()))
                };
            }
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key_text(key), texts(value)))
                .collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            let shape = |mut texts: Vec<String>| match (form.kind, texts.len()) {
                (FormKind::Labels, 1) => texts.remove(0).into(),
                (FormKind::Traits, 0) => Json::Null,
                _ => Json::from(texts),
            };
            Some(Json::Object(
                entries
                    .into_iter()
                    .map(|(key, texts)| (key, shape(texts)))
                    .collect(),
            ))
        }
        FormKind::Strings => {
            let mut texts = texts(value);
            match texts.len() {
                0 => absent(),
                1 => Some(texts.remove(0).into()),
                _ => Some(texts.into()),
            }
        }
        FormKind::BoolOption => {
            if !present {
                return absent();
            }
            Some(value.as_message()?.get_field_by_name("Value")?.as_bool()?.into())
        }
        FormKind::EnumText => {
            let number = value.as_enum_number()?;
            if number == 0 && form.omit_empty {
                return None;
            }
            let Kind::Enum(descriptor) = form.field.kind() else {
                return None;
            };
            let written = enum_forms(&descriptor)
                .into_iter()
                .find(|(known, _)| *known == number);
            Some(match written {
                Some((_, EnumForm::Text(text))) => text.into(),
                Some((_, EnumForm::Flag(flag))) => flag.into(),
                None => number.into(),
            })
        }
        FormKind::Plain => match value {
            Value::Message(message) if present || form.non_null => Some(to_json(message)),
            Value::Message(_) => absent(),
            Value::Bytes(bytes) if bytes.is_empty() => absent(),
            value if form.omit_empty && !present && is_default(value) => None,
            value => Some(plain(value)),
        },
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::I32(value) | Value::EnumNumber(value) => *value == 0,
        Value::I64(value) => *value == 0,
        Value::U32(value) => *value == 0,
        Value::U64(value) => *value == 0,
        Value::F32(value) => *value == 0.0,
        Value::F64(value) => *value == 0.0,
        Value::String(value) => value.is_empty(),
        Value::Bytes(value) => value.is_empty(),
        Value::List(value) => value.is_empty(),
        Value::Map(value) => value.is_empty(),
        Value::Message(_) => false,
    }
}

/// A value without a shape of its own.
fn plain(value: &Value) -> Json {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::I32(value) | Value::EnumNumber(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::U32(value) => (*value).into(),
        Value::U64(value) => (*value).into(),
        Value::F32(value) => Json::from(*value),
        Value::F64(value) => Json::from(*value),
        Value::String(value) => value.as_str().into(),
        Value::Bytes(value) => STANDARD.encode(value).into(),
        Value::Message(message) => to_json(message),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key_text(key), plain(value)))
                .collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            Json::Object(entries.into_iter().collect())
        }
    }
}

/// `seconds` and `nanos` of a timestamp or duration.
fn parts(value: &Value) -> (i64, i32) {
    let Some(message) = value.as_message() else {
        return (0, 0);
    };
    let seconds = message
        .get_field_by_number(1)
        .and_then(|value| value.as_i64())
        .unwrap_or_default();
    let nanos = message
        .get_field_by_number(2)
        .and_then(|value| value.as_i32())
        .unwrap_or_default();
    (seconds, nanos)
}

fn span(seconds: i64, nanos: i32) -> SignedDuration {
    SignedDuration::from_secs(seconds).saturating_add(SignedDuration::from_nanos(i64::from(nanos)))
}

/// The texts of `wrappers.StringValues`.
fn texts(value: &Value) -> Vec<String> {
    let Some(message) = value.as_message() else {
        return Vec::new();
    };
    let Some(values) = message.get_field_by_number(1) else {
        return Vec::new();
    };
    values
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn tunnel_strategy(message: &DynamicMessage, form: &MessageForm) -> Json {
    let mut out = Map::new();
    for field in &form.fields {
        if !message.has_field(&field.field) {
            continue;
        }
        if let Some(Json::Object(inner)) = message.get_field(&field.field).as_message().map(to_json) {
            out.extend(inner);
        }
        out.insert("type".to_owned(), field.key.as_str().into());
    }
    Json::Object(out)
}

/// `google.protobuf.Struct` and what it holds.
fn structure(message: &DynamicMessage) -> Json {
    let Some(fields) = message.get_field_by_number(1) else {
        return Json::Object(Map::new());
    };
    let mut entries: Vec<_> = fields
        .as_map()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            (
                key_text(key),
                value.as_message().map_or(Json::Null, structure_value),
            )
        })
        .collect();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    Json::Object(entries.into_iter().collect())
}

fn structure_value(value: &DynamicMessage) -> Json {
    let Some((field, value)) = value.fields().next() else {
        return Json::Null;
    };
    match (field.number(), value) {
        (2, Value::F64(number)) => whole_number(*number).map_or_else(|| Json::from(*number), Json::from),
        (3, Value::String(text)) => text.as_str().into(),
        (4, Value::Bool(flag)) => (*flag).into(),
        (5, Value::Message(message)) => structure(message),
        (6, Value::Message(list)) => list
            .get_field_by_number(1)
            .and_then(|items| items.as_list().map(<[Value]>::to_vec))
            .unwrap_or_default()
            .iter()
            .map(|item| item.as_message().map_or(Json::Null, structure_value))
            .collect(),
        _ => Json::Null,
    }
}

fn whole_number(number: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)]
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}
