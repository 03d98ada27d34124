//! Access lists: who has what a list gives, who may change it, and what is refused.

use client::Cluster;
use tonic::{Code, Status};
use wire::convert::timestamp;
use wire::keep::Kept;
use wire::pb::proto::event::Resource;
use wire::pb::proto::{self, Operation};
use wire::pb::teleport::accesslist::v1 as pb;
use wire::pb::teleport::header::v1::{Metadata, ResourceHeader};
use wire::pb::teleport::r#trait::v1::Trait;
use wire::pb::teleport::userloginstate::v1::GetUserLoginStateRequest;
use wire::pb::types::{AccessRequestV3, RequestState, WatchKind};

use crate::invariants::records;
use crate::people::{Person, approve, ask, look, refusal, role, state_of};
use crate::refused;
use crate::world::{World, hours, on_every_store};

/// A list whose name is its title, with spaces where the name has hyphens.
pub fn list(name: &str, owners: &[&str], grants: &[&str]) -> pb::AccessList {
    pb::AccessList {
        header: Some(ResourceHeader {
            metadata: Some(Metadata {
                name: name.to_owned(),
                ..Metadata::default()
            }),
            ..ResourceHeader::default()
        }),
        spec: Some(pb::AccessListSpec {
            title: name.replace('-', " "),
            owners: owners.iter().map(|owner| user(owner)).collect(),
            grants: Some(gives(grants)),
            ..pb::AccessListSpec::default()
        }),
        ..pb::AccessList::default()
    }
}

fn user(name: &str) -> pb::AccessListOwner {
    pb::AccessListOwner {
        name: name.to_owned(),
        ..pb::AccessListOwner::default()
    }
}

fn gives(roles: &[&str]) -> pb::AccessListGrants {
    pb::AccessListGrants {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..pb::AccessListGrants::default()
    }
}

/// A user as a member.
pub fn member(list: &str, name: &str) -> pb::Member {
    pb::Member {
        spec: Some(pb::MemberSpec {
            access_list: list.to_owned(),
            name: name.to_owned(),
            ..pb::MemberSpec::default()
        }),
        ..pb::Member::default()
    }
}

/// A list as a member.
pub fn nested(list: &str, inner: &str) -> pb::Member {
    let mut nested = member(list, inner);
    nested.spec.get_or_insert_default().membership_kind = pb::MembershipKind::List.into();
    nested
}

pub async fn put(by: &Cluster, list: pb::AccessList) -> Result<pb::AccessList, Status> {
    let request = pb::UpsertAccessListRequest {
        access_list: Some(Kept::from(list)),
    };
    let made = by.access_lists().upsert_access_list(request).await?;
    Ok(made.into_inner().into_message())
}

pub async fn add(by: &Cluster, member: pb::Member) -> Result<pb::Member, Status> {
    let request = pb::UpsertAccessListMemberRequest {
        member: Some(Kept::from(member)),
    };
    let made = by.access_lists().upsert_access_list_member(request).await?;
    Ok(made.into_inner().into_message())
}

pub async fn take_out(by: &Cluster, list: &str, name: &str) -> Result<(), Status> {
    let request = pb::DeleteAccessListMemberRequest {
        access_list: list.to_owned(),
        member_name: name.to_owned(),
    };
    by.access_lists().delete_access_list_member(request).await?;
    Ok(())
}

pub async fn get(by: &Cluster, name: &str) -> Result<pb::AccessList, Status> {
    let request = pb::GetAccessListRequest {
        name: name.to_owned(),
    };
    Ok(by
        .access_lists()
        .get_access_list(request)
        .await?
        .into_inner()
        .into_message())
}

async fn members(by: &Cluster, name: &str) -> Result<Vec<pb::Member>, Status> {
    let request = pb::ListAccessListMembersRequest {
        access_list: name.to_owned(),
        ..pb::ListAccessListMembersRequest::default()
    };
    let page = by
        .access_lists()
        .list_access_list_members(request)
        .await?
        .into_inner();
    Ok(page.members.into_iter().map(Kept::into_message).collect())
}

async fn names(by: &Cluster) -> Vec<String> {
    let request = pb::GetAccessListsRequest {};
    let found = by.access_lists().get_access_lists(request).await.expect("a list");
    found
        .into_inner()
        .access_lists
        .iter()
        .map(|list| {
            list.header
                .clone()
                .expect("a header")
                .metadata
                .expect("metadata")
                .name
        })
        .collect()
}

fn spec_of(list: &pb::AccessList) -> pb::AccessListSpec {
    list.spec.clone().expect("a spec")
}

/// What a case changes of a list that is right.
type Change = fn(&mut pb::AccessListSpec);

/// The roles a person's new certificate carries.
async fn roles(world: &World, person: &Person) -> Vec<String> {
    let session = world.again(person).await;
    let identity = session.identity().current();
    let mut roles = identity.certified().groups.clone();
    roles.sort();
    roles
}

