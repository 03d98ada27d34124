//! What clients may do that ours would not: odd ids, roles twice, fields that are not theirs to fill, states chosen in
//! advance. What is legal is served as everybody else's, what is the server's to say stays so.

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::Code;
use wire::convert::{moment, timestamp};
use wire::pb::types::{
    self, AccessRequestFilter, AccessRequestSpecV3, AccessRequestV3, AccessReview, AccessReviewSubmission,
    RequestState,
};

use crate::calls::raw;
use crate::invariants::records;
use crate::people::{
    Cast, Person, approve, deny, id_of, list, look, refusal, review, role, send, state_of, verdict, wanted,
};
use crate::refused;
use crate::world::{World, hours, on_every_store};

fn spec(request: &mut AccessRequestV3) -> &mut AccessRequestSpecV3 {
    request.spec.as_mut().expect("a spec")
}

fn named(mut request: AccessRequestV3, name: &str) -> AccessRequestV3 {
    name.clone_into(&mut request.metadata.as_mut().expect("metadata").name);
    request
}

/// Somebody who may ask for three roles, one of them with a reason, under rules of their own.
async fn carol(world: &World) -> Person {
    for name in ["alpha", "beta", "gamma"] {
        world.put_role(role(name, "allow: {}")).await.expect("stored");
    }
    for (name, rule) in [
        ("asks-alpha", "roles: [alpha]"),
        (
            "asks-beta",
            "roles: [beta]\n    thresholds: [{approve: 2, deny: 1}]",
        ),
        ("asks-gamma", "roles: [gamma]\n    reason: {mode: required}"),
    ] {
        let rule = format!("allow:\n  request:\n    {rule}");
        world.put_role(role(name, &rule)).await.expect("stored");
    }
    let options = "options: {request_prompt: ' why? '}\nallow: {}";
    world.put_role(role("prompted", options)).await.expect("stored");
    let may = "allow:\n  review_requests: {roles: [alpha, beta, gamma, elevated-access]}";
    world.put_role(role("dbreviewer", may)).await.expect("stored");
    let roles = ["asks-alpha", "asks-beta", "asks-gamma", "prompted"];
    world.person("carol@example.com", &roles).await
}

/// Somebody who may make and decide requests directly.
async fn decider(world: &World) -> Person {
    let may = "allow:\n  rules:\n  - {resources: [access_request], verbs: ['*']}";
    world.put_role(role("decider", may)).await.expect("stored");
    world.person("decider@example.com", &["decider"]).await
}

/// Where one approval suffices.
async fn one_suffices(world: &World) -> Cast {
    let cast = world.cast().await;
    let weak = "allow:\n  request:\n    roles: [elevated-access]\n    thresholds: [{approve: 1, deny: 1}]";
    world.put_role(role("devops", weak)).await.expect("stored");
    cast
}

/// The encoded message and, behind it, a field that nobody has heard of.
fn with_unknown_field(message: &impl prost::Message) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    encode_key(9_000, WireType::LengthDelimited, &mut bytes);
    encode_varint(5, &mut bytes);
    bytes.extend_from_slice(b"novel");
    bytes
}

