//! Members: reading, adding, changing and removing them. An owner does this without a rule, but never to get in.

use access::list::{Kind, Part};
use wire::convert;
use wire::pb::teleport::accesslist::v1 as pb;

use super::read::{self, page_size};
use super::standing::{By, Standing, has_verbs, may_manage, may_read};
use super::write::{all_at_once, resting_on_lists};
use super::{KIND, about, check, facts, missing, missing_member, noted};
use crate::audit::lists::{self as told, Deed};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::pages::changed_meanwhile;
use crate::state::access_lists::{self as stored, Headed as _, Member, member_key, members_of, stamped};
use crate::state::resource::same_stamp;
use crate::state::{Change, Tries};

/// Most members of a page.
const PAGE_MAX: usize = 200;

/// Handles `AccessListService.CountAccessListMembers`.
pub async fn count(
    auth: &Auth,
    call: &Call,
    asked: pb::CountAccessListMembersRequest,
) -> Answer<pb::CountAccessListMembersResponse> {
    let name = asked.access_list_name;
    let standing = Standing::of(auth, call).await?;
    may_read(call, &standing, &name)?;
    if auth.state.access_list(&name, call.now).await?.is_none() {
        return Err(missing(&name));
    }
    let (count, list_count) = read::counted(auth, &name, call.now).await?;
    Ok(pb::CountAccessListMembersResponse { count, list_count })
}

/// Whether the caller sees who is in `list`; a mere member sees the own membership alone.
fn sees_members(call: &Call, standing: &Standing, list: &str) -> bool {
    has_verbs(call, &["list", "read"]) || standing.owns(list)
}

/// Handles `AccessListService.ListAccessListMembers`.
pub async fn page(
    auth: &Auth,
    call: &Call,
    asked: pb::ListAccessListMembersRequest,
) -> Answer<pb::ListAccessListMembersResponse> {
    let name = asked.access_list;
    let standing = Standing::of(auth, call).await?;
    may_read(call, &standing, &name)?;
    let list = auth.state.access_list(&name, call.now).await?;
    let list = convert::access_list(&list.ok_or_else(|| missing(&name))?.value);
    let mut members = Vec::new();
    if !sees_members(call, &standing, &name) {
        let own = auth
            .state
            .access_list_member(&name, standing.user(), call.now)
            .await?;
        if let Some(own) = own {
            members.push(read::shown_member(auth, &list, own.value, call.now).await?);
        }
        return Ok(pb::ListAccessListMembersResponse {
            members,
            next_page_token: String::new(),
        });
    }
    let from = (!asked.page_token.is_empty()).then(|| member_key(&name, &asked.page_token));
    let limit = page_size(asked.page_size, PAGE_MAX);
    let (found, next) = auth
        .state
        .list_page::<pb::Member>(members_of(&name), from, limit, call.now)
        .await?;
    for member in found {
        members.push(read::shown_member(auth, &list, member, call.now).await?);
    }
    Ok(pb::ListAccessListMembersResponse {
        members,
        next_page_token: next.map(|key| key.name().into_owned()).unwrap_or_default(),
    })
}

/// Handles `AccessListService.ListAllAccessListMembers`.
pub async fn page_of_all(
    auth: &Auth,
    call: &Call,
    asked: pb::ListAllAccessListMembersRequest,
) -> Answer<pb::ListAllAccessListMembersResponse> {
    call.allow(KIND, &["list", "read"])?;
    let from = match asked.page_token.split_once('/') {
        Some((list, member)) => Some(member_key(list, member)),
        None if asked.page_token.is_empty() => None,
        None => return Err(bad_token(&asked.page_token)),
    };
    let limit = page_size(asked.page_size, PAGE_MAX);
    let (found, next) = auth
        .state
        .list_page::<pb::Member>(stored::members(), from, limit, call.now)
        .await?;
    let mut members = Vec::with_capacity(found.len());
    for member in found {
        let list = auth.state.access_list(stored::list_of(&member), call.now).await?;
        let list = list
            .map(|list| convert::access_list(&list.value))
            .unwrap_or_default();
        members.push(read::shown_member(auth, &list, member, call.now).await?);
    }
    Ok(pb::ListAllAccessListMembersResponse {
        members,
        next_page_token: next.map(|key| last_two(&key)).unwrap_or_default(),
    })
}

/// What clients send to go on, where items of several lists are paged.
pub(super) fn last_two(key: &store::Key) -> String {
    let segments: Vec<_> = key.segments().skip(1).collect();
    segments.join("/")
}

pub(super) fn bad_token(token: &str) -> Failure {
    Failure::bad_parameter(format!("{token:?} is no token that an earlier page ended with"))
}

/// Handles `AccessListService.GetAccessListMember`.
pub async fn get(auth: &Auth, call: &Call, asked: pb::GetAccessListMemberRequest) -> Answer<Member> {
    let (name, member) = (asked.access_list, asked.member_name);
    let standing = Standing::of(auth, call).await?;
    if !(has_verbs(call, &["read"]) || standing.user() == member) {
        may_manage(call, &standing, &name)?;
    }
    may_read(call, &standing, &name)?;
    let list = auth.state.access_list(&name, call.now).await?;
    let list = convert::access_list(&list.ok_or_else(|| missing(&name))?.value);
    let found = auth.state.access_list_member(&name, &member, call.now).await?;
    let found = found.ok_or_else(|| missing_member(&name, &member))?;
    read::shown_member(auth, &list, found.value, call.now).await
}

/// Handles `AccessListService.UpsertAccessListMember`.
pub async fn upsert(auth: &Auth, call: &Call, asked: pb::UpsertAccessListMemberRequest) -> Answer<Member> {
    let list = asked
        .member
        .as_ref()
        .map(|member| stored::list_of(member).to_owned());
    let answer = put(auth, call, asked.member, false).await;
    noted(auth, call, Deed::MemberAdded, &list.unwrap_or_default(), answer).await
}

