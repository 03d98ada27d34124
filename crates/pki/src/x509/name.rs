//! Distinguished names: several values for one attribute, in a chosen order.

use const_oid::ObjectIdentifier;
use der::asn1::Any;
use der::{Tag, Tagged as _};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

/// Puts a name together, part by part.
#[derive(Default)]
pub(crate) struct NameBuilder(Vec<RelativeDistinguishedName>);

impl NameBuilder {
    /// One part with one value.
    pub(crate) fn one(self, attribute: ObjectIdentifier, value: &str) -> der::Result<Self> {
        self.set(attribute, [value])
    }

    /// One part with one value, if there is one.
    pub(crate) fn maybe(self, attribute: ObjectIdentifier, value: Option<&str>) -> der::Result<Self> {
        match value {
            Some(value) if !value.is_empty() => self.one(attribute, value),
            _ => Ok(self),
        }
    }

    /// One part with all values, each once; no part if there are none.
    ///
    /// A set has no order of its own: DER sorts the shorter values first.
    pub(crate) fn set<'a>(
        mut self,
        attribute: ObjectIdentifier,
        values: impl IntoIterator<Item = &'a str>,
    ) -> der::Result<Self> {
        let mut values: Vec<&str> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        if values.is_empty() {
            return Ok(self);
        }
        let pairs: Vec<_> = values
            .into_iter()
            .map(|value| pair(attribute, value))
            .collect::<der::Result<_>>()?;
        self.0.push(RelativeDistinguishedName::try_from(pairs)?);
        Ok(self)
    }

    /// One part for each value.
    pub(crate) fn each<'a>(
        mut self,
        attribute: ObjectIdentifier,
        values: impl IntoIterator<Item = &'a str>,
    ) -> der::Result<Self> {
        for value in values {
            self = self.one(attribute, value)?;
        }
        Ok(self)
    }

    pub(crate) fn finish(self) -> RdnSequence {
        let mut parts = RdnSequence::default();
        for part in self.0 {
            parts.push(part);
        }
        parts
    }
}

fn pair(attribute: ObjectIdentifier, value: &str) -> der::Result<AttributeTypeAndValue> {
    let tag = if value.bytes().all(is_printable) {
        Tag::PrintableString
    } else {
        Tag::Utf8String
    };
    Ok(AttributeTypeAndValue {
        oid: attribute,
        value: Any::new(tag, value.as_bytes())?,
    })
}

/// The characters of a `PrintableString`.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// The text of a value, if it is of one of the text types in use.
pub(crate) fn text(value: &Any) -> Option<&str> {
    match value.tag() {
        Tag::Utf8String => {}
        Tag::PrintableString | Tag::Ia5String if value.value().is_ascii() => {}
        _ => return None,
    }
    std::str::from_utf8(value.value()).ok()
}