#[tokio::test]
async fn the_id_is_the_servers_whatever_the_client_sends() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let bob = &cast.bob;
        let fresh = wanted(world, &bob.name, &["elevated-access"]);
        let first = send(&bob.cluster, fresh.clone()).await.expect("a request");
        let mut ids = vec![id_of(&first)];
        let taken = id_of(&first);
        let plain = "0193496f-268c-427e-b696-600a868429ff";
        let bare = plain.replace('-', "");
        for chosen in [
            plain,
            &plain.to_uppercase(),
            "00000000-0000-0000-0000-000000000000",
            &bare,
            &format!("{{{plain}}}"),
            &format!("urn:uuid:{plain}"),
            // Somebody's request, and not theirs to write over.
            &taken,
        ] {
            let made = send(&bob.cluster, named(fresh.clone(), chosen)).await;
            let id = id_of(&made.unwrap_or_else(|error| panic!("{chosen}: {error}")));
            assert_ne!(id, chosen);
            // In the order in which they were made: the moment is in front.
            assert_eq!((id.len(), id.get(14..15)), (36, Some("7")), "{id}");
            ids.push(id);
        }
        let listed = list(&bob.cluster, AccessRequestFilter::default())
            .await
            .expect("a list");
        let mut listed: Vec<String> = listed.iter().map(id_of).collect();
        listed.sort();
        ids.sort();
        assert_eq!(listed, ids);
        assert_eq!(look(&bob.cluster, &taken).await, Some(first));
        for chosen in [
            "",
            " ",
            "42",
            "zzzzzzzz-268c-427e-b696-600a868429ff",
            &format!("{plain} "),
            &format!("../{plain}"),
        ] {
            refused!(
                send(&bob.cluster, named(fresh.clone(), chosen)).await,
                InvalidArgument,
                format!("invalid access request ID {chosen:?}")
            );
        }
        for nothing in [
            AccessRequestV3 {
                metadata: None,
                ..fresh.clone()
            },
            AccessRequestV3 { spec: None, ..fresh },
            AccessRequestV3::default(),
        ] {
            let (code, message) = refusal(send(&bob.cluster, nothing).await);
            assert_eq!(code, Code::InvalidArgument, "{message}");
        }
    })
    .await;
}

