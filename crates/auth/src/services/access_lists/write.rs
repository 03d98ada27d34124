//! Making, changing and deleting lists: `UpsertAccessList`, `UpdateAccessList`, `UpsertAccessListWithMembers`,
//! `DeleteAccessList` and `DeleteAllAccessLists`. For roles with rules only: an owner changes members, not the list.

use std::collections::BTreeMap;

use access::list::Part;
use store::Require;
use wire::convert;
use wire::pb::teleport::accesslist::v1 as pb;

use super::standing::Standing;
use super::{KIND, about, check, facts, missing, noted, read};
use crate::audit::lists::{self as told, Deed};
use crate::auth::Auth;
use crate::call::Call;
use crate::failure::{Answer, Failure};
use crate::services::pages::changed_meanwhile;
use crate::state::access_lists::{
    self as stored, AccessList, Headed as _, Member, list_key, members_of, review_key, reviews_of, stamped,
};
use crate::state::resource::same_stamp;
use crate::state::{Change, Read, Tries};

/// Most members that are written together with a list, and most that a list may have to be deleted in one go.
const MEMBERS_MAX: usize = 5_000;

/// Handles `AccessListService.UpsertAccessList`.
pub async fn upsert(auth: &Auth, call: &Call, asked: pb::UpsertAccessListRequest) -> Answer<AccessList> {
    let name = asked.access_list.as_ref().map(|list| list.name().to_owned());
    let name = name.unwrap_or_default();
    let answer = upsert_as(auth, call, asked.access_list, None).await;
    let answer = answer.map(|(list, _)| list);
    noted(auth, call, Deed::Created, &name, answer).await
}

/// Handles `AccessListService.UpsertAccessListWithMembers`: a list and exactly these members.
pub async fn upsert_with_members(
    auth: &Auth,
    call: &Call,
    asked: pb::UpsertAccessListWithMembersRequest,
) -> Answer<pb::UpsertAccessListWithMembersResponse> {
    let name = asked.access_list.as_ref().map(|list| list.name().to_owned());
    let name = name.unwrap_or_default();
    let answer = upsert_as(auth, call, asked.access_list, Some(asked.members)).await;
    let answer = answer.map(|(list, members)| pb::UpsertAccessListWithMembersResponse {
        access_list: Some(list),
        members,
    });
    noted(auth, call, Deed::Created, &name, answer).await
}

/// Makes a list or writes over it; `members` are then all that it has.
async fn upsert_as(
    auth: &Auth,
    call: &Call,
    sent: Option<AccessList>,
    members: Option<Vec<Member>>,
) -> Answer<(AccessList, Vec<Member>)> {
    call.allow(KIND, &["create", "update"])?;
    if members
        .as_ref()
        .is_some_and(|members| members.len() > MEMBERS_MAX)
    {
        return Err(Failure::bad_parameter(format!(
            "at most {MEMBERS_MAX} members are written together with an access list"
        )));
    }
    let name = sent
        .as_ref()
        .map(|list| list.name().to_owned())
        .unwrap_or_default();
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let before = match name.as_str() {
            "" => None,
            name => auth.state.access_list(name, call.now).await?,
        };
        let list = check::list(auth, call, sent.clone(), before.as_ref().map(|read| &*read.value)).await?;
        let change = put(call, before.as_ref(), &list)?;
        let (change, written) = match &members {
            None => (change, Vec::new()),
            Some(members) => with_members(auth, call, change, &list, members).await?,
        };
        match auth.state.commit(resting_on_lists(change, seen)).await {
            Ok(committed) => {
                let list = stamped(list, committed.revision);
                let standing = Standing::of(auth, call).await?;
                let written = written
                    .into_iter()
                    .map(|member| stamped(member, committed.revision))
                    .collect();
                return Ok((read::shown(auth, call, &standing, list).await?, written));
            }
            Err(refused) => tries.again(refused)?,
        }
    }
}

