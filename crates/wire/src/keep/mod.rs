//! Fields that this program does not know survive it.
//!
//! Clients newer than we are send fields we have never heard of. What they store with us they
//! must get back, also when somebody changed another field in between. The generated messages
//! drop such fields, so the resources that clients write travel as [`Kept`]: the message that is
//! understood, and beside it what was received. Messages of which nothing is known at all travel
//! as [`Opaque`].

mod known;

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, key_len,
};
use prost::{DecodeError, Message, Name};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, UnknownField, Value};

use self::known::Shape;

/// A message of which only the bytes are known.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Opaque {
    bytes: BytesMut,
}

impl Opaque {
    /// The encoded message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<&[u8]> for Opaque {
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into() }
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque({} bytes)", self.bytes.len())
    }
}

impl Message for Opaque {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.bytes);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        UnknownField::decode_value(tag, wire_type, buf, ctx)?.encode(&mut self.bytes);
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// A message together with what was received beyond it.
///
/// It reads and changes like the message itself. When it is encoded, the fields that this
/// program does not know are where they were, at every depth, as far as what contained them is
/// still there (see [`carry_unknown`]).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Kept<M> {
    message: M,
    /// The fields that were received and hold, somewhere, what `message` does not. Empty when
    /// everything is known, as usual.
    received: BytesMut,
}

impl<M> Kept<M> {
    /// The message alone. Drops what it does not know.
    pub fn into_message(self) -> M {
        self.message
    }

    /// Puts `message` in the place of the one held, and keeps what neither knows.
    #[must_use]
    pub fn with(self, message: M) -> Self {
        Self { message, ..self }
    }

    /// Whether something was received that this program does not know.
    pub fn has_unknown(&self) -> bool {
        !self.received.is_empty()
    }

    /// Forgets what this program does not know.
    #[must_use]
    pub fn without_unknown(self) -> Self {
        self.message.into()
    }
}

impl<M: Message + Name> Kept<M> {
    /// The encoding with everything carried over; `None` when the message's own will do.
    fn carried(&self) -> Option<Vec<u8>> {
        if self.received.is_empty() {
            return None;
        }
        let descriptor = descriptor::<M>()?;
        carry_unknown(&descriptor, &self.received, &self.message.encode_to_vec()).ok()
    }
}

impl<M> From<M> for Kept<M> {
    fn from(message: M) -> Self {
        Self {
            message,
            received: BytesMut::new(),
        }
    }
}

impl<M> Deref for Kept<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.message
    }
}

impl<M> DerefMut for Kept<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.message
    }
}

impl<M: fmt::Debug> fmt::Debug for Kept<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

impl<M: Name> Name for Kept<M>
where
    M: Default,
{
    const NAME: &'static str = M::NAME;
    const PACKAGE: &'static str = M::PACKAGE;
}

impl<M: Message + Name> Message for Kept<M> {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        match self.carried() {
            Some(bytes) => buf.put_slice(&bytes),
            None => self.message.encode_raw(buf),
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut field = BytesMut::new();
        UnknownField::decode_value(tag, wire_type, buf, ctx.clone())?.encode(&mut field);
        let value = &field[key_len(tag)..];
        self.message.merge_field(tag, wire_type, &mut &*value, ctx)?;
        if let Some(shape) = Shape::of::<M>()
            && shape.is_unknown(tag, wire_type, value)?
        {
            self.received.extend_from_slice(&field);
        }
        Ok(())
    }

    fn encoded_len(&self) -> usize {
        match self.carried() {
            Some(bytes) => bytes.len(),
            None => self.message.encoded_len(),
        }
    }

    fn clear(&mut self) {
        self.message.clear();
        self.received.clear();
    }
}

fn descriptor<M: Name>() -> Option<MessageDescriptor> {
    crate::descriptors().get_message_by_name(&M::full_name())
}

/// One field as it stands in an encoded message.
struct Field {
    tag: u32,
    wire_type: WireType,
    /// Key and value.
    whole: Bytes,
    /// The value; without its length, if it has one.
    value: Bytes,
}

