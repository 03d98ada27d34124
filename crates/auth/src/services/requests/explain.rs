//! `AccessService.Explain`: why a request is where it is, and who may still decide.

use std::collections::{BTreeMap, BTreeSet};

use access::request::visibility::may_review;
use access::request::{
    Request, Requestable, Resolution, Standing, State, evidence, fewest_approvals, resolve, short_form,
};
use jiff::Timestamp;
use prost::Message as _;
use wire::convert;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::types;

use super::{person, prospect, viewer, visible};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::requests::FoundRequest;

/// Handles the call.
pub async fn handle(auth: &Auth, call: &Call, asked: ours::ExplainRequest) -> Answer<ours::Evidence> {
    let id = asked.request_id;
    let found = visible(auth, call, &id)
        .await?
        .ok_or_else(|| Failure::not_found(format!("no access request matching {id:?}")))?;
    let request = &found.request;
    let standing = standing(auth, call, &found).await?;
    let stood = |at: usize| standing.get(at).copied().unwrap_or(Standing::LostRight);
    let stand = |at: usize| stood(at).stands();
    let counted = evidence(request, stood);
    let panel = super::review::panel(auth, call, request).await?;
    let sees = auth.state.pins(&request.roles, call.now).await?;
    let prospect = prospect::of_caller(auth, call, request, &panel, &sees).await?;
    let viewer = viewer(call);
    let possible = super::possible::reviewers(auth, request, viewer.user, call.now).await?;
    // The requester learns how many may decide, not who (they are asked by the system, not by Bob).
    let shows_names = viewer.sees_all
        || may_review(&viewer, request)
        || request.reviews.iter().any(|review| review.author == viewer.user);
    let content = content(auth, call.now, request).await?;
    let resolution = resolve(request, stand);
    let approvals: BTreeSet<&String> = counted
        .roles
        .iter()
        .flat_map(|role| &role.sets)
        .flatten()
        .flat_map(|threshold| &threshold.approvals)
        .collect();
    Ok(ours::Evidence {
        request_id: id,
        state: convert::state_number(request.state),
        roles: counted
            .roles
            .iter()
            .map(|role| role_evidence(request, role))
            .collect(),
        ignored: counted
            .skipped
            .iter()
            .map(|skipped| ours::IgnoredReview {
                author: skipped.author.clone(),
                proposed_state: request
                    .reviews
                    .iter()
                    .find(|review| review.author == skipped.author)
                    .map_or(0, |review| convert::state_number(review.state)),
                reason: skipped.why.to_owned(),
            })
            .collect(),
        possible_reviewer_count: possible.count,
        reviewer_roles: possible.by_role,
        possible_reviewers: if shows_names { possible.named } else { Vec::new() },
        outcome: resolution.state.map_or(0, convert::state_number),
        resolved_by: decided_by(&found, &resolution),
        resolve_reason: request.resolve_reason.clone(),
        digest: convert::content_digest(&content).to_vec().into(),
        short_digest: short_form(&content.encode_to_vec()),
        review_until: Some(convert::timestamp(request.expiry)),
        approvals: u32::try_from(approvals.len()).unwrap_or(u32::MAX),
        missing: fewest_approvals(request, stand, &possible.ballots)
            .filter(|_| request.state == State::Pending)
            .or(counted.missing())
            .unwrap_or(0),
        if_approved: prospect.approval,
        if_denied: prospect.denial,
        why_not: prospect.why_not,
        requested_roles: if shows_names || call.allow("role", &["read"]).is_ok() {
            roles(auth, call, request).await?
        } else {
            Vec::new()
        },
    })
}

/// Who decided: whoever set the state directly, or else the author of the review that led to it. The approvals that a
/// recount finds say nothing of who took them back.
fn decided_by(found: &FoundRequest, resolution: &Resolution) -> String {
    let request = &found.request;
    let reviewed = || {
        let by = resolution
            .by
            .filter(|_| resolution.state == Some(request.state))?;
        Some(request.reviews.get(by)?.author.clone())
    };
    found.set_by.clone().or_else(reviewed).unwrap_or_default()
}

