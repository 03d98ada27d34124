//! `AuthService.AddMFADeviceSync`: the second half of adding a second factor, by whoever began it.

use wire::pb::proto::{
    AddMfaDeviceSyncRequest, AddMfaDeviceSyncResponse, MfaRegisterResponse, mfa_register_response,
};
use wire::pb::webauthn::CredentialCreationResponse;

use super::register::{party, setup_id};
use super::{DEVICES_MAX, options, owner, with_weakest};
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::totp::Seed;
use crate::credentials::webauthn::{self, Attestation, ClientData, Expected, Refusal};
use crate::failure::{Answer, Failure};
use crate::names;
use crate::services::links::accept::WRONG_CODE;
use crate::state::Change;
use crate::state::challenges::{Registration, Setup, setup_key};
use crate::state::people::Device;

/// What an app is called when nobody says.
const APP_NAME: &str = "otp";
/// What an authenticator is called when nobody says.
const AUTHENTICATOR_NAME: &str = "webauthn";

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: AddMfaDeviceSyncRequest,
) -> Answer<AddMfaDeviceSyncResponse> {
    if !asked.token_id.is_empty() {
        return Err(Failure::access_denied("bad or expired token"));
    }
    let user = owner(call)?;
    let (id, device) = made(auth, call, user, asked.new_mfa_response, &asked.new_device_name).await?;
    let setup = auth.state.setup(user, &id, call.now).await?.ok_or_else(gone)?;
    let devices = auth.state.devices(user, call.now).await?;
    if devices.iter().any(|(_, read)| read.value.name == device.name) {
        return Err(Failure::already_exists(format!(
            "MFA device with name {:?} already exists",
            device.name
        )));
    }
    if devices.len() >= DEVICES_MAX {
        return Err(Failure::limit_exceeded(format!(
            "nobody has more than {DEVICES_MAX} second factors: remove one first"
        )));
    }
    let key = setup_key(user, &id);
    let told = record::device_added(call.actor(), user, &device.facts());
    let change = Change::new(call.now, user, told)
        .require_same(&key, Some(setup.revision))
        .delete(key);
    let change = auth.state.put_new_device(change, user, &device)?;
    let all = devices.iter().map(|(_, read)| &read.value).chain([&device]);
    let change = with_weakest(auth, change, user, all).await?;
    auth.state.commit(change).await.map_err(taken)?;
    Ok(AddMfaDeviceSyncResponse {
        device: Some(options::shown(&device)),
    })
}

fn gone() -> Failure {
    Failure::access_denied("this registration was not begun by you, is finished, or is too old: begin again")
}

fn taken(refused: crate::state::Refused) -> Failure {
    match refused {
        crate::state::Refused::Conflict(_) => Failure::compare_failed(
            "this authenticator is registered already, or your second factors were changed at the same moment",
        ),
        crate::state::Refused::Failed(failure) => failure,
    }
}

/// What the answer makes, and under what it was waited for.
async fn made(
    auth: &Auth,
    call: &Call,
    user: &str,
    response: Option<MfaRegisterResponse>,
    name: &str,
) -> Answer<(String, Device)> {
    match response.and_then(|response| response.response) {
        Some(mfa_register_response::Response::Totp(totp)) => {
            let setup = auth
                .state
                .setup(user, &totp.id, call.now)
                .await?
                .ok_or_else(gone)?;
            let Setup::App(seed) = &setup.value else {
                return Err(gone());
            };
            let seed = Seed::from_base32(seed).ok_or_else(gone)?;
            auth.limits.guess(call)?;
            let device = app(auth, call, &seed, &totp.code, name)?;
            Ok((totp.id, device))
        }
        Some(mfa_register_response::Response::Webauthn(answer)) => {
            let challenge = challenge_of(&answer)?;
            let id = setup_id(&challenge);
            let setup = auth.state.setup(user, &id, call.now).await?.ok_or_else(gone)?;
            let Setup::Authenticator(registration) = &setup.value else {
                return Err(gone());
            };
            let device = authenticator(auth, call, registration, &answer, name).await?;
            Ok((id, device))
        }
        None => Err(Failure::bad_parameter("missing the answer of the new device")),
    }
}

/// An app that has just shown its first code.
pub fn app(auth: &Auth, call: &Call, seed: &Seed, code: &str, name: &str) -> Answer<Device> {
    let name = if name.is_empty() { APP_NAME } else { name };
    names::check_device(name)?;
    let step = seed
        .check(code, None, call.now)
        .ok_or_else(|| Failure::access_denied(WRONG_CODE))?;
    Ok(Device::app(name, auth.chance.uuid(), seed, step, call.now))
}

/// An authenticator that has just made a credential.
pub async fn authenticator(
    auth: &Auth,
    call: &Call,
    registration: &Registration,
    answer: &CredentialCreationResponse,
    name: &str,
) -> Answer<Device> {
    let name = if name.is_empty() { AUTHENTICATOR_NAME } else { name };
    names::check_device(name)?;
    let party = party(auth, call).await?;
    let challenge = registration.challenge(call.now).ok_or_else(gone)?;
    if party.id != registration.rp_id {
        return Err(gone());
    }
    let response = answer
        .response
        .as_ref()
        .ok_or_else(|| refused(&Refusal::Malformed("answer")))?;
    let expected = Expected {
        party: &party,
        challenge: &challenge,
        verified: registration.passwordless,
    };
    let attestation = Attestation {
        id: &answer.raw_id,
        client_data: &response.client_data_json,
        object: &response.attestation_object,
        resident: registration.passwordless,
    };
    let credential = webauthn::register(&expected, &attestation).map_err(|why| refused(&why))?;
    Ok(Device::authenticator(
        name,
        auth.chance.uuid(),
        credential,
        call.now,
    ))
}

/// The challenge that an answer says it is to.
fn challenge_of(answer: &CredentialCreationResponse) -> Answer<Vec<u8>> {
    let data = answer
        .response
        .as_ref()
        .map(|response| &response.client_data_json);
    ClientData::read(data.map_or(&[][..], |data| data))
        .and_then(|data| data.challenge())
        .map_err(|why| refused(&why))
}

/// Whoever registers something of their own may know what is wrong with it.
fn refused(why: &Refusal) -> Failure {
    Failure::access_denied(format!("the authenticator was not registered: {why}"))
}
