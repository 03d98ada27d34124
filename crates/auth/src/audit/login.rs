//! Signing in: tried, done, refused.

use super::people::DeviceFacts;
use super::{Actor, Event};

/// Somebody signed in.
pub fn succeeded(actor: &Actor, user: &str, device: Option<&DeviceFacts>) -> Event {
    let event = Event::new("user.login", "T1000I")
        .with("user", user)
        .with("required_private_key_policy", "none")
        .with("user_origin", 1)
        .with("success", true)
        .with("method", "local");
    finish(event, actor, device)
}

/// Somebody could not sign in. `error` is what the record says, which may be more than they were told.
pub fn failed(actor: &Actor, user: &str, error: &str, device: Option<&DeviceFacts>) -> Event {
    let event = Event::new("user.login", "T1000W")
        .with("user", user)
        .with("success", false)
        .with("error", error)
        .with("method", "local");
    finish(event, actor, device)
}

fn finish(event: Event, actor: &Actor, device: Option<&DeviceFacts>) -> Event {
    let event = match device {
        Some(device) => event.with("mfa_device", device.fields()),
        None => event,
    };
    event.text("user_agent", &actor.user_agent).remote(actor)
}

/// An account was closed after too many wrong guesses. The original writes nothing here.
pub fn account_closed(actor: &Actor, user: &str, until: Option<jiff::Timestamp>) -> Event {
    Event::new("user.login_lockout", "CSL001W")
        .with("user", user)
        .moment("expires", until)
        .remote(actor)
}

/// The first half of signing in was right; a one-time code is asked for.
pub fn challenged(actor: &Actor, user: &str, scope: &str, allow_reuse: bool) -> Event {
    Event::new("mfa_auth_challenge.create", "T1015I")
        .actor(&actor.acting_for(user))
        .with("challenge_scope", scope)
        .with("challenge_allow_reuse", allow_reuse)
}

/// An authenticator's answer to a challenge was right, or why it was not.
pub fn validated(
    actor: &Actor,
    user: &str,
    scope: &str,
    device: Option<&DeviceFacts>,
    error: Option<&str>,
) -> Event {
    let event = match error {
        None => Event::new("mfa_auth_challenge.validate", "T1016I").with("success", true),
        Some(error) => Event::new("mfa_auth_challenge.validate", "T1016W")
            .with("success", false)
            .with("error", error),
    };
    let event = event
        .actor(&actor.acting_for(user))
        .with("challenge_scope", scope)
        .with("challenge_allow_reuse", false);
    match device {
        Some(device) => event.with("mfa_device", device.fields()),
        None => event,
    }
}