#[tokio::test]
async fn roles_are_stored_once_and_in_order() {
    on_every_store(async |world| {
        world.cast().await;
        let carol = carol(world).await;
        let unruly = ["beta", "alpha", "beta", "alpha", "alpha"];
        let made = send(&carol.cluster, wanted(world, &carol.name, &unruly))
            .await
            .expect("a request");
        let spec = made.spec.as_ref().expect("a spec");
        assert_eq!(spec.roles, ["alpha", "beta"]);
        let rules: Vec<(u32, u32)> = spec.thresholds.iter().map(|it| (it.approve, it.deny)).collect();
        assert_eq!(rules, [(1, 1), (2, 1)]);
        let mut sets: Vec<(&str, Vec<&[u32]>)> = spec
            .role_threshold_mapping
            .iter()
            .map(|(role, of_role)| {
                (
                    role.as_str(),
                    of_role.sets.iter().map(|set| &*set.indexes).collect(),
                )
            })
            .collect();
        sets.sort();
        assert_eq!(sets, [("alpha", vec![&[0][..]]), ("beta", vec![&[1][..]])]);
        assert_eq!(look(&carol.cluster, &id_of(&made)).await, Some(made));

        // Everything, said twice, is everything.
        for everything in [&["*"][..], &["*", "*"]] {
            let mut all = wanted(world, &carol.name, everything);
            self::spec(&mut all).request_reason = "incident 42".to_owned();
            let made = send(&carol.cluster, all).await.expect("a request");
            assert_eq!(made.spec.expect("a spec").roles, ["alpha", "beta", "gamma"]);
        }
        refused!(
            send(&carol.cluster, wanted(world, &carol.name, &["*", "alpha"])).await,
            InvalidArgument,
            "user \"carol@example.com\" can not request role \"*\""
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut sparse = wanted(world, &cast.bob.name, &["elevated-access"]);
        sparse.kind.clear();
        sparse.version.clear();
        spec(&mut sparse).state = RequestState::None.into();
        // So clients of the original write what they leave out.
        let never = prost_types::Timestamp {
            seconds: -62_135_596_800,
            nanos: 0,
        };
        spec(&mut sparse).created = Some(never);
        spec(&mut sparse).expires = Some(never);
        spec(&mut sparse).session_ttl = Some(never);
        spec(&mut sparse).max_duration = Some(never);
        let made = send(&cast.bob.cluster, sparse).await.expect("a request");
        assert_eq!((&*made.kind, &*made.version), ("access_request", "v3"));
        assert_eq!(state_of(&made), RequestState::Pending);
        let spec = made.spec.as_ref().expect("a spec");
        let left = cast.bob.cluster.identity().current().certified().not_after;
        for end in [
            &spec.expires,
            &spec.session_ttl,
            &spec.max_duration,
            &spec.resource_expiry,
        ] {
            assert_eq!(moment(end.as_ref()), Some(left));
        }
        assert_eq!(moment(spec.created.as_ref()), Some(world.now()));
    })
    .await;
}

/// R1: a request says who asks for what, why and for how long, and nothing else.
#[tokio::test]
async fn what_is_the_servers_to_say_is_not_read() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let plain = wanted(world, &cast.bob.name, &["elevated-access"]);
        let usual = send(&cast.bob.cluster, plain.clone()).await.expect("a request");
        let mut forged = plain.clone();
        forged.metadata.as_mut().expect("metadata").revision = "mine".to_owned();
        forged.kind = "role".to_owned();
        {
            let spec = spec(&mut forged);
            let values = [("approved-by".to_owned(), vec!["alice@example.com".to_owned()])].into();
            spec.system_annotations = Some(wire::convert::label_values(&values));
            spec.session_ttl = Some(timestamp(world.now() + hours(1_000)));
            spec.created = Some(timestamp(world.now() - hours(1)));
            spec.access_list = Some(types::PromotedAccessList {
                name: "admins".to_owned(),
                title: String::new(),
            });
            spec.dry_run_enrichment = Some(types::AccessRequestDryRunEnrichment {
                reason_mode: "optional".to_owned(),
                ..Default::default()
            });
            spec.thresholds = vec![types::AccessReviewThreshold {
                approve: 1,
                ..Default::default()
            }];
            spec.reviews = vec![AccessReview {
                author: cast.alice.name.clone(),
                proposed_state: RequestState::Approved.into(),
                ..Default::default()
            }];
        }
        let made = send(&cast.bob.cluster, forged).await.expect("a request");
        assert_eq!(made.kind, "access_request");
        assert_eq!(made.spec, usual.spec, "as if nothing had been said");

        // Nor what nobody has heard of.
        let path = "/proto.AuthService/CreateAccessRequestV2";
        let answer = raw(cast.bob.cluster.calls(), path, with_unknown_field(&plain)).await;
        let answer = answer.expect("a request");
        assert!(!answer.windows(5).any(|part| part == b"novel"));
        let made = AccessRequestV3::decode(answer).expect("a request");
        assert_eq!(made.spec, usual.spec);
        let path = "/proto.AuthService/SubmitAccessReview";
        let yes = with_unknown_field(&verdict(&id_of(&made), RequestState::Approved));
        let answer = raw(cast.alice.cluster.calls(), path, yes)
            .await
            .expect("a review");
        let after = AccessRequestV3::decode(answer).expect("a request");
        assert_eq!(after.spec.expect("a spec").reviews.len(), 1);
        let stored = look(&world.admin, &id_of(&made)).await.expect("there");
        assert!(!stored.encode_to_vec().windows(5).any(|part| part == b"novel"));
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_leaves_nothing() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let carol = carol(world).await;
        let before = records(&world.store).await.len();
        for (roles, mode) in [
            (&["alpha"][..], "optional"),
            (&["alpha", "beta"], "optional"),
            (&["gamma"], "required"),
            (&["*"], "required"),
        ] {
            let mut dry = wanted(world, &carol.name, roles);
            spec(&mut dry).dry_run = true;
            let answer = send(&carol.cluster, dry).await.expect("tried");
            let id = id_of(&answer);
            let spec = answer.spec.expect("a spec");
            assert!(spec.dry_run && !spec.thresholds.is_empty() && spec.reviews.is_empty());
            let enrichment = spec.dry_run_enrichment.expect("what to ask for");
            assert_eq!(enrichment.reason_mode, mode, "{roles:?}");
            assert_eq!(enrichment.reason_prompts, ["why?"]);
            assert_eq!(look(&world.admin, &id).await, None);
            let (code, message) = refusal(approve(&cast.alice.cluster, &id).await);
            assert_eq!(code, Code::NotFound, "{message}");
        }
        // Without a rehearsal the reason is missing where it was announced, and nowhere else.
        send(&carol.cluster, wanted(world, &carol.name, &["alpha", "beta"]))
            .await
            .expect("a request");
        refused!(
            send(&carol.cluster, wanted(world, &carol.name, &["gamma"])).await,
            InvalidArgument,
            "request reason must be specified (required for role \"gamma\")"
        );
        // A rehearsal tells nobody what the play itself would not.
        let mut dry = wanted(world, &carol.name, &["alpha"]);
        spec(&mut dry).dry_run = true;
        let (code, _) = refusal(send(&cast.bob.cluster, dry.clone()).await);
        assert_eq!(code, Code::PermissionDenied);
        spec(&mut dry).state = RequestState::Approved.into();
        let (code, _) = refusal(send(&carol.cluster, dry.clone()).await);
        assert_eq!(code, Code::PermissionDenied);
        spec(&mut dry).state = RequestState::Pending.into();
        spec(&mut dry).roles = vec!["editor".to_owned()];
        let (code, _) = refusal(send(&carol.cluster, dry).await);
        assert_eq!(code, Code::InvalidArgument);
        // Of all this one request was made, and two refusals are on record.
        let made = records(&world.store).await.split_off(before);
        let made: Vec<&str> = made.iter().map(|told| told.event()).collect();
        assert_eq!(made, ["access_request.create", "call.refused", "call.refused"]);
    })
    .await;
}