fn put(call: &Call, before: Option<&Read<AccessList>>, list: &AccessList) -> Answer<Change> {
    let deed = if before.is_some() {
        Deed::Updated
    } else {
        Deed::Created
    };
    Change::new(
        call.now,
        &call.actor().user,
        told::done(call.actor(), deed, about(list)),
    )
    .require_same(&list_key(list.name()), before.map(|read| read.revision))
    .put_access_list(before.map(|read| &*read.value), list)
}

/// Lists are judged together: another one that changes meanwhile may close a circle.
pub(super) fn resting_on_lists(change: Change, since: store::Revision) -> Change {
    [stored::lists(), stored::members()]
        .into_iter()
        .fold(change, |change, prefix| {
            change.require(Require::Unchanged { prefix, since })
        })
}

/// Puts these members into the change, and takes out all others.
async fn with_members(
    auth: &Auth,
    call: &Call,
    mut change: Change,
    list: &AccessList,
    members: &[Member],
) -> Answer<(Change, Vec<Member>)> {
    let name = list.name();
    let mut left: BTreeMap<String, Read<Member>> = auth
        .state
        .list_all::<pb::Member>(members_of(name), call.now)
        .await?
        .into_iter()
        .map(|read| (read.value.name().to_owned(), read))
        .collect();
    let mut book = auth.state.whole_book(call.now).await?;
    book.lists.insert(name.to_owned(), convert::access_list(list));
    let mut written: BTreeMap<String, Member> = BTreeMap::new();
    let mut added = Vec::new();
    for sent in members {
        let mut sent = sent.clone();
        sent.spec.get_or_insert_default().access_list = name.to_owned();
        let key = sent
            .spec
            .as_ref()
            .map(|spec| spec.name.clone())
            .unwrap_or_default();
        let before = left.remove(&key);
        let member = check::member(auth, call, sent, before.as_ref().map(|read| &*read.value)).await?;
        let decided = convert::access_list_member(&member);
        if decided.kind == access::list::Kind::List {
            check::nested(&book, &decided.name, name, Part::Member)?;
            book.members.entry(name.to_owned()).or_default().push(decided);
        }
        let same = before.as_ref().is_some_and(|before| {
            convert::access_list_member(&before.value) == convert::access_list_member(&member)
                && before.value.spec.as_ref().map(|spec| &spec.reason)
                    == member.spec.as_ref().map(|spec| &spec.reason)
        });
        if !same {
            change = change.put_access_list_member(before.as_ref().map(|read| &*read.value), &member)?;
            added.push(member.clone());
        }
        if written.insert(key.clone(), member).is_some() {
            return Err(Failure::bad_parameter(format!("member {key:?} is named twice")));
        }
    }
    let actor = call.actor();
    if !added.is_empty() {
        let facts: Vec<_> = added.iter().map(|member| facts(member)).collect();
        let event = told::members(actor, Deed::MemberAdded, about(list), &facts);
        change = change.telling(&actor.user, event);
    }
    if !left.is_empty() {
        let facts: Vec<_> = left
            .values()
            .map(|read| told::MemberFacts {
                removed: Some(call.now),
                ..facts(&read.value)
            })
            .collect();
        let event = told::members(actor, Deed::MemberRemoved, about(list), &facts);
        change = change.telling(&actor.user, event);
    }
    for gone in left.values() {
        change = change.delete_access_list_member(&gone.value);
    }
    Ok((change, written.into_values().collect()))
}

/// Handles `AccessListService.UpdateAccessList`: a list that is there, as the client last read it.
pub async fn update(auth: &Auth, call: &Call, asked: pb::UpdateAccessListRequest) -> Answer<AccessList> {
    let name = asked.access_list.as_ref().map(|list| list.name().to_owned());
    let name = name.unwrap_or_default();
    let answer = update_list(auth, call, asked.access_list).await;
    noted(auth, call, Deed::Updated, &name, answer).await
}

