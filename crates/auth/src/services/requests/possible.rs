//! Who may still review a request: everybody is looked at, but locks are read once, and review rights are compiled once for
//! all who hold the same roles.

use std::collections::{BTreeSet, HashMap};

use access::Role;
use access::request::{Request, ReviewRights, State, could_count_for};
use jiff::Timestamp;
use wire::pb::countersign::v1 as ours;

use super::people::person_among;
use super::prospect;
use crate::auth::Auth;
use crate::failure::Answer;
use crate::locks;
use crate::state::resource::Resource as _;

/// The most that are named; their number is always told.
const NAMED_MAX: usize = 100;

/// Those who may still review a request.
#[derive(Debug, Default)]
pub struct Possible {
    /// How many.
    pub count: u32,
    /// Some of them: whoever asks comes first, then whoever was suggested.
    pub named: Vec<ours::PossibleReviewer>,
    /// How many of them have each role through which they may.
    pub by_role: Vec<ours::ReviewerRole>,
    /// Of each the thresholds that their approval could count for.
    pub ballots: Vec<BTreeSet<u32>>,
}

/// Everybody who may still review `request`, as `viewer` is told; nobody once it is decided.
pub async fn reviewers(auth: &Auth, request: &Request, viewer: &str, now: Timestamp) -> Answer<Possible> {
    if request.state != State::Pending {
        return Ok(Possible::default());
    }
    let locks = locks::view(&auth.state, now).await?;
    let mut rights: HashMap<Vec<String>, Option<ReviewRights>> = HashMap::new();
    let mut possible = Vec::new();
    let mut ballots = Vec::new();
    for user in auth.state.users(now).await? {
        let name = user.name();
        if name == request.user || request.reviews.iter().any(|review| review.author == name) {
            continue;
        }
        let Some(person) = person_among(auth, name, Some(&locks), now).await? else {
            continue;
        };
        let is_requester = !request.subject.is_empty() && person.subject == request.subject;
        if person.locked || is_requester || !person.roles.iter().any(reviews_something) {
            continue;
        }
        let own;
        let found = if person.roles.iter().any(asks_for_traits) {
            own = ReviewRights::of(&person.roles, &person.traits).ok();
            own.as_ref()
        } else {
            let names = person.roles.iter().map(|role| role.name.clone());
            rights
                .entry(names.collect())
                .or_insert_with(|| ReviewRights::of(&person.roles, &person.traits).ok())
                .as_ref()
        };
        let covers = |rights: &ReviewRights| {
            rights.any()
                && rights
                    .cover(request, &person.roles, &person.traits)
                    .unwrap_or(false)
        };
        if !found.is_some_and(covers) {
            continue;
        }
        let ballot = could_count_for(request, &person.reviewer(false, &[]));
        let through_roles: Vec<String> = person
            .roles
            .iter()
            .filter(|role| reviews_something(role))
            .map(|role| role.name.clone())
            .collect();
        let lists: BTreeSet<String> = through_roles
            .iter()
            .flat_map(|role| person.by_lists.get(role).into_iter().flatten().cloned())
            .collect();
        possible.push(ours::PossibleReviewer {
            thresholds: ballot.iter().copied().collect(),
            through_roles,
            through_lists: lists.into_iter().collect(),
            suggested: request.suggested_reviewers.contains(&person.name),
            user: person.name,
        });
        ballots.push(ballot);
    }
    let by_role = prospect::by_role(&possible);
    let count = u32::try_from(possible.len()).unwrap_or(u32::MAX);
    possible.sort_by_key(|possible| (possible.user != viewer, !possible.suggested));
    possible.truncate(NAMED_MAX);
    Ok(Possible {
        count,
        named: possible,
        by_role,
        ballots,
    })
}

fn reviews_something(role: &Role) -> bool {
    let conditions = &role.allow.review_requests;
    !conditions.roles.is_empty() || !conditions.claims_to_roles.is_empty()
}

/// Whether what this role lets its holders review depends on who they are.
fn asks_for_traits(role: &Role) -> bool {
    [&role.allow, &role.deny]
        .iter()
        .any(|conditions| !conditions.review_requests.claims_to_roles.is_empty())
}
