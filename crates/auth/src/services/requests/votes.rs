//! Votes confirmed with an authenticator: the challenge for one vote, and whether a vote has the confirmation it needs.
//!
//! What the authenticator signs is a challenge that stands for one request with one content, for one person, once. Which
//! votes need it is judged here for every way in: the call, the header that says a browser is behind it, setting a state.

use access::request::{Request, ReviewError, ReviewRights};
use serde::{Deserialize, Serialize};
use store::Key;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::mfa_authenticate_response::Response;

use super::{explain, refused, visible};
use crate::audit::people::DeviceFacts;
use crate::auth::Auth;
use crate::call::Call;
use crate::caller::UserCaller;
use crate::failure::{Answer, Failure};
use crate::ids::hex;
use crate::services::factors::confirm::{self, About, Confirmed};
use crate::state::challenges::{Matter, Purpose};
use crate::state::{Change, own_bytes};

/// The words that make other people's clients ask for a second factor and repeat the call.
pub const MFA_NEEDED: &str = "admin-level API request requires MFA verification";

/// Which votes need an authenticator's signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VoteConfirmation {
    /// None; one that is given is judged all the same.
    Off,
    /// Votes in the browser, of those who have an authenticator.
    #[default]
    Optional,
    /// All.
    Required,
}

impl VoteConfirmation {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// What is kept of a confirmed vote, beside the vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Who voted.
    pub person: String,
    /// On which request.
    pub request: String,
    /// The digest of what the request was about, in hex.
    pub digest: String,
    /// The digest of the challenge that was signed, in hex.
    pub challenge: String,
    /// The authenticator.
    pub device: String,
    /// Whether it found out who touched it.
    pub verified: bool,
}

/// A vote's confirmation, judged; spent when the vote is committed.
#[derive(Debug, Clone)]
pub struct Confirmation {
    confirmed: Confirmed,
    request: String,
    digest: String,
}

impl Confirmation {
    /// What records say of the authenticator.
    pub fn facts(&self) -> DeviceFacts {
        self.confirmed.facts()
    }

    /// The digest of what was confirmed, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether it can still be spent.
    pub async fn holds(&self, auth: &Auth, now: jiff::Timestamp) -> Answer<bool> {
        self.confirmed.holds(&auth.state, now).await
    }

    /// Judges whether the request is still what was confirmed: votes wait for their turn, and roles change meanwhile.
    pub async fn still_about(&self, auth: &Auth, request: &Request, now: jiff::Timestamp) -> Answer<()> {
        if hex(&explain::content_digest(auth, now, request).await?) == self.digest {
            Ok(())
        } else {
            Err(changed())
        }
    }

    /// Spends it and keeps what it was, with the change that counts the vote.
    pub fn spend(&self, auth: &Auth, change: Change) -> Answer<Change> {
        let change = self.confirmed.spend(&auth.state, change)?;
        let kept = Kept {
            person: self.confirmed.user.clone(),
            request: self.request.clone(),
            digest: self.digest.clone(),
            challenge: self.confirmed.challenge_digest().unwrap_or_default(),
            device: self.confirmed.facts().id,
            verified: self.confirmed.verified,
        };
        Ok(change.put(key(&self.request, &kept.person), own_bytes(&kept)?))
    }
}

/// Where the confirmation of a vote is kept.
pub fn key(request: &str, person: &str) -> Key {
    Key::of(["vote_confirmations", request, person])
}

/// Handles `AccessService.BeginVote`: what the caller's authenticator is to sign for a vote on one request, as the request
/// is now.
pub async fn begin(
    auth: &Auth,
    call: &Call,
    asked: ours::BeginVoteRequest,
) -> Answer<ours::BeginVoteResponse> {
    let caller = call.caller.require_user()?;
    let user = caller.name();
    if !may_review(caller) {
        let error = ReviewError::NoRights(user.to_owned());
        return Err(refused(error.class(), &error));
    }
    let id = asked.request_id;
    let found = visible(auth, call, &id)
        .await?
        .ok_or_else(|| Failure::not_found(format!("no access request matching {id:?}")))?;
    let digest = explain::content_digest(auth, call.now, &found.request).await?;
    let devices = auth.state.devices(user, call.now).await?;
    let policy = auth.settings.vote_confirmation;
    let matter = Matter {
        request: id,
        digest: hex(&digest),
    };
    let webauthn = if policy == VoteConfirmation::Off {
        None
    } else {
        let about = About {
            verified: true,
            matter: Some(matter),
            after: None,
        };
        confirm::ask(auth, call, user, &devices, Purpose::Vote, about).await?
    };
    let webauthn = match webauthn {
        Some(asked) => {
            auth.state.commit(asked.change).await?;
            Some(asked.options)
        }
        None => None,
    };
    Ok(ours::BeginVoteResponse {
        webauthn,
        digest: digest.to_vec().into(),
        required: policy == VoteConfirmation::Required,
    })
}

