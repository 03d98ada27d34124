//! Second factors at work: somebody shows one, and it is spent with the deed that it was shown for.
//!
//! A [`Confirmed`] proves nothing until the change it was put into is committed: the code or the challenge is used up in
//! that same commit, so two deeds cannot share one.

use store::{Key, Revision};
use wire::pb::proto::{MfaAuthenticateResponse, mfa_authenticate_response};
use wire::pb::webauthn::{CredentialAssertion, CredentialAssertionResponse};

use super::options;
use crate::audit::login;
use crate::audit::people::DeviceFacts;
use crate::auth::Auth;
use crate::call::Call;
use crate::credentials::webauthn::{
    self, Assertion, CHALLENGE_BYTES, ClientData, Expected, Refusal, RelyingParty,
};
use crate::failure::{Answer, Failure};
use crate::services::signin::INVALID_CODE;
use crate::state::challenges::{self, Basis, Challenge, Matter, Purpose};
use crate::state::people::{Device, DeviceFactor, ReadDevice};
use crate::state::{Change, State};

/// A second factor was right. It is spent by [`Confirmed::spend`].
#[derive(Clone)]
pub struct Confirmed {
    /// Whose it is.
    pub user: String,
    /// What a vote confirmed with it is about.
    pub matter: Option<Matter>,
    /// Whether the authenticator found out who touched it.
    pub verified: bool,
    /// The right password that the challenge was given for.
    pub after: Option<Basis>,
    key: Key,
    revision: Revision,
    device: Device,
    challenge: Option<(Key, Revision)>,
}

impl std::fmt::Debug for Confirmed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Confirmed")
            .field("user", &self.user)
            .field("device", &self.device.id)
            .field("matter", &self.matter)
            .finish_non_exhaustive()
    }
}

impl Confirmed {
    /// A one-time code of `step` by the app that was read.
    pub fn by_code(user: &str, (key, read): ReadDevice, step: u64, now: jiff::Timestamp) -> Self {
        let mut device = read.value;
        device.used = now;
        if let DeviceFactor::App(app) = &mut device.factor {
            app.used_step = step;
        }
        Self {
            user: user.to_owned(),
            matter: None,
            verified: false,
            after: None,
            key,
            revision: read.revision,
            device,
            challenge: None,
        }
    }

    /// What records say of the factor.
    pub fn facts(&self) -> DeviceFacts {
        self.device.facts()
    }

    /// Whether an authenticator signed: nothing that can be told over the telephone.
    pub fn is_signed(&self) -> bool {
        self.challenge.is_some()
    }

    /// The digest of the challenge that was signed, in hex.
    pub fn challenge_digest(&self) -> Option<String> {
        let (key, _) = self.challenge.as_ref()?;
        Some(key.name().into_owned())
    }

    /// Whether it can still be spent: neither the challenge nor the factor was used meanwhile.
    pub async fn holds(&self, state: &State, now: jiff::Timestamp) -> Answer<bool> {
        let device = state.item(&self.key, now).await?;
        let challenge = match &self.challenge {
            None => true,
            Some((key, revision)) => {
                let found = state.item(key, now).await?;
                found.is_some_and(|item| item.revision == *revision)
            }
        };
        Ok(challenge && device.is_some_and(|item| item.revision == self.revision))
    }

    /// Spends it with a change, which fails if it was spent meanwhile.
    pub fn spend(&self, state: &State, change: Change) -> Answer<Change> {
        let change = change.require_same(&self.key, Some(self.revision));
        let change = state.put_device(change, &self.user, &self.device)?;
        Ok(self.spend_challenge(change))
    }

    /// The same where the factor itself goes with the change.
    pub fn spend_challenge(&self, change: Change) -> Change {
        match &self.challenge {
            Some((key, revision)) => change.require_same(key, Some(*revision)).delete(key.clone()),
            None => change,
        }
    }
}

/// Whether one of `devices` was made for `party`.
pub fn can_answer(party: &RelyingParty, devices: &[ReadDevice]) -> bool {
    devices
        .iter()
        .filter_map(|(_, read)| read.value.credential())
        .any(|credential| credential.rp_id == party.id)
}

/// A challenge to be given out, and what the authenticators are asked with it.
pub struct Asked {
    /// For the client.
    pub options: CredentialAssertion,
    /// Makes it answerable.
    pub change: Change,
}

/// What a challenge is about besides its purpose.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Whether the authenticator must find out who touches it.
    pub verified: bool,
    /// The vote that is to be confirmed.
    pub matter: Option<Matter>,
    /// The right password that it is given for.
    pub after: Option<Basis>,
}

/// Makes a challenge for `user`, with the record of it; `None` if `user` has no authenticator that could answer.
pub async fn ask(
    auth: &Auth,
    call: &Call,
    user: &str,
    devices: &[ReadDevice],
    purpose: Purpose,
    about: About,
) -> Answer<Option<Asked>> {
    let preference = auth.preference(call.now).await?;
    let Some(party) = auth.relying_party(&preference) else {
        return Ok(None);
    };
    if !user.is_empty() && !can_answer(&party, devices) {
        return Ok(None);
    }
    let bytes = auth.chance.bytes::<CHALLENGE_BYTES>();
    let challenge = Challenge {
        purpose,
        rp_id: party.id.clone(),
        verified: about.verified,
        since: call.now,
        matter: about.matter,
        after: about.after,
    };
    let told = login::challenged(call.actor(), user, purpose.name(), false);
    let change = Change::new(call.now, user, told);
    let change = auth.state.put_challenge(change, user, &bytes, &challenge).await?;
    Ok(Some(Asked {
        options: options::assertion(&party, &bytes, devices, about.verified),
        change,
    }))
}

