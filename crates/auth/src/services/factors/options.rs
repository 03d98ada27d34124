//! What browsers and other people's tools are told to ask an authenticator.

use wire::pb::types::MfaDevice;
use wire::pb::types::{self, mfa_device};
use wire::pb::webauthn;

use crate::credentials::webauthn::{ALGORITHMS, RelyingParty};
use crate::moment;
use crate::state::challenges::LIFETIME;
use crate::state::people::{Device, DeviceFactor, ReadDevice};

/// The one type of credentials there is.
const PUBLIC_KEY: &str = "public-key";

/// Asks one of the authenticators among `devices` that were made for `party`; any, if there is no name yet.
pub fn assertion(
    party: &RelyingParty,
    challenge: &[u8],
    devices: &[ReadDevice],
    verified: bool,
) -> webauthn::CredentialAssertion {
    webauthn::CredentialAssertion {
        public_key: Some(webauthn::PublicKeyCredentialRequestOptions {
            challenge: challenge.to_vec().into(),
            timeout_ms: timeout(),
            rp_id: party.id.clone(),
            allow_credentials: devices
                .iter()
                .filter_map(|(_, read)| read.value.credential())
                .filter(|credential| credential.rp_id == party.id)
                .map(|credential| descriptor(&credential.id))
                .collect(),
            extensions: None,
            user_verification: if verified { "required" } else { "discouraged" }.to_owned(),
        }),
    }
}

/// Asks an authenticator for a new credential of `user`, unless it is one of `devices` already.
pub fn creation(
    party: &RelyingParty,
    challenge: &[u8],
    user: &str,
    account: &[u8],
    devices: &[ReadDevice],
    passwordless: bool,
    cluster: &str,
) -> webauthn::CredentialCreation {
    webauthn::CredentialCreation {
        public_key: Some(webauthn::PublicKeyCredentialCreationOptions {
            challenge: challenge.to_vec().into(),
            rp: Some(webauthn::RelyingPartyEntity {
                id: party.id.clone(),
                name: cluster.to_owned(),
            }),
            user: Some(webauthn::UserEntity {
                id: account.to_vec().into(),
                name: user.to_owned(),
                display_name: user.to_owned(),
            }),
            credential_parameters: ALGORITHMS
                .iter()
                .map(|alg| webauthn::CredentialParameter {
                    r#type: PUBLIC_KEY.to_owned(),
                    alg: *alg,
                })
                .collect(),
            timeout_ms: timeout(),
            exclude_credentials: devices
                .iter()
                .filter_map(|(_, read)| read.value.credential())
                .map(|credential| descriptor(&credential.id))
                .collect(),
            // Who made an authenticator is nobody's business here.
            attestation: "none".to_owned(),
            extensions: Some(webauthn::AuthenticationExtensionsClientInputs {
                cred_props: true,
                ..webauthn::AuthenticationExtensionsClientInputs::default()
            }),
            authenticator_selection: Some(webauthn::AuthenticatorSelection {
                authenticator_attachment: String::new(),
                require_resident_key: passwordless,
                user_verification: if passwordless { "required" } else { "discouraged" }.to_owned(),
            }),
        }),
    }
}

fn timeout() -> i64 {
    i64::try_from(LIFETIME.as_millis()).unwrap_or(i64::MAX)
}

fn descriptor(id: &[u8]) -> webauthn::CredentialDescriptor {
    webauthn::CredentialDescriptor {
        r#type: PUBLIC_KEY.to_owned(),
        id: id.to_vec().into(),
    }
}

/// A second factor as its owner sees it: no seed.
pub fn shown(device: &Device) -> MfaDevice {
    MfaDevice {
        kind: "mfa_device".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(types::Metadata {
            name: device.name.clone(),
            namespace: "default".to_owned(),
            ..types::Metadata::default()
        }),
        id: device.id.clone(),
        added_at: Some(moment::write(device.added)),
        last_used: Some(moment::write(device.used)),
        device: Some(match &device.factor {
            DeviceFactor::App(_) => mfa_device::Device::Totp(types::TotpDevice::default()),
            DeviceFactor::Authenticator(credential) => mfa_device::Device::Webauthn(types::WebauthnDevice {
                credential_id: credential.id.clone().into(),
                public_key_cbor: credential.public_key.clone().into(),
                attestation_type: "none".to_owned(),
                aaguid: credential.aaguid.clone().into(),
                signature_counter: credential.counter,
                resident_key: credential.resident,
                credential_rp_id: credential.rp_id.clone(),
                credential_backup_eligible: Some(credential.backup_eligible),
                credential_backed_up: Some(credential.backed_up),
                ..types::WebauthnDevice::default()
            }),
        }),
        ..MfaDevice::default()
    }
}