#[tokio::test]
async fn a_member_has_what_the_list_gives_as_long_as_it_gives_it() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        put(
            &world.admin,
            list("reviewers", &[&cast.alice.name], &["dbreviewer"]),
        )
        .await
        .expect("a list");
        assert_eq!(roles(world, &eve).await, ["access"]);
        let first = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        refused!(
            approve(&eve.cluster, &first).await,
            PermissionDenied,
            "user \"eve@example.com\" cannot submit reviews"
        );
        // An owner adds her without any rule for lists.
        let made = add(&cast.alice.cluster, member("reviewers", &eve.name))
            .await
            .expect("a member");
        let spec = made.spec.expect("a spec");
        assert_eq!(spec.added_by, cast.alice.name);
        assert_eq!(spec.joined, Some(timestamp(world.now())));
        assert_eq!(spec.ineligible_status(), pb::IneligibleStatus::Eligible);
        assert_eq!(roles(world, &eve).await, ["access", "dbreviewer"]);
        // Who may review is what is true now, whichever certificate says it.
        let eve_with = world.again(&eve).await;
        approve(&eve_with, &first).await.expect("a review");
        approve(&cast.ivan.cluster, &first).await.expect("a review");
        assert_eq!(
            look(&world.admin, &first).await.map(|request| state_of(&request)),
            Some(RequestState::Approved)
        );
        let second = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&eve_with, &second).await.expect("a review");
        take_out(&cast.alice.cluster, "reviewers", &eve.name)
            .await
            .expect("taken out");
        // An approval by somebody who has lost the right does not count at the end.
        approve(&cast.ivan.cluster, &second).await.expect("a review");
        assert_eq!(
            look(&world.admin, &second)
                .await
                .map(|request| state_of(&request)),
            Some(RequestState::Pending)
        );
        assert_eq!(roles(world, &eve).await, ["access"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_certificate_carries_of_a_list_ends_with_the_membership() {
    on_every_store(async |world| {
        world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        let reads = "allow:\n  rules:\n  - {resources: [role], verbs: [list, read]}";
        world.put_role(role("role-reader", reads)).await.expect("a role");
        put(
            &world.admin,
            list("readers", &["alice@example.com"], &["role-reader"]),
        )
        .await
        .expect("a list");
        let mut timed = member("readers", &eve.name);
        timed.spec.get_or_insert_default().expires = Some(timestamp(world.now() + hours(2)));
        add(&world.admin, timed).await.expect("a member");
        let reader = world.again(&eve).await;
        let list_roles = async || {
            let request = proto::ListRolesRequest::default();
            reader.auth().list_roles(request).await.map(|_| ())
        };
        list_roles().await.expect("she reads roles");
        // The certificate lives on, the membership does not.
        world.clock.advance(hours(2));
        assert_eq!(refusal(list_roles().await).0, Code::PermissionDenied);
        let shown = members(&world.admin, "readers").await.expect("members");
        let status: Vec<_> = shown
            .iter()
            .map(|member| member.spec.as_ref().expect("a spec").ineligible_status())
            .collect();
        assert_eq!(status, [pb::IneligibleStatus::Expired]);
    })
    .await;
}

#[tokio::test]
async fn traits_and_owner_grants_come_through_nested_lists() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        put(&world.admin, list("inner", &[&cast.alice.name], &[]))
            .await
            .expect("a list");
        let mut outer = list("outer", &[&cast.alice.name], &["dbreviewer"]);
        let spec = outer.spec.get_or_insert_default();
        spec.grants.get_or_insert_default().traits = vec![Trait {
            key: "team".to_owned(),
            values: vec!["db".to_owned()],
        }];
        spec.owner_grants = Some(gives(&["auditor"]));
        spec.owners.push(pb::AccessListOwner {
            name: "inner".to_owned(),
            membership_kind: pb::MembershipKind::List.into(),
            ..pb::AccessListOwner::default()
        });
        put(&world.admin, outer).await.expect("a list");
        add(&world.admin, nested("outer", "inner"))
            .await
            .expect("a member");
        add(&world.admin, member("inner", &eve.name))
            .await
            .expect("a member");
        assert_eq!(roles(world, &eve).await, ["access", "auditor", "dbreviewer"]);
        let state = world
            .admin
            .user_login_state()
            .get_user_login_state(GetUserLoginStateRequest {
                name: eve.name.clone(),
            })
            .await
            .expect("a state")
            .into_inner()
            .spec
            .expect("a spec");
        assert_eq!(state.original_roles, ["access"]);
        assert_eq!(state.roles, ["access", "auditor", "dbreviewer"]);
        let team = state
            .traits
            .iter()
            .find(|entry| entry.key == "team")
            .expect("the trait");
        assert_eq!(team.values, ["db"]);
        let inherited = world
            .admin
            .access_lists()
            .get_inherited_grants(pb::GetInheritedGrantsRequest {
                access_list_id: "inner".to_owned(),
            })
            .await
            .expect("grants")
            .into_inner()
            .grants
            .expect("grants");
        assert_eq!(inherited.roles, ["auditor", "dbreviewer"]);
        let seen = get(&eve.cluster, "outer").await.expect("she is in it");
        let status = seen.status.expect("a status");
        let own = status.current_user_assignments.expect("her place");
        assert_eq!(own.membership_type(), pb::AccessListUserAssignmentType::Inherited);
        assert_eq!(
            (status.member_count, status.member_list_count),
            (Some(0), Some(1))
        );
        let inner = get(&world.admin, "inner")
            .await
            .expect("a list")
            .status
            .expect("a status");
        assert_eq!(
            (inner.member_of, inner.owner_of),
            (vec!["outer".into()], vec!["outer".into()])
        );
        let owners = world
            .admin
            .access_lists()
            .get_access_list_owners(pb::GetAccessListOwnersRequest {
                access_list: "outer".to_owned(),
            })
            .await
            .expect("owners")
            .into_inner()
            .owners;
        let owners: Vec<&str> = owners.iter().map(|owner| owner.name.as_str()).collect();
        assert_eq!(owners, [cast.alice.name.as_str(), eve.name.as_str()]);
    })
    .await;
}