#[tokio::test]
async fn nobody_decides_the_own_request_while_making_it() {
    on_every_store(async |world| {
        one_suffices(world).await;
        // Even who may do anything to requests.
        let both = world.person("both@example.com", &["devops"]).await;
        decider(world).await;
        world.set_roles(&both.name, &["devops", "decider"]).await;
        let both_now = world.again(&both).await;
        for state in [
            RequestState::Approved,
            RequestState::Denied,
            RequestState::Promoted,
        ] {
            let mut request = wanted(world, &both.name, &["elevated-access"]);
            spec(&mut request).state = state.into();
            refused!(
                send(&both_now, request).await,
                PermissionDenied,
                "cannot create access request for self in non-pending state"
            );
        }
        let mut request = wanted(world, &both.name, &["elevated-access"]);
        spec(&mut request).state = 77;
        let (code, message) = refusal(send(&both_now, request).await);
        assert_eq!(code, Code::InvalidArgument, "{message}");
        let all = list(&world.admin, AccessRequestFilter::default())
            .await
            .expect("a list");
        assert_eq!(all, []);
    })
    .await;
}

/// Where one suffices, whoever may decide can make a request for another that is decided: with that person's own
/// review, whatever reviews the call brings along.
#[tokio::test]
async fn a_request_that_is_made_decided_shows_who_decided() {
    on_every_store(async |world| {
        let cast = one_suffices(world).await;
        let decider = decider(world).await;
        let mut made = wanted(world, &cast.bob.name, &["elevated-access"]);
        spec(&mut made).state = RequestState::Approved.into();
        spec(&mut made).resolve_reason = "on call".to_owned();
        spec(&mut made).reviews = vec![AccessReview {
            author: cast.alice.name.clone(),
            proposed_state: RequestState::Approved.into(),
            threshold_indexes: vec![0],
            ..Default::default()
        }];
        let approved = send(&decider.cluster, made.clone()).await.expect("a request");
        assert_eq!(state_of(&approved), RequestState::Approved);
        let stored = approved.spec.as_ref().expect("a spec");
        let authors: Vec<&str> = stored.reviews.iter().map(|it| it.author.as_str()).collect();
        assert_eq!(authors, [decider.name.as_str()]);
        assert_eq!(stored.resolve_reason, "on call");
        world
            .assume(&cast.bob.cluster, &[&id_of(&approved)])
            .await
            .expect("a certificate");

        spec(&mut made).state = RequestState::Denied.into();
        let denied = send(&decider.cluster, made).await.expect("a request");
        assert_eq!(state_of(&denied), RequestState::Denied);
        assert_eq!(denied.spec.as_ref().expect("a spec").reviews, []);
        let (code, _) = refusal(world.assume(&cast.bob.cluster, &[&id_of(&denied)]).await);
        assert_eq!(code, Code::PermissionDenied);
        refused!(
            approve(&cast.alice.cluster, &id_of(&denied)).await,
            PermissionDenied,
            "the access request has been already denied"
        );
    })
    .await;
}

