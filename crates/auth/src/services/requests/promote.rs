//! `AccessListService.AccessRequestPromote`, `GetSuggestedAccessLists` and `AuthService.GetAccessRequestAllowedPromotions`:
//! putting somebody on an access list who asked for what it gives.
//!
//! A promotion is a review like any other, with a list in mind: it counts as one approval, and the request is promoted only
//! when as many have approved as are asked for. It takes both, the right to review the request and the right to put members
//! on that list, and the list has to give what was asked for. The membership is written in the commit that promotes.

use std::sync::Arc;

use access::list::{Part, Person};
use access::request::{Request, State, Submission, Target};
use jiff::Timestamp;
use wire::convert;
use wire::keep::Kept;
use wire::pb::proto::{AccessRequestAllowedPromotionRequest, AccessRequestAllowedPromotionResponse};
use wire::pb::teleport::accesslist::v1 as pb;
use wire::pb::teleport::header::v1::{Metadata, ResourceHeader};
use wire::pb::types;

use super::{review, visible};
use crate::audit::Actor;
use crate::audit::lists::{Deed, members as told};
use crate::auth::Auth;
use crate::authorize::refuse_explicit;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::access_lists::standing::{Standing, has_verbs};
use crate::services::access_lists::{KIND, about, facts, missing, read};
use crate::services::users::roles_of;
use crate::state::Change;
use crate::state::access_lists::{self as stored, Headed as _};
use crate::state::requests::FoundRequest;
use crate::state::resource::Resource as _;

/// A review that puts the requester on a list, before it is judged.
#[derive(Debug)]
pub struct Promotion {
    /// Name of the list.
    list: String,
    /// A rule lets the caller change members of any list.
    by_rule: bool,
}

/// Handles `AccessListService.AccessRequestPromote`.
pub async fn handle(
    auth: &Arc<Auth>,
    call: &Call,
    asked: pb::AccessRequestPromoteRequest,
) -> Answer<pb::AccessRequestPromoteResponse> {
    let submission = Submission {
        author: String::new(),
        state: State::Promoted,
        reason: asked.reason,
        roles: Vec::new(),
        has_annotations: false,
        assume_start: None,
    };
    if asked.access_list_name.is_empty() {
        return Err(Failure::bad_parameter(
            "promoted access list can be only set when promoting access requests",
        ));
    }
    refuse_explicit(&call.caller, KIND, "update")?;
    let promotion = Promotion {
        list: asked.access_list_name,
        by_rule: has_verbs(call, &["update"]),
    };
    let access_request = review::cast(auth, call, &asked.request_id, submission, Some(promotion)).await?;
    Ok(pb::AccessRequestPromoteResponse {
        access_request: Some(access_request),
    })
}

impl Promotion {
    /// A target that says nothing of the list.
    pub(super) fn unnamed(&self) -> Target {
        Target {
            name: self.list.clone(),
            title: String::new(),
        }
    }

    /// Whether `reviewer` may put the requester on the list now, and the list is one for this request.
    pub(super) async fn check(
        &self,
        auth: &Auth,
        reviewer: &str,
        found: &FoundRequest,
        now: Timestamp,
    ) -> Answer<Target> {
        let request = &found.request;
        let owns = self.by_rule || owns(auth, reviewer, &self.list, now).await?;
        if !owns {
            return Err(Failure::access_denied(format!(
                "user {reviewer:?} cannot add members to access list {:?}",
                self.list
            )));
        }
        let list = auth.state.access_list(&self.list, now).await?;
        let list = convert::access_list(&list.ok_or_else(|| missing(&self.list))?.value);
        if !gives(&list, request) {
            return Err(Failure::bad_parameter(format!(
                "access list {:?} does not give what the request asks for: {}",
                list.title,
                request.original_roles().join(", ")
            )));
        }
        let requester = auth.state.user(&request.user, now).await?;
        let requester = requester.ok_or_else(|| crate::services::users::no_such_user(&request.user))?;
        let traits = convert::traits(requester.spec.as_ref().and_then(|spec| spec.traits.as_ref()));
        let person = Person {
            name: &request.user,
            roles: roles_of(&requester),
            traits: &traits,
        };
        let machine = requester
            .metadata()
            .is_some_and(|metadata| metadata.labels.contains_key("teleport.internal/bot"));
        if machine || !person.meets(&list.membership_requires) {
            return Err(Failure::bad_parameter(format!(
                "user {:?} does not meet what access list {:?} requires of its members",
                request.user, list.title
            )));
        }
        Ok(Target {
            name: list.name,
            title: list.title,
        })
    }
}

