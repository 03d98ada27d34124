//! A: bending the two-person rule.

use client::Cluster;
use prost::Message as _;
use tonic::Code;
use transport::Authority;
use wire::pb::types::{self, RequestState, ThresholdIndexSet, ThresholdIndexSets};

use crate::calls::{raw, raw_with};
use crate::flaws::{Flaw, attack, attack_with, rewritten};
use crate::invariants;
use crate::people::{
    Cast, approve, ask, deny, id_of, look, refusal, review, role, send, set_state, state_of, user, verdict,
    wanted,
};
use crate::refused;
use crate::world::{Plan, World, hours, no_limits, seconds};

const REVIEW: &str = "/proto.AuthService/SubmitAccessReview";

async fn pending(world: &World, cast: &Cast) -> String {
    ask(world, &cast.bob.cluster, &["elevated-access"]).await
}

async fn state(world: &World, id: &str) -> Option<RequestState> {
    look(&world.admin, id).await.map(|request| state_of(&request))
}

#[tokio::test]
async fn a01_the_requester_approves_nothing_of_the_own() {
    // The server forgets who asked.
    let flaw = Flaw::requests_read_by_name_as(|spec| "somebody else".clone_into(&mut spec.user));
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        world.set_roles(&cast.bob.name, &["devops", "dbreviewer"]).await;
        let first = world.again(&cast.bob).await;
        let id = ask(world, &first, &["elevated-access"]).await;
        world.bend();
        let second = world.again(&cast.bob).await;
        let renewed = world.assume(&first, &[]).await.expect("a certificate");
        for session in [&first, &second, &renewed] {
            let (code, _) = refusal(approve(session, &id).await);
            assert_eq!(code, Code::PermissionDenied);
            let encoded = verdict(&id, RequestState::Approved).encode_to_vec();
            assert_eq!(
                refusal(raw(session.calls(), REVIEW, encoded).await).0,
                Code::PermissionDenied
            );
        }
        let signed = world
            .sign_as(&world.admin, &cast.bob.name, hours(1))
            .await
            .expect("a certificate");
        assert_eq!(refusal(approve(&signed, &id).await).0, Code::PermissionDenied);
        let may_update = "allow:\n  rules:\n  - {resources: [access_request], verbs: [list, read, update]}";
        world.put_role(role("updater", may_update)).await.expect("stored");
        world
            .set_roles(&cast.bob.name, &["devops", "dbreviewer", "updater"])
            .await;
        let updater = world.again(&cast.bob).await;
        for state in [RequestState::Approved, RequestState::Denied] {
            assert_eq!(
                refusal(set_state(&updater, &id, state).await).0,
                Code::PermissionDenied
            );
        }
        assert_eq!(state(world, &id).await, Some(RequestState::Pending));
    })
    .await;
}

#[tokio::test]
async fn a02_one_approver_counts_once() {
    // The server forgets who reviewed.
    let flaw = Flaw::requests_read_as(|spec| {
        for review in &mut spec.reviews {
            review.author.push_str(", earlier");
        }
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let id = pending(world, &cast).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.bend();
        let again = world.again(&cast.alice).await;
        for (session, verdict_again) in [
            (&cast.alice.cluster, RequestState::Approved),
            (&again, RequestState::Approved),
            (&again, RequestState::Denied),
        ] {
            refused!(
                review(session, verdict(&id, verdict_again)).await,
                AlreadyExists,
                "user \"alice@example.com\" has already reviewed this request"
            );
        }
        assert_eq!(state(world, &id).await, Some(RequestState::Pending));
    })
    .await;
}

#[tokio::test]
async fn a02_one_approver_counts_once_at_two_servers_at_once() {
    attack(Flaw::unconditional(), "counted once", async |world| {
        let cast = world.cast().await;
        let beside = world.beside().await;
        let there = beside((*cast.alice.cluster.identity().current()).clone());
        world.bend();
        for _ in 0..10 {
            let id = pending(world, &cast).await;
            world.meet();
            let (one, other) = tokio::join!(approve(&cast.alice.cluster, &id), approve(&there, &id));
            let counted = usize::from(one.is_ok()) + usize::from(other.is_ok());
            assert_eq!(counted, 1, "counted once");
        }
    })
    .await;
}

