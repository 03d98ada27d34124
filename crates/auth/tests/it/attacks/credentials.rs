//! B and E: stolen, guessed, replayed and forged credentials.

use tonic::Code;
use transport::Authority;
use transport::tls::Credentials;
use wire::convert::timestamp;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto;
use wire::pb::teleport::users::v1 as users;

use crate::calls::{dial, raw};
use crate::flaws::{Flaw, attack};
use crate::people::{Person, approve, ask, lock_user, refusal, role};
use crate::refused;
use crate::world::{Plan, World, hours, on, seconds};

fn with_code(person: &Person, password: &str, code: &str) -> ours::FinishRequest {
    ours::FinishRequest {
        user: person.name.clone(),
        password: password.as_bytes().to_vec().into(),
        second_factor: Some(ours::finish_request::SecondFactor::TotpCode(code.to_owned())),
        tls_public_key: pki_line(person).into(),
        ..Default::default()
    }
}

fn pki_line(person: &Person) -> Vec<u8> {
    let entropy = access::ambient::SeededEntropy::named(&person.name);
    let key = pki::KeyPair::generate(pki::Algorithm::P256, &entropy).expect("a key");
    key.public().to_ssh_line().into_bytes()
}

async fn begin(world: &World, user: &str, password: &str) -> Result<(), tonic::Status> {
    let request = ours::BeginRequest {
        user: user.to_owned(),
        password: password.as_bytes().to_vec().into(),
        ..Default::default()
    };
    world.proxy.sign_in().begin(request).await.map(|_| ())
}

/// What was guessed wrong at a name from where the story's guesses come from.
async fn guessed(
    world: &World,
    name: &str,
) -> Option<auth::state::Read<auth::credentials::lockout::Attempts>> {
    let call = auth::call::Call::new(world.now(), proxy(world).await, "/guess");
    let doorway = auth::services::signin::door::Doorway::of(&world.auth, &call, name)
        .await
        .expect("a door");
    doorway
        .attempts(&world.auth, world.now())
        .await
        .expect("readable")
}

/// The proxy, as the Auth Service sees it.
async fn proxy(world: &World) -> auth::caller::Caller {
    let peer = transport::Peer::proven(
        "127.0.0.1:0".parse().expect("an address"),
        world.proxy.identity().current().certificate().clone(),
        Authority::Host,
    );
    auth::caller::Caller::of(&world.auth.state, &peer, "", world.now())
        .await
        .expect("the proxy")
}

/// The same first step, as a proxy takes it for somebody at `address`.
async fn begin_from(world: &World, address: &str, user: &str, password: &str) -> Result<(), tonic::Status> {
    let mut request = tonic::Request::new(ours::BeginRequest {
        user: user.to_owned(),
        password: password.as_bytes().to_vec().into(),
        ..Default::default()
    });
    let header = auth::call::CLIENT_ADDRESS_HEADER;
    request
        .metadata_mut()
        .insert(header, address.parse().expect("text"));
    world.proxy.sign_in().begin(request).await.map(|_| ())
}