#[tokio::test]
async fn who_does_not_meet_what_a_list_requires_has_nothing_of_it() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        let mut strict = list("strict", &[&cast.alice.name], &["auditor"]);
        let spec = strict.spec.get_or_insert_default();
        spec.membership_requires = Some(pb::AccessListRequires {
            roles: vec!["devops".to_owned()],
            ..pb::AccessListRequires::default()
        });
        spec.ownership_requires = Some(pb::AccessListRequires {
            roles: vec!["devops".to_owned()],
            ..pb::AccessListRequires::default()
        });
        put(&world.admin, strict).await.expect("a list");
        let made = add(&world.admin, member("strict", &eve.name))
            .await
            .expect("a member");
        assert_eq!(
            made.spec.expect("a spec").ineligible_status(),
            pb::IneligibleStatus::MissingRequirements
        );
        assert_eq!(roles(world, &eve).await, ["access"]);
        // What another list gives is not what a user holds in person.
        put(&world.admin, list("devops-too", &[&cast.alice.name], &["devops"]))
            .await
            .expect("a list");
        add(&world.admin, member("devops-too", &eve.name))
            .await
            .expect("a member");
        assert_eq!(roles(world, &eve).await, ["access", "devops"]);
        world.set_roles(&eve.name, &["access", "devops"]).await;
        assert_eq!(roles(world, &eve).await, ["access", "auditor", "devops"]);
        // Alice is named as an owner and does not meet what owners must.
        let seen = get(&world.admin, "strict").await.expect("a list");
        assert_eq!(
            spec_of(&seen).owners[0].ineligible_status(),
            pb::IneligibleStatus::MissingRequirements
        );
        let (code, _) = refusal(add(&cast.alice.cluster, member("strict", &cast.ivan.name)).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}

#[tokio::test]
async fn lists_are_checked_and_filled_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let made = put(
            &world.admin,
            list("", &[&cast.alice.name, &cast.alice.name], &["nowhere"]),
        )
        .await;
        refused!(made, InvalidArgument, "access list title required");
        let mut fresh = list("", &[&cast.alice.name, &cast.alice.name], &["nowhere"]);
        fresh.spec.get_or_insert_default().title = "Crew".to_owned();
        let made = put(&world.admin, fresh).await.expect("a list");
        let header = made.header.clone().expect("a header");
        assert_eq!(
            (header.kind.as_str(), header.version.as_str()),
            ("access_list", "v1")
        );
        let name = header.metadata.expect("metadata").name;
        assert!(auth::ids::is_uuid(&name), "{name}");
        let spec = spec_of(&made);
        assert_eq!(spec.owners.len(), 1, "an owner is named once");
        let audit = spec.audit.expect("a schedule");
        let recurrence = audit.recurrence.expect("a rhythm");
        assert_eq!(recurrence.frequency(), pb::ReviewFrequency::SixMonths);
        assert_eq!(recurrence.day_of_month(), pb::ReviewDayOfMonth::First);
        // Six months from 23 November, moved to the first.
        let due: jiff::Timestamp = wire::convert::moment(audit.next_audit_date.as_ref()).expect("a date");
        assert_eq!(due.to_string(), "2027-05-01T12:02:00Z");
        assert_eq!(
            audit
                .notifications
                .and_then(|notice| notice.start)
                .expect("a span")
                .seconds,
            14 * 24 * 3600
        );
        let cases: [(Change, Code, &str); 7] = [
            (
                |spec| spec.owners.clear(),
                Code::InvalidArgument,
                "owners are missing",
            ),
            (
                |spec| spec.owners = vec![user("")],
                Code::InvalidArgument,
                "owner name is missing",
            ),
            (
                |spec| {
                    spec.membership_requires = Some(pb::AccessListRequires {
                        roles: vec!["nowhere".to_owned()],
                        ..Default::default()
                    });
                },
                Code::NotFound,
                "role nowhere is not found",
            ),
            (
                |spec| spec.description = "x".repeat(4097),
                Code::InvalidArgument,
                "description is too long, max 4096 bytes",
            ),
            (
                |spec| {
                    spec.audit.get_or_insert_default().recurrence = Some(pb::Recurrence {
                        frequency: 7,
                        day_of_month: 1,
                    });
                },
                Code::InvalidArgument,
                "an access list is reviewed every 1, 3, 6 or 12 months, not every 7",
            ),
            (
                |spec| spec.owners = (0..101).map(|n| user(&format!("u{n}"))).collect(),
                Code::InvalidArgument,
                "an access list has at most 100 owners, not 101",
            ),
            (
                |spec| spec.owners[0].membership_kind = pb::MembershipKind::List.into(),
                Code::NotFound,
                "access list \"alice@example.com\" not found",
            ),
        ];
        for (change, code, text) in cases {
            let mut bad = list("bad", &[&cast.alice.name], &[]);
            change(bad.spec.get_or_insert_default());
            assert_eq!(refusal(put(&world.admin, bad).await), (code, text.to_owned()));
        }
        world.bot("robot", &["access"]).await;
        refused!(
            add(&world.admin, member(&name, "bot-robot")).await,
            InvalidArgument,
            "\"bot-robot\" is a bot; access lists are for people"
        );
        let mut late = member(&name, &cast.ivan.name);
        late.spec.get_or_insert_default().expires = Some(timestamp(world.now()));
        assert_eq!(refusal(add(&world.admin, late).await).0, Code::InvalidArgument);
    })
    .await;
}

