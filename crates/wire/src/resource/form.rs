//! How each message is written in resource files, read once from the options of its fields.
//!
//! The options stand beside the fields in `/proto`; this module knows the few shapes that they cannot say.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use prost_reflect::{
    DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, Value,
};

use crate::pb::countersign::{EnumText, Form, FormKind};
use crate::pb::descriptors;

/// How a message is written as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// As its fields.
    Fields,
    /// Nothing is known of its fields: `{}`.
    Opaque,
    /// `google.protobuf.Struct`: any group of fields.
    Struct,
    /// `types.TunnelStrategyV1`: the alternative is named by `type`, its fields stand beside.
    TunnelStrategy,
}

/// The form of one message.
#[derive(Debug)]
pub(super) struct MessageForm {
    pub(super) whole: Whole,
    /// In the order in which they are written.
    pub(super) fields: Vec<FieldForm>,
    /// Keys that documents of older releases carry, and the only value that is accepted there. Never written.
    pub(super) silent: &'static [(&'static str, &'static str)],
    /// Keys that are understood as another key: as written, as meant.
    pub(super) other_names: &'static [(&'static str, &'static str)],
}

/// The form of one field.
#[derive(Clone, Debug)]
pub(super) struct FieldForm {
    pub(super) key: String,
    /// The messages to enter before the field is reached; their own keys are not written.
    pub(super) inside: Vec<FieldDescriptor>,
    /// Left out when the message it is inside of is absent.
    pub(super) with_holder: bool,
    pub(super) field: FieldDescriptor,
    pub(super) kind: FormKind,
    pub(super) omit_empty: bool,
    pub(super) non_null: bool,
    /// A duration that is written as `{seconds, nanos}`.
    pub(super) as_parts: bool,
    /// A list of traits that is written as a group of them by their names.
    pub(super) as_traits: bool,
}

impl MessageForm {
    /// The form of the messages that `descriptor` describes.
    pub(super) fn of(descriptor: &MessageDescriptor) -> Arc<Self> {
        static KNOWN: LazyLock<RwLock<HashMap<String, Arc<MessageForm>>>> = LazyLock::new(RwLock::default);
        let name = descriptor.full_name();
        if let Some(form) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(form);
        }
        let form = Arc::new(Self::read(descriptor));
        KNOWN
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::clone(&form));
        form
    }

    fn read(descriptor: &MessageDescriptor) -> Self {
        let whole = match descriptor.full_name() {
            "types.TunnelStrategyV1" => Whole::TunnelStrategy,
            "google.protobuf.Struct" => Whole::Struct,
            _ if is_opaque(descriptor) => Whole::Opaque,
            _ => Whole::Fields,
        };
        let silent: &[_] = match descriptor.full_name() {
            "types.Metadata" => &[("namespace", "default"), ("id", "")],
            "types.RoleConditions" => &[("namespaces", "default")],
            _ => &[],
        };
        let other_names: &[_] = match descriptor.full_name() {
            // The printed guide says `name` where the format says `claim`.
            "types.ClaimMapping" => &[("name", "claim")],
            _ => &[],
        };
        let mut fields = Vec::new();
        collect(descriptor, &[], false, &mut fields);
        fields.retain(|field| !silent.iter().any(|(key, _)| *key == field.key));
        Self {
            whole,
            fields,
            silent,
            other_names,
        }
    }

    /// The field under a key.
    pub(super) fn field(&self, key: &str) -> Option<&FieldForm> {
        self.fields.iter().find(|field| field.key == key)
    }
}

fn collect(
    descriptor: &MessageDescriptor,
    inside: &[FieldDescriptor],
    with_holder: bool,
    fields: &mut Vec<FieldForm>,
) {
    for field in descriptor.fields() {
        let Some(form) = form(&field) else { continue };
        if form.never {
            continue;
        }
        let header =
            field.name() == "header" && descriptor.full_name().starts_with("teleport.accesslist.v1.");
        if (form.inline || header)
            && let Some(inner) = field.kind().as_message()
        {
            // A header holds the keys every resource begins with.
            let mut path = inside.to_vec();
            path.push(field.clone());
            collect(inner, &path, with_holder || !form.non_null && !header, fields);
            continue;
        }
        fields.push(FieldForm {
            // Fields without a key of their own in the original are left out when they are empty, whatever their message.
            omit_empty: form.omit_empty || field.name() == form.json,
            as_parts: field.full_name() == "teleport.machineid.v1.BotSpec.max_session_ttl",
            as_traits: is_traits(&field),
            kind: form.kind(),
            non_null: form.non_null,
            key: form.json,
            inside: inside.to_vec(),
            with_holder,
            field,
        });
    }
}

/// Whether a field holds traits as access lists write them.
fn is_traits(field: &FieldDescriptor) -> bool {
    let kind = field.kind();
    let message = kind.as_message().map(MessageDescriptor::full_name);
    field.is_list()
        && message == Some("teleport.trait.v1.Trait")
        && field.full_name().starts_with("teleport.accesslist.v1.")
}

/// The value that other words than the written one mean: `6`, `6m`, `6month` and `6months` are six months.
pub(super) fn other_words(descriptor: &EnumDescriptor, text: &str) -> Option<i32> {
    if descriptor.full_name() != "teleport.accesslist.v1.ReviewFrequency" {
        return None;
    }
    let (number, unit) = text.split_at(
        text.find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let number: i32 = number.parse().ok()?;
    let months = match unit.trim() {
        "" | "m" | "month" | "months" => number,
        "y" | "year" | "years" => number.checked_mul(12)?,
        _ => return None,
    };
    descriptor.get_value(months).filter(|_| months > 0)?;
    Some(months)
}

fn extension(name: &str) -> Option<ExtensionDescriptor> {
    descriptors().get_extension_by_name(name)
}

fn form(field: &FieldDescriptor) -> Option<Form> {
    static FORM: LazyLock<Option<ExtensionDescriptor>> = LazyLock::new(|| extension("countersign.form"));
    option(&field.options(), FORM.as_ref()?)
}

fn option<T: prost::Message + Default>(
    options: &DynamicMessage,
    extension: &ExtensionDescriptor,
) -> Option<T> {
    match options.get_extension(extension).as_ref() {
        Value::Message(message) => message.transcode_to().ok(),
        _ => None,
    }
}

fn is_opaque(descriptor: &MessageDescriptor) -> bool {
    static OPAQUE: LazyLock<Option<ExtensionDescriptor>> = LazyLock::new(|| extension("countersign.opaque"));
    OPAQUE.as_ref().is_some_and(|extension| {
        matches!(
            descriptor.options().get_extension(extension).as_ref(),
            Value::Bool(true)
        )
    })
}

/// How one value of an enumeration is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EnumForm {
    Text(String),
    Flag(bool),
}

/// The written values of an enumeration with their numbers.
pub(super) fn enum_forms(descriptor: &EnumDescriptor) -> Vec<(i32, EnumForm)> {
    static TEXT: LazyLock<Option<ExtensionDescriptor>> = LazyLock::new(|| extension("countersign.text"));
    let Some(extension) = TEXT.as_ref() else {
        return Vec::new();
    };
    descriptor
        .values()
        .filter(|value| value.options().has_extension(extension))
        .filter_map(|value| {
            let text: EnumText = option(&value.options(), extension)?;
            let form = text.flag.map_or(EnumForm::Text(text.text), EnumForm::Flag);
            Some((value.number(), form))
        })
        .collect()
}
