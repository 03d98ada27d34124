//! Writes resources as bytes, as JSON and as YAML, for programs in other languages that compare what they make of the same
//! bytes: `cargo run -p wire --example resources -- PATH`.
//!
//! For every kind: a message with nothing in it, one with something in every field, and what we fill in where a resource says
//! nothing.

use std::collections::HashMap;
use std::process::ExitCode;

use base64::Engine as _;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, MapKey, MessageDescriptor, ReflectMessage as _, Value};
use wire::resource::{Kind, Limits, Resource, defaults, json, read_one};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("ERROR: no path to write the resources to");
        return ExitCode::FAILURE;
    };
    let all = all();
    match std::fs::write(&path, json::pretty(&serde_json::Value::Array(all), 1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ERROR: cannot write {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn all() -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for (what, message) in [
            ("empty", DynamicMessage::new(kind.descriptor())),
            ("full", full(&kind.descriptor(), 0)),
        ] {
            all.extend(
                Resource::of(kind, &message)
                    .ok()
                    .map(|resource| one(what, &message.encode_to_vec(), &resource)),
            );
        }
    }
    for version in ["v3", "v4", "v5", "v6", "v7", "v8"] {
        for allow in [
            "{}",
            "{logins: [root]}",
            "{node_labels: {a: b}}",
            "{kubernetes_labels: {a: b}}",
            "{kubernetes_labels_expression: x}",
        ] {
            let spec = format!("{{allow: {allow}}}");
            all.extend(filled(Kind::Role, version, &spec, defaults::role));
        }
    }
    let options = "{options: {max_session_ttl: 1h, enhanced_recording: [disk], record_session: {default: strict}, idp: {saml: {enabled: false}}}}";
    all.extend(filled(Kind::Role, "v7", options, defaults::role));
    all.extend(filled(Kind::User, "v2", "{roles: [access]}", defaults::user));
    all.extend(filled(Kind::Lock, "v2", "{target: {user: bob}}", defaults::lock));
    all.extend(filled(Kind::Token, "v2", "{roles: [Node]}", defaults::token));
    all.extend(filled(
        Kind::ClusterAuthPreference,
        "v2",
        "{second_factors: [otp]}",
        defaults::auth_preference,
    ));
    all.extend(filled(
        Kind::ClusterNetworkingConfig,
        "v2",
        "{}",
        defaults::networking_config,
    ));
    all.extend(filled(
        Kind::SessionRecordingConfig,
        "v2",
        "{}",
        defaults::recording_config,
    ));
    all
}

/// A document as it was written, and what we make of it before it is stored.
fn filled<M: prost::Message + Default>(
    kind: Kind,
    version: &str,
    spec: &str,
    fill: impl Fn(&mut M),
) -> Option<serde_json::Value> {
    let name = kind.singleton().unwrap_or("x");
    let text = format!("kind: {kind}\nversion: {version}\nmetadata: {{name: {name}}}\nspec: {spec}\n");
    let written = read_one(&text, &Limits::FILE).ok()?;
    let mut message: M = written.to().ok()?;
    fill(&mut message);
    let resource = Resource::of(kind, &message).ok()?;
    Some(one(
        &format!("filled in {version} {spec}"),
        &written.encode(),
        &resource,
    ))
}

fn one(what: &str, bytes: &[u8], resource: &Resource) -> serde_json::Value {
    serde_json::json!({
        "what": what,
        "message": resource.kind().message(),
        "bytes": base64::engine::general_purpose::STANDARD.encode(bytes),
        "json": json::pretty(&resource.to_json(), 4),
        "yaml": resource.to_yaml(),
    })
}

/// A message with something in every field.
fn full(descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            message.set_field_by_number(1, Value::I64(1_795_287_000));
            message.set_field_by_number(2, Value::I32(123_000_000));
            return message;
        }
        "google.protobuf.Duration" => {
            message.set_field_by_number(1, Value::I64(5400));
            return message;
        }
        "google.protobuf.Struct" => return message,
        _ => {}
    }
    if depth > 8 {
        return message;
    }
    for field in descriptor.fields() {
        let value = if field.is_map() {
            let entry = field.kind();
            let Some(entry) = entry.as_message() else { continue };
            let value = single(&entry.map_entry_value_field(), depth);
            Value::Map(HashMap::from([(MapKey::String("a key".to_owned()), value)]))
        } else if field.is_list() {
            Value::List(vec![single(&field, depth), single(&field, depth)])
        } else {
            single(&field, depth)
        };
        message.set_field(&field, value);
    }
    debug_assert_eq!(message.descriptor(), *descriptor);
    message
}

fn single(field: &FieldDescriptor, depth: usize) -> Value {
    use prost_reflect::Kind as Type;
    match field.kind() {
        Type::Double => Value::F64(1.5),
        Type::Float => Value::F32(1.5),
        Type::Int32 | Type::Sint32 | Type::Sfixed32 => Value::I32(7),
        Type::Int64 | Type::Sint64 | Type::Sfixed64 => Value::I64(90_000_000_000),
        Type::Uint32 | Type::Fixed32 => Value::U32(7),
        Type::Uint64 | Type::Fixed64 => Value::U64(7),
        Type::Bool => Value::Bool(true),
        Type::String => Value::String("a: text".to_owned()),
        Type::Bytes => Value::Bytes(vec![0, 1, 254].into()),
        Type::Enum(kind) => Value::EnumNumber(
            kind.values()
                .map(|value| value.number())
                .max()
                .unwrap_or_default(),
        ),
        Type::Message(inner) => Value::Message(full(&inner, depth + 1)),
    }
}
