//! B01, B02, B10: answers of authenticators that were relayed, replayed, lent, copied or made for something else.
//!
//! Each lie is tried on a sound cluster, and then on one without the defence that should see it.

use auth::services::requests::votes::{MFA_NEEDED, VoteConfirmation};
use tonic::Request;
use wire::keep::Kept;
use wire::pb::proto::{DeviceUsage, UpsertRoleRequest, mfa_register_response};
use wire::pb::teleport::clusterconfig::v1::{GetAuthPreferenceRequest, UpdateAuthPreferenceRequest};
use wire::pb::teleport::mfa::v1::ChallengeScope;
use wire::pb::types::{RequestState, SecondFactorType};
use wire::pb::webauthn::{CredentialAssertion, CredentialAssertionResponse};

use crate::authenticator::Authenticator;
use crate::authenticators::{WRONG, add, confirmed, in_browser, remove, vote, yes};
use crate::flaws::{Flaw, attack, below};
use crate::people::{Person, ask, look, refusal, role, send, wanted};
use crate::refused;
use crate::world::{Plan, World, on, on_every_store, seconds};

/// Challenges are read as `change` makes them.
fn challenges_read_as(change: impl Fn(&mut serde_json::Value) + Send + Sync + 'static) -> Flaw {
    Flaw {
        reads: Some(Box::new(move |key, item| {
            item.map(|item| {
                if !below(key, "challenges") {
                    return item;
                }
                let mut json = serde_json::from_slice(&item.value).expect("a challenge");
                change(&mut json);
                store::Item {
                    value: json.to_string().into_bytes().into(),
                    ..item
                }
            })
        })),
        ..Flaw::default()
    }
}

async fn in_with(
    world: &World,
    person: &Person,
    answer: CredentialAssertionResponse,
) -> Result<wire::pb::countersign::v1::FinishResponse, tonic::Status> {
    world.finish_signed(&person.name, &person.password, answer).await
}

async fn challenge(world: &World, person: &Person) -> CredentialAssertion {
    world.begin_sign_in(person).await.webauthn.expect("a challenge")
}

#[tokio::test]
async fn b01_an_answer_that_another_page_asked_for_signs_nobody_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        for origin in [
            "https://proxy.example.com.evil.test",
            "https://evil.test",
            "http://proxy.example.com",
            "https://other.proxy.example.com",
            "null",
        ] {
            origin.clone_into(&mut key.origin);
            let asked = challenge(world, &cast.alice).await;
            refused!(
                in_with(world, &cast.alice, key.sign(&asked)).await,
                PermissionDenied,
                WRONG
            );
        }
        crate::authenticator::ORIGIN.clone_into(&mut key.origin);
        key.framed = true;
        let asked = challenge(world, &cast.alice).await;
        refused!(
            in_with(world, &cast.alice, key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
        key.framed = false;
        let asked = challenge(world, &cast.alice).await;
        in_with(world, &cast.alice, key.sign(&asked))
            .await
            .expect("our own page");
    })
    .await;
}

#[tokio::test]
async fn b01_a_credential_for_another_relying_party_signs_nobody_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        "evil.test".clone_into(&mut key.rp_id);
        let asked = challenge(world, &cast.alice).await;
        refused!(
            in_with(world, &cast.alice, key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b10_an_answer_counts_once() {
    // What was answered stays answerable, and authenticators are not written back.
    let flaw = Flaw::writes(|write| match write {
        store::Write::Delete(key) if below(&key, "challenges") => None,
        store::Write::Put { key, .. } if below(&key, "devices") => None,
        other => Some(other),
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        world.bend();
        let asked = challenge(world, &cast.alice).await;
        let answer = key.sign(&asked);
        in_with(world, &cast.alice, answer.clone()).await.expect("once");
        refused!(in_with(world, &cast.alice, answer).await, PermissionDenied, WRONG);
    })
    .await;
}

#[tokio::test]
async fn b10_a_challenge_is_answered_within_five_minutes() {
    let early = crate::world::noon();
    let flaw = Flaw {
        stuck_at: Some(early),
        ..Flaw::default()
    };
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let asked = challenge(world, &cast.alice).await;
        let answer = key.sign(&asked);
        world.clock.advance(seconds(5 * 60));
        world.bend();
        refused!(in_with(world, &cast.alice, answer).await, PermissionDenied, WRONG);
    })
    .await;
}