#[tokio::test]
async fn who_sees_and_changes_what() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        for name in ["one", "two"] {
            put(&world.admin, list(name, &[&cast.alice.name], &["auditor"]))
                .await
                .expect("a list");
        }
        add(&cast.alice.cluster, member("two", &eve.name))
            .await
            .expect("a member");
        add(&cast.alice.cluster, member("two", &cast.bob.name))
            .await
            .expect("a member");
        assert_eq!(names(&world.admin).await, ["one", "two"]);
        assert_eq!(names(&cast.editor.cluster).await, ["one", "two"]);
        assert_eq!(names(&cast.alice.cluster).await, ["one", "two"], "an owner");
        assert_eq!(names(&eve.cluster).await, ["two"], "a member");
        assert_eq!(names(&cast.ivan.cluster).await, [""; 0], "nobody to them");
        assert_eq!(
            members(&cast.alice.cluster, "two").await.expect("members").len(),
            2
        );
        let own = members(&eve.cluster, "two").await.expect("her own membership");
        assert_eq!(own.len(), 1);
        for refused in [
            refusal(members(&cast.ivan.cluster, "two").await).0,
            refusal(get(&cast.ivan.cluster, "one").await).0,
            refusal(add(&eve.cluster, member("two", &cast.ivan.name)).await).0,
            refusal(take_out(&eve.cluster, "two", &cast.bob.name).await).0,
            refusal(put(&cast.alice.cluster, list("one", &[&cast.alice.name], &["editor"])).await).0,
        ] {
            assert_eq!(refused, Code::PermissionDenied);
        }
        // An explicit denial wins over ownership.
        let denies = "deny:\n  rules:\n  - {resources: [access_list], verbs: [update]}";
        world.put_role(role("no-lists", denies)).await.expect("a role");
        world
            .set_roles(&cast.alice.name, &["dbreviewer", "no-lists"])
            .await;
        let (code, _) = refusal(add(&cast.alice.cluster, member("one", &cast.ivan.name)).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}

