//! Invites and resets, for whoever holds a link, through a proxy.

use access::SecretBytes;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{MfaRegisterResponse, TotpRegisterResponse, mfa_register_response};
use wire::pb::webauthn;

use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::services::links::accept::accept;
use crate::services::links::get::living;
use crate::services::{factors, session};
use crate::state::people::LinkKind;

/// Handles `GetInvite`.
pub async fn get(auth: &Auth, call: &Call, asked: ours::GetInviteRequest) -> Answer<ours::Invite> {
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    let (_, link, _) = living(auth, call, &asked.token).await?;
    let preference = auth.preference(call.now).await?;
    Ok(ours::Invite {
        user: link.user.clone(),
        kind: match link.kind {
            LinkKind::Invite => ours::invite::Kind::Invite,
            LinkKind::Password => ours::invite::Kind::Reset,
        }
        .into(),
        expires: Some(moment::write(link.expires)),
        cluster_name: auth.cluster().to_owned(),
        second_factor_required: preference.demands_second_factor(),
        totp_allowed: preference.allows_codes(),
        webauthn_allowed: auth.relying_party(&preference).is_some(),
        passwordless_allowed: preference.allows_passwordless(),
    })
}

/// Handles `EnrolAuthenticator`.
pub async fn enrol(
    auth: &Auth,
    call: &Call,
    asked: ours::EnrolAuthenticatorRequest,
) -> Answer<ours::EnrolAuthenticatorResponse> {
    call.caller.require_proxy()?;
    let (user, seed) = factors::enrol(auth, call, &asked.token).await?;
    Ok(ours::EnrolAuthenticatorResponse {
        secret: seed.base32().expose().clone(),
        url: factors::link_for(auth, &user, &seed).expose().clone(),
    })
}

/// Handles `RegisterAuthenticator`.
pub async fn register(
    auth: &Auth,
    call: &Call,
    asked: ours::RegisterAuthenticatorRequest,
) -> Answer<webauthn::CredentialCreation> {
    call.caller.require_proxy()?;
    let (_, options) = factors::register::begin_by_link(auth, call, &asked.token, asked.passwordless).await?;
    Ok(options)
}

/// Handles `AcceptInvite`.
pub async fn accept_invite(
    auth: &Auth,
    call: &Call,
    asked: ours::AcceptInviteRequest,
) -> Answer<ours::AcceptInviteResponse> {
    call.caller.require_proxy()?;
    auth.limits.guess(call)?;
    let response = match asked.webauthn {
        Some(answer) => Some(mfa_register_response::Response::Webauthn(answer)),
        None if asked.totp_code.is_empty() => None,
        None => Some(mfa_register_response::Response::Totp(TotpRegisterResponse {
            code: asked.totp_code.clone(),
            ..TotpRegisterResponse::default()
        })),
    };
    let factor = response.map(|response| MfaRegisterResponse {
        response: Some(response),
    });
    let password = SecretBytes::new(asked.new_password.to_vec());
    let (user, proof) = accept(auth, call, &asked.token, password, factor, &asked.device_name).await?;
    let web_session = if asked.open_web_session {
        Some(session::open_for_proxy(auth, call, &user, &asked.client_address, &proof).await?)
    } else {
        None
    };
    Ok(ours::AcceptInviteResponse { user, web_session })
}
