//! Access lists and their members: reading, making, changing and removing them.

use cli::Failure;
use client::calls::pages;
use futures::TryStreamExt as _;
use wire::keep::Kept;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::resource::{Done, Kind, Reference, Resource};

use super::write::{Over, already_there};
use super::{message, resource};
use crate::session::Session;

/// All lists that the caller may see, or the one of a name.
pub async fn read(session: &Session, name: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let lists = match name {
        Some(name) => vec![one(session, name).await?],
        None => all(session).await?,
    };
    lists
        .iter()
        .map(|list| resource(Kind::AccessList, list))
        .collect()
}

/// All lists that the caller may see.
pub async fn all(session: &Session) -> Result<Vec<Kept<pb::AccessList>>, Failure> {
    let listed = pages(|next_token| {
        let mut lists = session.cluster().access_lists();
        async move {
            let request = pb::ListAccessListsRequest {
                next_token,
                ..pb::ListAccessListsRequest::default()
            };
            let page = session.call(lists.list_access_lists(request)).await?;
            Ok::<_, Failure>((page.access_lists, page.next_token))
        }
    });
    listed.try_collect().await
}

/// One list.
pub async fn one(session: &Session, name: &str) -> Result<Kept<pb::AccessList>, Failure> {
    let request = pb::GetAccessListRequest {
        name: name.to_owned(),
    };
    let mut lists = session.cluster().access_lists();
    Ok(session.call(lists.get_access_list(request)).await?)
}

/// All members of all lists, those of a list (`access_list_member/LIST`), or one (`access_list_member/LIST/NAME`).
pub async fn read_members(session: &Session, reference: &Reference) -> Result<Vec<Resource>, Failure> {
    let found = match (&reference.sub_kind, &reference.name) {
        (Some(list), Some(name)) => {
            let request = pb::GetAccessListMemberRequest {
                access_list: list.clone(),
                member_name: name.clone(),
            };
            let mut lists = session.cluster().access_lists();
            vec![session.call(lists.get_access_list_member(request)).await?]
        }
        (_, Some(list)) => members(session, list).await?,
        (_, None) => all_members(session).await?,
    };
    found
        .iter()
        .map(|member| resource(Kind::AccessListMember, member))
        .collect()
}

/// The members of a list.
pub async fn members(session: &Session, list: &str) -> Result<Vec<Kept<pb::Member>>, Failure> {
    let listed = pages(|page_token| {
        let mut lists = session.cluster().access_lists();
        async move {
            let request = pb::ListAccessListMembersRequest {
                page_token,
                access_list: list.to_owned(),
                ..pb::ListAccessListMembersRequest::default()
            };
            let page = session.call(lists.list_access_list_members(request)).await?;
            Ok::<_, Failure>((page.members, page.next_page_token))
        }
    });
    listed.try_collect().await
}

async fn all_members(session: &Session) -> Result<Vec<Kept<pb::Member>>, Failure> {
    let listed = pages(|page_token| {
        let mut lists = session.cluster().access_lists();
        async move {
            let request = pb::ListAllAccessListMembersRequest {
                page_token,
                ..pb::ListAllAccessListMembersRequest::default()
            };
            let page = session.call(lists.list_all_access_list_members(request)).await?;
            Ok::<_, Failure>((page.members, page.next_page_token))
        }
    });
    listed.try_collect().await
}

/// Makes a list or a member, or writes over what is there if that may be.
pub async fn create(session: &Session, document: &Resource, over: Over) -> Result<Done, Failure> {
    let mut lists = session.cluster().access_lists();
    let name = document.name();
    if document.kind() == Kind::AccessList {
        let request = pb::GetAccessListRequest { name: name.clone() };
        let there = session.find(lists.get_access_list(request)).await?.is_some();
        if there && over == Over::Nothing {
            return Err(already_there(&format!("access list {name:?} already exists")));
        }
        let request = pb::UpsertAccessListRequest {
            access_list: Some(message(document)?),
        };
        session.call(lists.upsert_access_list(request)).await?;
        return Ok(done(there));
    }
    let member: Kept<pb::Member> = message(document)?;
    let list = list_of(&member).to_owned();
    let request = pb::GetAccessListMemberRequest {
        access_list: list.clone(),
        member_name: name.clone(),
    };
    let there = session
        .find(lists.get_access_list_member(request))
        .await?
        .is_some();
    if there && over == Over::Nothing {
        return Err(already_there(&format!(
            "access list {list:?} has a member {name:?} already"
        )));
    }
    let request = pb::UpsertAccessListMemberRequest {
        member: Some(with_name(member)),
    };
    session.call(lists.upsert_access_list_member(request)).await?;
    Ok(done(there))
}

fn done(there: bool) -> Done {
    if there { Done::Updated } else { Done::Created }
}

/// Changes what is there as it was when it was read.
pub async fn update(session: &Session, document: &Resource) -> Result<(), Failure> {
    let mut lists = session.cluster().access_lists();
    if document.kind() == Kind::AccessList {
        let request = pb::UpdateAccessListRequest {
            access_list: Some(message(document)?),
        };
        session.call(lists.update_access_list(request)).await?;
    } else {
        let request = pb::UpdateAccessListMemberRequest {
            member: Some(with_name(message(document)?)),
        };
        session.call(lists.update_access_list_member(request)).await?;
    }
    Ok(())
}

/// Removes a list, or a member called `LIST/NAME`.
pub async fn remove(session: &Session, kind: Kind, name: &str) -> Result<(), Failure> {
    let mut lists = session.cluster().access_lists();
    if kind == Kind::AccessList {
        let request = pb::DeleteAccessListRequest {
            name: name.to_owned(),
        };
        return Ok(session.call(lists.delete_access_list(request)).await?);
    }
    let (list, member) = name.split_once('/').ok_or_else(|| {
        Failure::new("name both the list and its member, as in access_list_member/LIST/NAME")
            .hint("`tctl acl users ls LIST` lists the members")
    })?;
    let request = pb::DeleteAccessListMemberRequest {
        access_list: list.to_owned(),
        member_name: member.to_owned(),
    };
    Ok(session.call(lists.delete_access_list_member(request)).await?)
}

/// The list that a member belongs to.
fn list_of(member: &pb::Member) -> &str {
    member.spec.as_ref().map_or("", |spec| spec.access_list.as_str())
}

/// A member whose specification names nobody is whom its metadata names.
fn with_name(mut member: Kept<pb::Member>) -> Kept<pb::Member> {
    let name = wire::convert::header_name(member.header.as_ref()).to_owned();
    let spec = member.spec.get_or_insert_default();
    if spec.name.is_empty() {
        spec.name = name;
    }
    member
}