#[tokio::test]
async fn a_review_takes_out_who_should_not_be_in_and_sets_the_next_date() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut due = list("crew", &[&cast.alice.name], &["auditor"]);
        due.spec.get_or_insert_default().audit = Some(pb::AccessListAudit {
            next_audit_date: Some(timestamp(world.now() + hours(24))),
            recurrence: Some(pb::Recurrence {
                frequency: pb::ReviewFrequency::OneMonth.into(),
                day_of_month: pb::ReviewDayOfMonth::Last.into(),
            }),
            ..pb::AccessListAudit::default()
        });
        put(&world.admin, due).await.expect("a list");
        for name in [&cast.bob.name, &cast.ivan.name] {
            add(&cast.alice.cluster, member("crew", name))
                .await
                .expect("a member");
        }
        let asked = async |by: &Cluster| {
            let request = pb::GetAccessListsToReviewRequest {};
            let found = by
                .access_lists()
                .get_access_lists_to_review(request)
                .await
                .expect("lists");
            found.into_inner().access_lists.len()
        };
        assert_eq!(asked(&cast.alice.cluster).await, 1);
        assert_eq!(asked(&cast.bob.cluster).await, 0);
        let submit = async |by: &Cluster, changes: pb::ReviewChanges| {
            let review = pb::Review {
                spec: Some(pb::ReviewSpec {
                    access_list: "crew".to_owned(),
                    reviewers: vec!["somebody@else".to_owned()],
                    notes: "looked at everybody".to_owned(),
                    changes: Some(changes),
                    ..pb::ReviewSpec::default()
                }),
                ..pb::Review::default()
            };
            let request = pb::CreateAccessListReviewRequest {
                review: Some(Kept::from(review)),
            };
            let made = by.access_lists().create_access_list_review(request).await;
            made.map(tonic::Response::into_inner)
        };
        let (code, _) = refusal(submit(&cast.bob.cluster, pb::ReviewChanges::default()).await);
        assert_eq!(code, Code::PermissionDenied);
        let changes = pb::ReviewChanges {
            removed_members: vec![cast.ivan.name.clone()],
            review_day_of_month_changed: pb::ReviewDayOfMonth::Fifteenth.into(),
            membership_requirements_changed: Some(pb::AccessListRequires {
                roles: vec!["devops".to_owned()],
                ..Default::default()
            }),
            ..pb::ReviewChanges::default()
        };
        let made = submit(&cast.alice.cluster, changes).await.expect("a review");
        let next = wire::convert::moment(made.next_audit_date.as_ref()).expect("a date");
        assert!(next.to_string().starts_with("2026-12-15T"), "{next}");
        let left = members(&world.admin, "crew").await.expect("members");
        let left: Vec<String> = left
            .into_iter()
            .map(|member| member.spec.expect("a spec").name)
            .collect();
        assert_eq!(left, [cast.bob.name.as_str()]);
        assert_eq!(asked(&cast.alice.cluster).await, 0, "the next one is far");
        // What members must hold can be made more by an owner, not less.
        let less = pb::ReviewChanges {
            membership_requirements_changed: Some(pb::AccessListRequires::default()),
            ..pb::ReviewChanges::default()
        };
        refused!(
            submit(&cast.alice.cluster, less.clone()).await,
            PermissionDenied,
            "an owner may ask more of the members of an access list, not less"
        );
        submit(&world.admin, less).await.expect("a review");
        let request = pb::ListAccessListReviewsRequest {
            access_list: "crew".to_owned(),
            ..Default::default()
        };
        let kept = cast
            .alice
            .cluster
            .access_lists()
            .list_access_list_reviews(request)
            .await;
        let kept = kept.expect("reviews").into_inner().reviews;
        let by: std::collections::BTreeSet<String> = kept
            .iter()
            .flat_map(|review| review.spec.clone().expect("a spec").reviewers)
            .collect();
        let expected = [cast.alice.name.clone(), "Admin".to_owned()];
        assert_eq!(by, expected.into(), "who reviewed is who called");
    })
    .await;
}

#[tokio::test]
async fn a_list_in_use_stays_and_so_do_its_roles() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        put(&world.admin, list("inner-list", &[&cast.alice.name], &[])).await.expect("a list");
        put(&world.admin, list("outer-list", &[&cast.alice.name], &["quick"])).await.expect("a list");
        add(&world.admin, nested("outer-list", "inner-list")).await.expect("a member");
        let delete = async |name: &str| {
            let request = pb::DeleteAccessListRequest {
                name: name.to_owned(),
            };
            world.admin.access_lists().delete_access_list(request).await.map(|_| ())
        };
        refused!(
            delete("inner-list").await,
            InvalidArgument,
            "access list \"inner list\" cannot be deleted: it is a member of \"outer list\"; take it out there first"
        );
        world.put_role(role("quick", "allow: {}")).await.expect("a role");
        let drop_role = async || {
            let request = proto::DeleteRoleRequest {
                name: "quick".to_owned(),
            };
            world.admin.auth().delete_role(request).await.map(|_| ())
        };
        refused!(
            drop_role().await,
            InvalidArgument,
            "failed to delete a role that is still in use by an access list: \"outer list\" names role \"quick\""
        );
        delete("outer-list").await.expect("deleted");
        delete("inner-list").await.expect("deleted");
        drop_role().await.expect("deleted");
        assert_eq!(refusal(delete("outer-list").await).0, Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_list_with_exactly_these_members() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let put_with = async |names: &[&str]| {
            let request = pb::UpsertAccessListWithMembersRequest {
                access_list: Some(Kept::from(list("crew", &[&cast.alice.name], &["auditor"]))),
                members: names
                    .iter()
                    .map(|name| Kept::from(member("crew", name)))
                    .collect(),
            };
            let made = world
                .admin
                .access_lists()
                .upsert_access_list_with_members(request)
                .await;
            made.map(tonic::Response::into_inner)
        };
        put_with(&[&cast.bob.name, &cast.ivan.name])
            .await
            .expect("stored");
        let made = put_with(&[&cast.ivan.name, &cast.editor.name])
            .await
            .expect("stored");
        assert_eq!(made.members.len(), 2);
        let left = members(&world.admin, "crew").await.expect("members");
        let left: Vec<String> = left
            .into_iter()
            .map(|member| member.spec.expect("a spec").name)
            .collect();
        assert_eq!(left, [cast.editor.name.as_str(), cast.ivan.name.as_str()]);
        refused!(
            put_with(&[&cast.ivan.name, &cast.ivan.name]).await,
            InvalidArgument,
            "member \"ivan@example.com\" is named twice"
        );
    })
    .await;
}