#[tokio::test]
async fn a03_a_forged_author_is_refused() {
    // The server believes whom the review names.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let id = pending(world, &cast).await;
        world.bend();
        world.disguise(&cast.ivan.cluster, Authority::User);
        for author in [
            "ivan@example.com",
            "Alice@example.com",
            "alice@example.com ",
            "alice@example.com\0",
            "\u{202e}alice@example.com",
            "аlice@example.com",
            "@local-admin",
        ] {
            let mut forged = verdict(&id, RequestState::Approved);
            forged.review.as_mut().expect("a review").author = author.to_owned();
            let (code, message) = refusal(review(&cast.alice.cluster, forged).await);
            assert_eq!(code, Code::PermissionDenied, "{author:?}: {message}");
        }
        assert_eq!(
            look(&world.admin, &id)
                .await
                .expect("there")
                .spec
                .expect("a spec")
                .reviews,
            []
        );
    })
    .await;
}

#[tokio::test]
async fn a04_what_a_client_says_about_its_own_weight_is_not_read() {
    // The server lets every review count for every threshold.
    let flaw = Flaw::requests_written_as(|spec| {
        let all: Vec<u32> = (0..).take(spec.thresholds.len()).collect();
        for review in &mut spec.reviews {
            review.threshold_indexes.clone_from(&all);
        }
    });
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let rule = "allow:\n  request:\n    roles: [elevated-access]\n    thresholds:\n    - {name: lead, approve: 1, \
                    filter: 'contains(reviewer.roles, \"lead\")'}\n    - {approve: 2, deny: 1}";
        world.put_role(role("devops", rule)).await.expect("stored");
        let id = pending(world, &cast).await;
        world.bend();
        let mut forged = verdict(&id, RequestState::Approved);
        {
            let review = forged.review.as_mut().expect("a review");
            review.threshold_indexes = vec![0, 1, 7];
            review.created = Some(wire::convert::timestamp(world.now() - hours(1)));
            review.access_list = Some(types::PromotedAccessList {
                name: "admins".to_owned(),
                title: "Admins".to_owned(),
            });
        }
        let after = review(&cast.alice.cluster, forged).await.expect("a review");
        let stored = look(&world.admin, &id).await.expect("there").spec.expect("a spec").reviews.remove(0);
        assert_eq!(stored.threshold_indexes, [1]);
        assert_eq!(wire::convert::moment(stored.created.as_ref()), Some(world.now()));
        assert_eq!(stored.access_list, None);
        assert_eq!(state_of(&after), RequestState::Pending);
        for forge in [
            |review: &mut types::AccessReview| review.proposed_state = RequestState::Promoted.into(),
            |review: &mut types::AccessReview| review.proposed_state = RequestState::Pending.into(),
            |review: &mut types::AccessReview| review.proposed_state = 77,
            |review: &mut types::AccessReview| review.roles = vec!["access".to_owned()],
            |review: &mut types::AccessReview| review.reason = "x".repeat(4097),
        ] {
            let mut forged = verdict(&id, RequestState::Approved);
            forge(forged.review.as_mut().expect("a review"));
            let (code, message) = refusal(review(&cast.ivan.cluster, forged).await);
            assert_eq!(code, Code::InvalidArgument, "{message}");
        }
    })
    .await;
}

/// What the create call says about the answer is not read either.
#[tokio::test]
async fn a04_a_request_does_not_bring_its_own_rule() {
    let flaw = Flaw::requests_written_as(|spec| {
        for threshold in &mut spec.thresholds {
            threshold.approve = 1;
        }
    });
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        world.bend();
        let mut forged = wanted(world, &cast.bob.name, &["elevated-access"]);
        {
            let spec = forged.spec.as_mut().expect("a spec");
            spec.thresholds = vec![types::AccessReviewThreshold {
                name: "mine".to_owned(),
                approve: 1,
                ..Default::default()
            }];
            spec.role_threshold_mapping = [(
                "elevated-access".to_owned(),
                ThresholdIndexSets {
                    sets: vec![ThresholdIndexSet { indexes: vec![0] }],
                },
            )]
            .into();
            spec.reviews = vec![types::AccessReview {
                author: cast.alice.name.clone(),
                proposed_state: RequestState::Approved.into(),
                threshold_indexes: vec![0],
                ..Default::default()
            }];
            spec.created = Some(wire::convert::timestamp(world.now() - hours(1)));
        }
        let made = send(&cast.bob.cluster, forged.clone()).await.expect("a request");
        let stored = look(&world.admin, &id_of(&made)).await.expect("there");
        let spec = stored.spec.expect("a spec");
        assert_eq!((spec.thresholds[0].approve, spec.thresholds[0].deny), (2, 1));
        assert_eq!(spec.reviews, []);
        assert_eq!(wire::convert::moment(spec.created.as_ref()), Some(world.now()));
        for state in [
            RequestState::Approved,
            RequestState::Denied,
            RequestState::Promoted,
        ] {
            forged.spec.as_mut().expect("a spec").state = state.into();
            assert_ne!(refusal(send(&cast.bob.cluster, forged.clone()).await).0, Code::Ok);
        }
    })
    .await;
}

