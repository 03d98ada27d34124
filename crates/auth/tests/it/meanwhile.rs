//! What changes between one call and the next: people, roles, locks, the Auth Service itself.

use tonic::Code;
use wire::pb::countersign::v1 as ours;
use wire::pb::types::{self, RequestState};

use crate::people::{
    approve, ask, deny, id_of, lock, lock_user, look, refusal, role, send, set_state, state_of, wanted,
};
use crate::refused;
use crate::world::{Backend, Plan, World, hours, on_every_store, seconds};

#[tokio::test]
async fn a_reviewer_whose_role_is_taken_away_reviews_no_more_and_counts_no_more() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let carol = world.person("carol@example.com", &["dbreviewer"]).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.set_roles(&cast.alice.name, &["access"]).await;
        let second = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&second), RequestState::Pending, "Alice counts no more");
        world.set_roles(&carol.name, &["access"]).await;
        refused!(
            approve(&carol.cluster, &id).await,
            PermissionDenied,
            "user \"carol@example.com\" cannot submit reviews"
        );
        world.set_roles(&carol.name, &["access", "dbreviewer"]).await;
        let third = approve(&carol.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&third), RequestState::Approved);
        let evidence = explain(&cast.ivan.cluster, &id).await;
        assert_eq!(evidence.approvals, 2);
    })
    .await;
}

#[tokio::test]
async fn what_a_review_says_about_the_request_is_explained() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let before = explain(&cast.bob.cluster, &id).await;
        assert_eq!((before.approvals, before.missing), (0, 2));
        assert_eq!(before.possible_reviewer_count, 2);
        assert_eq!(before.possible_reviewers, [], "Bob learns how many, not who");
        assert_eq!(before.short_digest.len(), "XXXXX-XXXXX-XXXXX-XXXXX".len());
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.set_roles(&cast.alice.name, &["access"]).await;
        let after = explain(&cast.ivan.cluster, &id).await;
        assert_eq!((after.approvals, after.missing), (0, 2));
        assert_eq!(after.ignored.len(), 1);
        assert_eq!(after.ignored[0].author, "alice@example.com");
        assert_eq!(after.possible_reviewers.len(), 1);
        assert_eq!(after.possible_reviewers[0].user, "ivan@example.com");
        assert_eq!(after.digest, before.digest, "the request is the same");
        refused!(
            cast.alice
                .cluster
                .access()
                .explain(ours::ExplainRequest {
                    request_id: id.clone()
                })
                .await,
            NotFound,
            format!("no access request matching {id:?}")
        );
    })
    .await;
}

async fn explain(by: &client::Cluster, id: &str) -> ours::Evidence {
    let asked = ours::ExplainRequest {
        request_id: id.to_owned(),
    };
    by.access().explain(asked).await.expect("explained").into_inner()
}

#[tokio::test]
async fn a_deleted_user_calls_nobody_and_a_namesake_inherits_nothing() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.delete_user(&cast.alice.name).await;
        refused!(
            approve(&cast.alice.cluster, &id).await,
            PermissionDenied,
            "access denied"
        );
        let second = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(
            state_of(&second),
            RequestState::Pending,
            "who is gone does not count"
        );

        let namesake = world.person(&cast.alice.name, &["dbreviewer"]).await;
        refused!(
            approve(&cast.alice.cluster, &id).await,
            PermissionDenied,
            "access denied"
        );
        refused!(
            approve(&namesake.cluster, &id).await,
            AlreadyExists,
            "user \"alice@example.com\" has already reviewed this request"
        );
        // The request of somebody who is gone is nobody's any more.
        let carol = world.person("carol@example.com", &["dbreviewer"]).await;
        world.delete_user(&cast.bob.name).await;
        approve(&carol.cluster, &id).await.expect("a review");
        let new_bob = world.person(&cast.bob.name, &["devops"]).await;
        refused!(
            world.assume(&new_bob.cluster, &[&id]).await,
            NotFound,
            format!("access request {id:?} not found")
        );
    })
    .await;
}

#[tokio::test]
async fn a_lock_holds_from_the_next_call_on() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let name = lock_user(&cast.editor.cluster, world, &cast.alice.name)
            .await
            .expect("locked");
        let words = "lock targeting User:\"alice@example.com\" is in force";
        for answer in [
            cast.alice
                .cluster
                .auth()
                .ping(wire::pb::proto::PingRequest {})
                .await
                .map(|_| ()),
            approve(&cast.alice.cluster, &id).await.map(|_| ()),
            world.assume(&cast.alice.cluster, &[]).await.map(|_| ()),
        ] {
            refused!(answer, PermissionDenied, words);
        }
        refused!(
            world
                .sign_in(&cast.alice.name, &cast.alice.password, &cast.alice.seed)
                .await,
            PermissionDenied,
            words
        );
        refused!(
            world.sign_as(&world.admin, &cast.alice.name, hours(1)).await,
            PermissionDenied,
            words
        );
        let second = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(
            state_of(&second),
            RequestState::Pending,
            "who is locked does not count"
        );
        let request = wire::pb::proto::DeleteLockRequest { name };
        cast.editor
            .cluster
            .auth()
            .delete_lock(request)
            .await
            .expect("unlocked");
        assert!(look(&cast.alice.cluster, &id).await.is_some());

        let target = types::LockTarget {
            role: "devops".to_owned(),
            ..Default::default()
        };
        lock(&world.admin, world, target).await.expect("locked");
        refused!(
            send(
                &cast.bob.cluster,
                wanted(world, &cast.bob.name, &["elevated-access"])
            )
            .await,
            PermissionDenied,
            "lock targeting Role:\"devops\" is in force"
        );
    })
    .await;
}