#[tokio::test]
async fn b10_an_answer_to_another_kind_of_question_is_none() {
    // Every challenge is for signing in.
    let flaw = challenges_read_as(|challenge| challenge["purpose"] = "sign_in".into());
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        world.bend();
        let asked = world
            .challenge(&cast.alice.cluster, ChallengeScope::AdminAction)
            .await
            .expect("a challenge");
        refused!(
            in_with(world, &cast.alice, key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b10_a_challenge_of_somebody_else_is_no_challenge() {
    // Challenges are found whoever they were given to.
    let flaw = Flaw::writes(|write| match write {
        store::Write::Put { key, value, expires } if below(&key, "challenges") => {
            let digest = key.name().into_owned();
            Some(store::Write::Put {
                key: store::Key::of(["challenges", "ivan@example.com", &digest]),
                value,
                expires,
            })
        }
        other => Some(other),
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let mut ivans = world.authenticator(&cast.ivan, DeviceUsage::Mfa).await;
        world.bend();
        let asked = challenge(world, &cast.alice).await;
        // Ivan's own authenticator, for a question that Alice was asked.
        refused!(
            in_with(world, &cast.ivan, ivans.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b10_the_authenticator_of_somebody_else_signs_nobody_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let mut ivans = world.authenticator(&cast.ivan, DeviceUsage::Passwordless).await;
        let asked = challenge(world, &cast.alice).await;
        ivans.tells_account = false;
        refused!(
            in_with(world, &cast.alice, ivans.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
        // Nor does it sign Ivan in as anybody else without a name.
        let asked = world.begin_passwordless().await.expect("a challenge");
        ivans.tells_account = true;
        ivans.account = b"somebody else".to_vec();
        refused!(
            world.finish_signed("", "", ivans.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b10_a_counter_that_goes_back_tells_of_a_copy() {
    // What an authenticator said last is forgotten.
    attack(
        Flaw::forgets("devices"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
            world.bend();
            let before = key.counter;
            let asked = challenge(world, &cast.alice).await;
            in_with(world, &cast.alice, key.sign(&asked))
                .await
                .expect("signed in");
            key.counter = before;
            let asked = challenge(world, &cast.alice).await;
            refused!(
                in_with(world, &cast.alice, key.sign(&asked)).await,
                PermissionDenied,
                WRONG
            );
        },
    )
    .await;
}

#[tokio::test]
async fn b10_without_a_password_the_person_is_verified() {
    // Nobody asks for it.
    let flaw = challenges_read_as(|challenge| challenge["verified"] = false.into());
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Passwordless).await;
        world.bend();
        let asked = world.begin_passwordless().await.expect("a challenge");
        key.verified = false;
        refused!(
            world.finish_signed("", "", key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b10_a_second_factor_alone_does_not_sign_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        // Made as a second factor: not found without a name.
        let asked = world.begin_passwordless().await.expect("a challenge");
        refused!(
            world.finish_signed("", "", key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
        // A name, and a challenge that no right password was given for.
        let asked = world
            .challenge(&cast.alice.cluster, ChallengeScope::ManageDevices)
            .await
            .expect("a challenge");
        refused!(
            world.finish_signed(&cast.alice.name, "", key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
        // The right challenge, but another password since.
        let asked = challenge(world, &cast.alice).await;
        let token = world.link(&cast.alice.name, "password").await;
        let answer = key.sign(&asked);
        world
            .accept(&token, "another long password")
            .await
            .expect("accepted");
        refused!(
            world.finish_signed(&cast.alice.name, "", answer).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b10_nobody_is_present_nobody_signs_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        key.present = false;
        let asked = challenge(world, &cast.alice).await;
        refused!(
            in_with(world, &cast.alice, key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
        key.present = true;
        key.ceremony = Some("webauthn.create");
        let asked = challenge(world, &cast.alice).await;
        refused!(
            in_with(world, &cast.alice, key.sign(&asked)).await,
            PermissionDenied,
            WRONG
        );
        // A signature over something else.
        key.ceremony = None;
        let asked = challenge(world, &cast.alice).await;
        let mut answer = key.sign(&asked);
        let response = answer.response.as_mut().expect("a response");
        let mut data = response.authenticator_data.to_vec();
        data[36] ^= 1;
        response.authenticator_data = data.into();
        refused!(in_with(world, &cast.alice, answer).await, PermissionDenied, WRONG);
    })
    .await;
}

#[tokio::test]
async fn b02_a_stolen_session_neither_adds_nor_removes_a_factor() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let thief = &cast.alice.cluster;
        let refusal = world.wish(thief, None, DeviceUsage::Mfa).await.map(|_| ());
        refused!(
            refusal,
            PermissionDenied,
            "show a second factor first: what you want changes who can sign in as you"
        );
        // An answer to a wish of one's own making.
        let mut key = Authenticator::new("the thief's");
        let made = key.make(&wire::pb::webauthn::CredentialCreation {
            public_key: Some(wire::pb::webauthn::PublicKeyCredentialCreationOptions {
                challenge: vec![7; 32].into(),
                rp: Some(wire::pb::webauthn::RelyingPartyEntity {
                    id: "proxy.example.com".to_owned(),
                    name: String::new(),
                }),
                user: Some(wire::pb::webauthn::UserEntity::default()),
                ..Default::default()
            }),
        });
        refused!(
            add(thief, "mine", mfa_register_response::Response::Webauthn(made)).await,
            PermissionDenied,
            "this registration was not begun by you, is finished, or is too old: begin again"
        );
        let wrong = wire::pb::proto::MfaAuthenticateResponse::default();
        refused!(
            remove(thief, "otp-device", wrong).await,
            PermissionDenied,
            "show a second factor first: what you want changes who can sign in as you"
        );
    })
    .await;
}

#[tokio::test]
async fn b10_an_authenticator_of_one_person_is_not_registered_for_another() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let proof = world.code(&cast.ivan);
        let wish = world
            .wish(&cast.ivan.cluster, Some(proof), DeviceUsage::Mfa)
            .await
            .expect("a wish");
        let made = key.make(&wish);
        refused!(
            add(
                &cast.ivan.cluster,
                "mine too",
                mfa_register_response::Response::Webauthn(made)
            )
            .await,
            FailedPrecondition,
            "this authenticator is registered already, or your second factors were changed at the same moment"
        );
    })
    .await;
}

#[tokio::test]
async fn b10_a_vote_is_confirmed_for_one_request_with_one_content() {
    // What a vote was confirmed for is forgotten.
    let flaw = challenges_read_as(|challenge| {
        challenge.as_object_mut().expect("an object").remove("matter");
    });
    attack(flaw, "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let shown = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let other = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        world.bend();
        let answer = vote(&cast.alice, &mut key, &shown).await;
        let cast_on_another = in_browser(confirmed(yes(&other), answer));
        refused!(
            cast.alice
                .cluster
                .auth()
                .submit_access_review(cast_on_another)
                .await,
            PermissionDenied,
            "what was confirmed is a vote on another access request"
        );
    })
    .await;
}

#[tokio::test]
async fn b10_a_vote_that_was_confirmed_before_a_role_changed_does_not_count() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let answer = vote(&cast.alice, &mut key, &id).await;
        let wider = role("elevated-access", "allow:\n  logins: [root, admin]\n  node_labels: {'*': '*'}");
        world.put_role(wider).await.expect("stored");
        refused!(
            cast.alice
                .cluster
                .auth()
                .submit_access_review(in_browser(confirmed(yes(&id), answer)))
                .await,
            FailedPrecondition,
            "the access request, or a role it is about, has changed since it was shown; look at it again and vote then"
        );
    })
    .await;
}

#[tokio::test]
async fn b10_one_confirmation_is_one_vote() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut alices = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let answer = vote(&cast.alice, &mut alices, &id).await;
        // Somebody else shows it.
        refused!(
            cast.ivan
                .cluster
                .auth()
                .submit_access_review(confirmed(yes(&id), answer.clone()))
                .await,
            PermissionDenied,
            WRONG
        );
        cast.alice
            .cluster
            .auth()
            .submit_access_review(in_browser(confirmed(yes(&id), answer.clone())))
            .await
            .expect("counted");
        let second = in_browser(confirmed(yes(&id), answer));
        refused!(
            cast.alice.cluster.auth().submit_access_review(second).await,
            PermissionDenied,
            WRONG
        );
    })
    .await;
}

#[tokio::test]
async fn b01_where_votes_must_be_confirmed_a_password_and_a_code_are_no_vote() {
    // The cluster does not ask.
    let plan = |votes| Plan {
        votes,
        ..Plan::default()
    };
    let (lax, strict) = (plan(VoteConfirmation::Off), plan(VoteConfirmation::Required));
    let story = async |world: &World| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        // Ivan has no authenticator: whoever has his password and a code of his votes nowhere.
        let refusal = cast
            .ivan
            .cluster
            .auth()
            .submit_access_review(Request::new(yes(&id)))
            .await;
        let told = crate::people::refusal(refusal);
        assert_eq!(told.0, tonic::Code::PermissionDenied, "{}", told.1);
        assert!(
            told.1
                .contains("https://proxy.example.com:443/web/account/security"),
            "{}",
            told.1
        );
        // Alice has one and is asked for it, in the words that other people's tools know; then her vote counts.
        let refusal = cast
            .alice
            .cluster
            .auth()
            .submit_access_review(Request::new(yes(&id)))
            .await;
        refused!(refusal, PermissionDenied, MFA_NEEDED);
        let asked = world
            .challenge(&cast.alice.cluster, ChallengeScope::AdminAction)
            .await
            .expect("a challenge");
        cast.alice
            .cluster
            .auth()
            .submit_access_review(confirmed(yes(&id), key.sign(&asked)))
            .await
            .expect("counted");
    };
    on(strict, story).await;
    let lenient = std::panic::AssertUnwindSafe(on(lax, story));
    assert!(
        futures::FutureExt::catch_unwind(lenient).await.is_err(),
        "a cluster that does not ask is found out"
    );
}

#[tokio::test]
async fn b10_a_role_that_is_widened_while_a_confirmed_vote_waits_gets_no_vote() {
    attack(Flaw::unconditional(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        let mut key = world.authenticator(&cast.alice, DeviceUsage::Mfa).await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        let answer = vote(&cast.alice, &mut key, &id).await;
        let admin = world.admin.clone();
        let wider = UpsertRoleRequest {
            role: Some(Kept::from(role(
                "elevated-access",
                "allow:\n  logins: [root, admin]\n  node_labels: {'*': '*'}",
            ))),
        };
        world.bend();
        world.meanwhile("access_request.review", async move {
            admin.auth().upsert_role_v2(wider).await.expect("stored");
        });
        let told = refusal(
            cast.alice
                .cluster
                .auth()
                .submit_access_review(in_browser(confirmed(yes(&id), answer)))
                .await,
        );
        assert_eq!(told.0, tonic::Code::FailedPrecondition, "{}", told.1);
        let request = look(&world.admin, &id).await.expect("there");
        assert!(request.spec.expect("a spec").reviews.is_empty());
    })
    .await;
}

#[tokio::test]
async fn b01_where_votes_must_be_confirmed_nothing_is_created_approved() {
    let plan = |votes| Plan {
        votes,
        ..Plan::default()
    };
    let (lax, strict) = (plan(VoteConfirmation::Off), plan(VoteConfirmation::Required));
    let story = async |world: &World| {
        let one = "allow:\n  request: {roles: [auditor], thresholds: [{approve: 1}]}";
        world.put_role(role("asks-one", one)).await.expect("stored");
        world.user("carol@example.com", &["asks-one"]).await;
        let mut request = wanted(world, "carol@example.com", &["auditor"]);
        request.spec.get_or_insert_default().state = RequestState::Approved.into();
        let told = refusal(send(&world.admin, request).await);
        assert_eq!(told.0, tonic::Code::PermissionDenied, "{}", told.1);
        assert!(told.1.contains("confirmed with an authenticator"), "{}", told.1);
    };
    on(strict, story).await;
    let lenient = std::panic::AssertUnwindSafe(on(lax, story));
    assert!(
        futures::FutureExt::catch_unwind(lenient).await.is_err(),
        "a cluster that does not ask is found out"
    );
}

#[tokio::test]
async fn b01_where_only_keys_are_allowed_a_code_from_before_signs_nobody_in() {
    attack(
        Flaw::blind_for("cluster_auth_preference"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let bob = &cast.bob;
            world
                .sign_in(&bob.name, &bob.password, &bob.seed)
                .await
                .map(drop)
                .expect("codes are allowed");
            let mut config = world.admin.cluster_config();
            let found = config.get_auth_preference(GetAuthPreferenceRequest {}).await;
            let mut preference = found.expect("there").into_inner();
            preference.spec.get_or_insert_default().second_factors = vec![SecondFactorType::Webauthn.into()];
            config
                .update_auth_preference(UpdateAuthPreferenceRequest {
                    auth_preference: Some(preference),
                })
                .await
                .expect("changed");
            world.bend();
            let told = refusal(world.sign_in(&bob.name, &bob.password, &bob.seed).await);
            assert_eq!(told.0, tonic::Code::PermissionDenied, "{}", told.1);
        },
    )
    .await;
}