#[tokio::test]
async fn a05_who_lost_the_role_is_judged_as_of_now() {
    // The server knows people as they were.
    attack(
        Flaw::stale(&["users"]),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let first = pending(world, &cast).await;
            world.bend();
            approve(&cast.alice.cluster, &first).await.expect("a review");
            world.set_roles(&cast.alice.name, &["access"]).await;
            let second = pending(world, &cast).await;
            assert_eq!(
                refusal(approve(&cast.alice.cluster, &second).await).0,
                Code::PermissionDenied
            );
            let after = approve(&cast.ivan.cluster, &first).await.expect("a review");
            assert_eq!(state_of(&after), RequestState::Pending, "Alice counts no more");
        },
    )
    .await;
}

#[tokio::test]
async fn a05_who_is_locked_does_not_count() {
    attack(
        Flaw::blind_for("locks"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let id = pending(world, &cast).await;
            world.bend();
            crate::people::lock_user(&cast.editor.cluster, world, &cast.alice.name)
                .await
                .expect("locked");
            assert_eq!(
                refusal(approve(&cast.alice.cluster, &id).await).0,
                Code::PermissionDenied
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a06_a_right_to_review_gained_through_a_request_does_not_count() {
    // The server counts what the certificate carries as held for good.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            let item = item?;
            if key.as_str() != "/users/carol@example.com" {
                return Some(item);
            }
            let mut carol = types::UserV2::decode(item.value.clone()).expect("a user");
            carol
                .spec
                .get_or_insert_default()
                .roles
                .push("dbreviewer".to_owned());
            Some(rewritten(item, carol.encode_to_vec()))
        })),
        ..Flaw::default()
    };
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let asks = "allow:\n  request:\n    roles: [dbreviewer]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("aspirant", asks)).await.expect("stored");
        let reviews = "allow:\n  review_requests:\n    roles: [dbreviewer]";
        world.put_role(role("chief", reviews)).await.expect("stored");
        let carol = world.person("carol@example.com", &["aspirant"]).await;
        let chief = world.person("chief@example.com", &["chief"]).await;
        let own = ask(world, &carol.cluster, &["dbreviewer"]).await;
        approve(&chief.cluster, &own).await.expect("a review");
        let elevated = world
            .assume(&carol.cluster, &[&own])
            .await
            .expect("a certificate");
        assert!(
            elevated
                .identity()
                .current()
                .certified()
                .groups
                .contains(&"dbreviewer".to_owned())
        );
        let id = pending(world, &cast).await;
        world.bend();
        refused!(
            approve(&elevated, &id).await,
            PermissionDenied,
            "user \"carol@example.com\" cannot submit reviews"
        );
    })
    .await;
}

