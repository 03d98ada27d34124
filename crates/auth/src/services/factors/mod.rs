//! Second factors: the challenges clients ask for, which factors somebody has, adding one, removing one.
//!
//! Whoever adds or removes one has shown another one for it just before, or holds a link; a certificate or a session
//! alone, which may be stolen, is not enough.

pub mod add;
pub mod confirm;
pub mod delete;
mod options;
pub mod register;

use wire::pb::proto::{
    self, CreateAuthenticateChallengeRequest, GetMfaDevicesRequest, GetMfaDevicesResponse,
    MfaAuthenticateChallenge, MfaRequired, TotpChallenge, create_authenticate_challenge_request,
};
use wire::pb::teleport::mfa::v1::{ChallengeExtensions, ChallengeScope};
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::factors::confirm::About;
use crate::services::requests::votes;
use crate::state::Change;
use crate::state::challenges::Purpose;
use crate::state::people::Device;
use crate::state::resource::Resource as _;
pub use register::{enrol, link_for};

/// The most second factors one person has.
pub const DEVICES_MAX: usize = 16;

/// Handles `AuthService.CreateAuthenticateChallenge`. Administration needs no further proof as long as one-time codes are
/// allowed; parts of the system are no users and are told so, which clients take for "not supported".
pub async fn challenge(
    auth: &Auth,
    call: &Call,
    asked: CreateAuthenticateChallengeRequest,
) -> Answer<MfaAuthenticateChallenge> {
    use create_authenticate_challenge_request::Request;
    // Whoever has shown a certificate guesses nothing here: a script may ask before each of a hundred changes.
    if call.caller.require_certificate().is_err() {
        auth.limits.guess(call)?;
    }
    if !matches!(asked.request, None | Some(Request::ContextUser(_))) && call.caller.user().is_some() {
        return Err(Failure::bad_parameter(
            "somebody signed in is asked for their own second factor",
        ));
    }
    let Some(user) = call.caller.user_name() else {
        return Err(Failure::bad_parameter("only users are asked for a second factor"));
    };
    let preference = auth.preference(call.now).await?;
    if asked.mfa_required_check.is_some()
        && !preference.confirms_administration()
        && !votes::asks_caller(auth, call)
    {
        return Ok(MfaAuthenticateChallenge {
            mfa_required: MfaRequired::No.into(),
            ..MfaAuthenticateChallenge::default()
        });
    }
    let devices = auth.state.devices(user, call.now).await?;
    let extensions = asked.challenge_extensions.unwrap_or_default();
    let webauthn = match purpose(&extensions)? {
        None => None,
        Some(purpose) => {
            let about = About {
                verified: extensions.user_verification_requirement == "required",
                ..About::default()
            };
            match confirm::ask(auth, call, user, &devices, purpose, about).await? {
                None => None,
                Some(asked) => {
                    auth.state.commit(asked.change).await?;
                    Some(asked.options)
                }
            }
        }
    };
    let has_app = devices.iter().any(|(_, read)| read.value.is_app());
    Ok(MfaAuthenticateChallenge {
        totp: (has_app && preference.allows_codes()).then(TotpChallenge::default),
        webauthn_challenge: webauthn,
        mfa_required: MfaRequired::Yes.into(),
        ..MfaAuthenticateChallenge::default()
    })
}

/// What a client wants the answer for; `None` if it does not say, and then there is nothing an authenticator could sign.
fn purpose(extensions: &ChallengeExtensions) -> Answer<Option<Purpose>> {
    Ok(match extensions.scope() {
        ChallengeScope::Unspecified => None,
        ChallengeScope::ManageDevices => Some(Purpose::Devices),
        ChallengeScope::AdminAction => Some(Purpose::Administration),
        ChallengeScope::UserSession => Some(Purpose::Session),
        ChallengeScope::ChangePassword => Some(Purpose::Password),
        ChallengeScope::Login
        | ChallengeScope::PasswordlessLogin
        | ChallengeScope::HeadlessLogin
        | ChallengeScope::AccountRecovery => {
            return Err(Failure::bad_parameter(format!(
                "{} is no purpose for somebody who is signed in",
                extensions.scope().as_str_name()
            )));
        }
    })
}

/// Handles `AuthService.IsMFARequired`.
pub async fn is_required(
    auth: &Auth,
    call: &Call,
    _: proto::IsMfaRequiredRequest,
) -> Answer<proto::IsMfaRequiredResponse> {
    call.caller.require_certificate()?;
    let required = auth.preference(call.now).await?.confirms_administration();
    let answer = if required {
        MfaRequired::Yes
    } else {
        MfaRequired::No
    };
    Ok(proto::IsMfaRequiredResponse {
        required,
        mfa_required: answer.into(),
    })
}

/// Handles `AuthService.GetMFADevices`: the caller's own.
pub async fn devices(auth: &Auth, call: &Call, _: GetMfaDevicesRequest) -> Answer<GetMfaDevicesResponse> {
    let user = call.caller.require_user()?.name();
    let devices = auth.state.devices(user, call.now).await?;
    Ok(GetMfaDevicesResponse {
        devices: devices
            .iter()
            .map(|(_, read)| options::shown(&read.value))
            .collect(),
    })
}

/// Somebody who changes their own second factors: a person, as whom nobody else acts.
fn owner(call: &Call) -> Answer<&str> {
    let user = call.caller.require_user()?;
    if user.is_impersonated() || user.is_bot() {
        return Err(Failure::access_denied(
            "only people change their own second factors",
        ));
    }
    Ok(user.name())
}

/// Says in the user's resource what the weakest of `devices` is, in the same change.
async fn with_weakest<'d>(
    auth: &Auth,
    change: Change,
    name: &str,
    devices: impl Iterator<Item = &'d Device>,
) -> Answer<Change> {
    let stored = auth
        .state
        .find::<types::UserV2>(name, change.now())
        .await?
        .ok_or_else(|| crate::services::users::no_such_user(name))?;
    let mut user = stored.resource;
    let status = types::UserStatusV2 {
        password_state: user.status.as_ref().map_or(0, |status| status.password_state),
        mfa_weakest_device: weakest(devices).into(),
    };
    user.status = Some(status);
    Ok(change
        .require_same(&types::UserV2::key(name), Some(stored.revision))
        .put_resource(&user))
}

/// The kind of the weakest second factor.
pub fn weakest<'d>(devices: impl Iterator<Item = &'d Device>) -> types::MfaDeviceKind {
    devices.fold(types::MfaDeviceKind::Unset, |weakest, device| {
        match (weakest, device.is_app()) {
            (_, true) | (types::MfaDeviceKind::Totp, _) => types::MfaDeviceKind::Totp,
            _ => types::MfaDeviceKind::Webauthn,
        }
    })
}
