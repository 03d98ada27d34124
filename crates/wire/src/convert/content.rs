//! What a reviewer says yes to, as bytes: the same request gives the same bytes on every machine.
//!
//! Fields are written in the order of their numbers, map entries in the order of their keys, nothing unset; SHA-256 is taken
//! of that. State, reviews and revision are not part of it: they change while the content stands.

use std::collections::BTreeMap;

use access::request::Request;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::moment::{timestamp, timestamp_option};
use super::request::request_message;
use crate::pb::countersign::v1::RequestContent;

/// The content of a request in `cluster`. `granting` holds the digests of the roles that let it be asked for, `requested` those of
/// the requested roles, both by name.
pub fn request_content(
    cluster: &str,
    request: &Request,
    granting: &BTreeMap<String, [u8; 32]>,
    requested: &BTreeMap<String, [u8; 32]>,
) -> RequestContent {
    let digests = |roles: &BTreeMap<String, [u8; 32]>| {
        roles
            .iter()
            .map(|(name, digest)| (name.clone(), digest.to_vec().into()))
            .collect()
    };
    let spec = request_message(request).spec.unwrap_or_default();
    RequestContent {
        cluster: cluster.to_owned(),
        id: request.id.clone(),
        user: request.user.clone(),
        roles: spec.roles,
        resource_ids: spec.requested_resource_i_ds,
        thresholds: spec.thresholds,
        role_threshold_map: spec.role_threshold_mapping,
        granting_roles: digests(granting),
        requested_roles: digests(requested),
        max_duration: Some(timestamp(request.max_duration)),
        access_expires: Some(timestamp(request.expires)),
        session_ttl: Some(timestamp(request.session_ttl)),
        start: timestamp_option(request.assume_start),
        reason: request.reason.clone(),
        created: Some(timestamp(request.created)),
        wanted: None,
    }
}

/// SHA-256 of a request's content. People compare its [short form](access::request::short_form), taken of the same bytes.
pub fn content_digest(content: &RequestContent) -> [u8; 32] {
    Sha256::digest(content.encode_to_vec()).into()
}
