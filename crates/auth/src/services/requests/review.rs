//! `AuthService.SubmitAccessReview`: somebody says yes or no.

use std::collections::BTreeMap;

use access::request::{self, ReviewError, State};
use wire::convert;
use wire::keep::Kept;
use wire::pb::types;

use super::{Person, person, refused, resting_on_people};
use crate::audit::access as told;
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::state::requests::put_resolved;
use crate::state::resource::{Resource as _, stamp};
use crate::state::{Change, Tries};

/// Handles the call.
pub async fn handle(
    auth: &Auth,
    call: &Call,
    submitted: types::AccessReviewSubmission,
) -> Answer<Kept<types::AccessRequestV3>> {
    let review = submitted.review.unwrap_or_default();
    let submission =
        convert::submission(&review).map_err(|error| Failure::bad_parameter(error.to_string()))?;
    if submission.state == State::Promoted {
        return Err(Failure::bad_parameter(ReviewError::Promoted.to_string()));
    }
    let Some(caller) = call.caller.user() else {
        // Parts of the system are nobody whose yes could count.
        let error = ReviewError::NoRights(call.caller.short_name().to_owned());
        return Err(refused(error.class(), &error));
    };
    let id = submitted.request_id;
    let _turn = auth.turns.take(&id).await;
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let reviewer = person(auth, caller.name(), call.now)
            .await?
            .ok_or_else(crate::failure::denied)?
            .holding(&caller.identity);
        let impersonated = caller.is_impersonated();
        rights_first(&reviewer, &submission)?;
        if id.is_empty() {
            return Err(Failure::bad_parameter("missing request ID"));
        }
        let Some(found) = auth.state.request(&id, call.now).await? else {
            return Err(Failure::not_found(format!(
                "cannot apply review to access request {id:?} (not found)"
            )));
        };
        let panel = panel(auth, call, &found.request).await?;
        let panel: BTreeMap<_, _> = panel
            .iter()
            .map(|person| (person.name.clone(), person.reviewer(false)))
            .collect();
        let outcome = request::review(
            &found.request,
            &submission,
            &reviewer.reviewer(impersonated),
            &panel,
            call.now,
        )
        .map_err(|error| refused(error.class(), &error))?;
        let Some(newest) = outcome.request.reviews.last() else {
            return Err(Failure::internal("a counted review is missing"));
        };
        let mut counted: Vec<String> = outcome
            .evidence
            .roles
            .iter()
            .flat_map(|role| &role.sets)
            .flatten()
            .flat_map(|threshold| threshold.approvals.iter().chain(&threshold.denials).cloned())
            .collect();
        counted.sort();
        counted.dedup();
        let event = told::reviewed(call.actor(), &outcome.request, newest, &counted);
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(&types::AccessRequestV3::key(&id), Some(found.revision));
        let change = resting_on_people(change, seen);
        let dropped = outcome.resolved.map(|_| outcome.dropped).unwrap_or_default();
        let (change, mut message) = put_resolved(change, Some(&found), &outcome.request, dropped)?;
        match auth.state.commit(change).await {
            Ok(committed) => {
                message.metadata_mut().revision = stamp(committed.revision);
                return Ok(message);
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Whoever has no right to review anything learns that before anything about the request.
fn rights_first(reviewer: &Person, submission: &request::Submission) -> Answer<()> {
    let error = if !submission.author.is_empty() && submission.author != reviewer.name {
        ReviewError::ForAnother {
            caller: reviewer.name.clone(),
            author: submission.author.clone(),
        }
    } else {
        match request::ReviewRights::of(&reviewer.roles, &reviewer.traits) {
            Ok(rights) if rights.any() => return Ok(()),
            Ok(_) => ReviewError::NoRights(reviewer.name.clone()),
            Err(error) => ReviewError::Rights(error),
        }
    };
    Err(refused(error.class(), &error))
}

/// The authors of the stored reviews, as they stand now; who was deleted is missing.
pub(super) async fn panel(auth: &Auth, call: &Call, request: &request::Request) -> Answer<Vec<Person>> {
    let mut panel = Vec::with_capacity(request.reviews.len());
    for review in &request.reviews {
        panel.extend(person(auth, &review.author, call.now).await?);
    }
    Ok(panel)
}