/// Whether the user `name` owns the list, as things stand now.
async fn owns(auth: &Auth, name: &str, list: &str, now: Timestamp) -> Answer<bool> {
    let (Some(user), Some(subject)) = (
        auth.state.user(name, now).await?,
        auth.state.subject(name, now).await?,
    ) else {
        return Ok(false);
    };
    let book = auth
        .state
        .book_about(name, subject.value.namesake_until, now)
        .await?;
    let traits = convert::traits(user.spec.as_ref().and_then(|spec| spec.traits.as_ref()));
    let person = Person {
        name,
        roles: roles_of(&user),
        traits: &traits,
    };
    let mut places = book.places(&person, now).into_iter();
    Ok(places.any(|place| place.part == Part::Owner && place.list == list))
}

/// Whether the members of a list have all roles that a request is about.
fn gives(list: &access::list::List, request: &Request) -> bool {
    let asked = request.original_roles();
    !asked.is_empty() && asked.iter().all(|role| list.grants.roles.contains(role))
}

/// Puts the requester of a request that was just promoted on the list, with the record of it.
pub(super) async fn put_on_list(auth: &Auth, change: Change, request: &Request) -> Answer<Change> {
    let now = change.now();
    let (Some(target), Some(promoter)) = (request.promoted_to(), request.reviews.last()) else {
        return Err(Failure::internal("a promoted request names no access list"));
    };
    let list = auth.state.access_list(&target.name, now).await?;
    let list = list.ok_or_else(|| missing(&target.name))?;
    let before = auth
        .state
        .access_list_member(&target.name, &request.user, now)
        .await?;
    let before = before.as_ref().map(|read| &*read.value);
    let member = Kept::from(pb::Member {
        header: Some(ResourceHeader {
            kind: "access_list_member".to_owned(),
            version: "v1".to_owned(),
            metadata: Some(Metadata {
                name: request.user.clone(),
                ..Metadata::default()
            }),
            ..ResourceHeader::default()
        }),
        spec: Some(pb::MemberSpec {
            access_list: target.name.clone(),
            name: request.user.clone(),
            joined: Some(convert::timestamp(now)),
            reason: request.resolve_reason.clone(),
            added_by: promoter.author.clone(),
            membership_kind: convert::membership_kind_number(access::list::Kind::User),
            ..pb::MemberSpec::default()
        }),
    });
    let actor = Actor::system().acting_for(&promoter.author);
    let event = told(&actor, Deed::MemberAdded, about(&list.value), &[facts(&member)]);
    change
        .telling(&promoter.author, event)
        .put_access_list_member(before, &member)
}

/// The lists that `request` could be promoted to and on which the caller may put people.
async fn open_lists(
    auth: &Auth,
    call: &Call,
    standing: &Standing,
    request: &Request,
) -> Answer<Vec<stored::AccessList>> {
    let any = has_verbs(call, &["update"]);
    let mut found = Vec::new();
    for list in auth
        .state
        .list_all::<pb::AccessList>(stored::lists(), call.now)
        .await?
    {
        let may = any || standing.owns(list.value.name());
        if may && gives(&convert::access_list(&list.value), request) {
            found.push(list.value);
        }
    }
    Ok(found)
}

/// Handles `AuthService.GetAccessRequestAllowedPromotions`.
pub async fn allowed(
    auth: &Auth,
    call: &Call,
    asked: AccessRequestAllowedPromotionRequest,
) -> Answer<AccessRequestAllowedPromotionResponse> {
    let lists = lists_for(auth, call, &asked.access_request_id).await?.1;
    let promotions = lists.iter().map(|list| types::AccessRequestAllowedPromotion {
        access_list_name: list.name().to_owned(),
    });
    Ok(AccessRequestAllowedPromotionResponse {
        allowed_promotions: Some(types::AccessRequestAllowedPromotions {
            promotions: promotions.collect(),
        }),
    })
}

/// Handles `AccessListService.GetSuggestedAccessLists`.
pub async fn suggested(
    auth: &Auth,
    call: &Call,
    asked: pb::GetSuggestedAccessListsRequest,
) -> Answer<pb::GetSuggestedAccessListsResponse> {
    let (standing, lists) = lists_for(auth, call, &asked.access_request_id).await?;
    let mut access_lists = Vec::with_capacity(lists.len());
    for list in lists {
        access_lists.push(read::shown(auth, call, &standing, list).await?);
    }
    Ok(pb::GetSuggestedAccessListsResponse { access_lists })
}

/// The lists for a request that the caller can see. The requester learns none: he is not who promotes it.
async fn lists_for(auth: &Auth, call: &Call, id: &str) -> Answer<(Standing, Vec<stored::AccessList>)> {
    let found = visible(auth, call, id).await?;
    let found = found.ok_or_else(|| Failure::not_found(format!("access request {id:?} not found")))?;
    let standing = Standing::of(auth, call).await?;
    if found.request.user == standing.user() {
        return Ok((standing, Vec::new()));
    }
    let lists = open_lists(auth, call, &standing, &found.request).await?;
    Ok((standing, lists))
}