#[tokio::test]
async fn a07_one_person_is_one_however_the_name_is_spelled() {
    attack(
        Flaw::blind_for("user_names"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            world.bend();
            for variant in ["Alice@example.com", "ALICE@EXAMPLE.COM"] {
                let create = wire::pb::teleport::users::v1::CreateUserRequest {
                    user: Some(user(variant, &["dbreviewer"]).into()),
                };
                let answer = cast.editor.cluster.users().create_user(create).await;
                let (code, message) = refusal(answer);
                assert_eq!(code, Code::AlreadyExists, "{message}");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a07_who_was_deleted_and_made_anew_does_not_count_twice() {
    // The server knows people by name alone.
    let flaw = Flaw::requests_read_as(|spec| {
        for review in &mut spec.reviews {
            review.author.push_str(", who is gone");
        }
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let id = pending(world, &cast).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        world.bend();
        world.delete_user(&cast.alice.name).await;
        let anew = world.person(&cast.alice.name, &["dbreviewer"]).await;
        assert_eq!(refusal(approve(&anew.cluster, &id).await).0, Code::AlreadyExists);
        assert_eq!(
            refusal(approve(&cast.alice.cluster, &id).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

#[tokio::test]
async fn a09_nobody_votes_in_anothers_name() {
    // The server takes a certificate made in Ivan's name for Ivan's own.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let may_be_all = "allow:\n  impersonate: {users: ['*'], roles: ['*']}";
        world
            .put_role(role("impersonator", may_be_all))
            .await
            .expect("stored");
        world
            .set_roles(&cast.alice.name, &["dbreviewer", "impersonator"])
            .await;
        let alice = world.again(&cast.alice).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        approve(&alice, &id).await.expect("a review");
        let by_admin = world
            .sign_as(&world.admin, &cast.ivan.name, hours(1))
            .await
            .expect("a certificate");
        let by_alice = world
            .sign_as(&alice, &cast.ivan.name, hours(1))
            .await
            .expect("a certificate");
        let renewed = world.assume(&by_alice, &[]).await.expect("a certificate");
        world.bend();
        world.disguise(&cast.ivan.cluster, Authority::User);
        for false_ivan in [&by_admin, &by_alice, &renewed] {
            refused!(
                approve(false_ivan, &id).await,
                PermissionDenied,
                "reviews under impersonation do not count; sign in as \"ivan@example.com\" and review again"
            );
        }
        let refusals = invariants::records(&world.store).await;
        let told = refusals
            .iter()
            .filter(|told| told.event() == "call.refused" && told.text("method") == REVIEW);
        assert_eq!(told.count(), 3, "a refused vote leaves a record");
    })
    .await;
}

/// A machine's own certificate: it names the machine itself as who made it.
async fn machine(world: &World, name: &str, roles: &[&str]) -> Cluster {
    let mut robot = user(name, roles);
    robot
        .metadata
        .as_mut()
        .expect("metadata")
        .labels
        .insert("teleport.internal/bot".to_owned(), "robot".to_owned());
    let create = wire::pb::teleport::users::v1::CreateUserRequest {
        user: Some(robot.into()),
    };
    world.admin.users().create_user(create).await.expect("a user");
    let may_be_itself = wire::convert::role(&role(
        "itself",
        &format!("allow:\n  impersonate: {{users: ['{name}'], roles: ['*']}}"),
    ))
    .expect("a role");
    let held: Vec<access::Role> = roles.iter().map(|role| access::Role::empty(*role)).collect();
    let traits = access::Traits::new();
    let subject = |roles| access::issue::Subject {
        user: name,
        subject: "",
        roles,
        traits: &traits,
    };
    let end = access::issue::Wish::AtMost(world.now() + hours(1));
    let holder = access::issue::Holder::default();
    let permit = access::issue::impersonate(
        &holder,
        &subject(std::slice::from_ref(&may_be_itself)),
        &subject(&held),
        end,
        world.now(),
    )
    .expect("a permit");
    let key = world.key();
    let authority = world
        .auth
        .state
        .authority(pki::AuthorityKind::User, world.now())
        .await
        .expect("an authority");
    let keys = pki::issue::SubjectKeys::same(key.public());
    let entropy = access::ambient::SeededEntropy::named(name);
    let signed = pki::issue::user(&permit, keys, &authority, world.now(), &entropy).expect("signed");
    let pem = pki::certificate::to_pem(&signed.tls.expect("a certificate"));
    world.dial(world.identity(&key, pem.as_bytes()))
}

#[tokio::test]
async fn a10_a_machine_is_not_one_of_two_people() {
    // The server takes machines for people.
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            let item = item?;
            if key.as_str() != "/users/bot-robot" {
                return Some(item);
            }
            let mut robot = types::UserV2::decode(item.value.clone()).expect("a user");
            robot.metadata.get_or_insert_default().labels.clear();
            Some(rewritten(item, robot.encode_to_vec()))
        })),
        ..Flaw::default()
    };
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let robot = machine(world, "bot-robot", &["dbreviewer"]).await;
        let id = pending(world, &cast).await;
        world.bend();
        approve(&robot, &id).await.expect("it is stored");
        let after = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(after.spec.as_ref().expect("a spec").reviews.len(), 2);
        assert_eq!(state_of(&after), RequestState::Pending);
        // Its denial counts, as anybody's does.
        let id = pending(world, &cast).await;
        assert_eq!(
            state_of(&deny(&robot, &id).await.expect("a review")),
            RequestState::Denied
        );
    })
    .await;
}

#[tokio::test]
async fn a11_a_role_with_a_weak_rule_lends_it_to_no_other_role() {
    // The weakest rule decides for all.
    let flaw = Flaw::requests_written_as(|spec| {
        let weakest = spec.role_threshold_mapping.get("logs").cloned();
        for sets in spec.role_threshold_mapping.values_mut() {
            if let Some(weakest) = &weakest {
                sets.clone_from(weakest);
            }
        }
    });
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let weak = "allow:\n  request:\n    roles: [logs]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("log-reader", weak)).await.expect("stored");
        world.put_role(role("logs", "allow: {}")).await.expect("stored");
        let reviews = "allow:\n  review_requests:\n    roles: [elevated-access, logs]";
        world.put_role(role("dbreviewer", reviews)).await.expect("stored");
        world.set_roles(&cast.bob.name, &["devops", "log-reader"]).await;
        let bob = world.again(&cast.bob).await;
        world.bend();
        let id = ask(world, &bob, &["logs", "elevated-access"]).await;
        let after = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&after), RequestState::Pending);
        assert_eq!(
            refusal(world.assume(&bob, &[&id]).await).0,
            Code::PermissionDenied
        );
        let after = approve(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&after), RequestState::Approved);
    })
    .await;
}

