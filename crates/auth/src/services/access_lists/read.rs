//! Reading lists: `GetAccessList`, `GetAccessLists`, `ListAccessLists`, `GetAccessListsToReview`, `GetAccessListOwners` and
//! `GetInheritedGrants`.
//!
//! Whoever has no rule for it sees the lists in which they have a place. What is only computed, such as how many members a
//! list has and who of them has what it gives, is computed at each reading.

use std::collections::{BTreeMap, BTreeSet};

use access::list::schedule::NOTICE_DEFAULT;
use access::list::{Book, Eligibility, Kind, Part, Person, Requires, eligibility};
use jiff::{SignedDuration, Timestamp};
use wire::convert;
use wire::keep::Kept;
use wire::pb::teleport::accesslist::v1 as pb;

use super::check::person_there;
use super::standing::{Standing, has_verbs, may_read};
use super::{KIND, missing};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::Answer;
use crate::moment;
use crate::services::users::roles_of;
use crate::state::access_lists::{AccessList, Headed as _, list_key, lists, members_of};

/// Most lists of a page.
const PAGE_MAX: usize = 100;

/// Handles `AccessListService.GetAccessList`.
pub async fn get(auth: &Auth, call: &Call, asked: pb::GetAccessListRequest) -> Answer<AccessList> {
    let standing = Standing::of(auth, call).await?;
    may_read(call, &standing, &asked.name)?;
    let found = auth.state.access_list(&asked.name, call.now).await?;
    let found = found.ok_or_else(|| missing(&asked.name))?;
    shown(auth, call, &standing, found.value).await
}

/// Handles `AccessListService.GetAccessLists`.
pub async fn all(
    auth: &Auth,
    call: &Call,
    _: pb::GetAccessListsRequest,
) -> Answer<pb::GetAccessListsResponse> {
    let mut access_lists = Vec::new();
    let mut next_token = String::new();
    loop {
        let asked = pb::ListAccessListsRequest {
            next_token,
            ..pb::ListAccessListsRequest::default()
        };
        let page = page(auth, call, asked).await?;
        access_lists.extend(page.access_lists);
        if page.next_token.is_empty() {
            return Ok(pb::GetAccessListsResponse { access_lists });
        }
        next_token = page.next_token;
    }
}

/// Handles `AccessListService.ListAccessLists`.
pub async fn page(
    auth: &Auth,
    call: &Call,
    asked: pb::ListAccessListsRequest,
) -> Answer<pb::ListAccessListsResponse> {
    call.caller.require_certificate()?;
    for verb in ["list", "read"] {
        crate::authorize::refuse_explicit(&call.caller, KIND, verb)?;
    }
    let standing = Standing::of(auth, call).await?;
    let limit = page_size(asked.page_size, PAGE_MAX);
    let sees_all = has_verbs(call, &["list", "read"]);
    let mut access_lists = Vec::new();
    let mut next_token = String::new();
    if sees_all {
        let from = (!asked.next_token.is_empty()).then(|| list_key(&asked.next_token));
        let (found, next) = auth
            .state
            .list_page::<pb::AccessList>(lists(), from, limit, call.now)
            .await?;
        for list in found {
            access_lists.push(shown(auth, call, &standing, list).await?);
        }
        next_token = next.map(|key| key.name().into_owned()).unwrap_or_default();
    } else {
        let own: BTreeSet<&str> = standing.lists().collect();
        for name in own.range(asked.next_token.as_str()..) {
            if access_lists.len() == limit {
                (*name).clone_into(&mut next_token);
                break;
            }
            if let Some(found) = auth.state.access_list(name, call.now).await? {
                access_lists.push(shown(auth, call, &standing, found.value).await?);
            }
        }
    }
    Ok(pb::ListAccessListsResponse {
        access_lists,
        next_token,
    })
}

/// How many to give where so many were asked for.
pub fn page_size(asked: i32, most: usize) -> usize {
    usize::try_from(asked)
        .ok()
        .filter(|size| (1..=most).contains(size))
        .unwrap_or(most)
}

/// Handles `AccessListService.GetAccessListsToReview`: lists the caller owns that are due, or soon will be.
pub async fn to_review(
    auth: &Auth,
    call: &Call,
    _: pb::GetAccessListsToReviewRequest,
) -> Answer<pb::GetAccessListsToReviewResponse> {
    call.caller.require_certificate()?;
    let standing = Standing::of(auth, call).await?;
    let mut access_lists = Vec::new();
    let own: BTreeSet<&str> = standing.lists().filter(|list| standing.owns(list)).collect();
    for name in own {
        if let Some(found) = auth.state.access_list(name, call.now).await?
            && is_due(&found.value, call.now)
        {
            access_lists.push(shown(auth, call, &standing, found.value).await?);
        }
    }
    Ok(pb::GetAccessListsToReviewResponse { access_lists })
}

