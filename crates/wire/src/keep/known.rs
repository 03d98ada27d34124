//! Which fields of which messages this program knows.
//!
//! The descriptors say the same, and are made for looking at once; this is asked for every field of every message that
//! is received. The table is written by `build.rs`.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{DecodeError, Name};
use prost_reflect::MessageDescriptor;

/// What is known of one message.
pub(super) struct Shape {
    package: &'static str,
    name: &'static str,
    /// Opaque messages have no known fields, and lose none.
    opaque: bool,
    /// The numbers, in order; of those that hold messages, where those stand in [`SHAPES`].
    fields: &'static [(u32, Option<u16>)],
}

/// Of all messages, by package and name.
static SHAPES: &[Shape] = include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

impl Shape {
    /// Of the message `M`.
    pub fn of<M: Name>() -> Option<&'static Self> {
        Self::find(M::PACKAGE, M::NAME)
    }

    /// Of the message that a descriptor describes.
    pub fn described(descriptor: &MessageDescriptor) -> Option<&'static Self> {
        let (full, package) = (descriptor.full_name(), descriptor.package_name());
        let name = full
            .strip_prefix(package)
            .map(|name| name.trim_start_matches('.'));
        Self::find(package, name?)
    }

    fn find(package: &str, name: &str) -> Option<&'static Self> {
        let place = SHAPES.binary_search_by_key(&(package, name), |shape| (shape.package, shape.name));
        SHAPES.get(place.ok()?)
    }

    /// Whether an encoded message has fields, at any depth, that are not known.
    pub fn has_unknown(&self, bytes: &[u8]) -> Result<bool, DecodeError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (tag, wire_type) = decode_key(&mut rest)?;
            let before = rest;
            skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
            if self.is_unknown(tag, wire_type, &before[..before.len() - rest.len()])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a field is unknown, or holds one that is. `value` is what follows its key.
    pub fn is_unknown(&self, tag: u32, wire_type: WireType, value: &[u8]) -> Result<bool, DecodeError> {
        let Ok(place) = self.fields.binary_search_by_key(&tag, |(number, _)| *number) else {
            return Ok(!self.opaque);
        };
        let inner = self.fields[place]
            .1
            .and_then(|inner| SHAPES.get(usize::from(inner)));
        let (Some(inner), WireType::LengthDelimited) = (inner, wire_type) else {
            return Ok(false);
        };
        let mut value = value;
        decode_varint(&mut value)?;
        inner.has_unknown(value)
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::Kind;

    use super::*;

    #[test]
    fn the_table_says_what_the_descriptors_say() {
        let mut messages = 0;
        for descriptor in crate::descriptors().all_messages() {
            let shape = Shape::described(&descriptor).unwrap();
            let mut fields: Vec<_> = descriptor.fields().collect();
            fields.sort_by_key(prost_reflect::FieldDescriptor::number);
            let described = fields.iter().map(|field| {
                let inner = match field.kind() {
                    Kind::Message(inner) => Some(inner.full_name().to_owned()),
                    _ => None,
                };
                (field.number(), inner)
            });
            let told = shape.fields.iter().map(|(number, inner)| {
                let inner = inner.map(|inner| &SHAPES[usize::from(inner)]);
                (
                    *number,
                    inner.map(|inner| format!("{}.{}", inner.package, inner.name)),
                )
            });
            assert!(told.eq(described), "{}", descriptor.full_name());
            messages += 1;
        }
        assert_eq!(messages, SHAPES.len());
    }
}