#[tokio::test]
async fn a12_a_filter_that_cannot_be_evaluated_refuses_the_review() {
    // An error counts as an answer.
    let flaw = Flaw::requests_written_as(|spec| {
        for threshold in &mut spec.thresholds {
            threshold.filter.clear();
        }
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let rule = "allow:\n  request:\n    roles: [elevated-access]\n    thresholds:\n    - {approve: 1, deny: 1, filter: \
                    'equals(request.roles, request.reason)'}";
        world.put_role(role("devops", rule)).await.expect("stored");
        world.bend();
        let id = pending(world, &cast).await;
        assert_eq!(refusal(approve(&cast.alice.cluster, &id).await).0, Code::InvalidArgument);
        assert_eq!(refusal(deny(&cast.alice.cluster, &id).await).0, Code::InvalidArgument);
        assert_eq!(look(&world.admin, &id).await.expect("there").spec.expect("a spec").reviews, []);
    })
    .await;
}

#[tokio::test]
async fn a13_a_rule_that_one_person_satisfies_is_warned_of_and_an_empty_one_is_refused() {
    // The rule is stored without its number.
    let flaw = Flaw::requests_written_as(|spec| spec.thresholds.iter_mut().for_each(|one| one.approve = 0));
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        world.bend();
        for thresholds in ["[{approve: 0, deny: 1}]", "[{approve: 0, deny: 0}, {approve: 0, deny: 0}]"] {
            let rule = format!("allow:\n  request:\n    roles: [elevated-access]\n    thresholds: {thresholds}");
            let (code, message) = refusal(world.put_role(role("devops", &rule)).await);
            assert_eq!(code, Code::InvalidArgument, "{message}");
        }
        let mixed = "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 2, deny: 1}, {approve: 0, deny: 1}]";
        let request = wire::pb::proto::UpsertRoleRequest {
            role: Some(role("devops", mixed).into()),
        };
        let answer = world.admin.auth().upsert_role_v2(request).await.expect("stored");
        let warnings: Vec<_> = answer.metadata().get_all_bin("countersign-warning-bin").iter().collect();
        assert_eq!(warnings.len(), 1);
        // A zero approves nothing.
        let id = pending(world, &cast).await;
        let after = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&after), RequestState::Pending);
        assert_eq!(after.spec.expect("a spec").thresholds[0].approve, 2);
    })
    .await;
}

#[tokio::test]
async fn a14_a_rule_weakened_later_changes_no_request() {
    // The server reads the rule as it is now.
    let flaw = Flaw::requests_read_as(|spec| {
        for threshold in &mut spec.thresholds {
            threshold.approve = 1;
        }
    });
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        let id = pending(world, &cast).await;
        let weak =
            "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
        world.put_role(role("devops", weak)).await.expect("stored");
        world.bend();
        let after = approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&after), RequestState::Pending);
    })
    .await;
}