fn role_evidence(request: &Request, role: &access::request::RoleEvidence) -> ours::RoleEvidence {
    let indexes = request.role_thresholds.get(&role.role);
    let sets: Vec<ours::ThresholdSetEvidence> = role
        .sets
        .iter()
        .enumerate()
        .map(|(set_at, set)| {
            let thresholds: Vec<ours::ThresholdEvidence> = set
                .iter()
                .enumerate()
                .map(|(at, threshold)| ours::ThresholdEvidence {
                    index: indexes
                        .and_then(|sets| sets.get(set_at)?.get(at).copied())
                        .unwrap_or(0),
                    name: threshold.name.clone(),
                    filter: threshold.filter.clone(),
                    approvals_needed: threshold.approve,
                    denials_needed: threshold.deny,
                    approved_by: threshold.approvals.clone(),
                    denied_by: threshold.denials.clone(),
                    missing: threshold.missing().unwrap_or(0),
                    never_approves: threshold.approve == 0,
                })
                .collect();
            let satisfied = thresholds
                .iter()
                .any(|threshold| !threshold.never_approves && threshold.missing == 0);
            ours::ThresholdSetEvidence {
                thresholds,
                satisfied,
            }
        })
        .collect();
    ours::RoleEvidence {
        role: role.role.clone(),
        satisfied: !sets.is_empty() && sets.iter().all(|set| set.satisfied),
        sets,
    }
}

/// For each review whether it counts now: its author is there, not locked and may review, and no requested role grants more
/// than was seen. Of a resolved request whether it counted then.
async fn standing(auth: &Auth, call: &Call, found: &FoundRequest) -> Answer<Vec<Standing>> {
    let request = &found.request;
    if request.state != State::Pending {
        return Ok(request
            .reviews
            .iter()
            .map(|review| Standing::from(!found.dropped.contains(&review.author)))
            .collect());
    }
    let panel = super::review::panel(auth, call, request).await?;
    let sees = auth.state.pins(&request.roles, call.now).await?;
    Ok(request
        .reviews
        .iter()
        .map(|review| {
            let author = panel.iter().find(|person| person.name == review.author);
            let author = author.map(|person| person.reviewer(false, &sees));
            access::request::standing(request, review, author.as_ref(), &sees)
        })
        .collect())
}

/// The digest of what a reviewer says yes to.
pub(super) async fn content_digest(auth: &Auth, now: Timestamp, request: &Request) -> Answer<[u8; 32]> {
    Ok(convert::content_digest(&content(auth, now, request).await?))
}

/// What a reviewer says yes to: the request as it was asked, and what the roles say now that it is about and that let it
/// be asked for.
async fn content(auth: &Auth, now: Timestamp, request: &Request) -> Answer<ours::RequestContent> {
    let asked = Request {
        roles: request.original_roles(),
        ..request.clone()
    };
    let mut granting = BTreeMap::new();
    if let Some(requester) = person(auth, &request.user, now).await?
        && let Ok(requestable) = Requestable::of(&requester.roles, &requester.traits)
    {
        for role in asked.roles.iter().flat_map(|role| requestable.granting(role)) {
            granting.extend(digest(auth, now, &role.name).await?);
        }
    }
    let mut requested = BTreeMap::new();
    for role in &asked.roles {
        requested.extend(digest(auth, now, role).await?);
    }
    Ok(convert::request_content(
        auth.cluster(),
        &asked,
        &granting,
        &requested,
    ))
}

/// The requested roles as they are now; what is gone is missing.
async fn roles(auth: &Auth, call: &Call, request: &Request) -> Answer<Vec<Kept<types::RoleV6>>> {
    let mut roles = Vec::new();
    for name in &request.roles {
        let found = auth.state.find::<types::RoleV6>(name, call.now).await?;
        roles.extend(found.map(|found| found.resource));
    }
    Ok(roles)
}

/// A role and the digest of what it says; nothing if it is gone.
async fn digest(auth: &Auth, now: Timestamp, name: &str) -> Answer<Option<(String, [u8; 32])>> {
    let role = auth.state.find::<types::RoleV6>(name, now).await?;
    Ok(role.map(|found| (name.to_owned(), convert::role_digest(&found.resource))))
}
