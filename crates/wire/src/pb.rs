//! Messages and service stubs, generated from `/proto` by `build.rs`.
//!
//! The modules follow the packages: `proto` and `types` hold the older half of the contract,
//! `teleport::NAME::v1` the newer, `countersign::v1` what is our own. Where a message or a call
//! carries a resource that the cluster stores, its type is [`Kept`](crate::keep::Kept); where it
//! carries something of which only the bytes are known, [`Opaque`](crate::keep::Opaque).
//!
//! Moments and spans are [`prost_types::Timestamp`] and [`prost_types::Duration`]. In the
//! messages of the older half "unset" may also travel as the year 1.

#![allow(
    missing_docs,
    deprecated,
    rustdoc::all,
    unused_qualifications,
    clippy::all,
    clippy::pedantic
)]

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// The encoded `google.protobuf.FileDescriptorSet` of everything in [`pb`](self), options
/// included.
pub fn descriptor_set() -> &'static [u8] {
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(descriptor_set()).expect("the build wrote a sound descriptor set")
});

/// The descriptors of everything in [`pb`](self). Field options are readable through the
/// extension `countersign.form`.
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}

#[cfg(test)]
mod tests {
    use prost::Name;
    use prost_reflect::Value;

    use super::*;

    #[test]
    fn forms_are_readable() {
        let form = descriptors().get_extension_by_name("countersign.form").unwrap();
        let options = descriptors()
            .get_message_by_name(&types::RoleOptions::full_name())
            .and_then(|m| m.get_field_by_name("MaxSessionTTL"))
            .map(|f| f.options())
            .unwrap();
        let form = options.get_extension(&form);
        let form: countersign::Form = form.as_message().unwrap().transcode_to().unwrap();
        assert_eq!(form.json, "max_session_ttl");
        assert!(form.omit_empty);
        assert_eq!(form.kind(), countersign::FormKind::Nanos);
    }

    #[test]
    fn every_field_of_teleports_messages_has_a_form() {
        let form = descriptors().get_extension_by_name("countersign.form").unwrap();
        for message in descriptors().all_messages() {
            let package = message.package_name();
            if package.starts_with("google.") || package.starts_with("countersign") {
                continue;
            }
            if message.is_map_entry() {
                continue;
            }
            for field in message.fields() {
                let options = field.options();
                let form = options.get_extension(&form);
                let Value::Message(form) = form.as_ref() else {
                    panic!("{} has no form", field.full_name());
                };
                let form: countersign::Form = form.transcode_to().unwrap();
                let placed = !form.json.is_empty() || form.inline || form.never;
                assert!(placed, "{} has no place in the text", field.full_name());
            }
        }
    }
}
