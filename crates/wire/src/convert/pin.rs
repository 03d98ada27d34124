//! Roles held fast: what of a role is for people only, what is compared piece by piece, and what must not change at all.

use std::sync::Arc;

use access::pin::Pin;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::role::{RoleError, role};
use crate::keep::Kept;
use crate::pb::types;

/// A role as it is now, to be compared with what it becomes.
pub fn pin(message: &Kept<types::RoleV6>) -> Result<Pin, RoleError> {
    let plain = plain(message);
    Ok(Pin {
        role: role(&plain)?,
        rest: rest(&plain),
        content: Arc::from(plain.encode_to_vec()),
    })
}

/// The same, of a content that [`pin`] gave.
pub fn pin_of_content(content: &[u8]) -> Result<Pin, PinError> {
    Ok(pin(&Kept::<types::RoleV6>::decode(content)?)?)
}

/// Why a kept content is no role any more.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The bytes are no role.
    #[error(transparent)]
    Bytes(#[from] prost::DecodeError),
    /// The role cannot be used.
    #[error(transparent)]
    Role(#[from] RoleError),
}

/// SHA-256 of what a role says, without what is for people only.
pub fn role_digest(role: &Kept<types::RoleV6>) -> [u8; 32] {
    Sha256::digest(plain(role).encode_to_vec()).into()
}

/// The role without what grants and forbids nothing: description, labels, dates, stamps, the text that asks for a reason.
fn plain(role: &Kept<types::RoleV6>) -> Kept<types::RoleV6> {
    let mut plain = role.clone();
    if let Some(metadata) = plain.metadata.take() {
        plain.metadata = Some(types::Metadata {
            name: metadata.name,
            ..types::Metadata::default()
        });
    }
    if let Some(options) = plain.spec.as_mut().and_then(|spec| spec.options.as_mut()) {
        options.request_prompt.clear();
    }
    plain
}

/// Digest of what `access::pin` does not compare piece by piece.
fn rest(plain: &Kept<types::RoleV6>) -> [u8; 32] {
    let mut rest = plain.clone();
    // What this program does not know hangs on what it knows: then nothing may change.
    if !plain.has_unknown()
        && let Some(spec) = &mut rest.spec
    {
        spec.options.as_mut().into_iter().for_each(compared_options);
        spec.allow.as_mut().into_iter().for_each(compared_conditions);
        spec.deny.as_mut().into_iter().for_each(compared_conditions);
        // A part that says nothing else is as good as one that is not there.
        let nothing = types::RoleConditions::default();
        spec.options
            .take_if(|options| *options == types::RoleOptions::default());
        spec.allow.take_if(|conditions| *conditions == nothing);
        spec.deny.take_if(|conditions| *conditions == nothing);
    }
    Sha256::digest(rest.encode_to_vec()).into()
}

fn compared_options(options: &mut types::RoleOptions) {
    options.forward_agent = false;
    options.max_session_ttl = 0;
    options.port_forwarding = None;
    options.permit_x11_forwarding = false;
    options.pin_source_ip = false;
    let ordinary = |extension: &types::CertExtension| {
        let bare = types::CertExtension {
            name: extension.name.clone(),
            value: extension.value.clone(),
            ..types::CertExtension::default()
        };
        bare == *extension
    };
    if options.cert_extensions.iter().all(ordinary) {
        options.cert_extensions.clear();
    }
}

fn compared_conditions(conditions: &mut types::RoleConditions) {
    conditions.logins.clear();
    conditions.kube_groups.clear();
    conditions.kube_users.clear();
    conditions.node_labels = None;
    conditions.app_labels = None;
    conditions.database_labels = None;
    conditions.kubernetes_labels = None;
    conditions.node_labels_expression.clear();
    conditions.app_labels_expression.clear();
    conditions.database_labels_expression.clear();
    conditions.kubernetes_labels_expression.clear();
    conditions.impersonate = None;
    if conditions.rules.iter().all(|rule| rule.actions.is_empty()) {
        conditions.rules.clear();
    }
    let ordinary =
        |object: &types::KubernetesResource| object.verbs.is_empty() && object.api_group.is_empty();
    if conditions.kubernetes_resources.iter().all(ordinary) {
        conditions.kubernetes_resources.clear();
    }
}