#[tokio::test]
async fn an_old_version_of_a_list_or_member_is_not_written_over() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let first = put(&world.admin, list("crew", &[&cast.alice.name], &[]))
            .await
            .expect("a list");
        let update = async |list: pb::AccessList| {
            let request = pb::UpdateAccessListRequest {
                access_list: Some(Kept::from(list)),
            };
            world.admin.access_lists().update_access_list(request).await
        };
        let second = update(first.clone()).await.expect("changed").into_inner();
        assert_eq!(refusal(update(first).await).0, Code::FailedPrecondition);
        update(second.into_message()).await.expect("changed");
        let joined = add(&world.admin, member("crew", &cast.bob.name))
            .await
            .expect("a member");
        let update = async |member: pb::Member| {
            let request = pb::UpdateAccessListMemberRequest {
                member: Some(Kept::from(member)),
            };
            world
                .admin
                .access_lists()
                .update_access_list_member(request)
                .await
        };
        world.clock.advance(hours(1));
        let mut later = joined.clone();
        later.spec.get_or_insert_default().added_by = "somebody else".to_owned();
        let after = update(later).await.expect("changed").into_inner().into_message();
        assert_eq!(after.spec, joined.spec, "who added whom, and when, stays");
        assert_eq!(refusal(update(joined).await).0, Code::FailedPrecondition);
    })
    .await;
}

/// Approves with a list in mind: what the pages of the original send.
pub async fn promote(by: &Cluster, id: &str, list: &str) -> Result<AccessRequestV3, Status> {
    let request = pb::AccessRequestPromoteRequest {
        request_id: id.to_owned(),
        access_list_name: list.to_owned(),
        reason: "needs it every week".to_owned(),
    };
    let promoted = by
        .access_lists()
        .access_request_promote(request)
        .await?
        .into_inner();
    Ok(promoted.access_request.expect("a request").into_message())
}

#[tokio::test]
async fn a_promotion_is_an_approval_with_a_list_in_mind() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        put(
            &world.admin,
            list("elevated", &[&cast.ivan.name], &["elevated-access"]),
        )
        .await
        .expect("a list");
        put(
            &world.admin,
            list("other", &[&cast.ivan.name, &cast.alice.name], &["access"]),
        )
        .await
        .expect("a list");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let suggested = async |by: &Cluster| {
            let request = pb::GetSuggestedAccessListsRequest {
                access_request_id: id.clone(),
            };
            let lists = by
                .access_lists()
                .get_suggested_access_lists(request)
                .await
                .expect("lists");
            lists.into_inner().access_lists.len()
        };
        assert_eq!(suggested(&cast.ivan.cluster).await, 1);
        assert_eq!(suggested(&cast.alice.cluster).await, 0, "she owns no such list");
        assert_eq!(suggested(&cast.bob.cluster).await, 0);
        // What stands in the way, in the order in which it is looked at.
        refused!(
            promote(&cast.alice.cluster, &id, "elevated").await,
            PermissionDenied,
            "user \"alice@example.com\" cannot add members to access list \"elevated\""
        );
        refused!(
            promote(&cast.ivan.cluster, &id, "other").await,
            InvalidArgument,
            "access list \"other\" does not give what the request asks for: elevated-access"
        );
        refused!(
            promote(&cast.ivan.cluster, &id, "").await,
            InvalidArgument,
            "promoted access list can be only set when promoting access requests"
        );
        refused!(
            promote(&cast.bob.cluster, &id, "elevated").await,
            PermissionDenied,
            "user \"bob@example.com\" cannot submit reviews"
        );
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let after = promote(&cast.ivan.cluster, &id, "elevated")
            .await
            .expect("a review");
        assert_eq!(state_of(&after), RequestState::Promoted);
        let spec = after.spec.expect("a spec");
        let target = spec.access_list.expect("a list");
        assert_eq!(
            (target.name.as_str(), target.title.as_str()),
            ("elevated", "elevated")
        );
        assert_eq!(spec.resolve_reason, "needs it every week");
        let made = members(&world.admin, "elevated")
            .await
            .expect("members")
            .remove(0);
        let made = made.spec.expect("a spec");
        assert_eq!(
            (made.name, made.added_by),
            (cast.bob.name.clone(), cast.ivan.name.clone())
        );
        assert_eq!(roles(world, &cast.bob).await, ["devops", "elevated-access"]);
        refused!(
            world.assume(&cast.bob.cluster, &[&id]).await.map(|_| ()),
            PermissionDenied,
            format!("access request {id:?} has been promoted. Use access list to access resources.")
        );
        refused!(
            approve(&cast.alice.cluster, &id).await,
            AlreadyExists,
            "user \"alice@example.com\" has already reviewed this request"
        );
    })
    .await;
}