#[tokio::test]
async fn a15_an_approval_is_good_for_one_request_and_once() {
    // What was deleted is still there.
    attack(
        Flaw::keeps("access_requests"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let id = pending(world, &cast).await;
            let recorded = verdict(&id, RequestState::Approved).encode_to_vec();
            raw(cast.alice.cluster.calls(), REVIEW, recorded.clone())
                .await
                .expect("a review");
            let replayed = raw(cast.alice.cluster.calls(), REVIEW, recorded.clone()).await;
            assert_eq!(refusal(replayed).0, Code::AlreadyExists);
            world.bend();
            let delete = wire::pb::proto::RequestId { id: id.clone() };
            world
                .admin
                .auth()
                .delete_access_request(delete)
                .await
                .expect("deleted");
            // The same id, asked for by the requester, becomes another one.
            let mut again = wanted(world, &cast.bob.name, &["elevated-access"]);
            again.metadata.as_mut().expect("metadata").name = id.clone();
            let anew = id_of(&send(&cast.bob.cluster, again).await.expect("a request"));
            assert_ne!(anew, id);
            assert_eq!(
                refusal(raw(cast.ivan.cluster.calls(), REVIEW, recorded).await).0,
                Code::NotFound
            );
            assert_eq!(
                look(&world.admin, &anew)
                    .await
                    .expect("there")
                    .spec
                    .expect("a spec")
                    .reviews,
                []
            );
        },
    )
    .await;
}

#[tokio::test]
async fn a15_a_request_whose_time_is_over_is_not_approved() {
    // The store's clock stands still, and the request does not know its end.
    let flaw = Flaw {
        stuck_at: Some(crate::world::noon() + seconds(60)),
        ..Flaw::requests_read_as(|spec| {
            let late = wire::convert::timestamp(crate::world::noon() + hours(100));
            spec.resource_expiry = Some(late);
            spec.expires = Some(late);
        })
    };
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
        let until = world.now() + seconds(600);
        request.metadata.as_mut().expect("metadata").expires = Some(wire::convert::timestamp(until));
        let id = id_of(&send(&cast.bob.cluster, request).await.expect("a request"));
        world.bend();
        world.clock.set(until);
        refused!(
            approve(&cast.alice.cluster, &id).await,
            NotFound,
            format!("cannot apply review to access request {id:?} (not found)")
        );
    })
    .await;
}

