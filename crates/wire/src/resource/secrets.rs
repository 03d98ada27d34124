//! Which fields are secret, and resources without them.
//!
//! One table for `tctl get` without `--with-secrets`, for everything that leaves the Auth Service to somebody who did not ask
//! for secrets, and for logs.

use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use crate::pb::descriptors;

/// Message and field. A secret message is removed as a whole.
const SECRETS: &[(&str, &str)] = &[
    ("types.UserSpecV2", "LocalAuth"),
    ("types.GithubConnectorSpecV3", "ClientSecret"),
    ("types.OIDCConnectorSpecV3", "ClientSecret"),
    ("types.OIDCConnectorSpecV3", "GoogleServiceAccount"),
    ("types.OIDCConnectorMFASettings", "client_secret"),
    ("types.AsymmetricKeyPair", "PrivateKey"),
    ("types.SSHKeyPair", "PrivateKey"),
    ("types.TLSKeyPair", "Key"),
    ("types.JWTKeyPair", "PrivateKey"),
    ("types.TOTPDevice", "key"),
    ("types.WebSessionSpecV2", "Priv"),
    ("types.WebSessionSpecV2", "TLSPriv"),
    ("types.WebSessionSpecV2", "BearerToken"),
    ("types.KubernetesClusterSpecV3", "Kubeconfig"),
];

/// Removes every secret, at every depth.
pub fn blank(message: &mut DynamicMessage) {
    let name = prost_reflect::ReflectMessage::descriptor(message)
        .full_name()
        .to_owned();
    for (_, field) in SECRETS.iter().filter(|(owner, _)| *owner == name) {
        message.clear_field_by_name(field);
    }
    for (_, value) in message.fields_mut() {
        blank_value(value);
    }
}

fn blank_value(value: &mut Value) {
    match value {
        Value::Message(message) => blank(message),
        Value::List(items) => items.iter_mut().for_each(blank_value),
        Value::Map(entries) => entries.values_mut().for_each(blank_value),
        _ => {}
    }
}

/// A message of the contract without its secrets. Fields this program does not know stay.
///
/// # Errors
/// If the message is none of the contract or cannot be read back.
pub fn without<M>(message: &M) -> Result<M, prost::DecodeError>
where
    M: prost::Message + prost::Name + Default,
{
    let Some(descriptor): Option<MessageDescriptor> = descriptors().get_message_by_name(&M::full_name())
    else {
        return M::decode(message.encode_to_vec().as_slice());
    };
    let mut dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    blank(&mut dynamic);
    M::decode(prost::Message::encode_to_vec(&dynamic).as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_field_exists() {
        for (message, field) in SECRETS {
            let descriptor = descriptors().get_message_by_name(message);
            let known = descriptor.is_some_and(|descriptor| descriptor.get_field_by_name(field).is_some());
            assert!(known, "{message}.{field}");
        }
    }
}