/// Judges what somebody signed in shows, a code or an answer to a challenge for `purpose`.
pub async fn shown(
    auth: &Auth,
    call: &Call,
    user: &str,
    response: Option<MfaAuthenticateResponse>,
    purpose: Purpose,
) -> Answer<Confirmed> {
    use mfa_authenticate_response::Response;
    match response.and_then(|response| response.response) {
        Some(Response::Webauthn(answer)) => signed(auth, call, user, &answer, &[purpose]).await,
        Some(Response::Totp(code)) => {
            crate::services::signin::confirm_code(auth, call, user, &code.code).await
        }
        Some(Response::Sso(_)) => Err(Failure::not_implemented(
            "confirming with single sign-on is not available yet",
        )),
        None => Err(Failure::access_denied(
            "show a second factor first: what you want changes who can sign in as you",
        )),
    }
}

/// Judges an authenticator's answer to a challenge that `user` was given for one of `purposes`. `user` is empty where the
/// answer is to say who it is.
///
/// Every refusal reads alike; the record says which it was.
pub async fn signed(
    auth: &Auth,
    call: &Call,
    user: &str,
    answer: &CredentialAssertionResponse,
    purposes: &[Purpose],
) -> Answer<Confirmed> {
    let purpose = purposes.first().copied().unwrap_or(Purpose::SignIn);
    match judge(auth, call, user, answer, purposes).await {
        Ok(confirmed) => Ok(confirmed),
        Err(Wrong::Failed(failure)) => Err(failure),
        Err(Wrong::Refused { whose, device, why }) => {
            let whose = if whose.is_empty() { user } else { &whose };
            let told = login::validated(call.actor(), whose, purpose.name(), device.as_ref(), Some(&why));
            auth.state.tell(call.now, whose, told).await?;
            Err(Failure::access_denied(INVALID_CODE))
        }
    }
}

enum Wrong {
    Failed(Failure),
    Refused {
        whose: String,
        device: Option<DeviceFacts>,
        why: String,
    },
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn refused(why: impl std::fmt::Display) -> Wrong {
    Wrong::Refused {
        whose: String::new(),
        device: None,
        why: why.to_string(),
    }
}

async fn judge(
    auth: &Auth,
    call: &Call,
    user: &str,
    answer: &CredentialAssertionResponse,
    purposes: &[Purpose],
) -> Result<Confirmed, Wrong> {
    let now = call.now;
    let response = answer
        .response
        .as_ref()
        .ok_or_else(|| refused(Refusal::Malformed("answer")))?;
    let bytes = ClientData::read(&response.client_data_json)
        .and_then(|data| data.challenge())
        .map_err(refused)?;
    let challenge = auth.state.challenge(user, &bytes, now).await?.ok_or_else(|| {
        refused("the challenge was not given to this person, has been answered, or is too old")
    })?;
    if !purposes.contains(&challenge.value.purpose) {
        return Err(refused(format!(
            "the challenge was given for {}",
            challenge.value.purpose.name()
        )));
    }
    let preference = auth.preference(now).await?;
    let party = auth
        .relying_party(&preference)
        .filter(|party| party.id == challenge.value.rp_id)
        .ok_or_else(|| refused("the relying party is another one now"))?;
    let (owner, (key, read)) = auth
        .state
        .device_of_credential(&answer.raw_id, now)
        .await?
        .ok_or_else(|| refused("nobody has this credential"))?;
    let facts = read.value.facts();
    let wrong = |why: &dyn std::fmt::Display| Wrong::Refused {
        whose: owner.clone(),
        device: Some(facts.clone()),
        why: why.to_string(),
    };
    if !user.is_empty() && owner != user {
        return Err(refused("the credential is somebody else's"));
    }
    let subject = auth.state.subject(&owner, now).await?;
    let subject = subject
        .filter(|subject| subject.value.ended.is_none())
        .ok_or_else(|| refused("nobody has this credential"))?;
    let Some(credential) = read.value.credential() else {
        return Err(refused("nobody has this credential"));
    };
    if user.is_empty() && !credential.resident {
        return Err(wrong(&"the credential was not made to be found without a name"));
    }
    let expected = Expected {
        party: &party,
        challenge: &bytes,
        verified: challenge.value.verified,
    };
    let assertion = Assertion {
        id: &answer.raw_id,
        client_data: &response.client_data_json,
        authenticator_data: &response.authenticator_data,
        signature: &response.signature,
        account: &response.user_handle,
    };
    // Without a name it is the authenticator that has to give one.
    if user.is_empty() && response.user_handle.is_empty() {
        return Err(wrong(&Refusal::WrongAccount));
    }
    let asserted = webauthn::assert(&expected, credential, subject.value.id.as_bytes(), &assertion)
        .map_err(|why| wrong(&why))?;
    let mut device = read.value.clone();
    device.used = now;
    if let DeviceFactor::Authenticator(credential) = &mut device.factor {
        credential.counter = asserted.counter;
        credential.backed_up = asserted.backed_up;
    }
    Ok(Confirmed {
        user: owner,
        matter: challenge.value.matter,
        verified: asserted.verified,
        after: challenge.value.after,
        key,
        revision: read.revision,
        device,
        challenge: Some((challenges::key(user, &bytes), challenge.revision)),
    })
}