#[tokio::test]
async fn a_lock_ends_when_it_says() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let until = world.now() + seconds(60);
        let lock = types::LockV2 {
            metadata: Some(types::Metadata {
                name: world.uuid(),
                ..Default::default()
            }),
            spec: Some(types::LockSpecV2 {
                target: Some(types::LockTarget {
                    user: cast.bob.name.clone(),
                    ..Default::default()
                }),
                message: "call us".to_owned(),
                expires: Some(wire::convert::timestamp(until)),
                ..Default::default()
            }),
            ..Default::default()
        };
        world
            .admin
            .auth()
            .upsert_lock(wire::keep::Kept::from(lock))
            .await
            .expect("locked");
        let wish = wanted(world, &cast.bob.name, &["elevated-access"]);
        refused!(
            send(&cast.bob.cluster, wish.clone()).await,
            PermissionDenied,
            "lock targeting User:\"bob@example.com\" is in force: call us"
        );
        world.clock.set(until);
        send(&cast.bob.cluster, wish).await.expect("a request");
    })
    .await;
}

#[tokio::test]
async fn rules_changed_later_change_no_request() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let weak =
            "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("devops", weak)).await.expect("stored");
        let once = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&once), RequestState::Pending);
        // A right to ask that is gone takes the approval along.
        approve(&cast.ivan.cluster, &id).await.expect("a review");
        world
            .put_role(role("devops", "allow:\n  logins: [bob]"))
            .await
            .expect("stored");
        refused!(
            world.assume(&cast.bob.cluster, &[&id]).await,
            InvalidArgument,
            "user \"bob@example.com\" can not request role \"elevated-access\""
        );
    })
    .await;
}

#[tokio::test]
async fn a_role_taken_away_is_gone_at_the_next_call() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        cast.editor
            .cluster
            .auth()
            .get_role(wire::pb::proto::GetRoleRequest {
                name: "devops".into(),
            })
            .await
            .expect("read");
        world.set_roles(&cast.editor.name, &["access"]).await;
        refused!(
            cast.editor
                .cluster
                .auth()
                .get_role(wire::pb::proto::GetRoleRequest {
                    name: "devops".into()
                })
                .await,
            PermissionDenied,
            "access denied to perform action \"read\" on \"role\""
        );
        // What is given meanwhile comes with the next certificate.
        world.set_roles(&cast.alice.name, &["dbreviewer", "editor"]).await;
        assert!(
            cast.alice
                .cluster
                .auth()
                .get_role(wire::pb::proto::GetRoleRequest {
                    name: "devops".into()
                })
                .await
                .is_err()
        );
        let alice = world.again(&cast.alice).await;
        alice
            .auth()
            .get_role(wire::pb::proto::GetRoleRequest {
                name: "devops".into(),
            })
            .await
            .expect("read");
    })
    .await;
}

#[tokio::test]
async fn what_is_withdrawn_does_not_count() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let withdraw = |review| ours::WithdrawRequest {
            request_id: id.clone(),
            review,
            reason: String::new(),
        };
        cast.alice
            .cluster
            .access()
            .withdraw(withdraw(true))
            .await
            .expect("withdrawn");
        let second = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&second), RequestState::Pending);
        refused!(
            cast.alice.cluster.access().withdraw(withdraw(true)).await,
            NotFound,
            "there is no review of \"alice@example.com\" to withdraw"
        );
        refused!(
            cast.alice.cluster.access().withdraw(withdraw(false)).await,
            PermissionDenied,
            "only the requester can withdraw a request"
        );
        let denied = deny(&cast.alice.cluster, &id).await.expect("a second thought");
        assert_eq!(state_of(&denied), RequestState::Denied);
        refused!(
            cast.ivan.cluster.access().withdraw(withdraw(true)).await,
            PermissionDenied,
            "the access request has been already denied"
        );
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let own = ours::WithdrawRequest {
            request_id: id.clone(),
            ..Default::default()
        };
        cast.bob.cluster.access().withdraw(own).await.expect("withdrawn");
        assert_eq!(look(&world.admin, &id).await, None);
    })
    .await;
}

