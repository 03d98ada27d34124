//! Proving who one is: password, then a code that was not used before or an authenticator's answer to a challenge; or an
//! authenticator alone. Wrong guesses close the door for a while, also for names that do not exist.

use access::SecretBytes;
use access::SecretText;
use jiff::Timestamp;
use store::Revision;
use wire::pb::countersign::v1::finish_request::SecondFactor;
use wire::pb::types;
use wire::pb::webauthn::CredentialAssertionResponse;

use super::door::Doorway;
use crate::audit::login;
use crate::audit::people::DeviceFacts;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::lockout::Door;
use crate::failure::{Answer, Class, Failure};
use crate::locks::{self, Targets};
use crate::names;
use crate::services::factors::confirm::{self, Confirmed};
use crate::state::challenges::{Basis, Purpose};
use crate::state::people::{DeviceFactor, ReadDevice, keys, put_attempts};
use crate::state::resource::Resource as _;
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
    /// An authenticator's answer to a challenge.
    Signed(CredentialAssertionResponse),
}

impl Factor {
    /// What a client sent.
    pub fn of(sent: Option<SecondFactor>) -> Self {
        match sent {
            None => Self::None,
            Some(SecondFactor::TotpCode(code)) => Self::Code(code),
            Some(SecondFactor::Webauthn(answer)) => Self::Signed(answer),
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

    /// What the password was judged on, for a challenge that is given because it was right.
    pub(super) fn basis(&self) -> Option<Basis> {
        Some(Basis {
            user: self.user?.0,
            password: self.password?.0,
        })
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

/// What somebody is told whose proof has ceased to hold before anything came of it.
pub fn changed_meanwhile(refused: Refused) -> Failure {
    match refused {
        Refused::Conflict(_) => {
            Failure::compare_failed("the user or the password was changed at the same moment; sign in again")
        }
        Refused::Failed(failure) => failure,
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
    let doorway = Doorway::of(auth, call, user).await?;
    let open = doorway.is_open(auth, call.now).await?;
    if right && open {
        return Ok(proof);
    }
    if open {
        wrong(auth, call, user, INVALID).await?;
    }
    Err(Failure::access_denied(INVALID))
}

/// Judges password and second factor; the answer of an authenticator must be to a challenge given for `purpose`. What was
/// guessed wrong before is forgotten with it, in the same commit.
pub async fn prove(
    auth: &Auth,
    call: &Call,
    user: &str,
    given: SecretBytes,
    factor: Factor,
    purpose: Purpose,
) -> Answer<Proof> {
    let proof = password(auth, call, user, given).await?;
    unlocked(auth, call, user, None).await?;
    let preference = auth.preference(call.now).await?;
    let demands = preference.demands_second_factor();
    let codes_count = preference.allows_codes() || !demands;
    let mut tries = Tries::default();
    let mut code_was_right = false;
    loop {
        let doorway = Doorway::of(auth, call, user).await?;
        let attempts = doorway.attempts(auth, call.now).await?;
        if attempts
            .as_ref()
            .is_some_and(|attempts| attempts.value.door(call.now) != Door::Open)
        {
            return Err(Failure::access_denied(INVALID_CODE));
        }
        let guesses = attempts.map(|attempts| attempts.revision);
        let devices = auth.state.devices(user, call.now).await?;
        let confirmed = match &factor {
            Factor::None if !demands && devices.is_empty() => None,
            Factor::Signed(answer) => Some(confirm::signed(auth, call, user, answer, &[purpose]).await?),
            Factor::None | Factor::Code(_) => {
                let code = match &factor {
                    Factor::Code(code) => code.as_str(),
                    _ => "",
                };
                let devices = if codes_count { devices } else { Vec::new() };
                let Some((read, step)) = matching(devices, code, call.now)? else {
                    // The same code was used at this very moment: once is once, and no guess.
                    if !code_was_right {
                        wrong(auth, call, user, INVALID_CODE).await?;
                    }
                    return Err(Failure::access_denied(INVALID_CODE));
                };
                code_was_right = true;
                Some(Confirmed::by_code(user, read, step, call.now))
            }
        };
        let (change, device) = if let Some(confirmed) = confirmed {
            let facts = confirmed.facts();
            unlocked(auth, call, user, Some(&facts)).await?;
            let told = if confirmed.is_signed() {
                Change::new(
                    call.now,
                    user,
                    login::validated(call.actor(), user, purpose.name(), Some(&facts), None),
                )
            } else {
                told(call, user, "authenticator", "use")
            };
            (confirmed.spend(&auth.state, told)?, Some(facts))
        } else {
            if guesses.is_none() {
                return Ok(proof);
            }
            (told(call, user, "login_attempts", "delete"), None)
        };
        let mut change = doorway.remember(change.require_same(&doorway.key, guesses))?;
        if guesses.is_some() {
            change = change.delete(doorway.key);
        }
        match auth.state.commit(change).await {
            Ok(_) => return Ok(Proof { device, ..proof }),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Judges the second half alone: the answer to a challenge that was given because the password was right, if neither user
/// nor password has changed since.
pub async fn prove_second(
    auth: &Auth,
    call: &Call,
    user: &str,
    answer: &CredentialAssertionResponse,
) -> Answer<Proof> {
    let purpose = Purpose::SignIn;
    let confirmed = confirm::signed(auth, call, user, answer, &[purpose]).await?;
    let Some(basis) = confirmed.after else {
        return Err(Failure::access_denied(INVALID_CODE));
    };
    let proof = Proof {
        device: Some(confirmed.facts()),
        user: Some(Revision(basis.user)),
        password: Some(Revision(basis.password)),
    };
    unlocked(auth, call, user, proof.device.as_ref()).await?;
    spend(auth, call, user, &confirmed, purpose, &proof).await?;
    Ok(proof)
}

/// Spends what was shown, if what it rests on still holds. Once is once.
async fn spend(
    auth: &Auth,
    call: &Call,
    user: &str,
    confirmed: &Confirmed,
    purpose: Purpose,
    proof: &Proof,
) -> Answer<()> {
    let told = login::validated(call.actor(), user, purpose.name(), proof.device.as_ref(), None);
    let change = confirmed.spend(&auth.state, Change::new(call.now, user, told))?;
    let change = proof.still_holding(change, user);
    let doorway = Doorway::of(auth, call, user).await?;
    let change = doorway.remember(change)?;
    let change = match doorway.attempts(auth, call.now).await? {
        // What was guessed wrong is forgotten, but for a door that is closed: who holds the authenticator needs it not.
        Some(attempts) if attempts.value.door(call.now) == Door::Open => change
            .require_same(&doorway.key, Some(attempts.revision))
            .delete(doorway.key),
        _ => change,
    };
    auth.state.commit(change).await.map_err(|refused| match refused {
        Refused::Conflict(_) => Failure::access_denied(INVALID_CODE),
        Refused::Failed(failure) => failure,
    })?;
    Ok(())
}

/// Signs somebody in by an authenticator alone, which found out who touched it. Wrong guesses at the password do not close
/// this way: there is nothing to guess.
pub async fn prove_passwordless(
    auth: &Auth,
    call: &Call,
    answer: &CredentialAssertionResponse,
) -> Answer<(String, Proof)> {
    let preference = auth.preference(call.now).await?;
    if !preference.allows_local() {
        return Err(Failure::access_denied("local authentication is disabled"));
    }
    if !preference.allows_passwordless() {
        return Err(passwordless_needs_webauthn());
    }
    let purpose = Purpose::Passwordless;
    let confirmed = confirm::signed(auth, call, "", answer, &[purpose]).await?;
    let user = confirmed.user.clone();
    let facts = confirmed.facts();
    unlocked(auth, call, &user, Some(&facts)).await?;
    let known = auth.state.item(&types::UserV2::key(&user), call.now).await?;
    let stored = auth.state.password(&user, call.now).await?;
    let proof = Proof {
        device: Some(facts),
        user: known.map(|item| item.revision),
        password: stored.map(|stored| stored.revision),
    };
    spend(auth, call, &user, &confirmed, purpose, &proof).await?;
    Ok((user, proof))
}

/// The answer where nobody can sign in with an authenticator alone.
pub fn passwordless_needs_webauthn() -> Failure {
    Failure::bad_parameter("passwordless requires WebAuthn")
}

/// Judges a one-time code of somebody who is signed in. A wrong one counts like any wrong guess.
pub async fn confirm_code(auth: &Auth, call: &Call, user: &str, code: &str) -> Answer<Confirmed> {
    auth.limits.guess(call)?;
    let doorway = Doorway::of(auth, call, user).await?;
    if !doorway.is_open(auth, call.now).await? {
        return Err(Failure::access_denied(INVALID_CODE));
    }
    let preference = auth.preference(call.now).await?;
    let devices = if preference.allows_codes() || !preference.demands_second_factor() {
        auth.state.devices(user, call.now).await?
    } else {
        Vec::new()
    };
    let Some((read, step)) = matching(devices, code, call.now)? else {
        wrong(auth, call, user, INVALID_CODE).await?;
        return Err(Failure::access_denied(INVALID_CODE));
    };
    let confirmed = Confirmed::by_code(user, read, step, call.now);
    unlocked(auth, call, user, Some(&confirmed.facts())).await?;
    Ok(confirmed)
}

/// The app that gives `code` now, and the step it stands for.
fn matching(devices: Vec<ReadDevice>, code: &str, now: Timestamp) -> Answer<Option<(ReadDevice, u64)>> {
    for (key, read) in devices {
        let DeviceFactor::App(app) = &read.value.factor else {
            continue;
        };
        if let Some(step) = app.seed()?.check(code, Some(app.used_step), now) {
            return Ok(Some(((key, read), step)));
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
    let mut tries = Tries::default();
    loop {
        let doorway = Doorway::of(auth, call, user).await?;
        let stored = doorway.attempts(auth, call.now).await?;
        let revision = stored.as_ref().map(|stored| stored.revision);
        let before = stored.map(|stored| stored.value).unwrap_or_default();
        if before.door(call.now) != Door::Open {
            // Others have closed it meanwhile.
            return Ok(());
        }
        let attempts = before.after_failure(call.now);
        let mut change = Change::new(call.now, user, login::failed(call.actor(), user, why, None))
            .require_same(&doorway.key, revision);
        if let Door::Closed(until) = attempts.door(call.now) {
            change = change.telling(user, login::account_closed(call.actor(), user, Some(until)));
        }
        match auth
            .state
            .commit(put_attempts(change, &doorway.key, &attempts)?)
            .await
        {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
