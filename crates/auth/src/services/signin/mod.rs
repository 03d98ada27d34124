//! `SignInService`: signing in and accepting invites, for our own proxies alone.
//!
//! Known and unknown names cost the same work, lock alike and read alike.

pub mod door;
pub mod invites;
mod prove;

use std::time::Duration;

use access::issue::{self, Wish};
use wire::pb::countersign::v1 as ours;

use crate::audit::login;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::services::access_lists::tell_skipped;
use crate::services::certificates::{Wanted, refused, sign_proven_along, subject};
use crate::services::factors::confirm::{self, About};
use crate::services::requests::person;
use crate::services::session;
use crate::state::Change;
use crate::state::challenges::Purpose;
pub use prove::{Factor, INVALID, INVALID_CODE, Proof, changed_meanwhile, confirm_code, prove};

/// Handles `Begin`: the password is judged before the second factor is asked for.
pub async fn begin(auth: &Auth, call: &Call, asked: ours::BeginRequest) -> Answer<ours::BeginResponse> {
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    if asked.passwordless {
        return begin_passwordless(auth, call).await;
    }
    let password = access::SecretBytes::new(asked.password.to_vec());
    let proof = prove::password(auth, call, &asked.user, password).await?;
    let user = asked.user.as_str();
    let devices = auth.state.devices(user, call.now).await?;
    let preference = auth.preference(call.now).await?;
    let has_app = devices.iter().any(|(_, read)| read.value.is_app());
    let about = About {
        after: proof.basis(),
        ..About::default()
    };
    let challenge = confirm::ask(auth, call, user, &devices, Purpose::SignIn, about).await?;
    let (webauthn, change) = match challenge {
        Some(asked) => (Some(asked.options), Some(asked.change)),
        None if has_app => {
            let told = login::challenged(call.actor(), user, Purpose::SignIn.name(), false);
            (None, Some(Change::new(call.now, user, told)))
        }
        None => (None, None),
    };
    if let Some(change) = change {
        auth.state.commit(change).await?;
    }
    Ok(ours::BeginResponse {
        totp: has_app && preference.allows_codes(),
        webauthn,
        password_is_enough: !preference.demands_second_factor() && devices.is_empty(),
    })
}

/// Asks whoever is there, without a name.
async fn begin_passwordless(auth: &Auth, call: &Call) -> Answer<ours::BeginResponse> {
    let preference = auth.preference(call.now).await?;
    if !preference.allows_local() || !preference.allows_passwordless() {
        return Err(prove::passwordless_needs_webauthn());
    }
    let about = About {
        verified: true,
        ..About::default()
    };
    let asked = confirm::ask(auth, call, "", &[], Purpose::Passwordless, about)
        .await?
        .ok_or_else(prove::passwordless_needs_webauthn)?;
    auth.state.commit(asked.change).await?;
    Ok(ours::BeginResponse {
        totp: false,
        webauthn: Some(asked.options),
        password_is_enough: false,
    })
}

/// Proves who is there: by password and second factor; by the answer to a challenge that was given for the right password;
/// or by an authenticator alone, where no name is given.
async fn proven(
    auth: &Auth,
    call: &Call,
    user: String,
    password: &[u8],
    factor: Factor,
) -> Answer<(String, Proof)> {
    match factor {
        Factor::Signed(answer) if user.is_empty() && password.is_empty() => {
            prove::prove_passwordless(auth, call, &answer).await
        }
        Factor::Signed(answer) if password.is_empty() => {
            let proof = prove::prove_second(auth, call, &user, &answer).await?;
            Ok((user, proof))
        }
        factor => {
            let password = access::SecretBytes::new(password.to_vec());
            let proof = prove(auth, call, &user, password, factor, Purpose::SignIn).await?;
            Ok((user, proof))
        }
    }
}

/// Handles `Finish`: password and second factor, or an authenticator alone, then certificates.
pub async fn finish(auth: &Auth, call: &Call, asked: ours::FinishRequest) -> Answer<ours::FinishResponse> {
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    let keys = Wanted {
        ssh: crate::services::certificates::key(&asked.ssh_public_key)?,
        tls: crate::services::certificates::key(&asked.tls_public_key)?,
    };
    let factor = Factor::of(asked.second_factor);
    let (user, proof) = proven(auth, call, asked.user, &asked.password, factor).await?;
    let ttl = asked
        .ttl
        .and_then(|ttl| Duration::try_from(ttl).ok())
        .filter(|ttl| !ttl.is_zero());
    let end = match ttl.map(jiff::SignedDuration::try_from) {
        Some(Ok(ttl)) => call.now.saturating_add(ttl).unwrap_or(jiff::Timestamp::MAX),
        _ => call
            .now
            .saturating_add(auth.preference(call.now).await?.session_ttl())
            .unwrap_or(call.now),
    };
    let wish = if asked.ttl_is_exact {
        Wish::Exactly(end)
    } else {
        Wish::AtMost(end)
    };
    let person = person(auth, &user, call.now)
        .await?
        .ok_or_else(crate::failure::denied)?;
    let address = call.source().map(|source| source.to_string());
    let permit = issue::sign_in(&subject(&person), Some(wish), address, call.now).map_err(refused)?;
    let used = proof.device.as_ref().map(|device| device.id.as_str());
    let holding = |change| proof.still_holding(change, &user);
    let certificates = sign_proven_along(auth, call, &permit, &keys, used, holding)
        .await
        .map_err(changed_meanwhile)?;
    let told = login::succeeded(call.actor(), &user, proof.device.as_ref());
    let change = Change::new(call.now, &user, told);
    auth.state
        .commit(tell_skipped(auth, call, &user, change).await?)
        .await?;
    let host = auth.state.authority(pki::AuthorityKind::Host, call.now).await?;
    Ok(ours::FinishResponse {
        username: user,
        ssh_certificate: certificates.ssh,
        tls_certificate: certificates.tls,
        host_signers: vec![ours::HostSigner {
            cluster_name: auth.cluster().to_owned(),
            checking_keys: host
                .ssh_keys()
                .map(|key| key.to_ssh_line().into_bytes().into())
                .collect(),
            tls_certificates: host
                .certificates()
                .map(|found| found.to_pem().into_bytes().into())
                .collect(),
        }],
    })
}

/// Handles `OpenWebSession`.
pub async fn open_web_session(
    auth: &Auth,
    call: &Call,
    asked: ours::OpenWebSessionRequest,
) -> Answer<ours::WebSession> {
    use ours::open_web_session_request::SecondFactor;
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    let factor = match asked.second_factor {
        Some(SecondFactor::TotpCode(code)) => Factor::Code(code),
        Some(SecondFactor::Webauthn(answer)) => Factor::Signed(answer),
        None => Factor::None,
    };
    let (user, proof) = proven(auth, call, asked.user, &asked.password, factor).await?;
    let told = login::succeeded(call.actor(), &user, proof.device.as_ref());
    let change = Change::new(call.now, &user, told);
    auth.state
        .commit(tell_skipped(auth, call, &user, change).await?)
        .await?;
    session::open_for_proxy(auth, call, &user, &asked.client_address, &proof).await
}