#[tokio::test]
async fn where_one_suffices_an_override_is_that_persons_review() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let weak =
            "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("devops", weak)).await.expect("stored");
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        set_state(&world.admin, &id, RequestState::Approved)
            .await
            .expect("approved");
        let approved = look(&cast.bob.cluster, &id)
            .await
            .expect("there")
            .spec
            .expect("a spec");
        assert_eq!(approved.reviews[0].author, "@local-admin");
        world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");

        let mut made = wanted(world, &cast.bob.name, &["elevated-access"]);
        made.spec.as_mut().expect("a spec").state = RequestState::Approved.into();
        let made = send(&world.admin, made).await.expect("a request");
        world
            .assume(&cast.bob.cluster, &[&id_of(&made)])
            .await
            .expect("a certificate");
    })
    .await;
}

/// Everything that was answered is there after a restart, and whoever has a certificate goes on.
#[tokio::test]
async fn a_restart_is_harmless() {
    for backend in [Backend::Memory, Backend::Sqlite] {
        let world = World::open(Plan {
            backend,
            ..Plan::default()
        })
        .await;
        let cast = world.cast().await;
        let id = ask(&world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let (bob, ivan) = (
            cast.bob.cluster.identity().current(),
            cast.ivan.cluster.identity().current(),
        );
        let world = world.restart().await;
        let approved = approve(&world.dial((*ivan).clone()), &id)
            .await
            .expect("a review");
        assert_eq!(state_of(&approved), RequestState::Approved);
        world
            .assume(&world.dial((*bob).clone()), &[&id])
            .await
            .expect("a certificate");
        world.finish().await;
    }
}

/// A clock that was set back by more than a moment is not believed.
#[tokio::test]
async fn a_clock_that_went_back_opens_nothing() {
    let world = World::open(Plan::default()).await;
    world.cast().await;
    let last = world.now();
    let again = |now| {
        let store = std::sync::Arc::clone(&world.store);
        async move {
            auth::Auth::open(auth::Opening {
                store,
                seal: auth::SealSource::Key(store::SealKey::from_bytes([7; 32])),
                clock: std::sync::Arc::new(access::ambient::ManualClock::new(now)),
                entropy: std::sync::Arc::new(access::ambient::SeededEntropy::new(9)),
                settings: auth::Settings::new(crate::world::HOST, "demo"),
            })
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
        }
    };
    let hour = hours(1);
    let error = again(last - hour).await.expect_err("the past");
    assert!(error.starts_with("the clock shows"), "{error}");
    assert_eq!(again(last).await, Ok(()));
    world.finish().await;
}

#[tokio::test]
async fn one_hundred_reviewers_at_once_are_one_after_the_other() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let many =
            "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 30, deny: 3}]";
        world.put_role(role("devops", many)).await.expect("stored");
        let mut crowd = Vec::new();
        for n in 0..40 {
            crowd.push(world.person(&format!("r{n}@example.com"), &["dbreviewer"]).await);
        }
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let answers =
            futures::future::join_all(crowd.iter().map(|person| approve(&person.cluster, &id))).await;
        let (counted, late): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(counted.len(), 30);
        for answer in late {
            let (code, message) = refusal(answer);
            assert_eq!(
                (code, &*message),
                (
                    Code::PermissionDenied,
                    "the access request has been already approved"
                )
            );
        }
    })
    .await;
}

/// Certificates rest on there being no lock; a lock on somebody else is no reason to fail.
#[tokio::test]
async fn locks_on_others_hold_nobody_up() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let locking = futures::future::join_all((0..40).map(|_| lock_user(&world.admin, world, "nobody")));
        let asking = futures::future::join_all((0..40).map(|_| world.assume(&cast.bob.cluster, &[])));
        let (locks, certificates) = tokio::join!(locking, asking);
        for lock in locks {
            lock.expect("locked");
        }
        for certificate in certificates {
            certificate.expect("a certificate");
        }
    })
    .await;
}

/// What a reviewer compares before saying yes changes with everything that decides what the yes is worth.
#[tokio::test]
async fn the_fingerprint_follows_what_the_roles_say() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let mut seen = std::collections::BTreeSet::new();
        let evidence = explain(&cast.alice.cluster, &id).await;
        assert_eq!(evidence.digest, explain(&cast.ivan.cluster, &id).await.digest);
        assert!(seen.insert(evidence.digest));
        // The role that is asked for, the role that lets it be asked for, and one that has nothing to do with it.
        world
            .put_role(role("elevated-access", "allow:\n  logins: [root, admin]"))
            .await
            .expect("stored");
        assert!(seen.insert(explain(&cast.alice.cluster, &id).await.digest));
        let weak =
            "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("devops", weak)).await.expect("stored");
        assert!(seen.insert(explain(&cast.alice.cluster, &id).await.digest));
        world.put_role(role("other", "allow: {}")).await.expect("stored");
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let after = explain(&cast.alice.cluster, &id).await;
        assert!(
            !seen.insert(after.digest),
            "neither reviews nor other roles change it"
        );
        assert_eq!(after.short_digest.len(), 23);
    })
    .await;
}
