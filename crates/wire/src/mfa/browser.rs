//! What browsers are asked and answer, as JSON: the forms of `navigator.credentials`, bytes in base64.

use serde_json::{Value, json};

use super::text;
use crate::pb::webauthn::{
    AuthenticationExtensionsClientOutputs, AuthenticatorAssertionResponse, AuthenticatorAttestationResponse,
    CredentialAssertion, CredentialAssertionResponse, CredentialCreation, CredentialCreationResponse,
    CredentialDescriptor, CredentialPropertiesOutput,
};

/// A question to an authenticator; `null` if it asks nothing.
pub fn assertion(asked: &CredentialAssertion) -> Value {
    let Some(options) = &asked.public_key else {
        return Value::Null;
    };
    let mut json = json!({
        "challenge": text::write(&options.challenge),
        "timeout": options.timeout_ms,
        "rpId": options.rp_id,
        "userVerification": options.user_verification,
    });
    if !options.allow_credentials.is_empty() {
        json["allowCredentials"] = descriptors(&options.allow_credentials);
    }
    json!({ "publicKey": json })
}

/// The wish for a new credential; `null` if there is none.
pub fn creation(asked: &CredentialCreation) -> Value {
    let Some(options) = &asked.public_key else {
        return Value::Null;
    };
    let party = options.rp.clone().unwrap_or_default();
    let user = options.user.clone().unwrap_or_default();
    let selection = options.authenticator_selection.clone().unwrap_or_default();
    let resident = selection.require_resident_key;
    let mut json = json!({
        "challenge": text::write(&options.challenge),
        "rp": {"id": party.id, "name": party.name},
        "user": {
            "id": text::write(&user.id),
            "name": user.name,
            "displayName": user.display_name,
        },
        "pubKeyCredParams": options
            .credential_parameters
            .iter()
            .map(|kind| json!({"type": kind.r#type, "alg": kind.alg}))
            .collect::<Vec<_>>(),
        "timeout": options.timeout_ms,
        "attestation": options.attestation,
        "authenticatorSelection": {
            "requireResidentKey": resident,
            "residentKey": if resident { "required" } else { "discouraged" },
            "userVerification": selection.user_verification,
        },
        "extensions": {"credProps": true},
    });
    if !options.exclude_credentials.is_empty() {
        json["excludeCredentials"] = descriptors(&options.exclude_credentials);
    }
    json!({ "publicKey": json })
}

fn descriptors(credentials: &[CredentialDescriptor]) -> Value {
    credentials
        .iter()
        .map(|credential| json!({"type": credential.r#type, "id": text::write(&credential.id)}))
        .collect()
}

/// An authenticator's answer to a question. `None` if it is none.
pub fn assertion_answer(json: &Value) -> Option<CredentialAssertionResponse> {
    let response = json.get("response")?;
    Some(CredentialAssertionResponse {
        r#type: kind(json)?,
        raw_id: bytes(json, "rawId")?.into(),
        response: Some(AuthenticatorAssertionResponse {
            client_data_json: bytes(response, "clientDataJSON")?.into(),
            authenticator_data: bytes(response, "authenticatorData")?.into(),
            signature: bytes(response, "signature")?.into(),
            user_handle: match response.get("userHandle") {
                None | Some(Value::Null) => Vec::new().into(),
                Some(_) => bytes(response, "userHandle")?.into(),
            },
        }),
        extensions: None,
    })
}

/// An authenticator's new credential. `None` if it is none.
pub fn creation_answer(json: &Value) -> Option<CredentialCreationResponse> {
    let response = json.get("response")?;
    let resident = json.pointer("/extensions/credProps/rk").and_then(Value::as_bool);
    Some(CredentialCreationResponse {
        r#type: kind(json)?,
        raw_id: bytes(json, "rawId")?.into(),
        response: Some(AuthenticatorAttestationResponse {
            client_data_json: bytes(response, "clientDataJSON")?.into(),
            attestation_object: bytes(response, "attestationObject")?.into(),
        }),
        extensions: resident.map(|rk| AuthenticationExtensionsClientOutputs {
            app_id: false,
            cred_props: Some(CredentialPropertiesOutput { rk }),
        }),
    })
}

fn kind(json: &Value) -> Option<String> {
    let kind = json.get("type")?.as_str()?;
    (kind == "public-key").then(|| kind.to_owned())
}

fn bytes(of: &Value, name: &str) -> Option<Vec<u8>> {
    text::read(of.get(name)?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::webauthn::PublicKeyCredentialRequestOptions;

    #[test]
    fn a_question_has_the_form_browsers_and_programs_know() {
        let asked = CredentialAssertion {
            public_key: Some(PublicKeyCredentialRequestOptions {
                challenge: vec![251, 255].into(),
                timeout_ms: 300_000,
                rp_id: "example.com".to_owned(),
                allow_credentials: vec![CredentialDescriptor {
                    r#type: "public-key".to_owned(),
                    id: vec![1].into(),
                }],
                extensions: None,
                user_verification: "discouraged".to_owned(),
            }),
        };
        assert_eq!(
            assertion(&asked).to_string(),
            r#"{"publicKey":{"challenge":"+/8=","timeout":300000,"rpId":"example.com","userVerification":"discouraged","allowCredentials":[{"type":"public-key","id":"AQ=="}]}}"#
        );
        assert_eq!(assertion(&CredentialAssertion::default()), Value::Null);
    }

    #[test]
    fn answers_are_read_in_either_base64_and_nothing_else_is() {
        let answer = |id: &str, kind: &str| {
            json!({
                "id": "x", "rawId": id, "type": kind,
                "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AQ", "userHandle": null},
            })
        };
        for id in ["-_8", "+/8=", "+/8", "-_8="] {
            let read = assertion_answer(&answer(id, "public-key")).unwrap();
            assert_eq!(read.raw_id.to_vec(), [251, 255], "{id}");
        }
        assert_eq!(assertion_answer(&answer("!", "public-key")), None);
        assert_eq!(assertion_answer(&answer("AA", "password")), None);
        assert_eq!(assertion_answer(&json!({})), None);
        assert_eq!(creation_answer(&json!([])), None);
    }
}
