//! Machines in the place of people: rules that say yes by themselves.

use prost::Message as _;
use store::Item;
use wire::pb::types::RequestState;

use crate::flaws::{Flaw, attack, below};
use crate::people::{approve, ask, look, refusal, state_of};
use crate::rules::{create, reviewing};

#[tokio::test]
async fn a_rules_yes_never_takes_a_persons_place() {
    // The server takes machines for people.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            if !below(key, "access_request_people") {
                return item;
            }
            item.map(|item| {
                let text = String::from_utf8_lossy(&item.value).replace("\"machine\"", "\"person\"");
                Item {
                    value: text.into_bytes().into(),
                    ..item
                }
            })
        })),
        ..Flaw::default()
    };
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        for name in ["one", "two", "three"] {
            create(&world.admin, reviewing(name, "true", "APPROVED"))
                .await
                .expect("a rule");
        }
        world.bend();
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let stored = look(&world.admin, &id)
            .await
            .expect("a request")
            .spec
            .expect("a spec");
        assert_eq!(
            stored.reviews.len(),
            1,
            "however many rules say yes, it is one machine's"
        );
        approve(&cast.alice.cluster, &id).await.expect("a review");
        let state = look(&world.admin, &id).await.map(|request| state_of(&request));
        assert_eq!(state, Some(RequestState::Pending));
        assert!(world.assume(&cast.bob.cluster, &[&id]).await.is_err());
        approve(&cast.ivan.cluster, &id).await.expect("a review");
        let state = look(&world.admin, &id).await.map(|request| state_of(&request));
        assert_eq!(state, Some(RequestState::Approved));
    })
    .await;
}

#[tokio::test]
async fn a_rule_is_taken_at_its_word_and_no_further() {
    // The server lets every rule be about everything.
    let flaw = Flaw {
        lists: Some(Box::new(|prefix, mut page| {
            if prefix.as_str().contains("access_monitoring_rules") {
                for item in &mut page.items {
                    use wire::pb::teleport::accessmonitoringrules::v1::AccessMonitoringRule;
                    let mut rule = AccessMonitoringRule::decode(item.value.clone()).expect("a rule");
                    "true".clone_into(&mut rule.spec.get_or_insert_default().condition);
                    item.value = rule.encode_to_vec().into();
                }
            }
            page
        })),
        ..Flaw::default()
    };
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let one = "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
        world
            .put_role(crate::people::role("devops", one))
            .await
            .expect("a role");
        let condition =
            "access_request.spec.request_reason == \"INC-1\" && user.traits[\"team\"].contains(\"db\")";
        create(&world.admin, reviewing("incident", condition, "APPROVED"))
            .await
            .expect("a rule");
        world.bend();
        // Bob writes the reason that suits; that he is of that team he cannot write.
        let mut request = crate::people::wanted(world, &cast.bob.name, &["elevated-access"]);
        request.spec.get_or_insert_default().request_reason = "INC-1".to_owned();
        let made = crate::people::send(&cast.bob.cluster, request)
            .await
            .expect("a request");
        let id = crate::people::id_of(&made);
        let state = look(&world.admin, &id).await.map(|request| state_of(&request));
        assert_eq!(state, Some(RequestState::Pending));
        assert_ne!(
            refusal(world.assume(&cast.bob.cluster, &[&id]).await.map(|_| ())).0,
            tonic::Code::Ok
        );
    })
    .await;
}