#[tokio::test]
async fn a_review_is_the_callers_own_and_of_now_whatever_it_says() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let carol = carol(world).await;
        let made = send(&carol.cluster, wanted(world, &carol.name, &["alpha", "beta"])).await;
        let id = id_of(&made.expect("a request"));
        let yes = |change: &dyn Fn(&mut AccessReview)| {
            let mut submission = verdict(&id, RequestState::Approved);
            change(submission.review.as_mut().expect("a review"));
            submission
        };
        let values = wire::convert::label_values(&[("ticket".to_owned(), vec!["42".to_owned()])].into());
        let refusals: [(AccessReviewSubmission, Code, &str); 6] = [
            (
                yes(&|it| {
                    it.author = cast.ivan.name.clone();
                    it.created = Some(timestamp(world.now() - hours(1)));
                }),
                Code::PermissionDenied,
                "user \"alice@example.com\" cannot submit reviews on behalf of \"ivan@example.com\"",
            ),
            (
                yes(&|it| it.roles = vec!["alpha".to_owned()]),
                Code::Unimplemented,
                "role subselection is not yet supported in reviews, try omitting role list",
            ),
            (
                yes(&|it| it.roles = vec!["alpha".to_owned(), "gamma".to_owned()]),
                Code::InvalidArgument,
                "role \"gamma\" is not a member of this request",
            ),
            (
                yes(&|it| it.annotations = Some(values.clone())),
                Code::Unimplemented,
                "annotations are not yet supported in reviews, try omitting annotations field",
            ),
            (
                yes(&|it| it.proposed_state = RequestState::Promoted.into()),
                Code::InvalidArgument,
                "state promoted can be only set when promoting to access list",
            ),
            (
                AccessReviewSubmission {
                    request_id: id.to_uppercase(),
                    ..yes(&|_| {})
                },
                Code::NotFound,
                &format!(
                    "cannot apply review to access request {:?} (not found)",
                    id.to_uppercase()
                ),
            ),
        ];
        for (submission, code, words) in refusals {
            assert_eq!(
                refusal(review(&cast.alice.cluster, submission).await),
                (code, words.to_owned())
            );
        }
        let nothing = AccessReviewSubmission {
            request_id: id.clone(),
            review: None,
        };
        let (code, message) = refusal(review(&cast.alice.cluster, nothing).await);
        assert_eq!(code, Code::InvalidArgument, "{message}");

        // All roles in any order, the own name, a moment in the past, and indexes of rules.
        let full = yes(&|it| {
            it.author = cast.alice.name.clone();
            it.roles = vec!["beta".to_owned(), "alpha".to_owned()];
            it.created = Some(timestamp(world.now() - hours(1)));
            it.threshold_indexes = vec![1, 1, 1, 7];
        });
        let after = review(&cast.alice.cluster, full).await.expect("a review");
        assert_eq!(state_of(&after), RequestState::Pending);
        let stored = &after.spec.as_ref().expect("a spec").reviews[0];
        assert_eq!(stored.author, cast.alice.name);
        assert_eq!(stored.threshold_indexes, [0, 1]);
        assert_eq!(moment(stored.created.as_ref()), Some(world.now()));
        let after = deny(&cast.ivan.cluster, &id).await.expect("a review");
        assert_eq!(state_of(&after), RequestState::Denied);
    })
    .await;
}
