//! Proving who one is: password, then a code that was not used before. Wrong guesses close the door for a while, also for
//! names that do not exist.

use access::SecretBytes;
use access::SecretText;
use wire::pb::countersign::v1::finish_request::SecondFactor;

use crate::audit::login;
use crate::audit::people::DeviceFacts;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::lockout::Door;
use crate::failure::{Answer, Class, Failure};
use crate::locks::{self, Targets};
use crate::state::people::{keys, put_attempts};
use crate::state::{Change, Refused, Tries};

/// The answer to a wrong password, an unknown name and a closed door alike.
pub const INVALID: &str = "invalid credentials";
/// The answer to a wrong code.
pub const INVALID_CODE: &str = "invalid username, password or second factor";

/// What was given beside the password.
pub enum Factor {
    /// Nothing.
    None,
    /// A one-time code.
    Code(String),
}

/// Authenticators that sign are not here yet.
pub fn not_yet() -> Failure {
    Failure::not_implemented("security keys are not available yet; use a one-time code")
}

impl Factor {
    /// What a client sent.
    pub fn of(sent: Option<SecondFactor>) -> Answer<Self> {
        match sent {
            None => Ok(Self::None),
            Some(SecondFactor::TotpCode(code)) => Ok(Self::Code(code)),
            Some(SecondFactor::Webauthn(_)) => Err(not_yet()),
        }
    }
}

/// Judges the password of `user`.
pub async fn password(auth: &Auth, call: &Call, user: &str, password: SecretBytes) -> Answer<()> {
    if !auth.preference(call.now).await?.allows_local() {
        return Err(Failure::access_denied("local authentication is disabled"));
    }
    let attempts = auth.state.attempts(user, call.now).await?;
    let open = attempts.is_none_or(|attempts| attempts.value.door(call.now) == Door::Open);
    let stored = auth.state.password(user, call.now).await?;
    let hash = stored.map(|stored| SecretText::new(stored.value.hash.clone()));
    // The hash is computed whatever the door says: how long an answer takes tells nothing.
    let right = auth.passwords.matches(password, hash).await?;
    if right && open {
        return Ok(());
    }
    if open {
        wrong(auth, call, user, INVALID).await?;
    }
    Err(Failure::access_denied(INVALID))
}

/// Judges password and code; gives the authenticator that was used.
pub async fn prove(
    auth: &Auth,
    call: &Call,
    user: &str,
    given: SecretBytes,
    factor: Factor,
) -> Answer<Option<DeviceFacts>> {
    password(auth, call, user, given).await?;
    unlocked(auth, call, user, None).await?;
    let devices = auth.state.devices(user, call.now).await?;
    let demanded = auth.preference(call.now).await?.demands_second_factor() || !devices.is_empty();
    let code = match factor {
        Factor::None if !demanded => return Ok(None),
        Factor::None => String::new(),
        Factor::Code(code) => code,
    };
    for (key, read) in devices {
        let mut device = read.value;
        let Some(step) = device.seed()?.check(&code, Some(device.used_step), call.now) else {
            continue;
        };
        device.used_step = step;
        device.used = call.now;
        let facts = device.facts();
        unlocked(auth, call, user, Some(&facts)).await?;
        let event =
            crate::audit::cluster::changed(&call.actor().acting_for(user), "authenticator", user, "use");
        let change = Change::new(call.now, user, event).require_same(&key, Some(read.revision));
        let change = auth.state.put_device(change, user, &device)?;
        return match auth.state.commit(change).await {
            Ok(_) => Ok(Some(facts)),
            // The same code was used at this very moment: once is once.
            Err(Refused::Conflict(_)) => Err(Failure::access_denied(INVALID_CODE)),
            Err(refused) => Err(refused.into()),
        };
    }
    wrong(auth, call, user, INVALID_CODE).await?;
    Err(Failure::access_denied(INVALID_CODE))
}

/// Refuses, with a record, who is locked or uses an authenticator that is.
async fn unlocked(auth: &Auth, call: &Call, user: &str, device: Option<&DeviceFacts>) -> Answer<()> {
    let targets = Targets {
        users: vec![user],
        device: device.map(|device| device.id.as_str()),
        ..Targets::default()
    };
    match locks::check(&auth.state, &targets, call.now).await {
        Ok(_) => Ok(()),
        Err(failure) => {
            if failure.class() == Class::AccessDenied {
                let told = login::failed(call.actor(), user, failure.message(), device);
                auth.state.tell(call.now, user, told).await?;
            }
            Err(failure)
        }
    }
}

/// Records a wrong guess and closes the door after too many.
async fn wrong(auth: &Auth, call: &Call, user: &str, why: &str) -> Answer<()> {
    let key = keys::attempts(user);
    let mut tries = Tries::default();
    loop {
        let stored = auth.state.attempts(user, call.now).await?;
        let revision = stored.as_ref().map(|stored| stored.revision);
        let attempts = stored
            .map(|stored| stored.value)
            .unwrap_or_default()
            .after_failure(call.now);
        let mut change = Change::new(call.now, user, login::failed(call.actor(), user, why, None))
            .require_same(&key, revision);
        if let Door::Closed(until) = attempts.door(call.now) {
            change = change.telling(user, login::account_closed(call.actor(), user, Some(until)));
        }
        match auth.state.commit(put_attempts(change, user, &attempts)?).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
