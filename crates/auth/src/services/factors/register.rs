//! `AuthService.CreateRegisterChallenge`: the first half of adding a second factor.
//!
//! What was made here waits in the store: with the link for whoever holds one, for five minutes for whoever is signed in
//! and has shown another factor.

use wire::pb::proto::{
    CreateRegisterChallengeRequest, DeviceType, DeviceUsage, MfaRegisterChallenge, TotpRegisterChallenge,
    mfa_register_challenge,
};
use wire::pb::webauthn;

use super::confirm::{self, Confirmed};
use super::{DEVICES_MAX, options, owner};
use crate::audit::login;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::totp::{self, DIGITS, PERIOD_SECONDS, Seed};
use crate::credentials::webauthn::{CHALLENGE_BYTES, RelyingParty};
use crate::failure::{Answer, Failure};
use crate::ids::hex;
use crate::services::links::get::living;
use crate::state::challenges::{Purpose, Registration, Setup};
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    asked: CreateRegisterChallengeRequest,
) -> Answer<MfaRegisterChallenge> {
    let kind = asked.device_type();
    let passwordless = asked.device_usage() == DeviceUsage::Passwordless;
    let request = match (asked.token_id.is_empty(), kind) {
        // Older clients of links say nothing and mean an app.
        (false, DeviceType::Totp | DeviceType::Unspecified) => {
            let (user, seed) = enrol(auth, call, &asked.token_id).await?;
            app(auth, user, &seed, String::new())
        }
        (false, DeviceType::Webauthn) => {
            let (_, options) = begin_by_link(auth, call, &asked.token_id, passwordless).await?;
            mfa_register_challenge::Request::Webauthn(options)
        }
        (true, _) => {
            let user = owner(call)?;
            let confirmed =
                confirm::shown(auth, call, user, asked.existing_mfa_response, Purpose::Devices).await?;
            match kind {
                DeviceType::Totp => begin_app(auth, call, user, &confirmed).await?,
                DeviceType::Webauthn => {
                    let options = begin_authenticator(auth, call, user, &confirmed, passwordless).await?;
                    mfa_register_challenge::Request::Webauthn(options)
                }
                DeviceType::Unspecified => {
                    return Err(Failure::bad_parameter("say which kind of device is to be added"));
                }
            }
        }
    };
    Ok(MfaRegisterChallenge {
        request: Some(request),
    })
}

