//! `AuthService.CreateResetPasswordToken`: an invite for a new user, or a fresh start for an old one.
//!
//! A fresh start takes password, devices and sessions away at once; an invite of somebody who has
//! none of them takes nothing. Links made earlier stop working either way.

use jiff::SignedDuration;
use wire::pb::proto::CreateResetPasswordTokenRequest;
use wire::pb::types;

use super::shown;
use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment::{self, span_text};
use crate::services::users::{is_external, no_such_user};
use crate::state::people::{Link, LinkKind, keys, put_attempts, without_device};
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    request: CreateResetPasswordTokenRequest,
) -> Answer<types::UserTokenV3> {
    call.allow("user", &["update"])?;
    if request.name.is_empty() {
        return Err(Failure::bad_parameter("user name can't be empty"));
    }
    let kind = match request.r#type.as_str() {
        "invite" => LinkKind::Invite,
        "" | "password" => LinkKind::Password,
        other => {
            return Err(Failure::bad_parameter(format!(
                "unknown user token request type({other})"
            )));
        }
    };
    let ttl = check_ttl(kind, moment::span(request.ttl))?;
    create(auth, call, &request.name, kind, ttl).await
}

fn check_ttl(kind: LinkKind, asked: SignedDuration) -> Answer<SignedDuration> {
    let (name, default, longest) = match kind {
        LinkKind::Invite => (
            " invite",
            SignedDuration::from_hours(1),
            SignedDuration::from_hours(48),
        ),
        LinkKind::Password => ("", SignedDuration::from_hours(8), SignedDuration::from_hours(24)),
    };
    if asked.is_negative() {
        return Err(Failure::bad_parameter("TTL can't be negative"));
    }
    if asked.is_zero() {
        return Ok(default);
    }
    if asked > longest {
        return Err(Failure::bad_parameter(format!(
            "failed to create user token for reset password{name}: maximum token TTL is {} hours",
            span_text(longest)
        )));
    }
    Ok(asked)
}

/// Makes the link.
pub async fn create(
    auth: &Auth,
    call: &Call,
    name: &str,
    kind: LinkKind,
    ttl: SignedDuration,
) -> Answer<types::UserTokenV3> {
    let now = call.now;
    let mut tries = Tries::default();
    loop {
        let found = auth.state.find::<types::UserV2>(name, now).await?;
        let stored = found.ok_or_else(|| no_such_user(name))?;
        if is_external(&stored.resource) {
            return Err(Failure::access_denied("only local users may be reset"));
        }
        if stored
            .resource
            .metadata()
            .is_some_and(|m| m.labels.contains_key("teleport.internal/bot"))
        {
            return Err(Failure::access_denied("bots have no password"));
        }
        let subject = auth
            .state
            .subject(name, now)
            .await?
            .ok_or_else(|| no_such_user(name))?;
        let token = auth.chance.token::<16>();
        let expires = now.saturating_add(ttl).unwrap_or(jiff::Timestamp::MAX);
        let link = Link::new(name, &subject.value.id, kind, now, expires);
        let told = record::reset_token_created(call.actor(), name, expires, ttl);
        let mut user = stored.resource.clone();
        user.status = Some(types::UserStatusV2 {
            password_state: types::PasswordState::Unset.into(),
            mfa_weakest_device: types::MfaDeviceKind::Unset.into(),
        });
        let mut change = Change::new(now, &call.actor().user, told)
            .require_same(&types::UserV2::key(name), Some(stored.revision))
            .require_same(&keys::subject(name), Some(subject.revision))
            .put_resource(&user)
            .delete(keys::password(name));
        for (key, device) in auth.state.devices(name, now).await? {
            let told = record::device_deleted(call.actor(), name, &device.value.facts());
            change = without_device(change, key, &device.value).telling(&call.actor().user, told);
        }
        for key in auth.state.links_of(name, now).await? {
            change = change.delete(key);
        }
        change = auth.state.end_sessions_of(name, change).await?;
        if let Some(attempts) = auth.state.attempts(name, now).await? {
            change = put_attempts(change, &keys::attempts(name), &attempts.value.after_reset())?;
        }
        let key = auth.state.link_key(token.expose())?;
        change = auth.state.put_link(change, &key, &link)?;
        match auth.state.commit(change).await {
            Ok(_) => return Ok(shown(auth, token.expose(), &link)),
            Err(refused) => tries.again(refused)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lives_as_long_as_asked_and_never_too_long() {
        let hours = SignedDuration::from_hours;
        assert_eq!(check_ttl(LinkKind::Invite, hours(0)).unwrap(), hours(1));
        assert_eq!(check_ttl(LinkKind::Invite, hours(48)).unwrap(), hours(48));
        assert_eq!(check_ttl(LinkKind::Password, hours(0)).unwrap(), hours(8));
        assert_eq!(
            check_ttl(LinkKind::Invite, hours(72)).unwrap_err().message(),
            "failed to create user token for reset password invite: maximum token TTL is 48h0m0s hours"
        );
        assert_eq!(
            check_ttl(LinkKind::Password, hours(48)).unwrap_err().message(),
            "failed to create user token for reset password: maximum token TTL is 24h0m0s hours"
        );
        assert!(check_ttl(LinkKind::Password, hours(-1)).is_err());
    }
}
