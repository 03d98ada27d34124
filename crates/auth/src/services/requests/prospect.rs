//! What would follow from a review that nobody has given: asked of the core as if it had been, and written nowhere.

use std::collections::{BTreeMap, BTreeSet};

use access::pin::Pin;
use access::request::{self, Request, Reviewer, State};
use wire::convert;
use wire::pb::countersign::v1 as ours;

use super::{Person, voter};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;

/// What would follow from the caller's own review.
#[derive(Debug, Default)]
pub struct Prospect {
    /// From an approval.
    pub approval: Option<ours::Prospect>,
    /// From a denial.
    pub denial: Option<ours::Prospect>,
    /// Why neither would be counted.
    pub why_not: String,
}

/// Asks what the caller's review would lead to. Parts of the system review nothing.
pub async fn of_caller(
    auth: &Auth,
    call: &Call,
    request: &Request,
    panel: &[Person],
    sees: &[Pin],
) -> Answer<Prospect> {
    let Some(caller) = call.caller.user() else {
        return Ok(Prospect::default());
    };
    let Some(person) = voter(auth, caller.name(), call.now).await? else {
        return Ok(Prospect::default());
    };
    let reviewer = person.reviewer_with(&caller.identity, caller.is_impersonated(), sees);
    let mut prospect = Prospect::default();
    for (state, place) in [
        (State::Approved, &mut prospect.approval),
        (State::Denied, &mut prospect.denial),
    ] {
        match request::review(
            request,
            &submission(state),
            &reviewer,
            &standing(panel, sees),
            call.now,
        ) {
            Ok(outcome) => {
                *place = Some(ours::Prospect {
                    state: convert::state_number(outcome.resolved.unwrap_or(State::Pending)),
                    missing: outcome.evidence.missing().unwrap_or(0),
                });
            }
            Err(error) => prospect.why_not = error.to_string(),
        }
    }
    Ok(prospect)
}

/// How many of those who may review have each role through which they may.
pub fn by_role(possible: &[ours::PossibleReviewer]) -> Vec<ours::ReviewerRole> {
    let roles: BTreeSet<&String> = possible.iter().flat_map(|person| &person.through_roles).collect();
    roles
        .into_iter()
        .map(|role| {
            let people = possible
                .iter()
                .filter(|person| person.through_roles.contains(role));
            ours::ReviewerRole {
                role: role.clone(),
                people: u32::try_from(people.count()).unwrap_or(u32::MAX),
            }
        })
        .collect()
}

fn submission(state: State) -> request::Submission {
    request::Submission {
        author: String::new(),
        state,
        reason: String::new(),
        roles: Vec::new(),
        has_annotations: false,
        assume_start: None,
    }
}

fn standing<'a>(panel: &'a [Person], sees: &'a [Pin]) -> BTreeMap<String, Reviewer<'a>> {
    panel
        .iter()
        .map(|person| (person.name.clone(), person.reviewer(false, sees)))
        .collect()
}