fn fields(mut bytes: Bytes) -> Result<Vec<Field>, DecodeError> {
    let mut found = Vec::new();
    while bytes.has_remaining() {
        let before = bytes.clone();
        let (tag, wire_type) = decode_key(&mut bytes)?;
        let key = before.len() - bytes.len();
        UnknownField::decode_value(tag, wire_type, &mut bytes, DecodeContext::default())?;
        let whole = before.slice(..before.len() - bytes.len());
        let mut value = whole.slice(key..);
        if wire_type == WireType::LengthDelimited {
            decode_varint(&mut value)?;
        }
        found.push(Field {
            tag,
            wire_type,
            whole,
            value,
        });
    }
    Ok(found)
}

fn has_unknown(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<bool, DecodeError> {
    Shape::described(descriptor).map_or(Ok(false), |shape| shape.has_unknown(bytes))
}

/// Brings the fields of `old` that `descriptor` does not know into `new`, at every depth.
///
/// `old` is what was received, `new` what became of the part that was understood. A message
/// inside belongs to the one in the same field; in a map, to the one under the same key; in a
/// list, to an equal one, and if as many changed ones are left over on both sides, to the one at
/// the same place among them. What was taken away takes its unknown fields along.
pub fn carry_unknown(descriptor: &MessageDescriptor, old: &[u8], new: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let old = Bytes::copy_from_slice(old);
    let new = Bytes::copy_from_slice(new);
    Ok(graft(descriptor, &old, &new)?.to_vec())
}

fn graft(descriptor: &MessageDescriptor, old: &Bytes, new: &Bytes) -> Result<Bytes, DecodeError> {
    if !has_unknown(descriptor, old)? {
        return Ok(new.clone());
    }
    let old_fields = fields(old.clone())?;
    let new_fields = fields(new.clone())?;
    let mut out = BytesMut::with_capacity(new.len() + old.len() / 4);
    let mut lists_done = Vec::new();
    for field in &new_fields {
        let known = descriptor.get_field(field.tag);
        let inner = known.as_ref().and_then(|k| match k.kind() {
            Kind::Message(inner) if field.wire_type == WireType::LengthDelimited => Some(inner),
            _ => None,
        });
        let (Some(known), Some(inner)) = (known, inner) else {
            out.extend_from_slice(&field.whole);
            continue;
        };
        let values_of = |fields: &[Field]| -> Vec<Bytes> {
            let same = fields
                .iter()
                .filter(|f| f.tag == field.tag && f.wire_type == field.wire_type);
            same.map(|f| f.value.clone()).collect()
        };
        let grafted = if known.is_map() {
            let olds = values_of(&old_fields);
            vec![graft_entry(&inner, &olds, &field.value)?]
        } else if known.is_list() {
            if lists_done.contains(&field.tag) {
                continue;
            }
            lists_done.push(field.tag);
            graft_list(&inner, &values_of(&old_fields), &values_of(&new_fields))?
        } else {
            // Several occurrences of one message are one message in pieces.
            let pieces: BytesMut = values_of(&old_fields).into_iter().flatten().collect();
            vec![graft(&inner, &pieces.freeze(), &field.value)?]
        };
        for value in grafted {
            put_message(field.tag, &value, &mut out);
        }
    }
    for field in &old_fields {
        if descriptor.get_field(field.tag).is_none() {
            out.extend_from_slice(&field.whole);
        }
    }
    Ok(out.freeze())
}

/// A map entry is a message with the key in field 1 and the value in field 2.
fn graft_entry(entry: &MessageDescriptor, olds: &[Bytes], new: &Bytes) -> Result<Bytes, DecodeError> {
    let key = key_of(entry, new)?;
    for old in olds.iter().rev() {
        if key_of(entry, old)? == key {
            return graft(entry, old, new);
        }
    }
    Ok(new.clone())
}

fn key_of(entry: &MessageDescriptor, bytes: &Bytes) -> Result<Option<Value>, DecodeError> {
    let message = DynamicMessage::decode(entry.clone(), bytes.clone())?;
    Ok(message.get_field_by_number(1).map(Cow::into_owned))
}

fn graft_list(
    element: &MessageDescriptor,
    olds: &[Bytes],
    news: &[Bytes],
) -> Result<Vec<Bytes>, DecodeError> {
    let known = |bytes| DynamicMessage::decode(element.clone(), without_unknown(element, bytes)?);
    let old_known = olds.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let new_known = news.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let mut partner: Vec<Option<usize>> = vec![None; news.len()];
    let mut free: Vec<usize> = (0..olds.len()).collect();
    for (i, new) in new_known.iter().enumerate() {
        if let Some(at) = free.iter().position(|&o| old_known[o] == *new) {
            partner[i] = Some(free.remove(at));
        }
    }
    let changed: Vec<usize> = (0..news.len()).filter(|&i| partner[i].is_none()).collect();
    if changed.len() == free.len() {
        for (i, o) in changed.into_iter().zip(free) {
            partner[i] = Some(o);
        }
    }
    let pairs = news.iter().zip(partner);
    pairs
        .map(|(new, partner)| match partner {
            Some(old) => graft(element, &olds[old], new),
            None => Ok(new.clone()),
        })
        .collect()
}

/// An encoded message without what `descriptor` does not know.
fn without_unknown(descriptor: &MessageDescriptor, bytes: &Bytes) -> Result<Bytes, DecodeError> {
    if !has_unknown(descriptor, bytes)? {
        return Ok(bytes.clone());
    }
    let mut out = BytesMut::with_capacity(bytes.len());
    for field in fields(bytes.clone())? {
        match descriptor.get_field(field.tag).map(|known| known.kind()) {
            Some(Kind::Message(inner)) if field.wire_type == WireType::LengthDelimited => {
                let value = without_unknown(&inner, &field.value)?;
                put_message(field.tag, &value, &mut out);
            }
            Some(_) => out.extend_from_slice(&field.whole),
            None => {}
        }
    }
    Ok(out.freeze())
}

fn put_message(tag: u32, value: &[u8], out: &mut BytesMut) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::proto::{Event, UpsertRoleRequest};
    use crate::pb::types::{RoleConditions, RoleSpecV6, RoleV6, Rule, UserV2};
    use crate::pb::{proto, types, wrappers};

    /// Puts the unknown field 9000 with `text` at the end of an encoded message.
    fn mark(mut encoded: Vec<u8>, text: &str) -> Vec<u8> {
        prost::encoding::string::encode(9000, &text.to_owned(), &mut encoded);
        encoded
    }

    fn nested(tag: u32, encoded: &[u8], out: &mut Vec<u8>) {
        prost::encoding::bytes::encode(tag, &encoded.to_vec(), out);
    }

    fn rule(kind: &str) -> Rule {
        Rule {
            resources: vec![kind.into()],
            verbs: vec!["read".into()],
            ..Rule::default()
        }
    }

    /// A role with unknown fields in itself, in `spec`, in `spec.allow`, in both rules of it and
    /// in one label.
    fn newer_role() -> Vec<u8> {
        let mut allow = mark(Vec::new(), "allow");
        nested(4, &mark(rule("node").encode_to_vec(), "rule node"), &mut allow);
        nested(4, &mark(rule("user").encode_to_vec(), "rule user"), &mut allow);
        let values = wrappers::StringValues {
            values: vec!["prod".into()],
        };
        let mut entry = Vec::new();
        prost::encoding::string::encode(1, &"env".to_owned(), &mut entry);
        nested(2, &mark(values.encode_to_vec(), "label env"), &mut entry);
        let mut labels = Vec::new();
        nested(1, &entry, &mut labels);
        nested(3, &labels, &mut allow);
        let mut spec = Vec::new();
        nested(2, &allow, &mut spec);
        let spec = mark(spec, "spec");
        let mut role = RoleV6 {
            kind: "role".into(),
            version: "v7".into(),
            ..RoleV6::default()
        }
        .encode_to_vec();
        nested(5, &spec, &mut role);
        mark(role, "role")
    }

    fn texts(bytes: &[u8]) -> Vec<&'static str> {
        let all = ["role", "spec", "allow", "rule node", "rule user", "label env"];
        let has = |text: &str| {
            let mut field = Vec::new();
            prost::encoding::string::encode(9000, &text.to_owned(), &mut field);
            bytes.windows(field.len()).any(|w| w == field)
        };
        all.into_iter().filter(|text| has(text)).collect()
    }

    fn allow(role: &mut Kept<RoleV6>) -> &mut RoleConditions {
        let spec = role.spec.get_or_insert_with(RoleSpecV6::default);
        spec.allow.get_or_insert_with(RoleConditions::default)
    }

    #[test]
    fn unknown_fields_survive_reading_and_writing() {
        let bytes = newer_role();
        let role = Kept::<RoleV6>::decode(&*bytes).unwrap();
        assert!(role.has_unknown());
        let again = role.encode_to_vec();
        assert_eq!(again.len(), role.encoded_len());
        assert_eq!(texts(&again).len(), 6);
        assert_eq!(Kept::<RoleV6>::decode(&*again).unwrap().spec, role.spec);
    }

    #[test]
    fn unknown_fields_survive_an_edit_beside_them() {
        let mut role = Kept::<RoleV6>::decode(&*newer_role()).unwrap();
        allow(&mut role).logins = vec!["root".into()];
        allow(&mut role).rules[0].verbs.push("list".into());
        allow(&mut role).rules.swap(0, 1);
        let again = role.encode_to_vec();
        assert_eq!(texts(&again).len(), 6);

        let mut back = Kept::<RoleV6>::decode(&*again).unwrap();
        assert_eq!(allow(&mut back).logins, ["root"]);
        // Each rule has its own unknown field still.
        for rule in allow(&mut back).rules.clone() {
            let alone = Kept::<RoleV6>::from(RoleV6 {
                spec: Some(RoleSpecV6 {
                    allow: Some(RoleConditions {
                        rules: vec![rule.clone()],
                        ..RoleConditions::default()
                    }),
                    ..RoleSpecV6::default()
                }),
                ..RoleV6::default()
            });
            let mut one = Kept::<RoleV6>::decode(&*again).unwrap();
            allow(&mut one).rules.retain(|r| *r == rule);
            let expected = format!("rule {}", rule.resources[0]);
            let found = texts(&one.encode_to_vec());
            assert!(found.contains(&expected.as_str()), "{found:?}");
            assert!(texts(&alone.encode_to_vec()).is_empty());
        }
    }

    #[test]
    fn what_is_taken_away_takes_its_unknown_fields_along() {
        let mut role = Kept::<RoleV6>::decode(&*newer_role()).unwrap();
        allow(&mut role).rules.remove(0);
        allow(&mut role).node_labels = None;
        let left = texts(&role.encode_to_vec());
        assert_eq!(left, ["role", "spec", "allow", "rule user"]);
        assert!(texts(&role.without_unknown().encode_to_vec()).is_empty());
    }

    #[test]
    fn requests_and_events_carry_them() {
        let role = Kept::<RoleV6>::decode(&*newer_role()).unwrap();
        let request = UpsertRoleRequest {
            role: Some(role.clone()),
        };
        let request = UpsertRoleRequest::decode(&*request.encode_to_vec()).unwrap();
        assert_eq!(texts(&request.encode_to_vec()).len(), 6);
        let event = Event {
            r#type: proto::Operation::Put.into(),
            resource: Some(proto::event::Resource::Role(request.role.unwrap())),
        };
        let event = Event::decode(&*event.encode_to_vec()).unwrap();
        assert_eq!(texts(&event.encode_to_vec()).len(), 6);
    }

    #[test]
    fn without_unknown_fields_the_encoding_is_the_messages_own() {
        let user = UserV2 {
            kind: "user".into(),
            metadata: Some(types::Metadata {
                name: "bob@example.com".into(),
                ..types::Metadata::default()
            }),
            ..UserV2::default()
        };
        let bytes = user.encode_to_vec();
        let kept = Kept::<UserV2>::decode(&*bytes).unwrap();
        assert!(!kept.has_unknown());
        assert_eq!(kept.encode_to_vec(), bytes);
        assert_eq!(kept, Kept::from(user));
    }

    #[test]
    fn opaque_messages_are_carried_unread() {
        let content = types::Metadata {
            name: "default".into(),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            ..types::Metadata::default()
        }
        .encode_to_vec();
        let event = Event {
            r#type: proto::Operation::Put.into(),
            resource: Some(proto::event::Resource::Namespace(Opaque::from(&*content))),
        };
        let event = Event::decode(&*event.encode_to_vec()).unwrap();
        let Some(proto::event::Resource::Namespace(namespace)) = event.resource else {
            panic!("another member");
        };
        assert_eq!(namespace.as_bytes(), content);
    }

    #[test]
    fn damaged_bytes_are_an_error_and_no_panic() {
        let bytes = newer_role();
        for end in 0..bytes.len() {
            let _ = Kept::<RoleV6>::decode(&bytes[..end]).map(|r| r.encode_to_vec());
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(role) = Kept::<RoleV6>::decode(&*damaged) {
                    let again = role.encode_to_vec();
                    assert_eq!(again.len(), role.encoded_len());
                }
            }
        }
    }
}
