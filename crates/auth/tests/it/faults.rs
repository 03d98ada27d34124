//! What breaks below the Auth Service: nothing is approved and nothing signed, what was there stays, and when it is
//! mended the work goes on by itself.

use auth::server::health::State;
use store::CommitError;
use tonic::{Code, Status};
use wire::pb::proto;
use wire::pb::types::RequestState;

use crate::flaws::Flaw;
use crate::people::{Cast, approve, ask, look, refusal, role, send, set_state, state_of, wanted};
use crate::world::{Backend, Plan, World, hours, on};

/// Every way to change something, each of which must fail.
async fn changes(world: &World, cast: &Cast, id: &str, approved: &str) -> Vec<(&'static str, Status)> {
    let failed = |what, answer: Result<(), Status>| match answer {
        Err(status) => (what, status),
        Ok(()) => panic!("{what} was done"),
    };
    let lock = crate::people::lock_user(&cast.editor.cluster, world, "nobody")
        .await
        .map(|_| ());
    vec![
        failed("a review", approve(&cast.ivan.cluster, id).await.map(|_| ())),
        failed(
            "an override",
            set_state(&world.admin, id, RequestState::Denied).await,
        ),
        failed(
            "a request",
            send(
                &cast.bob.cluster,
                wanted(world, &cast.bob.name, &["elevated-access"]),
            )
            .await
            .map(|_| ()),
        ),
        failed(
            "a certificate",
            world.assume(&cast.bob.cluster, &[approved]).await.map(|_| ()),
        ),
        failed(
            "a certificate in another's name",
            world
                .sign_as(&world.admin, &cast.ivan.name, hours(1))
                .await
                .map(|_| ()),
        ),
        failed(
            "a sign-in",
            world
                .sign_in(&cast.bob.name, &cast.bob.password, &cast.bob.seed)
                .await
                .map(|_| ()),
        ),
        failed("a lock", lock),
    ]
}

async fn before(world: &World) -> (Cast, String, String) {
    let cast = world.cast().await;
    let approved = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
    for reviewer in [&cast.alice, &cast.ivan] {
        approve(&reviewer.cluster, &approved).await.expect("a review");
    }
    let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
    approve(&cast.alice.cluster, &id).await.expect("a review");
    (cast, id, approved)
}

#[tokio::test]
async fn without_a_store_that_writes_nothing_happens_and_then_it_goes_on() {
    for refuses in [
        (|| CommitError::Full {
            place: "/var/lib/teleport".to_owned(),
        }) as fn() -> CommitError,
        || CommitError::Failed {
            reason: "input/output error on /dev/sda".to_owned(),
        },
        || CommitError::Blocked {
            place: "/var/lib/teleport".to_owned(),
        },
        || CommitError::Overloaded { waiting: 9 },
    ] {
        let flaw = Flaw {
            refuses: Some(refuses),
            ..Flaw::default()
        };
        on(
            Plan {
                flaw,
                ..Plan::default()
            },
            async |world| {
                let (cast, id, approved) = before(world).await;
                let head = world.store.revision();
                assert!(world.auth.health.is_ready());
                world.bend();
                for (what, status) in changes(world, &cast, &id, &approved).await {
                    assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
                    assert!(!status.message().contains("/dev/sda"), "{what}: {status}");
                }
                assert!(matches!(world.auth.health.state(), State::Unwell(_)));
                assert_eq!(world.store.revision(), head, "nothing was changed");
                // Reading goes on.
                let seen = look(&cast.ivan.cluster, &id).await.expect("there");
                assert_eq!(
                    (state_of(&seen), seen.spec.expect("a spec").reviews.len()),
                    (RequestState::Pending, 1)
                );
                cast.bob
                    .cluster
                    .auth()
                    .ping(proto::PingRequest {})
                    .await
                    .expect("an answer");
                world.mend();
                let after = approve(&cast.ivan.cluster, &id).await.expect("a review");
                assert_eq!(state_of(&after), RequestState::Approved);
                world
                    .assume(&cast.bob.cluster, &[&id])
                    .await
                    .expect("a certificate");
                assert!(world.auth.health.is_ready());
            },
        )
        .await;
    }
}

#[tokio::test]
async fn without_a_store_that_reads_nobody_is_known() {
    let flaw = Flaw {
        unreadable: true,
        ..Flaw::default()
    };
    on(
        Plan {
            flaw,
            ..Plan::default()
        },
        async |world| {
            let (cast, id, approved) = before(world).await;
            world.bend();
            for (what, status) in changes(world, &cast, &id, &approved).await {
                assert_eq!(
                    (status.code(), status.message()),
                    (Code::Unavailable, "failed to connect to the database"),
                    "{what}"
                );
            }
            world.mend();
            approve(&cast.ivan.cluster, &id).await.expect("a review");
        },
    )
    .await;
}

/// A disk that fills up for real, and gets room again.
#[tokio::test]
async fn a_full_disk_changes_nothing_and_is_told() {
    let plan = Plan {
        backend: Backend::Sqlite,
        pages_max: Some(600),
        ..Plan::default()
    };
    on(plan, async |world| {
        let (cast, id, approved) = before(world).await;
        let mut full = None;
        let mut made = 0;
        'filling: for size in [200_000, 20_000, 1_000, 1] {
            loop {
                made += 1;
                let mut ballast = role(&format!("ballast{made}"), "allow: {}");
                ballast.metadata.as_mut().expect("metadata").description = "x".repeat(size);
                match world.put_role(ballast).await {
                    Ok(_) => {}
                    Err(status) if status.code() == Code::Unavailable => {
                        full = Some(status);
                        continue 'filling;
                    }
                    Err(status) => panic!("{status}"),
                }
            }
        }
        let full = full.expect("the disk has an end");
        assert_eq!(
            full.message(),
            "failed to connect to the database: the store cannot be written; nothing was changed"
        );
        let head = world.store.revision();
        for (what, status) in changes(world, &cast, &id, &approved).await {
            assert_eq!(status.code(), Code::Unavailable, "{what}: {status}");
        }
        assert_eq!(world.store.revision(), head);
        assert_eq!(
            world.auth.health.state(),
            State::Unwell("no space left for the store".to_owned())
        );
        let seen = look(&cast.ivan.cluster, &id).await.expect("there");
        assert_eq!(state_of(&seen), RequestState::Pending);
    })
    .await;
}

/// A handler that panics takes its own call along and nothing else.
#[tokio::test]
async fn a_panic_ends_one_call() {
    let flaw = Flaw {
        reads: Some(Box::new(|key, item| {
            assert!(
                key.as_str() != "/roles/explosive",
                "a fault of the program, told of `{key}`"
            );
            item
        })),
        ..Flaw::default()
    };
    let world = World::open(Plan {
        flaw,
        ..Plan::default()
    })
    .await;
    let (cast, id, _) = before(&world).await;
    world.bend();
    let request = proto::GetRoleRequest {
        name: "explosive".to_owned(),
    };
    let (code, message) = refusal(world.admin.auth().get_role(request).await);
    assert_eq!(
        (code, &*message),
        (Code::Internal, "internal error; the server's log says more")
    );
    assert_eq!(world.panics(), 1);
    approve(&cast.ivan.cluster, &id).await.expect("a review");
}
