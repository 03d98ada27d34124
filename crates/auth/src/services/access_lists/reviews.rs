//! Reviews of lists: an owner looks at who is in it, takes out who should not be, and the next date is set.
//!
//! A review that is missed takes nothing from anybody; it is only said to be due.

use access::list::schedule;
use jiff::Timestamp;
use serde_json::json;
use wire::convert;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::pb::teleport::header::v1::{Metadata, ResourceHeader};

use super::check::{self, check_recurrence, check_text};
use super::members::{bad_token, last_two};
use super::read::page_size;
use super::standing::{By, Standing, has_verbs, may_manage};
use super::write::resting_on_lists;
use super::{KIND, about, missing, missing_member, noted};
use crate::audit::lists::{Deed, ReviewFacts, reviewed};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::moment;
use crate::state::access_lists::{
    self as stored, AccessList, Headed as _, Member, Review, list_key, review_key, reviews_of,
};
use crate::state::{Change, Read, Tries};

/// Most reviews of a page.
const PAGE_MAX: usize = 200;
/// Most members that one review takes out.
const REMOVED_MAX: usize = 1_000;

/// Handles `AccessListService.ListAccessListReviews`.
pub async fn page(
    auth: &Auth,
    call: &Call,
    asked: pb::ListAccessListReviewsRequest,
) -> Answer<pb::ListAccessListReviewsResponse> {
    let name = asked.access_list;
    let standing = Standing::of(auth, call).await?;
    if !has_verbs(call, &["list", "read"]) {
        may_manage(call, &standing, &name)?;
    }
    if auth.state.access_list(&name, call.now).await?.is_none() {
        return Err(missing(&name));
    }
    let from = (!asked.next_token.is_empty()).then(|| review_key(&name, &asked.next_token));
    let limit = page_size(asked.page_size, PAGE_MAX);
    let (reviews, next) = auth
        .state
        .list_page(reviews_of(&name), from, limit, call.now)
        .await?;
    Ok(pb::ListAccessListReviewsResponse {
        reviews,
        next_token: next.map(|key| key.name().into_owned()).unwrap_or_default(),
    })
}

/// Handles `AccessListService.ListAllAccessListReviews`.
pub async fn page_of_all(
    auth: &Auth,
    call: &Call,
    asked: pb::ListAllAccessListReviewsRequest,
) -> Answer<pb::ListAllAccessListReviewsResponse> {
    call.allow(KIND, &["list", "read"])?;
    let from = match asked.next_token.split_once('/') {
        Some((list, review)) => Some(review_key(list, review)),
        None if asked.next_token.is_empty() => None,
        None => return Err(bad_token(&asked.next_token)),
    };
    let limit = page_size(asked.page_size, PAGE_MAX);
    let (reviews, next) = auth
        .state
        .list_page(stored::reviews(), from, limit, call.now)
        .await?;
    Ok(pb::ListAllAccessListReviewsResponse {
        reviews,
        next_token: next.map(|key| last_two(&key)).unwrap_or_default(),
    })
}

/// Handles `AccessListService.CreateAccessListReview`.
pub async fn create(
    auth: &Auth,
    call: &Call,
    asked: pb::CreateAccessListReviewRequest,
) -> Answer<pb::CreateAccessListReviewResponse> {
    let spec = asked.review.as_ref().and_then(|review| review.spec.as_ref());
    let list = spec.map(|spec| spec.access_list.clone()).unwrap_or_default();
    let answer = review(auth, call, asked.review).await;
    noted(auth, call, Deed::Reviewed, &list, answer).await
}