#[tokio::test]
async fn the_review_that_completes_the_number_says_what_is_approved() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        put(
            &world.admin,
            list("elevated", &[&cast.ivan.name], &["elevated-access"]),
        )
        .await
        .expect("a list");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let first = promote(&cast.ivan.cluster, &id, "elevated")
            .await
            .expect("a review");
        assert_eq!(state_of(&first), RequestState::Pending, "one is not enough");
        assert_eq!(members(&world.admin, "elevated").await.expect("members"), []);
        let second = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&second), RequestState::Approved);
        assert_eq!(second.spec.expect("a spec").access_list, None);
        assert_eq!(members(&world.admin, "elevated").await.expect("members"), []);
        world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
    })
    .await;
}

#[tokio::test]
async fn changes_of_lists_and_members_are_told_to_who_watches_them() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let kind = |kind: &str| WatchKind {
            kind: kind.to_owned(),
            ..WatchKind::default()
        };
        let asked = proto::Watch {
            kinds: vec![kind("access_list"), kind("access_list_member")],
            ..proto::Watch::default()
        };
        let refused = cast.bob.cluster.auth().watch_events(asked.clone()).await;
        assert_eq!(refusal(refused.map(|_| ())).0, Code::PermissionDenied);
        let stream = cast.editor.cluster.auth().watch_events(asked).await;
        let mut stream = stream.expect("a stream").into_inner();
        stream.message().await.expect("the status").expect("no end");
        put(&world.admin, list("crew", &[&cast.alice.name], &[]))
            .await
            .expect("a list");
        let event = stream.message().await.expect("an event").expect("no end");
        assert!(
            matches!(event.resource, Some(Resource::AccessList(_))),
            "{event:?}"
        );
        add(&world.admin, member("crew", &cast.bob.name))
            .await
            .expect("a member");
        let event = stream.message().await.expect("an event").expect("no end");
        assert!(
            matches!(event.resource, Some(Resource::AccessListMember(_))),
            "{event:?}"
        );
        take_out(&world.admin, "crew", &cast.bob.name)
            .await
            .expect("taken out");
        let event = stream.message().await.expect("an event").expect("no end");
        assert_eq!(event.r#type, Operation::Delete as i32);
        let Some(Resource::ResourceHeader(header)) = event.resource else {
            panic!("a header");
        };
        let metadata = header.metadata.expect("metadata");
        assert_eq!(metadata.name, cast.bob.name);
        assert_eq!(metadata.description, "crew", "which list it was");
    })
    .await;
}

#[tokio::test]
async fn what_is_done_to_lists_is_recorded_and_what_fails_too() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        put(&world.admin, list("crew", &[&cast.alice.name], &["quick"]))
            .await
            .expect("a list");
        put(&world.admin, list("crew", &[&cast.alice.name], &["quick"]))
            .await
            .expect("a list");
        add(&cast.alice.cluster, member("crew", &eve.name))
            .await
            .expect("a member");
        add(&cast.alice.cluster, member("crew", &eve.name))
            .await
            .expect("a member");
        // A role of it is not there, so it gives nothing, and the sign-in says so.
        world.again(&eve).await;
        let (code, _) = refusal(add(&eve.cluster, member("crew", &cast.bob.name)).await);
        assert_eq!(code, Code::PermissionDenied);
        take_out(&cast.alice.cluster, "crew", &eve.name)
            .await
            .expect("taken out");
        let request = pb::DeleteAccessListRequest {
            name: "crew".to_owned(),
        };
        world
            .admin
            .access_lists()
            .delete_access_list(request)
            .await
            .expect("deleted");
        let told: Vec<String> = records(&world.store)
            .await
            .iter()
            .map(|record| record.text("code").to_owned())
            .filter(|code| code.starts_with("TAL"))
            .collect();
        assert_eq!(
            told,
            [
                "TAL001I", "TAL002I", "TAL005I", "TAL006I", "TAL009W", "TAL005E", "TAL007I", "TAL003I"
            ]
        );
    })
    .await;
}