/// Whether a list's next review is so near that its owners are to be reminded.
pub fn is_due(list: &pb::AccessList, now: Timestamp) -> bool {
    let audit = list.spec.as_ref().and_then(|spec| spec.audit);
    let Some(due) = audit.and_then(|audit| moment::read_option(audit.next_audit_date.as_ref())) else {
        return false;
    };
    let notice = audit
        .and_then(|audit| audit.notifications?.start)
        .map_or(NOTICE_DEFAULT, |start| {
            SignedDuration::from_secs(start.seconds.max(0))
        });
    due.saturating_sub(notice).is_ok_and(|begins| begins <= now)
}

/// Handles `AccessListService.GetAccessListOwners`: who owns it in the end, through lists too.
pub async fn owners(
    auth: &Auth,
    call: &Call,
    asked: pb::GetAccessListOwnersRequest,
) -> Answer<pb::GetAccessListOwnersResponse> {
    let standing = Standing::of(auth, call).await?;
    may_read(call, &standing, &asked.access_list)?;
    let found = auth.state.access_list(&asked.access_list, call.now).await?;
    let found = found.ok_or_else(|| missing(&asked.access_list))?.value;
    let book = auth.state.whole_book(call.now).await?;
    let list = convert::access_list(&found);
    let mut owners: BTreeMap<String, pb::AccessListOwner> = BTreeMap::new();
    for owner in found.spec.iter().flat_map(|spec| &spec.owners) {
        let users = match convert::membership_kind(owner.membership_kind) {
            Kind::User => BTreeSet::from([owner.name.clone()]),
            Kind::List => book.users_of(&owner.name, call.now),
        };
        for name in users {
            owners.entry(name.clone()).or_insert_with(|| pb::AccessListOwner {
                name,
                description: owner.description.clone(),
                ineligible_status: 0,
                membership_kind: convert::membership_kind_number(Kind::User),
            });
        }
    }
    let mut owners: Vec<_> = owners.into_values().collect();
    for owner in &mut owners {
        let status = status_of_user(auth, &owner.name, &list.ownership_requires, None, call.now).await?;
        owner.ineligible_status = status_number(status);
    }
    Ok(pb::GetAccessListOwnersResponse { owners })
}

/// Handles `AccessListService.GetInheritedGrants`: what the members of a list get from the lists it is in, or owns.
pub async fn inherited(
    auth: &Auth,
    call: &Call,
    asked: pb::GetInheritedGrantsRequest,
) -> Answer<pb::GetInheritedGrantsResponse> {
    let name = asked.access_list_id;
    let standing = Standing::of(auth, call).await?;
    may_read(call, &standing, &name)?;
    if auth.state.access_list(&name, call.now).await?.is_none() {
        return Err(missing(&name));
    }
    let book = auth.state.whole_book(call.now).await?;
    let mut roles = BTreeSet::new();
    let mut traits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (part, outer) in above(&book, &name, call.now) {
        let Some(list) = book.lists.get(&outer) else {
            continue;
        };
        let given = list.gives(part);
        roles.extend(given.roles.iter().cloned());
        for (key, values) in &given.traits {
            traits
                .entry(key.clone())
                .or_default()
                .extend(values.iter().cloned());
        }
    }
    let traits = traits
        .into_iter()
        .map(|(key, values)| (key, values.into_iter().collect()))
        .collect();
    Ok(pb::GetInheritedGrantsResponse {
        grants: Some(pb::AccessListGrants {
            roles: roles.into_iter().collect(),
            traits: convert::pairs_message(&traits),
        }),
    })
}

/// The lists in which the members of `name` have a place because of it.
fn above(book: &Book, name: &str, now: Timestamp) -> BTreeSet<(Part, String)> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([name.to_owned()]);
    let mut open = vec![name.to_owned()];
    while let Some(inner) = open.pop() {
        for (outer, members) in &book.members {
            let named = members
                .iter()
                .any(|member| member.kind == Kind::List && member.name == inner && member.is_current(now));
            if named && seen.insert(outer.clone()) {
                found.insert((Part::Member, outer.clone()));
                open.push(outer.clone());
            }
        }
        for list in book.lists.values() {
            let owns = list
                .owners
                .iter()
                .any(|owner| owner.kind == Kind::List && owner.name == inner);
            if owns {
                found.insert((Part::Owner, list.name.clone()));
            }
        }
    }
    found
}

