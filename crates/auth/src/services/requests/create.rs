//! `AuthService.CreateAccessRequestV2`: somebody asks.

use std::collections::BTreeMap;

use access::Role;
use access::request::{
    Creator, Proposal, Request, Requester, Setter, State, StateChange, may_create, needs_reason, propose,
    set_state,
};
use store::Require;
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use super::{has_verbs, person, refused, resting_on_people};
use crate::audit::access as told;
use crate::auth::Auth;
use crate::authorize::verdict;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::ids::reads_as_uuid;
use crate::names;
use crate::services::users::no_such_user;
use crate::state::requests::put_request;
use crate::state::resource::Resource as _;
use crate::state::{Change, Tries};

/// Most resources of one request.
const RESOURCES_MAX: usize = 300;
/// Most roles of one request.
const ROLES_MAX: usize = 300;
/// Most suggested reviewers.
const REVIEWERS_MAX: usize = 100;
/// Most labels of one request, and the most bytes of each.
const LABELS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 1024;

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    message: Kept<types::AccessRequestV3>,
) -> Answer<Kept<types::AccessRequestV3>> {
    call.caller.require_certificate()?;
    check_form(&message)?;
    let proposal = convert::proposal(&message).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    if proposal.user.is_empty() {
        return Err(Failure::bad_parameter("access request user name not set"));
    }
    let caller = call.caller.user_name().unwrap_or(access::request::LOCAL_ADMIN);
    let creator = Creator {
        user: caller,
        may_create: has_verbs(call, &["create"]),
        create_denied: verdict(&call.caller, "access_request", "create", None).is_explicit_denial(),
        may_create_users: verdict(&call.caller, "user", "create", None).allows(),
        has_active_requests: call
            .caller
            .user()
            .is_some_and(|user| !user.identity.active_requests.is_empty()),
    };
    may_create(&creator, &proposal.user, proposal.state).map_err(|error| refused(error.class(), &error))?;
    if !proposal.dry_run {
        auth.limits.request(&proposal.user, call.now)?;
    }
    let certificate_left = call
        .caller
        .user()
        .map(|user| user.identity.not_after.duration_since(call.now));
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let requester = person(auth, &proposal.user, call.now)
            .await?
            .ok_or_else(|| no_such_user(&proposal.user))?;
        let roles = roles_asked(auth, call, &proposal).await?;
        let id = auth.chance.uuid_at(call.now);
        let request = propose(
            &proposal,
            &requester.requester(),
            certificate_left,
            &|name| roles.get(name).cloned(),
            &|| roles.keys().cloned().collect(),
            id,
            call.now,
        )
        .map_err(|error| refused(error.class(), &error))?;
        if request.dry_run {
            return Ok(dry(&requester.requester(), &request));
        }
        let request = resolved_at_once(call, &creator, request)?;
        let change = Change::new(
            call.now,
            &call.actor().user,
            told::created(call.actor(), &request),
        )
        .require(Require::Absent(types::AccessRequestV3::key(&request.id)));
        let change = resting_on_people(change, seen);
        let (change, mut message) = put_request(change, None, &request)?;
        match auth.state.commit(change).await {
            Ok(committed) => {
                message.metadata_mut().revision = crate::state::resource::stamp(committed.revision);
                return Ok(message);
            }
            Err(refused) => tries.again(refused)?,
        }
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
        let resources = spec.requested_resource_i_ds.len();
        if resources > RESOURCES_MAX {
            return Err(Failure::bad_parameter(format!(
                "access request contains too many resources ({resources}), max {RESOURCES_MAX}"
            )));
        }
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

/// The requested roles that exist; all roles for a wildcard.
async fn roles_asked(auth: &Auth, call: &Call, proposal: &Proposal) -> Answer<BTreeMap<String, Role>> {
    let mut roles = BTreeMap::new();
    if proposal.is_wildcard() {
        for found in auth.state.find_all::<types::RoleV6>(call.now).await? {
            roles.insert(
                found.resource.name().to_owned(),
                crate::policy::role(&found.resource)?,
            );
        }
        return Ok(roles);
    }
    for name in &proposal.roles {
        if let Some(found) = auth.state.find::<types::RoleV6>(name, call.now).await? {
            roles.insert(name.clone(), crate::policy::role(&found.resource)?);
        }
    }
    Ok(roles)
}

/// A request made in a final state is decided by its creator's own stored review, where one suffices.
fn resolved_at_once(call: &Call, creator: &Creator<'_>, request: Request) -> Answer<Request> {
    if request.state == State::Pending {
        return Ok(request);
    }
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
        impersonated: call
            .caller
            .user()
            .is_some_and(crate::caller::UserCaller::is_impersonated),
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