/// Whether the caller is somebody whose votes must be confirmed, wherever they come from.
pub fn asks_caller(auth: &Auth, call: &Call) -> bool {
    auth.settings.vote_confirmation == VoteConfirmation::Required
        && call.caller.user().is_some_and(may_review)
}

fn may_review(user: &UserCaller) -> bool {
    ReviewRights::of(user.held_roles(), &user.traits).is_ok_and(|rights| rights.any())
}

/// Judges what came beside a vote on `id`, and refuses a vote that needs more.
pub async fn check(auth: &Auth, call: &Call, id: &str) -> Answer<Option<Confirmation>> {
    let policy = auth.settings.vote_confirmation;
    let Some(user) = call.caller.user() else {
        return if policy == VoteConfirmation::Required {
            Err(Failure::access_denied(format!(
                "votes in this cluster are confirmed with an authenticator, which only people have: {}",
                where_to(auth, id)
            )))
        } else {
            Ok(None)
        };
    };
    let signed = match call.second_factor().and_then(|answer| answer.response.as_ref()) {
        Some(Response::Webauthn(answer)) => Some(answer),
        Some(_) | None => None,
    };
    if let Some(answer) = signed {
        let purposes = [Purpose::Vote, Purpose::Administration];
        let confirmed = confirm::signed(auth, call, user.name(), answer, &purposes).await?;
        return confirmation(auth, call, id, confirmed).await.map(Some);
    }
    if policy == VoteConfirmation::Off || (policy == VoteConfirmation::Optional && !call.is_from_browser()) {
        return Ok(None);
    }
    let party = auth.relying_party(&auth.preference(call.now).await?);
    let devices = auth.state.devices(user.name(), call.now).await?;
    let has_authenticator = party.is_some_and(|party| confirm::can_answer(&party, &devices));
    match policy {
        VoteConfirmation::Optional if !has_authenticator => Ok(None),
        VoteConfirmation::Off => Ok(None),
        VoteConfirmation::Optional => Err(Failure::access_denied(MFA_NEEDED)),
        // Whoever has one is asked for it; whoever has none, or gave a code instead, is told where to go.
        VoteConfirmation::Required if has_authenticator && call.second_factor().is_none() => {
            Err(Failure::access_denied(MFA_NEEDED))
        }
        VoteConfirmation::Required => Err(Failure::access_denied(format!(
            "votes in this cluster are confirmed with an authenticator that signs; a one-time code is not enough: {}",
            where_to(auth, id)
        ))),
    }
}

fn changed() -> Failure {
    Failure::compare_failed(
        "the access request, or a role it is about, has changed since it was shown; look at it again and vote then",
    )
}

/// What somebody is told whose vote came without the confirmation that it needs.
pub fn unconfirmed() -> Failure {
    Failure::access_denied(MFA_NEEDED)
}

fn where_to(auth: &Auth, id: &str) -> String {
    let proxy = auth.proxy_address();
    format!(
        "register one at https://{proxy}/web/account/security and vote at https://{proxy}/web/requests/{id}"
    )
}

/// Binds what was signed to the request as it is now.
async fn confirmation(auth: &Auth, call: &Call, id: &str, confirmed: Confirmed) -> Answer<Confirmation> {
    let found = auth.state.request(id, call.now).await?.ok_or_else(|| {
        Failure::not_found(format!(
            "cannot apply review to access request {id:?} (not found)"
        ))
    })?;
    let digest = hex(&explain::content_digest(auth, call.now, &found.request).await?);
    if let Some(matter) = &confirmed.matter {
        if matter.request != id {
            return Err(Failure::access_denied(
                "what was confirmed is a vote on another access request",
            ));
        }
        if matter.digest != digest {
            return Err(changed());
        }
    }
    Ok(Confirmation {
        confirmed,
        request: id.to_owned(),
        digest,
    })
}