/// The calls of lists, for the table of who may call what.
pub const ROWS: &[&str] = &[
    "GetAccessLists",
    "ListAccessLists",
    "GetAccessList",
    "UpsertAccessList",
    "UpdateAccessList",
    "DeleteAccessList",
    "DeleteAllAccessLists",
    "GetAccessListsToReview",
    "CountAccessListMembers",
    "ListAccessListMembers",
    "ListAllAccessListMembers",
    "GetAccessListMember",
    "GetAccessListOwners",
    "UpsertAccessListMember",
    "UpsertAccessListMember: alice owns it",
    "UpdateAccessListMember",
    "DeleteAccessListMember",
    "DeleteAllAccessListMembersForAccessList",
    "DeleteAllAccessListMembers",
    "UpsertAccessListWithMembers",
    "ListAccessListReviews",
    "ListAllAccessListReviews",
    "CreateAccessListReview",
    "DeleteAccessListReview",
    "AccessRequestPromote",
    "GetSuggestedAccessLists",
    "GetInheritedGrants",
];

/// The message of a row, about a list `name` made for it, which nobody who calls has a place in, and about request `id`.
pub async fn message(world: &World, name: &str, id: &str, row: &str) -> Vec<u8> {
    use prost::Message as _;
    let nobody = "nobody@example.com";
    let (owner, row) = match row.split_once(": ") {
        Some((row, _)) => ("alice@example.com", row),
        None => ("owner@example.com", row),
    };
    let name = name.to_owned();
    match row {
        "GetAccessLists"
        | "ListAccessLists"
        | "GetAccessListsToReview"
        | "ListAllAccessListMembers"
        | "ListAllAccessListReviews"
        | "DeleteAllAccessLists"
        | "DeleteAllAccessListMembers" => return Vec::new(),
        "UpsertAccessList" => {
            return pb::UpsertAccessListRequest {
                access_list: Some(Kept::from(list(&name, &[owner], &[]))),
            }
            .encode_to_vec();
        }
        "UpsertAccessListWithMembers" => {
            return pb::UpsertAccessListWithMembersRequest {
                access_list: Some(Kept::from(list(&name, &[owner], &[]))),
                members: vec![Kept::from(member(&name, nobody))],
            }
            .encode_to_vec();
        }
        _ => {}
    }
    let made = put(&world.admin, list(&name, &[owner], &[]))
        .await
        .expect("a list");
    let there = add(&world.admin, member(&name, nobody)).await.expect("a member");
    match row {
        "GetAccessList" => pb::GetAccessListRequest { name }.encode_to_vec(),
        "UpdateAccessList" => pb::UpdateAccessListRequest {
            access_list: Some(Kept::from(made)),
        }
        .encode_to_vec(),
        "DeleteAccessList" => pb::DeleteAccessListRequest { name }.encode_to_vec(),
        "CountAccessListMembers" => pb::CountAccessListMembersRequest {
            access_list_name: name,
        }
        .encode_to_vec(),
        "ListAccessListMembers" => pb::ListAccessListMembersRequest {
            access_list: name,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetAccessListMember" => pb::GetAccessListMemberRequest {
            access_list: name,
            member_name: nobody.to_owned(),
        }
        .encode_to_vec(),
        "GetAccessListOwners" => pb::GetAccessListOwnersRequest { access_list: name }.encode_to_vec(),
        "UpsertAccessListMember" => pb::UpsertAccessListMemberRequest {
            member: Some(Kept::from(member(&name, "other@example.com"))),
        }
        .encode_to_vec(),
        "UpdateAccessListMember" => pb::UpdateAccessListMemberRequest {
            member: Some(Kept::from(there)),
        }
        .encode_to_vec(),
        "DeleteAccessListMember" => pb::DeleteAccessListMemberRequest {
            access_list: name,
            member_name: nobody.to_owned(),
        }
        .encode_to_vec(),
        "DeleteAllAccessListMembersForAccessList" => {
            pb::DeleteAllAccessListMembersForAccessListRequest { access_list: name }.encode_to_vec()
        }
        "ListAccessListReviews" => pb::ListAccessListReviewsRequest {
            access_list: name,
            ..Default::default()
        }
        .encode_to_vec(),
        // Nobody who calls owns the list of this row; who reviews learns that.
        "AccessRequestPromote" => pb::AccessRequestPromoteRequest {
            request_id: id.to_owned(),
            access_list_name: name,
            ..Default::default()
        }
        .encode_to_vec(),
        "GetSuggestedAccessLists" => pb::GetSuggestedAccessListsRequest {
            access_request_id: id.to_owned(),
        }
        .encode_to_vec(),
        "GetInheritedGrants" => pb::GetInheritedGrantsRequest { access_list_id: name }.encode_to_vec(),
        _ => {
            let review = pb::Review {
                spec: Some(pb::ReviewSpec {
                    access_list: name.clone(),
                    ..pb::ReviewSpec::default()
                }),
                ..pb::Review::default()
            };
            let request = pb::CreateAccessListReviewRequest {
                review: Some(Kept::from(review)),
            };
            if row == "CreateAccessListReview" {
                return request.encode_to_vec();
            }
            let made = world
                .admin
                .access_lists()
                .create_access_list_review(request)
                .await;
            pb::DeleteAccessListReviewRequest {
                review_name: made.expect("a review").into_inner().review_name,
                access_list_name: name,
            }
            .encode_to_vec()
        }
    }
}
