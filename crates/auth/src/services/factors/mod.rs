//! Second factors: the challenges clients ask for, and which authenticators there are.

use wire::pb::proto::{
    self, CreateAuthenticateChallengeRequest, CreateRegisterChallengeRequest, GetMfaDevicesRequest,
    GetMfaDevicesResponse, MfaAuthenticateChallenge, MfaRegisterChallenge, MfaRequired, TotpChallenge,
    TotpRegisterChallenge, mfa_register_challenge,
};
use wire::pb::types;

use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::totp::{self, DIGITS, PERIOD_SECONDS, Seed};
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::services::links::get::living;
use crate::state::{Change, Tries};

/// Handles `AuthService.CreateAuthenticateChallenge`. Administration needs no further proof as long as one-time codes are
/// allowed; parts of the system are no users and are told so, which clients take for "not supported".
pub async fn challenge(
    auth: &Auth,
    call: &Call,
    asked: CreateAuthenticateChallengeRequest,
) -> Answer<MfaAuthenticateChallenge> {
    // Whoever has shown a certificate guesses nothing here: a script may ask before each of a hundred changes.
    if call.caller.require_certificate().is_err() {
        auth.limits.guess(call)?;
    }
    let Some(user) = call.caller.user_name() else {
        return Err(Failure::bad_parameter("only users are asked for a second factor"));
    };
    let preference = auth.preference(call.now).await?;
    let for_administration = asked.mfa_required_check.is_some();
    let required = if for_administration && !preference.confirms_administration() {
        MfaRequired::No
    } else {
        MfaRequired::Yes
    };
    let has_codes = !auth.state.devices(user, call.now).await?.is_empty();
    Ok(MfaAuthenticateChallenge {
        totp: (has_codes && required == MfaRequired::Yes).then(TotpChallenge::default),
        mfa_required: required.into(),
        ..MfaAuthenticateChallenge::default()
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

/// Handles `AuthService.CreateRegisterChallenge` for whoever holds a link: the secret of a new authenticator app.
pub async fn register(
    auth: &Auth,
    call: &Call,
    asked: CreateRegisterChallengeRequest,
) -> Answer<MfaRegisterChallenge> {
    if asked.token_id.is_empty() {
        return Err(Failure::not_implemented(
            "authenticators are set up with a link; ask for one with `tctl users reset`",
        ));
    }
    let (user, seed) = enrol(auth, call, &asked.token_id).await?;
    Ok(MfaRegisterChallenge {
        request: Some(mfa_register_challenge::Request::Totp(TotpRegisterChallenge {
            secret: seed.base32().expose().clone(),
            issuer: auth.cluster().to_owned(),
            period_seconds: PERIOD_SECONDS,
            algorithm: "SHA1".to_owned(),
            digits: DIGITS,
            account: user,
            ..TotpRegisterChallenge::default()
        })),
    })
}

/// Makes a new secret for the holder of a link; the one shown before counts no more.
pub async fn enrol(auth: &Auth, call: &Call, token: &str) -> Answer<(String, Seed)> {
    auth.limits.guess(call)?;
    let mut tries = Tries::default();
    loop {
        let (key, mut link, revision) = living(auth, call, token).await?;
        let seed = Seed::new(&auth.chance);
        link.show_seed(&seed);
        let event = crate::audit::cluster::changed(call.actor(), "authenticator", &link.user, "enrol");
        let change = Change::new(call.now, &link.user, event).require_same(&key, Some(revision));
        let change = auth.state.put_link(change, &key, &link)?;
        match auth.state.commit(change).await {
            Ok(_) => return Ok((link.user.clone(), seed)),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// What an authenticator app reads, as a link.
pub fn link_for(auth: &Auth, user: &str, seed: &Seed) -> access::SecretText {
    // As applications show it: people have accounts of one name on several clusters.
    let account = match auth.known_proxy_address() {
        Some(proxy) => format!("{user}@{proxy}"),
        None => user.to_owned(),
    };
    totp::link(auth.cluster(), &account, seed)
}

/// Handles `AuthService.GetMFADevices`: the caller's own.
pub async fn devices(auth: &Auth, call: &Call, _: GetMfaDevicesRequest) -> Answer<GetMfaDevicesResponse> {
    let user = call.caller.require_user()?.name();
    let devices = auth.state.devices(user, call.now).await?;
    Ok(GetMfaDevicesResponse {
        devices: devices
            .into_iter()
            .map(|(_, read)| types::MfaDevice {
                kind: "mfa_device".to_owned(),
                version: "v1".to_owned(),
                metadata: Some(types::Metadata {
                    name: read.value.name.clone(),
                    namespace: "default".to_owned(),
                    ..types::Metadata::default()
                }),
                id: read.value.id.clone(),
                added_at: Some(moment::write(read.value.added)),
                last_used: Some(moment::write(read.value.used)),
                device: Some(types::mfa_device::Device::Totp(types::TotpDevice::default())),
                ..types::MfaDevice::default()
            })
            .collect(),
    })
}