async fn update_list(auth: &Auth, call: &Call, sent: Option<AccessList>) -> Answer<AccessList> {
    call.allow(KIND, &["update"])?;
    let sent = sent.ok_or_else(|| Failure::bad_parameter("missing parameter access_list"))?;
    let seen = auth.state.revision();
    let before = auth.state.access_list(sent.name(), call.now).await?;
    let before = before.ok_or_else(|| missing(sent.name()))?;
    if !same_stamp(sent.stamp(), before.revision) {
        return Err(changed_meanwhile());
    }
    let list = check::list(auth, call, Some(sent), Some(&before.value)).await?;
    let change = resting_on_lists(put(call, Some(&before), &list)?, seen);
    let committed = auth.state.commit(change).await.map_err(|refused| match refused {
        crate::state::Refused::Conflict(_) => changed_meanwhile(),
        failed @ crate::state::Refused::Failed(_) => failed.into(),
    })?;
    let standing = Standing::of(auth, call).await?;
    read::shown(auth, call, &standing, stamped(list, committed.revision)).await
}

/// Handles `AccessListService.DeleteAccessList`: the list goes, with its members and reviews.
pub async fn delete(auth: &Auth, call: &Call, asked: pb::DeleteAccessListRequest) -> Answer<()> {
    let answer = delete_list(auth, call, &asked.name).await;
    noted(auth, call, Deed::Deleted, &asked.name, answer).await
}

async fn delete_list(auth: &Auth, call: &Call, name: &str) -> Answer<()> {
    call.allow(KIND, &["delete"])?;
    let mut tries = Tries::default();
    loop {
        let seen = auth.state.revision();
        let before = auth.state.access_list(name, call.now).await?;
        let before = before.ok_or_else(|| missing(name))?;
        if let Some((part, outer)) = auth.state.lists_around(name, call.now).await?.first() {
            let found = auth.state.access_list(outer, call.now).await?;
            let title = found
                .as_ref()
                .map_or(outer.as_str(), |read| about(&read.value).title);
            return Err(Failure::bad_parameter(format!(
                "access list {:?} cannot be deleted: it is {} {} of {title:?}; take it out there first",
                about(&before.value).title,
                if *part == Part::Owner { "an" } else { "a" },
                part.word()
            )));
        }
        let event = told::done(call.actor(), Deed::Deleted, about(&before.value));
        let mut change = Change::new(call.now, &call.actor().user, event)
            .require_same(&list_key(name), Some(before.revision))
            .delete_access_list(&before.value);
        let members = auth
            .state
            .list_all::<pb::Member>(members_of(name), call.now)
            .await?;
        if members.len() > MEMBERS_MAX {
            return Err(Failure::bad_parameter(format!(
                "an access list with more than {MEMBERS_MAX} members is deleted after its members"
            )));
        }
        for member in &members {
            change = change.delete_access_list_member(&member.value);
        }
        for review in auth
            .state
            .list_all::<pb::Review>(reviews_of(name), call.now)
            .await?
        {
            change = change.delete(review_key(name, review.value.name()));
        }
        match auth.state.commit(resting_on_lists(change, seen)).await {
            Ok(_) => return Ok(()),
            Err(refused) => tries.again(refused)?,
        }
    }
}

/// Handles `AccessListService.DeleteAllAccessLists`: for the cluster's own parts and tests of others' programs, never for
/// people.
pub async fn delete_all(auth: &Auth, call: &Call, _: pb::DeleteAllAccessListsRequest) -> Answer<()> {
    all_at_once(call)?;
    // From the outermost inwards: a list that is in another one stays until that one is gone.
    loop {
        let book = auth.state.whole_book(call.now).await?;
        let Some(outermost) = book.lists.keys().find(|name| {
            let member = book.members.values().flatten();
            let named = member.filter(|member| member.kind == access::list::Kind::List);
            let owned = book.lists.values().flat_map(|list| &list.owners);
            let owners = owned.filter(|owner| owner.kind == access::list::Kind::List);
            let mut inside = named
                .map(|member| &member.name)
                .chain(owners.map(|owner| &owner.name));
            !inside.any(|inner| inner == *name)
        }) else {
            return Ok(());
        };
        delete_list(auth, call, outermost).await?;
    }
}

/// Refuses people: nobody takes everything away by one slip.
pub(super) fn all_at_once(call: &Call) -> Answer<()> {
    call.caller.require_admin()
}
