//! Getting in by an access list: as its owner, by a circle, with an old membership, as a namesake.

use prost::Message as _;
use store::{Item, Write};
use tonic::Code;
use transport::Authority;
use wire::pb::teleport::accesslist::v1 as pb;
use wire::pb::types::RequestState;

use crate::flaws::{Flaw, attack, below};
use crate::lists::{add, list, member, nested, promote, put, take_out};
use crate::people::{approve, ask, refusal, role, state_of};
use crate::world::{World, hours};

#[tokio::test]
async fn an_owner_does_not_let_himself_in() {
    // The server takes one owner for another.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let olga = world.person("olga@example.com", &["access"]).await;
        let owners = [olga.name.as_str(), cast.ivan.name.as_str()];
        put(&world.admin, list("crew", &owners, &["dbreviewer"])).await.expect("a list");
        put(&world.admin, list("inner", &owners, &[])).await.expect("a list");
        add(&cast.ivan.cluster, member("inner", &olga.name)).await.expect("a member");
        world.bend();
        world.disguise(&cast.ivan.cluster, Authority::User);
        let (code, text) = refusal(add(&olga.cluster, member("crew", &olga.name)).await);
        assert_eq!(code, Code::PermissionDenied);
        assert_eq!(
            text,
            "an owner of access list \"crew\" cannot become its member by the own hand; another owner can add you"
        );
        let (code, _) = refusal(add(&olga.cluster, nested("crew", "inner")).await);
        assert_eq!(code, Code::PermissionDenied, "not by a list she is in either");
        // Nor do owners write themselves more into the list.
        let (code, _) = refusal(put(&olga.cluster, list("crew", &owners, &["editor"])).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}

#[tokio::test]
async fn no_circle_of_lists_and_no_endless_chain() {
    // Members are not seen when lists are judged.
    let flaw = Flaw::blind_for("access_list_members");
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let names: Vec<String> = (0..13).map(|n| format!("l{n:02}")).collect();
        for name in &names {
            put(&world.admin, list(name, &[&cast.alice.name], &[]))
                .await
                .expect("a list");
        }
        for pair in names[..11].windows(2) {
            add(&world.admin, nested(&pair[1], &pair[0]))
                .await
                .expect("a member");
        }
        world.bend();
        for (outer, inner) in [("l00", "l10"), ("l05", "l06"), ("l03", "l03")] {
            let (code, text) = refusal(add(&world.admin, nested(outer, inner)).await);
            assert_eq!(code, Code::InvalidArgument, "{text}");
        }
        let mut owned = list("l00", &[&cast.alice.name], &[]);
        owned
            .spec
            .get_or_insert_default()
            .owners
            .push(pb::AccessListOwner {
                name: "l10".to_owned(),
                membership_kind: pb::MembershipKind::List.into(),
                ..pb::AccessListOwner::default()
            });
        assert_eq!(refusal(put(&world.admin, owned).await).0, Code::InvalidArgument);
        let (code, text) = refusal(add(&world.admin, nested("l11", "l10")).await);
        assert_eq!(code, Code::InvalidArgument);
        assert!(text.contains("more than 10 deep"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn two_halves_of_a_circle_do_not_close_at_once() {
    attack(Flaw::unconditional(), "one of them", async |world| {
        let cast = world.cast().await;
        for name in ["a", "b"] {
            put(&world.admin, list(name, &[&cast.alice.name], &[]))
                .await
                .expect("a list");
        }
        let beside = world.beside().await;
        let there = beside((*world.admin.identity().current()).clone());
        world.bend();
        for _ in 0..10 {
            world.meet();
            let (one, other) =
                tokio::join!(add(&world.admin, nested("a", "b")), add(&there, nested("b", "a")));
            assert!(one.is_err() || other.is_err(), "one of them at most");
            for (outer, inner) in [("a", "b"), ("b", "a")] {
                let _ = take_out(&world.admin, outer, inner).await;
            }
        }
    })
    .await;
}

fn never_ending(item: Option<Item>) -> Option<Item> {
    item.map(|item| {
        let mut member = pb::Member::decode(item.value.clone()).expect("a member");
        member.spec.get_or_insert_default().expires = None;
        let value = member.encode_to_vec().into();
        Item { value, ..item }
    })
}

#[tokio::test]
async fn a_membership_that_has_ended_reviews_nothing() {
    // The server forgets that memberships end.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            if below(key, "access_list_members") {
                never_ending(item)
            } else {
                item
            }
        })),
        ..Flaw::default()
    };
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        put(
            &world.admin,
            list("reviewers", &[&cast.alice.name], &["dbreviewer"]),
        )
        .await
        .expect("a list");
        let mut timed = member("reviewers", &eve.name);
        let ends = wire::convert::timestamp(world.now() + hours(1));
        timed.spec.get_or_insert_default().expires = Some(ends);
        add(&world.admin, timed).await.expect("a member");
        let reviewer = world.again(&eve).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.clock.advance(hours(1));
        world.bend();
        let (code, _) = refusal(approve(&reviewer, &id).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}

