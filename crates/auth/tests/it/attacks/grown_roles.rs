//! What was approved is what is handed out: a role that grants more afterwards is not.

use tonic::Code;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{self, RequestState};

use crate::flaws::{Flaw, attack};
use crate::people::{Cast, approve, ask, refusal, role, set_state, state_of};
use crate::world::{World, on_every_store, seconds};

const AS_APPROVED: &str = "allow:\n  logins: [dba]\n  node_labels: {env: [prod, test]}\n  rules:\n  \
                           - {resources: [user], verbs: [list, read]}";

fn elevated(spec: &str) -> types::RoleV6 {
    role("elevated-access", spec)
}

async fn put(world: &World, role: types::RoleV6) {
    world.put_role(role).await.expect("stored");
}

async fn approved(world: &World, cast: &Cast) -> String {
    put(world, elevated(AS_APPROVED)).await;
    let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
    approve(&cast.alice.cluster, &id).await.expect("a review");
    let after = approve(&cast.ivan.cluster, &id).await.expect("a review");
    assert_eq!(state_of(&after), RequestState::Approved);
    id
}

#[tokio::test]
async fn a14_a_role_that_is_widened_after_its_approval_is_not_handed_out() {
    // The server does not see what has become of the role.
    attack(Flaw::stale(&["roles"]), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let id = approved(world, &cast).await;
        world.bend();
        world.assume(&cast.bob.cluster, &[&id]).await.expect("as approved");
        for wider in [
            "allow:\n  logins: [dba, root]\n  node_labels: {env: [prod, test]}\n  rules:\n  \
             - {resources: [user], verbs: [list, read]}",
            "allow:\n  logins: [dba]\n  node_labels: {'*': '*'}\n  rules:\n  - {resources: [user], verbs: [list, read]}",
            "allow:\n  logins: [dba]\n  node_labels: {env: [prod, test]}\n  rules:\n  - {resources: ['*'], verbs: ['*']}",
            "options: {max_session_ttl: 100h}\nallow:\n  logins: [dba]\n  node_labels: {env: [prod, test]}\n  rules:\n  \
             - {resources: [user], verbs: [list, read]}",
            "allow:\n  logins: [dba]\n  db_users: [postgres]\n  node_labels: {env: [prod, test]}\n  rules:\n  \
             - {resources: [user], verbs: [list, read]}",
        ] {
            put(world, elevated(wider)).await;
            let (code, message) = refusal(world.assume(&cast.bob.cluster, &[&id]).await);
            assert_eq!(code, Code::PermissionDenied, "{wider}");
            assert!(
                message.contains("was approved for what role \"elevated-access\" granted then"),
                "{message}"
            );
        }
        // Deleted and made again, under the same name.
        let name = "elevated-access".to_owned();
        world
            .admin
            .auth()
            .delete_role(proto::DeleteRoleRequest { name })
            .await
            .expect("deleted");
        put(world, elevated("allow:\n  logins: [root]")).await;
        assert_eq!(
            refusal(world.assume(&cast.bob.cluster, &[&id]).await).0,
            Code::PermissionDenied
        );
        put(world, elevated(AS_APPROVED)).await;
        world.assume(&cast.bob.cluster, &[&id]).await.expect("as approved");
    })
    .await;
}

#[tokio::test]
async fn edits_that_give_nothing_more_change_nothing_for_who_was_approved() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = approved(world, &cast).await;
        let mut cosmetic = elevated(AS_APPROVED);
        {
            let metadata = cosmetic.metadata.as_mut().expect("metadata");
            "what it is good for".clone_into(&mut metadata.description);
            metadata.labels.insert("team".to_owned(), "databases".to_owned());
            metadata.expires = Some(wire::convert::timestamp(world.now() + seconds(86_400)));
        }
        for harmless in [
            cosmetic,
            elevated(
                "options: {max_session_ttl: 1h}\nallow:\n  logins: [dba]\n  node_labels: {env: [test]}\n  rules:\n  \
                 - {resources: [user], verbs: [list]}",
            ),
            elevated("allow: {}\ndeny:\n  logins: [root]"),
        ] {
            put(world, harmless).await;
            world.assume(&cast.bob.cluster, &[&id]).await.expect("as approved");
        }
    })
    .await;
}

#[tokio::test]
async fn a_certificate_with_a_request_loses_a_role_that_was_widened_at_the_next_call() {
    attack(
        Flaw::stale(&["access_request_people", "roles"]),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let id = approved(world, &cast).await;
            let elevated_bob = world
                .assume(&cast.bob.cluster, &[&id])
                .await
                .expect("a certificate");
            let alice = || async {
                let request = users::GetUserRequest {
                    name: cast.alice.name.clone(),
                    ..Default::default()
                };
                elevated_bob.users().get_user(request).await.map(|_| ())
            };
            alice().await.expect("Bob reads users through his request");
            world.bend();
            alice().await.expect("Bob reads users through his request");
            put(
                world,
                elevated("allow:\n  logins: [dba]\n  rules:\n  - {resources: ['*'], verbs: ['*']}"),
            )
            .await;
            assert_eq!(refusal(alice().await).0, Code::PermissionDenied);
            put(world, elevated(AS_APPROVED)).await;
            alice().await.expect("Bob reads users through his request");
        },
    )
    .await;
}

#[tokio::test]
async fn a15_an_approval_is_for_the_role_as_its_author_saw_it() {
    attack(Flaw::stale(&["roles"]), "left == right", async |world| {
        let cast = world.cast().await;
        put(world, elevated(AS_APPROVED)).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        approve(&cast.alice.cluster, &id).await.expect("a review");
        put(
            world,
            elevated("allow:\n  logins: [dba, root]\n  node_labels: {'*': '*'}"),
        )
        .await;
        let second = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(
            state_of(&second),
            RequestState::Pending,
            "Alice has not seen that role"
        );
        let asked = ours::ExplainRequest {
            request_id: id.clone(),
        };
        let evidence = cast.ivan.cluster.access().explain(asked).await;
        let evidence = evidence.expect("explained").into_inner();
        assert_eq!((evidence.approvals, evidence.missing), (1, 1));
        assert_eq!(evidence.ignored.len(), 1);
        assert_eq!(
            evidence.ignored[0].reason,
            "a requested role grants more now than its author said yes to"
        );
        // Alice looks again.
        let withdraw = ours::WithdrawRequest {
            request_id: id.clone(),
            review: true,
            ..Default::default()
        };
        cast.alice
            .cluster
            .access()
            .withdraw(withdraw)
            .await
            .expect("withdrawn");
        let third = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&third), RequestState::Approved);
        world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
    })
    .await;
}

#[tokio::test]
async fn an_approval_by_one_is_pinned_too() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        put(world, elevated(AS_APPROVED)).await;
        put(
            world,
            role("devops", "allow:\n  request:\n    roles: [elevated-access]"),
        )
        .await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        set_state(&world.admin, &id, RequestState::Approved)
            .await
            .expect("set");
        world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
        put(world, elevated("allow:\n  logins: [dba, root]")).await;
        assert_eq!(
            refusal(world.assume(&cast.bob.cluster, &[&id]).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}
