//! What `Explain` says of who may still decide, and how little it costs to say it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wire::pb::countersign::v1 as ours;

use crate::flaws::Flaw;
use crate::people::{approve, ask, id_of, role, send, wanted};
use crate::world::{Plan, on, on_every_store};

async fn explain(by: &client::Cluster, id: &str) -> ours::Evidence {
    let asked = ours::ExplainRequest {
        request_id: id.to_owned(),
    };
    by.access().explain(asked).await.expect("explained").into_inner()
}

#[tokio::test]
async fn as_many_are_missing_as_people_must_still_come() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        // One of security and one of operations: two rules, two roles.
        for (name, team) in [("asks-security", "sec"), ("asks-operations", "ops")] {
            let rule = format!(
                "allow:\n  request:\n    roles: [elevated-access]\n    thresholds:\n    \
                 - {{approve: 1, deny: 1, filter: 'contains(reviewer.roles, \"{team}\")'}}"
            );
            world.put_role(role(name, &rule)).await.expect("stored");
            world.put_role(role(team, "allow: {}")).await.expect("stored");
        }
        world
            .set_roles(&cast.bob.name, &["asks-security", "asks-operations"])
            .await;
        let bob = world.again(&cast.bob).await;
        world.set_roles(&cast.alice.name, &["dbreviewer", "sec"]).await;
        world.set_roles(&cast.ivan.name, &["dbreviewer", "ops"]).await;
        let id = ask(world, &bob, &["elevated-access"]).await;
        assert_eq!(explain(&bob, &id).await.missing, 2, "one of each");
        approve(&world.again(&cast.alice).await, &id)
            .await
            .expect("a review");
        assert_eq!(explain(&bob, &id).await.missing, 1);
        // Carol is in both teams: she alone is enough for another request.
        world
            .user("carol@example.com", &["dbreviewer", "sec", "ops"])
            .await;
        let id = ask(world, &bob, &["elevated-access"]).await;
        assert_eq!(explain(&bob, &id).await.missing, 1);
    })
    .await;
}

#[tokio::test]
async fn at_most_a_hundred_are_named_the_suggested_first() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        for at in 0..120 {
            world
                .user(&format!("reviewer-{at:03}@example.com"), &["dbreviewer"])
                .await;
        }
        let mut wish = wanted(world, &cast.bob.name, &["elevated-access"]);
        let suggested = [
            "reviewer-119@example.com".to_owned(),
            "nobody@example.com".to_owned(),
        ];
        wish.spec.as_mut().expect("a spec").suggested_reviewers = suggested.to_vec();
        let id = id_of(&send(&cast.bob.cluster, wish).await.expect("a request"));
        let evidence = explain(&cast.ivan.cluster, &id).await;
        assert_eq!(evidence.possible_reviewer_count, 122, "with Alice and Ivan");
        assert_eq!(evidence.possible_reviewers.len(), 100);
        let named: Vec<&str> = evidence
            .possible_reviewers
            .iter()
            .map(|one| one.user.as_str())
            .collect();
        assert_eq!(
            named[..3],
            [&cast.ivan.name, &suggested[0], &cast.alice.name],
            "Ivan looks"
        );
        assert!(evidence.possible_reviewers[1].suggested && !evidence.possible_reviewers[2].suggested);
    })
    .await;
}

#[tokio::test]
async fn locks_are_read_as_often_for_many_people_as_for_few() {
    let locks_read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&locks_read);
    let plan = Plan {
        flaw: Flaw {
            lists: Some(Box::new(move |prefix, page| {
                if prefix.as_str().trim_matches('/') == "locks" {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                page
            })),
            ..Flaw::default()
        },
        ..Plan::default()
    };
    on(plan, async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        // A connection is looked at when it begins.
        explain(&cast.ivan.cluster, &id).await;
        world.bend();
        explain(&cast.ivan.cluster, &id).await;
        let few = locks_read.swap(0, Ordering::SeqCst);
        world.mend();
        for at in 0..30 {
            world
                .user(&format!("reviewer-{at}@example.com"), &["dbreviewer"])
                .await;
        }
        world.bend();
        assert_eq!(explain(&cast.ivan.cluster, &id).await.possible_reviewer_count, 32);
        assert_eq!(locks_read.load(Ordering::SeqCst), few);
    })
    .await;
}