#[tokio::test]
async fn b08_guesses_from_elsewhere_do_not_keep_anybody_out() {
    // Nobody remembers from where people sign in.
    attack(
        Flaw::blind_for("known_sources"),
        "she comes from where she always comes from",
        async |world| {
            let cast = world.cast().await;
            world.bend();
            for guess in 0..30 {
                let somewhere = format!("198.51.100.{guess}:4000");
                refused!(
                    begin_from(world, &somewhere, &cast.alice.name, "a wrong password").await,
                    PermissionDenied,
                    "invalid credentials"
                );
            }
            begin(world, &cast.alice.name, &cast.alice.password)
                .await
                .expect("she comes from where she always comes from");
            // Elsewhere the door is closed to everybody, and five guesses are all there were.
            refused!(
                begin_from(
                    world,
                    "198.51.100.77:4000",
                    &cast.alice.name,
                    &cast.alice.password
                )
                .await,
                PermissionDenied,
                "invalid credentials"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn b07_known_and_unknown_names_read_alike_and_lock_alike() {
    // Only names that exist are counted.
    let flaw = Flaw::writes(|write| match write {
        store::Write::Put { key, .. } if key.as_str() == "/login_attempts/nobody@example.com" => None,
        other => Some(other),
    });
    attack(flaw, "left == right", async |world| {
        let cast = world.cast().await;
        world.bend();
        for name in [&cast.alice.name, "nobody@example.com"] {
            for _ in 0..7 {
                refused!(
                    begin(world, name, "a wrong password").await,
                    PermissionDenied,
                    "invalid credentials"
                );
            }
            let closed = access::ambient::Clock::now(&*world.clock);
            let attempts = guessed(world, name).await;
            let door = attempts
                .map(|attempts| attempts.value.door(closed) == auth::credentials::lockout::Door::Open);
            assert_eq!(door, Some(false), "{name} is closed");
        }
    })
    .await;
}

#[tokio::test]
async fn b08_five_wrong_guesses_close_the_door_to_the_right_one_too() {
    // Guesses are not remembered.
    attack(
        Flaw::forgets("login_attempts"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            world.bend();
            for _ in 0..5 {
                assert!(begin(world, &cast.alice.name, "a wrong password").await.is_err());
            }
            // Spelled otherwise, it is the same door.
            refused!(
                begin(world, &cast.alice.name, &cast.alice.password).await,
                PermissionDenied,
                "invalid credentials"
            );
            world.clock.advance(seconds(30 * 60));
            begin(world, &cast.alice.name, &cast.alice.password)
                .await
                .expect("open again");
        },
    )
    .await;
}

#[tokio::test]
async fn b08_a_storm_of_guesses_closes_the_door_once_and_a_right_sign_in_forgets_it() {
    // What is to be forgotten with a right sign-in stays.
    attack(Flaw::keeps("login_attempts"), "half an hour", async |world| {
        let cast = world.cast().await;
        let name = &cast.alice.name;
        world.bend();
        for closing in 0..2 {
            let storm = (0..126).map(|_| begin(world, name, "a wrong password"));
            let refused = futures::future::join_all(storm).await;
            assert!(refused.iter().all(Result::is_err), "closing {closing}");
            let attempts = guessed(world, name).await;
            let door = attempts.expect("counted").value.door(world.now());
            let until = world.now() + seconds(30 * 60);
            let first = auth::credentials::lockout::Door::Closed(until);
            assert_eq!(
                door, first,
                "closed for half an hour, the first time and after a right sign-in"
            );
            world.clock.advance(seconds(30 * 60));
            world
                .sign_in(name, &cast.alice.password, &cast.alice.seed)
                .await
                .expect("open again");
        }
    })
    .await;
}

#[tokio::test]
async fn b08_names_that_nobody_can_have_are_refused_like_wrong_ones_and_recorded_within_bounds() {
    crate::world::on_every_store(async |world| {
        for name in [
            "x".repeat(100_000),
            "bob\u{202e}@example.com".to_owned(),
            "a/b".to_owned(),
        ] {
            refused!(
                begin(world, &name, "a wrong password").await,
                PermissionDenied,
                "invalid credentials"
            );
        }
        let users: Vec<String> = crate::invariants::records(&world.store)
            .await
            .iter()
            .filter(|told| told.event() == "user.login")
            .map(|told| told.text("user").to_owned())
            .collect();
        assert_eq!(users.len(), 3, "{users:?}");
        assert!(users[0].len() <= 255 && users[0].ends_with('…'));
        assert_eq!(users[1..], ["bob\u{fffd}@example.com", "a/b"]);
    })
    .await;
}

#[tokio::test]
async fn b08_a_user_made_anew_does_not_begin_behind_the_door_of_the_last_one() {
    crate::world::on_every_store(async |world| {
        let cast = world.cast().await;
        for _ in 0..5 {
            assert!(begin(world, &cast.alice.name, "a wrong password").await.is_err());
        }
        world.delete_user(&cast.alice.name).await;
        let anew = world.person(&cast.alice.name, &["dbreviewer"]).await;
        begin(world, &anew.name, &anew.password).await.expect("open");
    })
    .await;
}

#[tokio::test]
async fn c04_a_session_opened_while_a_reset_runs_does_not_outlive_it() {
    attack(Flaw::unconditional(), "outlived the reset", async |world| {
        let cast = world.cast().await;
        world.bend();
        for person in [&cast.alice, &cast.ivan] {
            world.clock.advance(seconds(30));
            let request = ours::OpenWebSessionRequest {
                user: person.name.clone(),
                password: person.password.as_bytes().to_vec().into(),
                second_factor: Some(ours::open_web_session_request::SecondFactor::TotpCode(
                    person.seed.code(world.now()).expect("a code"),
                )),
                ..Default::default()
            };
            let mut signing_in = world.proxy.sign_in();
            world.meet();
            let (opened, _) = tokio::join!(
                signing_in.open_web_session(request),
                world.link(&person.name, "password")
            );
            if let Ok(opened) = opened {
                let asked = ours::GetWebSessionRequest {
                    user: person.name.clone(),
                    id: opened.into_inner().id,
                    ..Default::default()
                };
                let found = world.proxy.sign_in().get_web_session(asked).await;
                assert!(found.is_err(), "a session outlived the reset");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn b09_a_link_is_good_once_for_one_person_and_not_for_long() {
    // A link that was used stays.
    attack(
        Flaw::keeps("user_tokens"),
        "the call was not refused",
        async |world| {
            world.cast().await;
            world.user("new@example.com", &["access"]).await;
            let first = world.link("new@example.com", "invite").await;
            let second = world.link("new@example.com", "invite").await;
            assert_eq!(
                refusal(world.accept(&first, "a long enough password").await).0,
                Code::NotFound,
                "superseded"
            );
            world.bend();
            world
                .accept(&second, "a long enough password")
                .await
                .expect("accepted");
            refused!(
                world.accept(&second, "another long password").await.map(|_| ()),
                NotFound,
                "bad or expired token"
            );
            let third = world.link("new@example.com", "invite").await;
            world.clock.advance(hours(1));
            assert_eq!(
                refusal(world.accept(&third, "a long enough password").await).0,
                Code::NotFound
            );
            for guess in ["", "0", "../../x", &"f".repeat(32), &"f".repeat(100_000)] {
                let asked = ours::GetInviteRequest {
                    token: guess.to_owned(),
                    ..Default::default()
                };
                assert_eq!(
                    refusal(world.proxy.sign_in().get_invite(asked).await).0,
                    Code::NotFound
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn b10_a_code_is_good_once() {
    // The last step is not remembered.
    attack(
        Flaw::forgets("devices"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            world.clock.advance(seconds(30));
            world.bend();
            let code = cast.alice.seed.code(world.now()).expect("a code");
            let finish = |code: &str| with_code(&cast.alice, &cast.alice.password, code);
            world
                .proxy
                .sign_in()
                .finish(finish(&code))
                .await
                .expect("signed in");
            refused!(
                world.proxy.sign_in().finish(finish(&code)).await,
                PermissionDenied,
                "invalid username, password or second factor"
            );
            let foreign = cast.ivan.seed.code(world.now() + seconds(30)).expect("a code");
            for wrong in [&*foreign, "", "000000 ", "12345", "½23456"] {
                assert_eq!(
                    refusal(world.proxy.sign_in().finish(finish(wrong)).await).0,
                    Code::PermissionDenied
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn e01_a_stolen_certificate_is_worth_nothing_once_it_is_locked_out() {
    attack(
        Flaw::blind_for("locks"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            world.apply(crate::people::PLUGIN).await;
            let stolen = world
                .sign_as(&world.admin, "access-plugin", hours(24))
                .await
                .expect("a certificate");
            world.bend();
            lock_user(&world.admin, world, "access-plugin")
                .await
                .expect("locked");
            assert_eq!(
                refusal(stolen.auth().ping(proto::PingRequest {}).await).0,
                Code::PermissionDenied
            );
            let watch = stolen.watch(
                vec![wire::pb::types::WatchKind {
                    kind: "access_request".into(),
                    ..Default::default()
                }],
                false,
            );
            assert_eq!(refusal(watch.await).0, Code::PermissionDenied);
            drop(cast);
        },
    )
    .await;
}

#[tokio::test]
async fn e02_what_a_role_forbids_binds_certificates_from_before_it_was_given() {
    attack(
        Flaw::stale(&["users"]),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let forbids = "deny:\n  rules:\n  - {resources: [role], verbs: [list, read]}";
            world.put_role(role("no-roles", forbids)).await.expect("stored");
            let read = "allow:\n  rules:\n  - {resources: [role, token], verbs: [list, read]}";
            world.put_role(role("reader", read)).await.expect("stored");
            let reader = world.person("reader@example.com", &["reader"]).await;
            let roles = || proto::GetRoleRequest {
                name: "devops".to_owned(),
            };
            reader.cluster.auth().get_role(roles()).await.expect("before");
            world.bend();
            world.set_roles(&reader.name, &["reader", "no-roles"]).await;
            assert_eq!(
                refusal(reader.cluster.auth().get_role(roles()).await).0,
                Code::PermissionDenied
            );
            // What the new role allows is not there before the next sign-in.
            world.set_roles(&cast.bob.name, &["devops", "reader"]).await;
            assert_eq!(
                refusal(
                    cast.bob
                        .cluster
                        .auth()
                        .get_role(proto::GetRoleRequest {
                            name: "reader".to_owned(),
                        })
                        .await
                )
                .0,
                Code::PermissionDenied
            );
        },
    )
    .await;
}

#[tokio::test]
async fn e02_a_user_whose_role_is_gone_is_refused() {
    on(Plan::default(), async |world| {
        let mut passing = role("passing", "allow:\n  logins: [root]");
        passing.metadata.as_mut().expect("metadata").expires = Some(timestamp(world.now() + hours(1)));
        world.put_role(passing).await.expect("stored");
        world
            .put_role(role("staying", "allow: {}"))
            .await
            .expect("stored");
        let dana = world.person("dana@example.com", &["staying", "passing"]).await;
        dana.cluster.auth().get_current_user(()).await.expect("before");
        world.clock.advance(seconds(3601));
        refused!(
            dana.cluster.auth().get_current_user(()).await,
            PermissionDenied,
            "access denied: role \"passing\" is not found"
        );
    })
    .await;
}

#[tokio::test]
async fn e01_a_stolen_certificate_ends_with_its_user() {
    attack(
        Flaw::stale(&["users", "subjects"]),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            world.bend();
            cast.bob
                .cluster
                .auth()
                .ping(proto::PingRequest {})
                .await
                .expect("an answer");
            world.delete_user(&cast.bob.name).await;
            assert_eq!(
                refusal(cast.bob.cluster.auth().get_current_user(()).await).0,
                Code::PermissionDenied
            );
        },
    )
    .await;
}

#[tokio::test]
async fn e02_a_new_certificate_never_says_more_than_the_old_one_and_the_cluster_do() {
    // The server takes an old certificate for a newer one.
    attack(Flaw::door(), "no longer than", async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        for reviewer in [&cast.alice, &cast.ivan] {
            approve(&reviewer.cluster, &id).await.expect("a review");
        }
        world.clock.advance(hours(3));
        let later = world.again(&cast.bob).await;
        world.bend();
        world.disguise(&later, Authority::User);
        let old = cast.bob.cluster.identity().current().not_after();
        let elevated = world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
        assert!(
            elevated.identity().current().not_after() <= old,
            "no longer than the old one"
        );
        for (what, forge) in [
            (
                "expires",
                (|asked, now| asked.expires = Some(timestamp(now + hours(10_000)))) as Forge,
            ),
            ("public key", |asked, _| asked.username = "bob@example.com".into()),
            ("session", |asked, _| asked.requester_name = 0),
        ] {
            let renewed = world.certificate(&elevated, forge).await.expect("a certificate");
            let identity = renewed.identity().current();
            assert!(identity.not_after() <= old, "{what}: no longer than the old one");
            assert_eq!(identity.certified().active_requests, [id.as_str()], "{what}");
            assert_eq!(identity.certified().impersonator, None, "{what}");
        }
        for (what, forge) in [
            (
                "other cluster",
                (|asked, _| asked.route_to_cluster = "leaf".into()) as Forge,
            ),
            ("roles", |asked, _| asked.role_requests = vec!["editor".into()]),
            ("no roles", |asked, _| asked.use_role_requests = true),
            ("usage", |asked, _| asked.usage = 3),
            ("unknown usage", |asked, _| asked.usage = 99),
            ("node", |asked, _| asked.node_name = "db1".into()),
            ("cluster", |asked, _| asked.kubernetes_cluster = "k".into()),
            ("single use", |asked, _| asked.purpose = 2),
            ("no key", |asked, _| asked.tls_public_key = bytes::Bytes::new()),
            ("bad key", |asked, _| {
                asked.tls_public_key = b"ssh-rsa AAAA".to_vec().into();
            }),
            ("past", |asked, now| {
                asked.expires = Some(timestamp(now - hours(1)));
            }),
            ("somebody", |asked, _| asked.username = "alice@example.com".into()),
            ("nobody", |asked, _| asked.username = "nobody@example.com".into()),
            ("foreign request", |asked, _| {
                asked.access_requests = vec!["0".into()];
            }),
        ] {
            let (code, message) = refusal(world.certificate(&cast.bob.cluster, forge).await);
            assert!(
                matches!(
                    code,
                    Code::PermissionDenied | Code::NotFound | Code::InvalidArgument | Code::Unimplemented
                ),
                "{what}: {code:?} {message}"
            );
        }
        // Whether somebody exists is not told.
        let nobody =
            |name: &'static str| move |asked: &mut proto::UserCertsRequest, _| asked.username = name.into();
        assert_eq!(
            refusal(
                world
                    .certificate(&cast.bob.cluster, nobody("alice@example.com"))
                    .await
            ),
            refusal(
                world
                    .certificate(&cast.bob.cluster, nobody("nobody@example.com"))
                    .await
            )
        );
    })
    .await;
}

type Forge = fn(&mut proto::UserCertsRequest, jiff::Timestamp);

/// A user whose role is called like a part of the cluster is a user.
#[tokio::test]
async fn e04_a_role_called_admin_makes_nobody_the_administrator() {
    // The server does not look at who signed the certificate.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        for name in ["Admin", "Auth", "Proxy"] {
            let upsert = proto::UpsertRoleRequest {
                role: Some(role(name, "allow: {}").into()),
            };
            cast.editor
                .cluster
                .auth()
                .upsert_role_v2(upsert)
                .await
                .expect("stored");
        }
        let false_admin = world
            .person("mallory@example.com", &["Admin", "Auth", "Proxy"])
            .await;
        world.bend();
        world.disguise(&world.admin, Authority::Host);
        let secrets = users::GetUserRequest {
            name: cast.bob.name.clone(),
            with_secrets: true,
            ..Default::default()
        };
        assert_eq!(
            refusal(false_admin.cluster.users().get_user(secrets).await).0,
            Code::PermissionDenied
        );
        let begin = ours::BeginRequest::default();
        assert_eq!(
            refusal(false_admin.cluster.sign_in().begin(begin).await).0,
            Code::PermissionDenied
        );
    })
    .await;
}

/// Certificates that our authorities did not sign, or signed for somebody else, do not even get to speak.
#[tokio::test]
async fn e04_a_foreign_certificate_does_not_get_in() {
    // The server takes the stranger for the administrator.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let elsewhere = World::open(Plan {
            seed: "another cluster",
            ..Plan::default()
        })
        .await;
        let admin = elsewhere
            .auth
            .host_identity(access::SystemRole::Admin, &[])
            .await
            .expect("a certificate");
        let key = admin.private_key.expose().as_bytes();
        let foreign = Credentials::from_pem(admin.certificate.as_bytes(), key).expect("credentials");
        world.bend();
        world.disguise(&world.admin, Authority::Host);
        let path = "/teleport.users.v1.UsersService/ListUsers";
        // With another cluster's keys the handshake fails; without a certificate the call does.
        let (code, _) = refusal(raw(dial(world, Some(foreign)), path, Vec::new()).await);
        assert_ne!(code, Code::PermissionDenied, "nobody was asked anything");
        let (code, _) = refusal(raw(dial(world, None), path, Vec::new()).await);
        assert_eq!(code, Code::PermissionDenied);
    })
    .await;
}

/// A certificate that ended while its connection was open.
#[tokio::test]
async fn e01_an_open_connection_does_not_outlive_its_certificate() {
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        cast.bob
            .cluster
            .auth()
            .ping(proto::PingRequest {})
            .await
            .expect("an answer");
        world.clock.advance(hours(13));
        let fresh = world.again(&cast.bob).await;
        world.bend();
        world.disguise(&fresh, Authority::User);
        refused!(
            cast.bob.cluster.auth().ping(proto::PingRequest {}).await,
            PermissionDenied,
            "access denied: client credentials have expired, please relogin."
        );
    })
    .await;
}

#[tokio::test]
async fn e07_without_a_certificate_a_call_brings_little() {
    // The door takes strangers for somebody known.
    attack(Flaw::door(), "the call was not refused", async |world| {
        let cast = world.cast().await;
        world.bend();
        world.disguise(&cast.alice.cluster, Authority::User);
        // A field that nobody knows is skipped: only its size is judged.
        let large = [&[0xfa, 0x07, 0x80, 0xf1, 0x04][..], &vec![0; 80_000]].concat();
        let (code, said) = refusal(raw(dial(world, None), "/proto.AuthService/Ping", large.clone()).await);
        assert_eq!(
            code,
            Code::ResourceExhausted,
            "more than 64 KiB is refused: {said}"
        );
        raw(cast.alice.cluster.calls(), "/proto.AuthService/Ping", large)
            .await
            .expect("somebody known may send more");
    })
    .await;
}
