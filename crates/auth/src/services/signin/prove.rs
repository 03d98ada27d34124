//! Proving who one is: password, then a code that was not used before. Wrong guesses close the door for a while, also for
//! names that do not exist.

use access::SecretBytes;
use access::SecretText;
use jiff::Timestamp;
use store::{Key, Revision};
use wire::pb::countersign::v1::finish_request::SecondFactor;
use wire::pb::types;

use crate::audit::login;
use crate::audit::people::DeviceFacts;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::lockout::Door;
use crate::failure::{Answer, Class, Failure};
use crate::locks::{self, Targets};
use crate::names;
use crate::state::people::{Device, ReadDevice, keys, put_attempts};
use crate::state::resource::Resource as _;
use crate::state::{Change, Read, Tries};

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

/// Somebody has just proven who they are, and what that was judged on.
#[derive(Debug)]
pub struct Proof {
    /// The authenticator that was used.
    pub device: Option<DeviceFacts>,
    user: Option<Revision>,
    password: Option<Revision>,
}

impl Proof {
    /// A proof by a link: the user and the password were written by the commit `written`.
    pub fn by_link(written: Revision) -> Self {
        Self {
            device: None,
            user: Some(written),
            password: Some(written),
        }
    }

    /// Makes a change fail if user or password are not those any more that the proof was judged on: a reset, another
    /// password or a deletion came in between.
    #[must_use]
    pub fn still_holding(&self, change: Change, user: &str) -> Change {
        change
            .require_same(&types::UserV2::key(user), self.user)
            .require_same(&keys::password(user), self.password)
    }
}

/// Judges the password of `user`.
pub async fn password(auth: &Auth, call: &Call, user: &str, password: SecretBytes) -> Answer<Proof> {
    if !auth.preference(call.now).await?.allows_local() {
        return Err(Failure::access_denied("local authentication is disabled"));
    }
    // Nobody can have such a name. It gets the answer of every unknown one, and is written down within bounds.
    let can_be = names::check_user(user).is_ok();
    let user = &*names::bounded(user);
    let known = auth.state.item(&types::UserV2::key(user), call.now).await?;
    let stored = if can_be {
        auth.state.password(user, call.now).await?
    } else {
        None
    };
    let proof = Proof {
        device: None,
        user: known.map(|item| item.revision),
        password: stored.as_ref().map(|stored| stored.revision),
    };
    let hash = stored.map(|stored| SecretText::new(stored.value.hash.clone()));
    // The hash is computed whatever the door says: how long an answer takes tells nothing.
    let right = auth.passwords.matches(password, hash).await?;
    // Hashes wait for their turn: only the door as it is after that counts.
    let attempts = auth.state.attempts(user, call.now).await?;
    let open = attempts.is_none_or(|attempts| attempts.value.door(call.now) == Door::Open);
    if right && open {
        return Ok(proof);
    }
    if open {
        wrong(auth, call, user, INVALID).await?;
    }
    Err(Failure::access_denied(INVALID))
}

/// Judges password and code. What was guessed wrong before is forgotten with it, in the same commit.
pub async fn prove(
    auth: &Auth,
    call: &Call,
    user: &str,
    given: SecretBytes,
    factor: Factor,
) -> Answer<Proof> {
    let proof = password(auth, call, user, given).await?;
    unlocked(auth, call, user, None).await?;
    let demands = auth.preference(call.now).await?.demands_second_factor();
    let mut tries = Tries::default();
    let mut code_was_right = false;
    loop {
        let attempts = auth.state.attempts(user, call.now).await?;
        if attempts
            .as_ref()
            .is_some_and(|attempts| attempts.value.door(call.now) != Door::Open)
        {
            return Err(Failure::access_denied(INVALID_CODE));
        }
        let guesses = attempts.map(|attempts| attempts.revision);
        let devices = auth.state.devices(user, call.now).await?;
        let code = match &factor {
            Factor::None if !demands && devices.is_empty() => None,
            Factor::None => Some(""),
            Factor::Code(code) => Some(code.as_str()),
        };
        let (change, device) = if let Some(code) = code {
            let Some((key, read, step)) = matching(devices, code, call.now)? else {
                // The same code was used at this very moment: once is once, and no guess.
                if !code_was_right {
                    wrong(auth, call, user, INVALID_CODE).await?;
                }
                return Err(Failure::access_denied(INVALID_CODE));
            };
            code_was_right = true;
            let mut device = read.value;
            device.used_step = step;
            device.used = call.now;
            let facts = device.facts();
            unlocked(auth, call, user, Some(&facts)).await?;
            let change = told(call, user, "authenticator", "use").require_same(&key, Some(read.revision));
            (auth.state.put_device(change, user, &device)?, Some(facts))
        } else {
            if guesses.is_none() {
                return Ok(proof);
            }
            (told(call, user, "login_attempts", "delete"), None)
        };
        let key = keys::attempts(user);
        let mut change = change.require_same(&key, guesses);
        if guesses.is_some() {
            change = change.delete(key);
        }
        match auth.state.commit(change).await {
            Ok(_) => return Ok(Proof { device, ..proof }),
            Err(refused) => tries.again(refused)?,
        }
    }
}
/// The authenticator that gives `code` now, and the step it stands for.
fn matching(
    devices: Vec<ReadDevice>,
    code: &str,
    now: Timestamp,
) -> Answer<Option<(Key, Read<Device>, u64)>> {
    for (key, read) in devices {
        if let Some(step) = read.value.seed()?.check(code, Some(read.value.used_step), now) {
            return Ok(Some((key, read, step)));
        }
    }
    Ok(None)
}

fn told(call: &Call, user: &str, what: &str, change: &str) -> Change {
    let actor = call.actor().acting_for(user);
    Change::new(
        call.now,
        user,
        crate::audit::cluster::changed(&actor, what, user, change),
    )
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
        let before = stored.map(|stored| stored.value).unwrap_or_default();
        if before.door(call.now) != Door::Open {
            // Others have closed it meanwhile.
            return Ok(());
        }
        let attempts = before.after_failure(call.now);
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