#[tokio::test]
async fn whoever_was_taken_out_reviews_nothing() {
    // What is taken out of lists stays.
    let flaw = Flaw::writes(|write| match write {
        Write::Delete(key) if below(&key, "access_list_members") || below(&key, "access_list_seats") => None,
        other => Some(other),
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let eve = world.person("eve@example.com", &["access"]).await;
        put(
            &world.admin,
            list("reviewers", &[&cast.alice.name], &["dbreviewer"]),
        )
        .await
        .expect("a list");
        add(&world.admin, member("reviewers", &eve.name))
            .await
            .expect("a member");
        let reviewer = world.again(&eve).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        take_out(&cast.alice.cluster, "reviewers", &eve.name)
            .await
            .expect("taken out");
        let (code, _) = refusal(approve(&reviewer, &id).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}

#[tokio::test]
async fn a_promotion_alone_puts_nobody_on_a_list() {
    // The server forgets how many are asked for.
    let flaw = Flaw::requests_read_as(|spec| {
        for threshold in &mut spec.thresholds {
            threshold.approve = 1;
        }
    });
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let owners = [cast.alice.name.as_str(), cast.bob.name.as_str()];
        put(&world.admin, list("elevated", &owners, &["elevated-access"]))
            .await
            .expect("a list");
        // Bob may review what others ask for, and owns the list.
        world.set_roles(&cast.bob.name, &["devops", "dbreviewer"]).await;
        let id = ask(world, &world.again(&cast.bob).await, &["elevated-access"]).await;
        world.bend();
        let bob = world.again(&cast.bob).await;
        assert_eq!(
            refusal(promote(&bob, &id, "elevated").await).0,
            Code::PermissionDenied
        );
        let after = promote(&cast.alice.cluster, &id, "elevated")
            .await
            .expect("a review");
        assert_eq!(state_of(&after), RequestState::Pending);
        assert_eq!(
            refusal(promote(&cast.alice.cluster, &id, "elevated").await).0,
            Code::AlreadyExists
        );
        let renewed = world.again(&cast.bob).await;
        let identity = renewed.identity().current();
        assert!(
            !identity
                .certified()
                .groups
                .contains(&"elevated-access".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_namesake_is_not_in_the_list() {
    // The server forgets that there was somebody of that name before.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            if !below(key, "subjects") {
                return item;
            }
            item.map(|item| {
                let mut subject: serde_json::Value = serde_json::from_slice(&item.value).expect("a subject");
                subject["namesake_until"] = serde_json::Value::Null;
                let value = serde_json::to_vec(&subject).expect("a subject").into();
                Item { value, ..item }
            })
        })),
        ..Flaw::default()
    };
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        world.user("eve@example.com", &["access"]).await;
        put(
            &world.admin,
            list("reviewers", &["eve@example.com"], &["dbreviewer"]),
        )
        .await
        .expect("a list");
        add(&world.admin, member("reviewers", "eve@example.com"))
            .await
            .expect("a member");
        world.delete_user("eve@example.com").await;
        world.clock.advance(hours(1));
        let eve = world.person("eve@example.com", &["access"]).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        let (code, _) = refusal(approve(&eve.cluster, &id).await);
        assert_eq!(code, Code::PermissionDenied);
        let (code, _) = refusal(add(&eve.cluster, member("reviewers", &cast.bob.name)).await);
        assert_eq!(code, Code::PermissionDenied, "nor its owner");
        // Whoever puts her in means her.
        world.mend();
        add(&world.admin, member("reviewers", &eve.name))
            .await
            .expect("a member");
        approve(&world.again(&eve).await, &id).await.expect("a review");
    })
    .await;
}

#[tokio::test]
async fn what_a_role_of_a_list_forbids_is_forbidden() {
    // Nobody's seats are seen.
    let flaw = Flaw {
        lists: Some(Box::new(|prefix, mut page| {
            if prefix.as_str().contains("access_list_seats") {
                page.items.clear();
            }
            page
        })),
        ..Flaw::default()
    };
    attack(flaw, "the call was not refused", async |world: &World| {
        let cast = world.cast().await;
        let denies = "deny:\n  review_requests:\n    roles: [elevated-access]";
        world.put_role(role("no-reviews", denies)).await.expect("a role");
        put(
            &world.admin,
            list("suspended", &[&cast.ivan.name], &["no-reviews"]),
        )
        .await
        .expect("a list");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        add(&cast.ivan.cluster, member("suspended", &cast.alice.name))
            .await
            .expect("a member");
        world.bend();
        // Also with a certificate from before.
        let (code, _) = refusal(approve(&cast.alice.cluster, &id).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}
