//! An answer of a second factor beside a repeated call: base 64 of its protobuf-JSON form, under
//! [`crate::metadata::MFA_RESPONSE`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::text;
use crate::pb::proto::{MfaAuthenticateResponse, TotpResponse, mfa_authenticate_response::Response};
use crate::pb::webauthn::{AuthenticatorAssertionResponse, CredentialAssertionResponse};

/// The longest header that is read, in bytes.
const BYTES_MAX: usize = 32 * 1024;

/// Reads a header. `None` if it is no such answer.
pub fn read(header: &str) -> Option<MfaAuthenticateResponse> {
    if header.len() > BYTES_MAX {
        return None;
    }
    let json: Value = serde_json::from_slice(&STANDARD.decode(header.trim()).ok()?).ok()?;
    let response = if let Some(totp) = field(&json, "totp") {
        Response::Totp(TotpResponse {
            code: field(totp, "code")?.as_str()?.to_owned(),
        })
    } else {
        let answer = field(&json, "webauthn")?;
        let bytes = |of: &Value, name: &str| match field(of, name) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(value) => text::read(value.as_str()?),
        };
        let inner = field(answer, "response")?;
        Response::Webauthn(CredentialAssertionResponse {
            r#type: field(answer, "type")?.as_str()?.to_owned(),
            raw_id: bytes(answer, "rawid")?.into(),
            response: Some(AuthenticatorAssertionResponse {
                client_data_json: bytes(inner, "clientdatajson")?.into(),
                authenticator_data: bytes(inner, "authenticatordata")?.into(),
                signature: bytes(inner, "signature")?.into(),
                user_handle: bytes(inner, "userhandle")?.into(),
            }),
            extensions: None,
        })
    };
    Some(MfaAuthenticateResponse {
        response: Some(response),
    })
}

/// Writes a header. `None` for what has no such form.
pub fn write(answer: &MfaAuthenticateResponse) -> Option<String> {
    let json = match answer.response.as_ref()? {
        Response::Totp(totp) => json!({"TOTP": {"Code": totp.code}}),
        Response::Webauthn(answer) => {
            let response = answer.response.as_ref()?;
            json!({"Webauthn": {
                "type": answer.r#type,
                "rawId": text::write(&answer.raw_id),
                "response": {
                    "clientDataJson": text::write(&response.client_data_json),
                    "authenticatorData": text::write(&response.authenticator_data),
                    "signature": text::write(&response.signature),
                    "userHandle": text::write(&response.user_handle),
                },
            }})
        }
        Response::Sso(_) => return None,
    };
    Some(STANDARD.encode(json.to_string()))
}

/// A field by its name in any of protobuf's spellings: `rawId`, `raw_id`, `RawID`.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let plain = |key: &str| key.replace('_', "").to_ascii_lowercase();
    value
        .as_object()?
        .iter()
        .find(|(key, _)| plain(key) == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_went() {
        for response in [
            Response::Totp(TotpResponse {
                code: "123456".to_owned(),
            }),
            Response::Webauthn(CredentialAssertionResponse {
                r#type: "public-key".to_owned(),
                raw_id: vec![0, 251, 255].into(),
                response: Some(AuthenticatorAssertionResponse {
                    client_data_json: b"{}".to_vec().into(),
                    authenticator_data: vec![1; 40].into(),
                    signature: vec![2; 70].into(),
                    user_handle: Vec::new().into(),
                }),
                extensions: None,
            }),
        ] {
            let answer = MfaAuthenticateResponse {
                response: Some(response),
            };
            assert_eq!(read(&write(&answer).unwrap()), Some(answer));
        }
    }

    #[test]
    fn both_spellings_of_protobuf_are_read() {
        for json in [
            r#"{"Webauthn":{"type":"public-key","rawId":"AAE=","response":{"clientDataJson":"e30="}}}"#,
            r#"{"webauthn":{"type":"public-key","raw_id":"AAE","response":{"client_data_json":"e30"}}}"#,
        ] {
            let answer = read(&STANDARD.encode(json)).unwrap();
            let Some(Response::Webauthn(answer)) = answer.response else {
                panic!("an authenticator's answer");
            };
            assert_eq!(answer.raw_id.to_vec(), [0, 1]);
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for header in ["", "{}", "!!", "e30=", "bnVsbA=="] {
            assert_eq!(read(header), None, "{header}");
        }
        assert_eq!(read(&"A".repeat(BYTES_MAX + 4)), None);
    }
}
