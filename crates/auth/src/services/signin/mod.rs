//! `SignInService`: signing in and accepting invites, for our own proxies alone.
//!
//! Known and unknown names cost the same work, lock alike and read alike.

pub mod invites;
mod prove;

use std::time::Duration;

use access::issue::{self, Wish};
use wire::pb::countersign::v1 as ours;

use crate::audit::login;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::access_lists::tell_skipped;
use crate::services::certificates::{Wanted, refused, sign_proven, subject};
use crate::services::requests::person;
use crate::services::session;
use crate::state::Change;
pub use prove::{Factor, INVALID, INVALID_CODE, Proof, prove};

/// Handles `Begin`: the password is judged before the code is asked for.
pub async fn begin(auth: &Auth, call: &Call, asked: ours::BeginRequest) -> Answer<ours::BeginResponse> {
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    if asked.passwordless {
        return Err(Failure::not_implemented(
            "signing in without a password is not available yet",
        ));
    }
    let password = access::SecretBytes::new(asked.password.to_vec());
    prove::password(auth, call, &asked.user, password).await?;
    let has_codes = !auth.state.devices(&asked.user, call.now).await?.is_empty();
    let demanded = auth.preference(call.now).await?.demands_second_factor();
    Ok(ours::BeginResponse {
        totp: has_codes,
        webauthn: None,
        password_is_enough: !demanded && !has_codes,
    })
}

/// Handles `Finish`: password and code, then certificates.
pub async fn finish(auth: &Auth, call: &Call, asked: ours::FinishRequest) -> Answer<ours::FinishResponse> {
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    let keys = Wanted {
        ssh: crate::services::certificates::key(&asked.ssh_public_key)?,
        tls: crate::services::certificates::key(&asked.tls_public_key)?,
    };
    let factor = Factor::of(asked.second_factor)?;
    let password = access::SecretBytes::new(asked.password.to_vec());
    let device = prove(auth, call, &asked.user, password, factor).await?.device;
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
    let person = person(auth, &asked.user, call.now)
        .await?
        .ok_or_else(crate::failure::denied)?;
    let address = call.source().map(|source| source.to_string());
    let permit = issue::sign_in(&subject(&person), Some(wish), address, call.now).map_err(refused)?;
    let used = device.as_ref().map(|device| device.id.as_str());
    let certificates = sign_proven(auth, call, &permit, &keys, used).await?;
    let told = login::succeeded(call.actor(), &asked.user, device.as_ref());
    let change = Change::new(call.now, &asked.user, told);
    auth.state
        .commit(tell_skipped(auth, call, &asked.user, change).await?)
        .await?;
    let host = auth.state.authority(pki::AuthorityKind::Host, call.now).await?;
    Ok(ours::FinishResponse {
        username: asked.user,
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
        Some(SecondFactor::Webauthn(_)) => return Err(prove::not_yet()),
        None => Factor::None,
    };
    let password = access::SecretBytes::new(asked.password.to_vec());
    let proof = prove(auth, call, &asked.user, password, factor).await?;
    let told = login::succeeded(call.actor(), &asked.user, proof.device.as_ref());
    let change = Change::new(call.now, &asked.user, told);
    auth.state
        .commit(tell_skipped(auth, call, &asked.user, change).await?)
        .await?;
    session::open_for_proxy(auth, call, &asked.user, &asked.client_address, &proof).await
}
