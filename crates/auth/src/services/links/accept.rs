//! `AuthService.ChangeUserAuthentication`: whoever holds the link chooses a password and sets up an
//! authenticator. The link is spent in the same commit.

use access::SecretBytes;
use wire::pb::proto::{
    ChangeUserAuthenticationRequest, ChangeUserAuthenticationResponse, MfaRegisterResponse, RecoveryCodes,
    mfa_register_response,
};
use wire::pb::types;

use super::get::living;
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::password;
use crate::failure::{Answer, Failure};
use crate::services::factors::{self, add};
use crate::services::signin::Proof;
use crate::services::users::no_such_user;
use crate::state::Change;
use crate::state::people::{Device, Link, Password, keys, without_device};
use crate::state::resource::Resource as _;

/// What the link's holder is told of a wrong code.
pub const WRONG_CODE: &str = "invalid one time token, please check if the token has expired and try again";

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: ChangeUserAuthenticationRequest,
) -> Answer<ChangeUserAuthenticationResponse> {
    auth.limits.credentials(call)?;
    let password = SecretBytes::new(request.new_password.to_vec());
    let (user, proof) = accept(
        auth,
        call,
        &request.token_id,
        password,
        request.new_mfa_register_response,
        &request.new_device_name,
    )
    .await?;
    let session = crate::services::session::open(auth, call, &user, &request.login_ip, &proof).await?;
    Ok(ChangeUserAuthenticationResponse {
        web_session: Some(session),
        recovery: Some(RecoveryCodes::default()),
        private_key_policy_enabled: false,
    })
}

/// Spends the link; gives back whose it was, and what whoever held it has proven.
pub async fn accept(
    auth: &Auth,
    call: &Call,
    token: &str,
    password: SecretBytes,
    factor: Option<MfaRegisterResponse>,
    device_name: &str,
) -> Answer<(String, Proof)> {
    let now = call.now;
    let preference = auth.preference(now).await?;
    if !preference.allows_local() {
        return Err(Failure::access_denied("local authentication is disabled"));
    }
    let (key, link, link_revision) = living(auth, call, token).await?;
    let name = link.user.clone();
    password::check_rules(&password)?;
    let device = match factor.and_then(|factor| factor.response) {
        Some(mfa_register_response::Response::Totp(totp)) => {
            Some(new_app(auth, call, &link, &totp.code, device_name)?)
        }
        Some(mfa_register_response::Response::Webauthn(answer)) => {
            let registration = link
                .registration()
                .ok_or_else(|| Failure::bad_parameter("ask for a challenge for the authenticator first"))?;
            Some(add::authenticator(auth, call, registration, &answer, device_name).await?)
        }
        None if preference.demands_second_factor() => {
            return Err(Failure::bad_parameter(
                "a second factor is required: set up an authenticator app or an authenticator",
            ));
        }
        None => None,
    };
    let stored = auth
        .state
        .find::<types::UserV2>(&name, now)
        .await?
        .ok_or_else(|| no_such_user(&name))?;
    let hash = auth.passwords.hash(password, &auth.chance).await?;
    let actor = call.actor().acting_for(&name);
    let told = match &device {
        Some(device) => record::device_added(&actor, &name, &device.facts()),
        None => record::password_changed(&actor, &name),
    };
    let mut user = stored.resource.clone();
    user.status = Some(types::UserStatusV2 {
        password_state: types::PasswordState::Set.into(),
        mfa_weakest_device: factors::weakest(device.iter()).into(),
    });
    let mut change = Change::new(now, &name, told)
        .require_same(&key, Some(link_revision))
        .require_same(&types::UserV2::key(&name), Some(stored.revision))
        .put_resource(&user)
        .delete(key.clone());
    for other in auth.state.links_of(&name, now).await? {
        if other != key {
            change = change.delete(other);
        }
    }
    for (old, read) in auth.state.devices(&name, now).await? {
        change = without_device(change, old, &read.value)
            .telling(&name, record::device_deleted(&actor, &name, &read.value.facts()));
    }
    let password = Password {
        hash: hash.expose().clone(),
        since: now,
    };
    change = auth.state.put_password(change, &name, &password)?;
    if let Some(device) = &device {
        change = auth.state.put_new_device(change, &name, device)?;
    }
    debug_assert_eq!(keys::password(&name).name(), name);
    // Somebody else spent it, or changed the user, in this moment: the link, if it lives, can be tried again.
    let committed = auth.state.commit(change).await.map_err(|refused| match refused {
        crate::state::Refused::Conflict(_) => Failure::compare_failed(
            "the link was used or the user was changed at the same moment; open the link again",
        ),
        crate::state::Refused::Failed(failure) => failure,
    })?;
    Ok((name, Proof::by_link(committed.revision)))
}

fn new_app(auth: &Auth, call: &Call, link: &Link, code: &str, name: &str) -> Answer<Device> {
    let seed = link
        .seed()
        .ok_or_else(|| Failure::bad_parameter("ask for an authenticator secret first"))?;
    add::app(auth, call, &seed, code, name)
}
