//! The guide, told over gRPC.

use tonic::Code;
use wire::pb::countersign::v1::ExplainRequest;
use wire::pb::types::RequestState;

use crate::people::{PLUGIN, approve, ask, deny, id_of, look, refusal, send, set_state, state_of, wanted};
use crate::refused;
use crate::world::{hours, on_every_store, seconds};

#[tokio::test]
async fn two_approvals_and_then_the_certificate() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
        request.spec.as_mut().expect("a spec").request_reason = "incident 42".to_owned();
        let made = send(&cast.bob.cluster, request.clone()).await.expect("a request");
        let id = id_of(&made);
        assert_ne!(id, id_of(&request), "the server gives its own id");
        assert_eq!(state_of(&made), RequestState::Pending);

        refused!(
            world.assume(&cast.bob.cluster, &[&id]).await,
            PermissionDenied,
            format!("access request {id:?} is awaiting approval")
        );
        let once = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&once), RequestState::Pending);
        assert!(
            world.assume(&cast.bob.cluster, &[&id]).await.is_err(),
            "one is not enough"
        );
        let twice = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&twice), RequestState::Approved);

        let elevated = world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
        let identity = elevated.identity().current();
        let certified = identity.certified();
        assert_eq!(certified.groups, ["devops", "elevated-access"]);
        assert_eq!(certified.active_requests, [id.as_str()]);
        assert!(
            certified.principals.contains(&"root".to_owned()),
            "{:?}",
            certified.principals
        );
        assert!(identity.not_after() <= cast.bob.cluster.identity().current().not_after());
        // The record says what the certificate says.
        let records = crate::invariants::records(&world.store).await;
        let told = records.last().expect("a record");
        assert_eq!(told.event(), "cert.create");
        assert_eq!(
            told.body["identity"]["logins"],
            serde_json::json!(["root", "-teleport-internal-join"])
        );
        assert_eq!(told.body["identity"]["access_requests"], serde_json::json!([id]));
        // Somebody else's approved request is nobody's business.
        refused!(
            world.assume(&cast.alice.cluster, &[&id]).await,
            NotFound,
            format!("access request {id:?} not found")
        );
    })
    .await;
}

#[tokio::test]
async fn one_denial_denies() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let denied = deny(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&denied), RequestState::Denied);
        assert_eq!(denied.spec.expect("a spec").resolve_reason, "looked at it");
        refused!(
            world.assume(&cast.bob.cluster, &[&id]).await,
            PermissionDenied,
            format!("access request {id:?} has been denied")
        );
        let late = world.person("carol@example.com", &["dbreviewer"]).await;
        refused!(
            approve(&late.cluster, &id).await,
            PermissionDenied,
            "the access request has been already denied"
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_decides_alone() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.set_roles(&cast.bob.name, &["devops", "dbreviewer"]).await;
        let bob = world.again(&cast.bob).await;
        let id = ask(world, &bob, &["elevated-access"]).await;
        refused!(
            approve(&bob, &id).await,
            PermissionDenied,
            format!("user \"bob@example.com\" cannot review request {id:?}")
        );
        approve(&cast.alice.cluster, &id).await.expect("a review");
        refused!(
            approve(&cast.alice.cluster, &id).await,
            AlreadyExists,
            "user \"alice@example.com\" has already reviewed this request"
        );
        let (code, message) = refusal(set_state(&world.admin, &id, RequestState::Approved).await);
        assert_eq!(code, Code::PermissionDenied);
        assert!(message.contains("asks for two or more approvals"), "{message}");
        assert_eq!(
            look(&bob, &id).await.map(|found| state_of(&found)),
            Some(RequestState::Pending)
        );
    })
    .await;
}

#[tokio::test]
async fn an_expired_request_takes_no_review_and_gives_no_certificate() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
        let until = world.now() + seconds(600);
        request.metadata.as_mut().expect("metadata").expires = Some(wire::convert::timestamp(until));
        let id = id_of(&send(&cast.bob.cluster, request).await.expect("a request"));
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.clock.set(until);
        refused!(
            approve(&cast.ivan.cluster, &id).await,
            NotFound,
            format!("cannot apply review to access request {id:?} (not found)")
        );
        assert_eq!(look(&cast.bob.cluster, &id).await, None);
        assert_eq!(world.sweep().await, 1);
        // An approval is good until its access ends, and no longer.
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let approved = approve(&cast.ivan.cluster, &id).await.expect("a review");
        let end = wire::convert::moment(approved.spec.expect("a spec").expires.as_ref()).expect("an end");
        world.clock.set(end - seconds(120));
        let bob = world.again(&cast.bob).await;
        let elevated = world.assume(&bob, &[&id]).await.expect("a certificate");
        assert!(elevated.identity().current().not_after() <= end);
        world.clock.set(end);
        refused!(
            world.assume(&bob, &[&id]).await,
            NotFound,
            format!("access request {id:?} not found")
        );
    })
    .await;
}

#[tokio::test]
async fn an_approval_that_is_taken_back_takes_the_role_back() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        approve(&cast.ivan.cluster, &id).await.expect("a review");
        let elevated = world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
        assert!(look(&elevated, &id).await.is_some());
        set_state(&world.admin, &id, RequestState::Denied)
            .await
            .expect("revoked");
        let explained = ExplainRequest {
            request_id: id.clone(),
        };
        let evidence = cast.ivan.cluster.access().explain(explained).await;
        assert_eq!(
            evidence.expect("evidence").into_inner().resolved_by,
            access::request::LOCAL_ADMIN,
            "who took it back, not who approved"
        );
        let (code, message) = refusal(look_again(&elevated, &id).await);
        assert_eq!(code, Code::PermissionDenied);
        assert!(
            message.starts_with(&format!("lock targeting AccessRequest:{id:?} is in force")),
            "{message}"
        );
        assert!(
            look(&cast.bob.cluster, &id).await.is_some(),
            "Bob himself goes on"
        );
        for state in [RequestState::Approved, RequestState::Pending] {
            let (code, message) = refusal(set_state(&world.admin, &id, state).await);
            assert_eq!(
                (code, message.contains("(already denied)")),
                (Code::InvalidArgument, true),
                "{message}"
            );
        }
    })
    .await;
}

async fn look_again(by: &client::Cluster, id: &str) -> Result<(), tonic::Status> {
    let filter = wire::pb::types::AccessRequestFilter {
        id: id.to_owned(),
        ..Default::default()
    };
    crate::people::list(by, filter).await.map(|_| ())
}

#[tokio::test]
async fn the_plugin_is_a_user_like_any_other() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.apply(PLUGIN).await;
        let plugin = world
            .sign_as(&world.admin, "access-plugin", hours(8))
            .await
            .expect("a certificate");
        let identity = plugin.identity().current();
        assert_eq!(
            identity.certified().impersonator.as_deref(),
            Some(&*format!("{}.{}", crate::world::HOST, crate::world::CLUSTER))
        );
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        assert!(look(&plugin, &id).await.is_some());
        refused!(
            approve(&plugin, &id).await,
            PermissionDenied,
            "user \"access-plugin\" cannot submit reviews"
        );
    })
    .await;
}