/// Handles `AccessListService.UpdateAccessListMember`: a member who is there, as the client last read it.
pub async fn update(auth: &Auth, call: &Call, asked: pb::UpdateAccessListMemberRequest) -> Answer<Member> {
    let list = asked
        .member
        .as_ref()
        .map(|member| stored::list_of(member).to_owned());
    let answer = put(auth, call, asked.member, true).await;
    noted(auth, call, Deed::MemberUpdated, &list.unwrap_or_default(), answer).await
}

async fn put(auth: &Auth, call: &Call, sent: Option<Member>, as_read: bool) -> Answer<Member> {
    let sent = sent.ok_or_else(|| Failure::bad_parameter("missing parameter member"))?;
    let spec = sent.spec.clone().unwrap_or_default();
    let (name, who) = (spec.access_list, spec.name);
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let standing = Standing::of(auth, call).await?;
        let by = may_manage(call, &standing, &name)?;
        let before = auth.state.access_list_member(&name, &who, call.now).await?;
        if as_read {
            let before = before.as_ref().ok_or_else(|| missing_member(&name, &who))?;
            if !same_stamp(sent.stamp(), before.revision) {
                return Err(changed_meanwhile());
            }
        }
        let earlier = before.as_ref().map(|read| &*read.value);
        let member = check::member(auth, call, sent.clone(), earlier).await?;
        let kind = convert::access_list_member(&member).kind;
        let list = auth.state.access_list(&name, call.now).await?;
        let list = list.ok_or_else(|| missing(&name))?;
        if kind == Kind::List || by == By::Ownership {
            let book = auth.state.whole_book(call.now).await?;
            if kind == Kind::List {
                check::nested(&book, &who, &name, Part::Member)?;
            }
            let gains = match kind {
                Kind::User => who == standing.user(),
                Kind::List => book.users_of(&who, call.now).contains(standing.user()),
            };
            if by == By::Ownership && gains {
                return Err(Failure::access_denied(format!(
                    "an owner of access list {:?} cannot become its member by the own hand; another owner can add you",
                    about(&list.value).title
                )));
            }
        }
        let deed = if before.is_some() {
            Deed::MemberUpdated
        } else {
            Deed::MemberAdded
        };
        let event = told::members(call.actor(), deed, about(&list.value), &[facts(&member)]);
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(
                &member_key(&name, &who),
                before.as_ref().map(|before| before.revision),
            )
            .put_access_list_member(before.as_ref().map(|read| &*read.value), &member)?;
        match auth.state.commit(resting_on_lists(change, seen)).await {
            Ok(committed) => {
                let decided = convert::access_list(&list.value);
                let member = stamped(member, committed.revision);
                return read::shown_member(auth, &decided, member, call.now).await;
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Handles `AccessListService.DeleteAccessListMember`.
pub async fn delete(auth: &Auth, call: &Call, asked: pb::DeleteAccessListMemberRequest) -> Answer<()> {
    let answer = remove(auth, call, &asked.access_list, &asked.member_name).await;
    noted(auth, call, Deed::MemberRemoved, &asked.access_list, answer).await
}

async fn remove(auth: &Auth, call: &Call, name: &str, who: &str) -> Answer<()> {
    let mut tries = Tries::default();
    loop {
        let standing = Standing::of(auth, call).await?;
        may_manage(call, &standing, name)?;
        let list = auth.state.access_list(name, call.now).await?;
        let list = list.ok_or_else(|| missing(name))?;
        let before = auth.state.access_list_member(name, who, call.now).await?;
        let before = before.ok_or_else(|| missing_member(name, who))?;
        let gone = told::MemberFacts {
            removed: Some(call.now),
            ..facts(&before.value)
        };
        let event = told::members(call.actor(), Deed::MemberRemoved, about(&list.value), &[gone]);
        let change = Change::new(call.now, &call.actor().user, event)
            .require_same(&member_key(name, who), Some(before.revision))
            .delete_access_list_member(&before.value);
        match auth.state.commit(change).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Handles `AccessListService.DeleteAllAccessListMembersForAccessList`.
pub async fn delete_all_of(
    auth: &Auth,
    call: &Call,
    asked: pb::DeleteAllAccessListMembersForAccessListRequest,
) -> Answer<()> {
    let answer = empty(auth, call, &asked.access_list).await;
    noted(auth, call, Deed::AllMembersRemoved, &asked.access_list, answer).await
}

async fn empty(auth: &Auth, call: &Call, name: &str) -> Answer<()> {
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let standing = Standing::of(auth, call).await?;
        may_manage(call, &standing, name)?;
        let list = auth.state.access_list(name, call.now).await?;
        let list = list.ok_or_else(|| missing(name))?;
        let event = told::done(call.actor(), Deed::AllMembersRemoved, about(&list.value));
        let mut change = Change::new(call.now, &call.actor().user, event);
        for member in auth
            .state
            .list_all::<pb::Member>(members_of(name), call.now)
            .await?
        {
            change = change.delete_access_list_member(&member.value);
        }
        match auth.state.commit(resting_on_lists(change, seen)).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Handles `AccessListService.DeleteAllAccessListMembers`: as [`super::write::delete_all`].
pub async fn delete_all(auth: &Auth, call: &Call, _: pb::DeleteAllAccessListMembersRequest) -> Answer<()> {
    all_at_once(call)?;
    for name in auth.state.whole_book(call.now).await?.lists.keys() {
        empty(auth, call, name).await?;
    }
    Ok(())
}