#[tokio::test]
async fn a16_what_is_stored_is_what_was_asked() {
    // The server stores another reason.
    let flaw = Flaw::requests_written_as(|spec| "routine".clone_into(&mut spec.request_reason));
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        world.bend();
        let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
        let reason = "incident\n\n# 42 \u{202e}@all <b>";
        request.spec.as_mut().expect("a spec").request_reason = reason.to_owned();
        let id = id_of(&send(&cast.bob.cluster, request.clone()).await.expect("a request"));
        let seen = look(&cast.alice.cluster, &id)
            .await
            .expect("there")
            .spec
            .expect("a spec");
        assert_eq!(seen.request_reason, reason);
        let digest = async |id: &str| {
            let asked = wire::pb::countersign::v1::ExplainRequest {
                request_id: id.to_owned(),
            };
            cast.alice
                .cluster
                .access()
                .explain(asked)
                .await
                .expect("explained")
                .into_inner()
                .digest
        };
        let before = digest(&id).await;
        approve(&cast.alice.cluster, &id).await.expect("a review");
        assert_eq!(digest(&id).await, before);
        request.spec.as_mut().expect("a spec").request_reason.push('!');
        let other = id_of(&send(&cast.bob.cluster, request).await.expect("a request"));
        assert_ne!(digest(&other).await, before);
        // Names cannot hide what they are.
        for name in [
            "elevated\u{200b}-access",
            "elevated-access\u{202e}",
            "a\u{0}b",
            "a b",
            "",
        ] {
            let mut hidden = role("plain", "allow: {}");
            hidden.metadata.as_mut().expect("metadata").name = name.to_owned();
            assert_eq!(
                refusal(world.put_role(hidden).await).0,
                Code::InvalidArgument,
                "{name:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a17_of_two_answers_at_once_one_comes_first() {
    attack(Flaw::unconditional(), "final", async |world| {
        let cast = world.cast().await;
        let carol = world.person("carol@example.com", &["dbreviewer"]).await;
        let beside = world.beside().await;
        let carol_there = beside((*carol.cluster.identity().current()).clone());
        world.bend();
        for _ in 0..10 {
            let id = pending(world, &cast).await;
            approve(&cast.alice.cluster, &id).await.expect("a review");
            world.meet();
            let (yes, no) = tokio::join!(approve(&cast.ivan.cluster, &id), deny(&carol_there, &id));
            assert_ne!(
                yes.is_ok(),
                no.is_ok(),
                "final is whichever came first: {yes:?} {no:?}"
            );
            let expected = if yes.is_ok() {
                RequestState::Approved
            } else {
                RequestState::Denied
            };
            assert_eq!(state(world, &id).await, Some(expected), "final");
        }
    })
    .await;
}

#[tokio::test]
async fn a18_nobody_overrides_a_rule_that_asks_for_two() {
    // The server forgets the rule.
    let flaw = Flaw::requests_read_as(|spec| {
        for threshold in &mut spec.thresholds {
            threshold.approve = 1;
        }
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let may = "allow:\n  rules:\n  - {resources: [access_request], verbs: ['*']}";
        world.put_role(role("decider", may)).await.expect("stored");
        let decider = world.person("decider@example.com", &["decider"]).await;
        let id = pending(world, &cast).await;
        world.bend();
        for by in [&world.admin, &decider.cluster] {
            assert_eq!(
                refusal(set_state(by, &id, RequestState::Approved).await).0,
                Code::PermissionDenied
            );
            let mut made = wanted(world, &cast.bob.name, &["elevated-access"]);
            made.spec.as_mut().expect("a spec").state = RequestState::Approved.into();
            assert_eq!(refusal(send(by, made).await).0, Code::PermissionDenied);
        }
        assert_eq!(
            refusal(set_state(&cast.editor.cluster, &id, RequestState::Denied).await).0,
            Code::PermissionDenied
        );
        set_state(&decider.cluster, &id, RequestState::Denied)
            .await
            .expect("denied");
    })
    .await;
}

#[tokio::test]
async fn a18_nobody_sets_a_state_for_people_they_are_not() {
    // The server forgets whose approval each threshold asks for.
    let flaw = Flaw::requests_read_as(|spec| {
        for threshold in &mut spec.thresholds {
            threshold.filter.clear();
        }
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let asking = |held: &str| {
            format!(
                "allow:\n  request:\n    roles: [elevated-access]\n    thresholds:\n    \
                 - {{approve: 1, deny: 1, filter: 'contains(reviewer.roles, \"{held}\")'}}"
            )
        };
        let may = "allow:\n  rules:\n  - {resources: [access_request, user], verbs: ['*']}";
        for (name, spec) in [
            ("ask-dba", asking("dba").as_str()),
            ("ask-sec", asking("sec").as_str()),
            ("dba", "allow: {}"),
            ("sec", "allow: {}"),
            ("decider", may),
        ] {
            world.put_role(role(name, spec)).await.expect("stored");
        }
        world.set_roles(&cast.bob.name, &["ask-dba", "ask-sec"]).await;
        let bob = world.again(&cast.bob).await;
        let decider = world.person("decider@example.com", &["decider"]).await;
        let id = ask(world, &bob, &["elevated-access"]).await;
        world.bend();
        for by in [&decider.cluster, &world.admin] {
            let (code, message) = refusal(set_state(by, &id, RequestState::Approved).await);
            assert_eq!(code, Code::PermissionDenied);
            assert!(message.contains("alone cannot give"), "{message}");
            let mut made = wanted(world, &cast.bob.name, &["elevated-access"]);
            made.spec.as_mut().expect("a spec").state = RequestState::Approved.into();
            assert_eq!(refusal(send(by, made).await).0, Code::PermissionDenied);
        }
        // Half of it is not enough, and whoever is both decides.
        for (roles, good) in [
            (vec!["decider", "dba"], false),
            (vec!["decider", "dba", "sec"], true),
        ] {
            world.set_roles(&decider.name, &roles).await;
            let now = world.again(&decider).await;
            assert_eq!(
                set_state(&now, &id, RequestState::Approved).await.is_ok(),
                good,
                "{roles:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a19_a_flood_of_requests_is_stopped() {
    let limited = || Plan {
        rates: auth::guard::Rates {
            requests: auth::guard::Rates::default().requests,
            ..no_limits()
        },
        ..Plan::default()
    };
    let flaw = Flaw {
        no_limits: true,
        ..Flaw::default()
    };
    attack_with(flaw, "left == right", limited, async |world| {
        let cast = world.cast().await;
        let mut made = 0;
        for _ in 0..100 {
            match send(
                &cast.bob.cluster,
                wanted(world, &cast.bob.name, &["elevated-access"]),
            )
            .await
            {
                Ok(_) => made += 1,
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted);
                    assert!(
                        status.message().starts_with("rate limit exceeded, try again in "),
                        "{status}"
                    );
                }
            }
        }
        assert_eq!(made, 20);
        // Others go on.
        world.set_roles(&cast.ivan.name, &["devops"]).await;
        let ivan = world.again(&cast.ivan).await;
        ask(world, &ivan, &["elevated-access"]).await;
    })
    .await;
}

#[tokio::test]
async fn a19_nobody_has_more_than_so_many_requests_waiting() {
    let limited = || Plan {
        rates: auth::guard::Rates {
            pending_requests: 3,
            ..no_limits()
        },
        ..Plan::default()
    };
    let flaw = Flaw {
        no_limits: true,
        ..Flaw::default()
    };
    attack_with(flaw, "the call was not refused", limited, async |world| {
        let cast = world.cast().await;
        let wish = || wanted(world, &cast.bob.name, &["elevated-access"]);
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(pending(world, &cast).await);
        }
        for by in [&cast.bob.cluster, &world.admin] {
            let (code, message) = refusal(send(by, wish()).await);
            assert_eq!(code, Code::ResourceExhausted);
            assert!(
                message.starts_with("user \"bob@example.com\" has 3 pending access requests"),
                "{message}"
            );
        }
        // What is only tried counts nowhere, and others go on.
        let mut tried = wish();
        tried.spec.as_mut().expect("a spec").dry_run = true;
        send(&cast.bob.cluster, tried).await.expect("tried");
        world.set_roles(&cast.ivan.name, &["devops", "dbreviewer"]).await;
        let ivan = world.again(&cast.ivan).await;
        ask(world, &ivan, &["elevated-access"]).await;
        // One is decided, one runs out: each makes room for one.
        deny(&cast.alice.cluster, &ids[0]).await.expect("a review");
        let mut short = wish();
        short.spec.as_mut().expect("a spec").resource_expiry =
            Some(wire::convert::timestamp(world.now() + seconds(60)));
        send(&cast.bob.cluster, short).await.expect("room for one");
        refusal(send(&cast.bob.cluster, wish()).await);
        world.clock.advance(seconds(61));
        send(&cast.bob.cluster, wish()).await.expect("room for one");
        let (one, other) = tokio::join!(send(&cast.bob.cluster, wish()), send(&cast.bob.cluster, wish()));
        refusal(one);
        refusal(other);
    })
    .await;
}

/// E06: an identity claimed in headers.
#[tokio::test]
async fn e06_nobody_is_who_a_header_says() {
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let id = pending(world, &cast).await;
        world.bend();
        world.disguise(&cast.ivan.cluster, Authority::User);
        for header in [
            "x-user",
            "x-forwarded-user",
            "x-remote-user",
            "impersonate-user",
            "teleport-impersonate-user",
            "authorization",
            "x-forwarded-for",
            "countersign-client-address",
            "countersign-client-agent",
            "forwarded",
        ] {
            let message = verdict(&id, RequestState::Approved).encode_to_vec();
            let value = if header.contains("address") || header.contains("for") {
                "10.9.8.7:1"
            } else {
                "ivan@example.com"
            };
            let answer = raw_with(cast.bob.cluster.calls(), REVIEW, message, &[(header, value)]).await;
            refused!(
                answer,
                PermissionDenied,
                "user \"bob@example.com\" cannot submit reviews"
            );
        }
        for told in invariants::records(&world.store).await {
            assert!(
                !told.body.to_string().contains("10.9.8.7"),
                "an address was believed: {}",
                told.body
            );
        }
    })
    .await;
}
