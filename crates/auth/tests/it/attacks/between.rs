//! A right that is lost between the moment it was looked at and the commit is no right.

use tonic::Code;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{self, RequestState};

use crate::flaws::{Flaw, attack};
use crate::people::{Person, approve, ask, look, refusal, role, send, set_state, state_of, user, wanted};
use crate::refused;
use crate::world::{World, on_every_store};

/// Somebody who looks after requests.
async fn keeper(world: &World) -> Person {
    let rules =
        "allow:\n  rules:\n  - {resources: [access_request], verbs: [list, read, create, update, delete]}";
    world.put_role(role("keeper", rules)).await.expect("stored");
    world.person("keeper@example.com", &["keeper"]).await
}

/// Takes all roles of `name` away, right before the next commit of which an event `told` tells.
fn roles_are_taken_away(world: &World, name: &str, told: &'static str) {
    let admin = world.admin.clone();
    let request = users::UpsertUserRequest {
        user: Some(Kept::from(user(name, &["access"]))),
    };
    world.meanwhile(told, async move {
        admin.users().upsert_user(request).await.expect("stored");
    });
}

#[tokio::test]
async fn a05_a_state_is_not_set_by_who_loses_the_right_meanwhile() {
    attack(Flaw::unconditional(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let keeper = keeper(world).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        roles_are_taken_away(world, &keeper.name, "access_request");
        let refused = refusal(set_state(&keeper.cluster, &id, RequestState::Denied).await);
        assert_eq!(refused.0, Code::PermissionDenied);
        let request = look(&world.admin, &id).await.expect("there");
        assert_eq!(state_of(&request), RequestState::Pending);
    })
    .await;
}

#[tokio::test]
async fn a05_a_request_is_not_deleted_by_who_loses_the_right_meanwhile() {
    attack(Flaw::unconditional(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let keeper = keeper(world).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        roles_are_taken_away(world, &keeper.name, "access_request");
        let request = proto::RequestId { id: id.clone() };
        let refused = refusal(keeper.cluster.auth().delete_access_request(request).await);
        assert_eq!(refused.0, Code::PermissionDenied);
        assert!(look(&world.admin, &id).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a05_a_request_is_not_made_for_another_by_who_loses_the_right_meanwhile() {
    attack(Flaw::unconditional(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let keeper = keeper(world).await;
        world.bend();
        roles_are_taken_away(world, &keeper.name, "access_request");
        let wish = wanted(world, &cast.bob.name, &["elevated-access"]);
        assert_eq!(
            refusal(send(&keeper.cluster, wish).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

#[tokio::test]
async fn a05_a_review_is_not_withdrawn_by_who_is_locked_meanwhile() {
    attack(Flaw::unconditional(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.bend();
        let lock = types::LockV2 {
            metadata: Some(types::Metadata {
                name: world.uuid(),
                ..Default::default()
            }),
            spec: Some(types::LockSpecV2 {
                target: Some(types::LockTarget {
                    user: cast.alice.name.clone(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let admin = world.admin.clone();
        world.meanwhile("access_request", async move {
            admin.auth().upsert_lock(Kept::from(lock)).await.expect("locked");
        });
        let withdraw = ours::WithdrawRequest {
            request_id: id.clone(),
            review: true,
            ..Default::default()
        };
        let (code, message) = refusal(cast.alice.cluster.access().withdraw(withdraw).await);
        assert_eq!(code, Code::PermissionDenied);
        assert!(message.contains("lock targeting User"), "{message}");
    })
    .await;
}

#[tokio::test]
async fn a_pending_request_that_is_set_pending_leaves_no_trace() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let before = world.store.revision();
        set_state(&world.admin, &id, RequestState::Pending)
            .await
            .expect("nothing to do");
        assert_eq!(world.store.revision(), before);
        approve(&cast.alice.cluster, &id).await.expect("a review");
        approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(
            refusal(set_state(&world.admin, &id, RequestState::Pending).await).0,
            Code::InvalidArgument
        );
    })
    .await;
}

#[tokio::test]
async fn a_namesake_takes_nothing_back() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        for name in [&cast.alice.name, &cast.bob.name] {
            world.delete_user(name).await;
        }
        let alice = world.person(&cast.alice.name, &["dbreviewer"]).await;
        let bob = world.person(&cast.bob.name, &["devops"]).await;
        let withdraw = |review| ours::WithdrawRequest {
            request_id: id.clone(),
            review,
            ..Default::default()
        };
        let refused = refusal(alice.cluster.access().withdraw(withdraw(true)).await);
        assert_eq!(refused.0, Code::NotFound);
        let refused = refusal(bob.cluster.access().withdraw(withdraw(false)).await);
        assert_eq!(refused.0, Code::PermissionDenied);
    })
    .await;
}

#[tokio::test]
async fn b03_a_sign_in_is_not_finished_by_who_was_changed_meanwhile() {
    attack(Flaw::unconditional(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        world.bend();
        // The certificate would carry roles that are gone.
        roles_are_taken_away(world, &cast.alice.name, "cert.create");
        let answer = world
            .sign_in(&cast.alice.name, &cast.alice.password, &cast.alice.seed)
            .await;
        refused!(
            answer.map(|_| ()),
            FailedPrecondition,
            "the user or the password was changed at the same moment; sign in again"
        );
        world.again(&cast.alice).await;
    })
    .await;
}