/// A list as the caller sees it: with what is computed.
pub async fn shown(
    auth: &Auth,
    call: &Call,
    standing: &Standing,
    mut list: AccessList,
) -> Answer<AccessList> {
    let name = list.name().to_owned();
    let decided = convert::access_list(&list);
    let mut status = pb::AccessListStatus::default();
    let (members, lists) = counted(auth, &name, call.now).await?;
    status.member_count = Some(members);
    status.member_list_count = Some(lists);
    for (part, outer) in auth.state.lists_around(&name, call.now).await? {
        match part {
            Part::Member => status.member_of.push(outer),
            Part::Owner => status.owner_of.push(outer),
        }
    }
    let place = |part| {
        i32::from(match standing.place(&name, part) {
            None => pb::AccessListUserAssignmentType::Unspecified,
            Some(place) if place.through.is_empty() => pb::AccessListUserAssignmentType::Explicit,
            Some(_) => pb::AccessListUserAssignmentType::Inherited,
        })
    };
    status.current_user_assignments = Some(pb::CurrentUserAssignments {
        ownership_type: place(Part::Owner),
        membership_type: place(Part::Member),
    });
    if let Some(spec) = &mut list.spec {
        for owner in &mut spec.owners {
            let eligible = match convert::membership_kind(owner.membership_kind) {
                Kind::User => {
                    status_of_user(auth, &owner.name, &decided.ownership_requires, None, call.now).await?
                }
                Kind::List => status_of_list(auth, &owner.name, None, call.now).await?,
            };
            owner.ineligible_status = status_number(eligible);
        }
    }
    list.status = Some(status);
    Ok(list)
}

/// How many users and how many lists a list names as members.
pub async fn counted(auth: &Auth, name: &str, now: Timestamp) -> Answer<(u32, u32)> {
    let (mut users, mut lists) = (0_u32, 0_u32);
    for found in auth.state.list_all::<pb::Member>(members_of(name), now).await? {
        match convert::access_list_member(&found.value).kind {
            Kind::User => users = users.saturating_add(1),
            Kind::List => lists = lists.saturating_add(1),
        }
    }
    Ok((users, lists))
}

/// A member as clients see it: with whether it has what the list gives.
pub async fn shown_member(
    auth: &Auth,
    list: &access::list::List,
    mut member: Kept<pb::Member>,
    now: Timestamp,
) -> Answer<Kept<pb::Member>> {
    let decided = convert::access_list_member(&member);
    let status = match decided.kind {
        Kind::User => {
            let requires = &list.membership_requires;
            status_of_user(auth, &decided.name, requires, decided.expires, now).await?
        }
        Kind::List => status_of_list(auth, &decided.name, decided.expires, now).await?,
    };
    member.spec.get_or_insert_default().ineligible_status = status_number(status);
    Ok(member)
}

async fn status_of_user(
    auth: &Auth,
    name: &str,
    requires: &Requires,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Answer<Eligibility> {
    let user = person_there(auth, name, now).await?;
    let traits = user
        .as_ref()
        .map(|user| convert::traits(user.spec.as_ref().and_then(|spec| spec.traits.as_ref())));
    let person = user.as_ref().zip(traits.as_ref()).map(|(user, traits)| Person {
        name,
        roles: roles_of(user),
        traits,
    });
    Ok(eligibility(person.as_ref(), requires, expires, now))
}

async fn status_of_list(
    auth: &Auth,
    name: &str,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Answer<Eligibility> {
    if expires.is_some_and(|expires| expires <= now) {
        return Ok(Eligibility::Expired);
    }
    Ok(match auth.state.access_list(name, now).await? {
        Some(_) => Eligibility::Eligible,
        None => Eligibility::Missing,
    })
}

fn status_number(eligibility: Eligibility) -> i32 {
    i32::from(match eligibility {
        Eligibility::Eligible => pb::IneligibleStatus::Eligible,
        Eligibility::Missing => pb::IneligibleStatus::UserNotExist,
        Eligibility::Unmet => pb::IneligibleStatus::MissingRequirements,
        Eligibility::Expired => pb::IneligibleStatus::Expired,
    })
}
