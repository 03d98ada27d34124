//! `AuthService.ChangePassword`: somebody chooses another password, having proven with the old one and a code who it is.
//!
//! Sessions of the browser end with it: whoever changes a password because somebody else may know it wants nobody left
//! inside.

use access::SecretBytes;
use wire::pb::proto::ChangePasswordRequest;

use crate::audit::people as record;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::password;
use crate::failure::{Answer, Class, Failure};
use crate::services::signin::{Factor, INVALID, INVALID_CODE, prove};
use crate::state::challenges::Purpose;
use crate::state::people::Password;
use crate::state::{Change, Refused};

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: ChangePasswordRequest) -> Answer<()> {
    let user = call.caller.require_user()?;
    let name = user.name();
    if user.is_impersonated() || user.is_bot() {
        return Err(Failure::access_denied("only people change their own passwords"));
    }
    if !asked.user.is_empty() && asked.user != name {
        return Err(Failure::access_denied(
            "a password is changed by whoever it belongs to",
        ));
    }
    auth.limits.guess(call)?;
    let new = SecretBytes::new(asked.new_password.to_vec());
    password::check_rules(&new)?;
    if asked.old_password == asked.new_password {
        return Err(Failure::bad_parameter("password is the one you have already"));
    }
    let factor = match asked.webauthn {
        Some(answer) => Factor::Signed(answer),
        None if asked.second_factor_token.is_empty() => Factor::None,
        None => Factor::Code(asked.second_factor_token),
    };
    let old = SecretBytes::new(asked.old_password.to_vec());
    let proof = prove(auth, call, name, old, factor, Purpose::Password)
        .await
        .map_err(|failure| match failure.class() {
            // Which of the two was wrong is nobody's business.
            Class::AccessDenied if failure.message() == INVALID => Failure::access_denied(INVALID_CODE),
            _ => failure,
        })?;
    let hash = auth.passwords.hash(new, &auth.chance).await?;
    let chosen = Password {
        hash: hash.expose().clone(),
        since: call.now,
    };
    let told = record::password_changed(call.actor(), name);
    let change = proof.still_holding(Change::new(call.now, name, told), name);
    let change = auth.state.end_sessions_of(name, change).await?;
    let change = auth.state.put_password(change, name, &chosen)?;
    auth.state.commit(change).await.map_err(|refused| match refused {
        Refused::Conflict(_) => Failure::compare_failed(
            "the user, the password or a session was changed at the same moment; sign in again",
        ),
        Refused::Failed(failure) => failure,
    })?;
    Ok(())
}
