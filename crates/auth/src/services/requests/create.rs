//! `AuthService.CreateAccessRequestV2`: somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::request::{
    Creator, Request, Requester, Setter, State, StateChange, may_create, needs_reason, propose, set_state,
};
use store::Require;
use wire::convert;
use wire::keep::Kept;
use wire::pb::proto::AccessRequestSort;
use wire::pb::types;

use super::catalogue::{From, Query};
use super::offer::Offer;
use super::votes::VoteConfirmation;
use super::{has_verbs, person, refused, resting_on_people};
use crate::audit::access as told;
use crate::auth::Auth;
use crate::authorize::verdict;
use crate::call::Call;
use crate::failure::{Answer, Failure, denied};
use crate::ids::reads_as_uuid;
use crate::names;
use crate::services::monitoring_rules::automatic;
use crate::services::resources;
use crate::services::users::no_such_user;
use crate::state::requests::put_request;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Most roles of one request.
const ROLES_MAX: usize = 300;
/// Most suggested reviewers.
const REVIEWERS_MAX: usize = 100;
/// Most labels of one request, and the most bytes of each.
const LABELS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 1024;

/// Handles the call.
pub async fn handle(
    auth: &Arc<Auth>,
    call: &Call,
    message: Kept<types::AccessRequestV3>,
) -> Answer<Kept<types::AccessRequestV3>> {
    call.caller.require_certificate()?;
    check_form(&message)?;
    let proposal = convert::proposal(&message).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    if proposal.user.is_empty() {
        return Err(Failure::bad_parameter("access request user name not set"));
    }
    let allowed = |creator: &Creator<'_>| {
        may_create(creator, &proposal.user, proposal.state).map_err(|error| refused(error.class(), &error))
    };
    allowed(&creator(call))?;
    if !proposal.dry_run {
        auth.limits.request(&proposal.user, call.now)?;
    }
    let certificate_left = call
        .caller
        .user()
        .map(|user| user.identity.not_after.duration_since(call.now));
    // One after the other, so that nobody gets more than the limit by asking several times at once.
    let _turn = auth.turns.take(&format!("of {}", proposal.user)).await;
    if proposal.state == State::Pending && !proposal.dry_run {
        check_pending(auth, call, &proposal.user).await?;
    }
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let call = &call.again(auth).await?;
        let creator = creator(call);
        allowed(&creator)?;
        let requester = person(auth, &proposal.user, call.now)
            .await?
            .ok_or_else(|| no_such_user(&proposal.user))?;
        let offer = Offer::for_proposal(auth, call.now, &proposal, &requester.roles).await?;
        let id = auth.chance.uuid_at(call.now);
        let request = offer
            .with(auth.cluster(), |catalogue| {
                propose(
                    &proposal,
                    &requester.requester(),
                    certificate_left,
                    catalogue,
                    id,
                    call.now,
                )
            })
            .map_err(|error| refused(error.class(), &error))?;
        let named = resources::names::of(auth, &request.resource_ids, call.now).await?;
        if request.dry_run {
            warn_of_unknown(call, &named.unknown);
            return Ok(dry(&requester.requester(), &request));
        }
        let request = resolved_at_once(auth, call, &creator, request).await?;
        let change = Change::new(
            call.now,
            &call.actor().user,
            told::created(call.actor(), &request, &named.names),
        )
        .require(Require::Absent(types::AccessRequestV3::key(&request.id)));
        let change = resting_on_people(change, seen);
        let (change, mut message) = put_request(change, None, &request)?;
        match auth.state.commit(change).await {
            Ok(committed) => {
                message.metadata_mut().revision = crate::state::resource::stamp(committed.revision);
                warn_of_unknown(call, &named.unknown);
                // The answer is the request as it was made; what rules say to it comes after.
                automatic::consider(auth, &request, call.now).await;
                return Ok(message);
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Refuses one more where a user has as many pending requests as are allowed. Several Auth Services that are asked at once may
/// let a few more through: this protects reviewers from weariness, no decision rests on it.
async fn check_pending(auth: &Auth, call: &Call, user: &str) -> Answer<()> {
    let most = auth.limits.pending_requests();
    if most == usize::MAX {
        return Ok(());
    }
    let query = Query {
        sort: AccessRequestSort::Default,
        descending: true,
        state: Some(State::Pending),
        user: Some(user),
    };
    let entries = auth
        .catalogue
        .look(&auth.state, call.now, &query, From::Start, usize::MAX)
        .await?;
    if entries.len() < most {
        return Ok(());
    }
    // Those whose time is over are not swept at once.
    let mut pending = 0;
    for entry in entries {
        let found = auth.state.request(entry.id(), call.now).await?;
        pending += usize::from(found.is_some_and(|found| !found.request.is_expired(call.now)));
        if pending >= most {
            return Err(Failure::limit_exceeded(format!(
                "user {user:?} has {most} pending access requests, which is the limit; withdraw those that are not \
                 needed any more with `tsh request withdraw ID`, or wait until some are decided"
            )));
        }
    }
    Ok(())
}

/// The caller as somebody who makes a request.
fn creator(call: &Call) -> Creator<'_> {
    Creator {
        user: call.caller.user_name().unwrap_or(access::request::LOCAL_ADMIN),
        may_create: has_verbs(call, &["create"]),
        create_denied: verdict(&call.caller, "access_request", "create", None).is_explicit_denial(),
        may_create_users: verdict(&call.caller, "user", "create", None).allows(),
        has_active_requests: call
            .caller
            .user()
            .is_some_and(|user| !user.identity.active_requests.is_empty()),
    }
}

/// A resource that is not here may come; most often it is misspelt.
fn warn_of_unknown(call: &Call, unknown: &[String]) {
    for id in unknown {
        call.warn(format!(
            "the request names {id}, which does not exist in this cluster"
        ));
    }
}

fn check_form(message: &types::AccessRequestV3) -> Answer<()> {
    let id = message
        .metadata
        .as_ref()
        .map_or("", |metadata| metadata.name.as_str());
    if !reads_as_uuid(id) {
        return Err(Failure::bad_parameter(format!(
            "invalid access request ID {id:?}"
        )));
    }
    if let Some(spec) = &message.spec {
        let lists = [
            ("roles", &spec.roles, ROLES_MAX),
            ("suggested reviewers", &spec.suggested_reviewers, REVIEWERS_MAX),
        ];
        for (what, list, most) in lists {
            if list.len() > most {
                return Err(Failure::bad_parameter(format!(
                    "access request contains too many {what} ({}), max {most}",
                    list.len()
                )));
            }
        }
        let named = spec.roles.iter().chain(&spec.suggested_reviewers);
        for name in named.chain(std::iter::once(&spec.login_hint)) {
            names::check_mentioned("access request", name)?;
        }
    }
    let labels = message.metadata.iter().flat_map(|metadata| &metadata.labels);
    if labels.clone().count() > LABELS_MAX
        || labels
            .clone()
            .any(|(key, value)| key.len() > LABEL_BYTES_MAX || value.len() > LABEL_BYTES_MAX)
    {
        return Err(Failure::bad_parameter(format!(
            "access request has too many or too long labels, max {LABELS_MAX} of {LABEL_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// A request made in a final state is decided by its creator's own stored review, where one suffices.
async fn resolved_at_once(
    auth: &Auth,
    call: &Call,
    creator: &Creator<'_>,
    request: Request,
) -> Answer<Request> {
    if request.state == State::Pending {
        return Ok(request);
    }
    // There is nothing yet that an authenticator could sign.
    if request.state == State::Approved && auth.settings.vote_confirmation == VoteConfirmation::Required {
        return Err(Failure::access_denied(
            "votes in this cluster are confirmed with an authenticator: create the request, and approve it then",
        ));
    }
    let impersonated = call
        .caller
        .user()
        .is_some_and(crate::caller::UserCaller::is_impersonated);
    let standing = match call.caller.user() {
        Some(user) => Some(person(auth, user.name(), call.now).await?.ok_or_else(denied)?),
        None => None,
    };
    let sees = auth.state.pins(&request.roles, call.now).await?;
    let change = StateChange {
        state: request.state,
        reason: request.resolve_reason.clone(),
        annotations: BTreeMap::new(),
        roles: Vec::new(),
        assume_start: None,
    };
    let setter = Setter {
        user: creator.user,
        subject: call.caller.user().map_or("", |user| user.subject.id.as_str()),
        may_update: true,
        has_active_requests: creator.has_active_requests,
        impersonated,
        as_reviewer: standing
            .as_ref()
            .map(|person| person.reviewer(impersonated, &sees)),
        sees: &sees,
    };
    let pending = Request {
        state: State::Pending,
        ..request
    };
    set_state(&pending, &change, &setter, call.now).map_err(|error| refused(error.class(), &error))
}

/// The answer to a dry run: the request as it would be, and whether a reason would be needed.
fn dry(requester: &Requester<'_>, request: &Request) -> Kept<types::AccessRequestV3> {
    let mut message = convert::request_message(request);
    let needed = needs_reason(requester, &request.roles);
    let mut prompts: Vec<String> = requester
        .roles
        .iter()
        .map(|role| role.options.request_prompt.trim().to_owned())
        .filter(|prompt| !prompt.is_empty())
        .collect();
    prompts.sort();
    prompts.dedup();
    if let Some(spec) = &mut message.spec {
        spec.dry_run_enrichment = Some(types::AccessRequestDryRunEnrichment {
            reason_mode: if needed { "required" } else { "optional" }.to_owned(),
            reason_prompts: prompts,
        });
    }
    Kept::from(message)
}