async fn review(
    auth: &Auth,
    call: &Call,
    sent: Option<Review>,
) -> Answer<pb::CreateAccessListReviewResponse> {
    let mut review = sent.ok_or_else(|| Failure::bad_parameter("missing parameter review"))?;
    let spec = review.spec.get_or_insert_default();
    let name = spec.access_list.clone();
    if name.is_empty() {
        return Err(Failure::bad_parameter("access list is missing"));
    }
    check_text("notes", &spec.notes)?;
    // Who reviewed, and when, is the caller and now, whatever was sent.
    spec.reviewers = vec![call.caller.short_name().to_owned()];
    spec.review_date = Some(moment::write(call.now));
    let changes = spec.changes.clone().unwrap_or_default();
    if changes.removed_members.len() > REMOVED_MAX {
        return Err(Failure::bad_parameter(format!(
            "a review takes out at most {REMOVED_MAX} members"
        )));
    }
    check_recurrence(
        changes.review_frequency_changed,
        changes.review_day_of_month_changed,
    )?;
    let id = auth.chance.uuid();
    review.header = Some(ResourceHeader {
        kind: "access_list_review".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(Metadata {
            name: id.clone(),
            ..Metadata::default()
        }),
        ..ResourceHeader::default()
    });
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let standing = Standing::of(auth, call).await?;
        let by = may_manage(call, &standing, &name)?;
        let before = auth.state.access_list(&name, call.now).await?;
        let before = before.ok_or_else(|| missing(&name))?;
        let (list, next) = after(call, by, &before.value, &changes)?;
        let mut gone: Vec<Read<Member>> = Vec::new();
        for member in &changes.removed_members {
            let found = auth.state.access_list_member(&name, member, call.now).await?;
            gone.push(found.ok_or_else(|| missing_member(&name, member))?);
        }
        let event = reviewed(call.actor(), about(&list), &told(&id, &review, &changes, next));
        let mut change = Change::new(call.now, &call.actor().user, event)
            .require_same(&list_key(&name), Some(before.revision))
            .put_access_list(Some(&before.value), &list)?
            .put_access_list_review(&review);
        for member in &gone {
            change = change.delete_access_list_member(&member.value);
        }
        match auth.state.commit(resting_on_lists(change, seen)).await {
            Ok(_) => {
                return Ok(pb::CreateAccessListReviewResponse {
                    review_name: id,
                    next_audit_date: Some(moment::write(next)),
                });
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// The list after a review, and when the next one is due.
///
/// An owner may ask more of the members than before, never less: that would let in whom the list keeps out.
fn after(
    call: &Call,
    by: By,
    before: &AccessList,
    changes: &pb::ReviewChanges,
) -> Answer<(AccessList, Timestamp)> {
    let mut list = before.clone();
    let earlier = convert::access_list(before);
    let spec = list.spec.get_or_insert_default();
    if let Some(requires) = &changes.membership_requirements_changed {
        let asks_less = earlier
            .membership_requires
            .roles
            .iter()
            .any(|role| !requires.roles.contains(role))
            || {
                let traits = convert::pairs(&requires.traits);
                earlier.membership_requires.traits.iter().any(|(key, values)| {
                    let wanted = traits.get(key);
                    values
                        .iter()
                        .any(|value| !wanted.is_some_and(|wanted| wanted.contains(value)))
                })
            };
        if by == By::Ownership && asks_less {
            return Err(Failure::access_denied(
                "an owner may ask more of the members of an access list, not less",
            ));
        }
        check::set(
            "membership_requires",
            &requires.roles,
            &convert::pairs(&requires.traits),
        )?;
        spec.membership_requires = Some(requires.clone());
    }
    let audit = spec.audit.get_or_insert_default();
    let recurrence = audit.recurrence.get_or_insert_default();
    if changes.review_frequency_changed != 0 {
        recurrence.frequency = changes.review_frequency_changed;
    }
    if changes.review_day_of_month_changed != 0 {
        recurrence.day_of_month = changes.review_day_of_month_changed;
    }
    let (months, day) = convert::recurrence(Some(recurrence));
    let due = moment::read_option(audit.next_audit_date.as_ref()).unwrap_or(call.now);
    let next = schedule::next(due, months, day);
    // A review that came late does not make the next one come late too.
    let next = if next > call.now {
        next
    } else {
        schedule::next(call.now, months, day)
    };
    audit.next_audit_date = Some(moment::write(next));
    Ok((list, next))
}

fn told(id: &str, review: &pb::Review, changes: &pb::ReviewChanges, next: Timestamp) -> ReviewFacts {
    let requires = changes.membership_requirements_changed.as_ref();
    ReviewFacts {
        id: id.to_owned(),
        notes: review
            .spec
            .as_ref()
            .map(|spec| spec.notes.clone())
            .unwrap_or_default(),
        next: Some(next),
        roles: requires.map(|requires| requires.roles.clone()),
        traits: requires.map(|requires| json!(convert::pairs(&requires.traits))),
        frequency: (changes.review_frequency_changed != 0)
            .then(|| format!("{} months", changes.review_frequency_changed)),
        day: (changes.review_day_of_month_changed != 0)
            .then(|| changes.review_day_of_month_changed.to_string()),
        removed: changes.removed_members.clone(),
    }
}

/// Handles `AccessListService.DeleteAccessListReview`. The record of it stays.
pub async fn delete(auth: &Auth, call: &Call, asked: pb::DeleteAccessListReviewRequest) -> Answer<()> {
    call.allow(KIND, &["update", "delete"])?;
    let (list, review) = (asked.access_list_name, asked.review_name);
    let mut tries = Tries::default();
    loop {
        let found = auth.state.access_list_review(&list, &review, call.now).await?;
        let found = found
            .ok_or_else(|| Failure::not_found(format!("access list {list:?} has no review {review:?}")))?;
        let event = crate::audit::cluster::changed(call.actor(), "access_list_review", &review, "delete");
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(&review_key(&list, &review), Some(found.revision))
            .delete(review_key(&list, found.value.name()));
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}