/// Makes a new secret for the holder of a link; the one shown before counts no more.
pub async fn enrol(auth: &Auth, call: &Call, token: &str) -> Answer<(String, Seed)> {
    auth.limits.guess(call)?;
    if !auth.preference(call.now).await?.allows_codes() {
        return Err(Failure::bad_parameter(
            "one-time codes are no second factor of this cluster; use an authenticator",
        ));
    }
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

/// Makes a challenge for an authenticator of the holder of a link; the one before counts no more.
pub async fn begin_by_link(
    auth: &Auth,
    call: &Call,
    token: &str,
    passwordless: bool,
) -> Answer<(String, webauthn::CredentialCreation)> {
    auth.limits.guess(call)?;
    let party = party(auth, call).await?;
    let mut tries = Tries::default();
    loop {
        let (key, mut link, revision) = living(auth, call, token).await?;
        let bytes = auth.chance.bytes::<CHALLENGE_BYTES>();
        link.begin_registration(Registration::new(&bytes, &party.id, passwordless, call.now));
        let event = crate::audit::cluster::changed(call.actor(), "authenticator", &link.user, "enrol");
        let change = Change::new(call.now, &link.user, event).require_same(&key, Some(revision));
        let change = auth.state.put_link(change, &key, &link)?;
        match auth.state.commit(change).await {
            Ok(_) => {
                let (user, account) = (link.user.as_str(), link.subject.as_bytes());
                let cluster = auth.cluster();
                let options = options::creation(&party, &bytes, user, account, &[], passwordless, cluster);
                return Ok((link.user.clone(), options));
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// For whom authenticators make credentials, or why they make none.
pub async fn party(auth: &Auth, call: &Call) -> Answer<RelyingParty> {
    let preference = auth.preference(call.now).await?;
    if !preference.allows_authenticators() {
        return Err(Failure::bad_parameter(
            "authenticators are no second factor of this cluster; use a one-time code",
        ));
    }
    auth.relying_party(&preference).ok_or_else(|| {
        Failure::bad_parameter(
            "authenticators need a host name to sign for: set `webauthn.rp_id` in cluster_auth_preference, or \
             `proxy_service.public_addr` to a name that is no IP address",
        )
    })
}

async fn begin_app(
    auth: &Auth,
    call: &Call,
    user: &str,
    confirmed: &Confirmed,
) -> Answer<mfa_register_challenge::Request> {
    if !auth.preference(call.now).await?.allows_codes() {
        return Err(Failure::bad_parameter(
            "one-time codes are no second factor of this cluster; use an authenticator",
        ));
    }
    let seed = Seed::new(&auth.chance);
    let id = auth.chance.uuid();
    begin(auth, call, user, confirmed, &id, &Setup::app(&seed)).await?;
    Ok(app(auth, user.to_owned(), &seed, id))
}

async fn begin_authenticator(
    auth: &Auth,
    call: &Call,
    user: &str,
    confirmed: &Confirmed,
    passwordless: bool,
) -> Answer<webauthn::CredentialCreation> {
    let party = party(auth, call).await?;
    let subject = auth
        .state
        .subject(user, call.now)
        .await?
        .ok_or_else(crate::failure::denied)?;
    let devices = auth.state.devices(user, call.now).await?;
    let bytes = auth.chance.bytes::<CHALLENGE_BYTES>();
    let setup = Setup::Authenticator(Registration::new(&bytes, &party.id, passwordless, call.now));
    begin(auth, call, user, confirmed, &setup_id(&bytes), &setup).await?;
    let account = subject.value.id.as_bytes();
    let cluster = auth.cluster();
    Ok(options::creation(
        &party,
        &bytes,
        user,
        account,
        &devices,
        passwordless,
        cluster,
    ))
}

/// Under what a registration waits: found again by the challenge that comes back.
pub(super) fn setup_id(challenge: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(challenge))
}

/// Spends the proof and lets the new factor wait.
async fn begin(
    auth: &Auth,
    call: &Call,
    user: &str,
    confirmed: &Confirmed,
    id: &str,
    setup: &Setup,
) -> Answer<()> {
    if auth.state.devices(user, call.now).await?.len() >= DEVICES_MAX {
        return Err(Failure::limit_exceeded(format!(
            "nobody has more than {DEVICES_MAX} second factors: remove one first"
        )));
    }
    let told = login::validated(
        call.actor(),
        user,
        Purpose::Devices.name(),
        Some(&confirmed.facts()),
        None,
    );
    let change = confirmed.spend(&auth.state, Change::new(call.now, user, told))?;
    let change = auth.state.put_setup(change, user, id, setup)?;
    auth.state.commit(change).await?;
    Ok(())
}

fn app(auth: &Auth, user: String, seed: &Seed, id: String) -> mfa_register_challenge::Request {
    mfa_register_challenge::Request::Totp(TotpRegisterChallenge {
        secret: seed.base32().expose().clone(),
        issuer: auth.cluster().to_owned(),
        period_seconds: PERIOD_SECONDS,
        algorithm: "SHA1".to_owned(),
        digits: DIGITS,
        // As applications show it: people have accounts of one name on several clusters.
        account: account(auth, &user),
        id,
        ..TotpRegisterChallenge::default()
    })
}

/// What an authenticator app reads, as a link.
pub fn link_for(auth: &Auth, user: &str, seed: &Seed) -> access::SecretText {
    totp::link(auth.cluster(), &account(auth, user), seed)
}

fn account(auth: &Auth, user: &str) -> String {
    match auth.known_proxy_address() {
        Some(proxy) => format!("{user}@{proxy}"),
        None => user.to_owned(),
    }
}
