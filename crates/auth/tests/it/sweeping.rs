//! What was made for a time, and is over.

use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{Operation, event::Resource};
use wire::pb::teleport::users::v1 as users;
use wire::pb::types::{self, WatchKind};

use crate::people::{ask, id_of, look, role, send, user, wanted};
use crate::refused;
use crate::world::{Plan, World, hours, on_every_store, seconds};

#[tokio::test]
async fn other_things_that_are_over_do_not_hold_up_requests() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        // Guesses at names that nobody has are remembered for a day.
        for n in 0..120 {
            let guess = ours::BeginRequest {
                user: format!("nobody{n}"),
                password: b"a guess of some length".to_vec().into(),
                ..Default::default()
            };
            assert!(world.proxy.sign_in().begin(guess).await.is_err());
        }
        let before = world.store.figures().items;
        world.clock.advance(hours(25));
        let bob = world.again(&cast.bob).await;
        let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
        let until = world.now() + seconds(600);
        request.metadata.as_mut().expect("metadata").expires = Some(wire::convert::timestamp(until));
        let id = id_of(&send(&bob, request).await.expect("a request"));
        world.clock.set(until);
        assert_eq!(world.sweep().await, 1);
        assert_eq!(look(&world.admin, &id).await, None);
        let after = world.store.figures().items;
        assert!(
            after + 120 <= before + 2,
            "what is over is gone: {before}, then {after}"
        );
    })
    .await;
}

#[tokio::test]
async fn one_thing_that_cannot_be_read_holds_up_nothing() {
    let world = World::open(Plan::default()).await;
    let cast = world.cast().await;
    let until = world.now() + seconds(600);
    let mut request = wanted(&world, &cast.bob.name, &["elevated-access"]);
    request.metadata.as_mut().expect("metadata").expires = Some(wire::convert::timestamp(until));
    let id = id_of(&send(&cast.bob.cluster, request).await.expect("a request"));
    let mut broken = store::Batch::at(world.now());
    broken.writes.push(store::Write::Put {
        key: store::Key::of(["access_requests", "broken"]),
        value: "no request".into(),
        expires: Some(until - seconds(1)),
    });
    world.store.commit(broken).await.expect("stored");
    world.clock.set(until);
    assert_eq!(world.sweep().await, 1, "the request went all the same");
    assert_eq!(look(&world.admin, &id).await, None);
}

#[tokio::test]
async fn many_requests_that_end_together_all_go() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let mut watch = world
            .admin
            .watch(
                vec![WatchKind {
                    kind: "access_request".to_owned(),
                    ..Default::default()
                }],
                false,
            )
            .await
            .expect("a stream");
        let until = world.now() + seconds(600);
        for _ in 0..130 {
            let mut request = wanted(world, &cast.bob.name, &["elevated-access"]);
            request.metadata.as_mut().expect("metadata").expires = Some(wire::convert::timestamp(until));
            send(&cast.bob.cluster, request).await.expect("a request");
        }
        world.clock.set(until);
        assert_eq!(world.sweep().await, 130);
        let (mut put, mut gone) = (0, 0);
        while gone < 130 {
            match watch.next().await.expect("a stream").expect("no end") {
                event if event.r#type == Operation::Put as i32 => put += 1,
                event if event.r#type == Operation::Delete as i32 => gone += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((put, gone), (130, 130), "one event each");
    })
    .await;
}

#[tokio::test]
async fn a_user_made_for_a_time_leaves_nothing_to_the_next_of_that_name() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        for swept in [true, false] {
            let name = "temp@example.com";
            let mut temp = user(name, &["devops"]);
            temp.metadata.as_mut().expect("metadata").expires =
                Some(wire::convert::timestamp(world.now() + hours(1)));
            let request = users::CreateUserRequest {
                user: Some(Kept::from(temp)),
            };
            cast.editor
                .cluster
                .users()
                .create_user(request)
                .await
                .expect("a user");
            let password = "an old password, known to somebody";
            let token = world.link(name, "invite").await;
            let seed = world.accept(&token, password).await.expect("accepted");
            let old = world.sign_in(name, password, &seed).await.expect("signed in");
            ask(world, &old, &["elevated-access"]).await;
            world.clock.advance(hours(1));
            refused!(
                send(&old, wanted(world, name, &["elevated-access"])).await,
                PermissionDenied,
                "access denied"
            );
            assert!(world.sign_in(name, password, &seed).await.is_err());
            if swept {
                world.sweep().await;
            }
            world.user(name, &["devops"]).await;
            refused!(
                world.sign_in(name, password, &seed).await,
                PermissionDenied,
                "invalid credentials"
            );
            refused!(
                send(&old, wanted(world, name, &["elevated-access"])).await,
                PermissionDenied,
                "access denied"
            );
            world.delete_user(name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_made_for_a_time_is_told_as_gone() {
    on_every_store(async |world| {
        let kind = WatchKind {
            kind: "role".to_owned(),
            ..Default::default()
        };
        let mut watch = world.admin.watch(vec![kind], false).await.expect("a stream");
        let mut short = role("short", "allow: {}");
        let until = world.now() + hours(1);
        short
            .metadata
            .get_or_insert_with(types::Metadata::default)
            .expires = Some(wire::convert::timestamp(until));
        world.put_role(short).await.expect("stored");
        world.clock.set(until);
        world.sweep().await;
        let told = [
            watch.next().await.expect("a stream").expect("no end"),
            watch.next().await.expect("a stream").expect("no end"),
        ];
        assert!(matches!(told[0].resource, Some(Resource::Role(_))));
        let Some(Resource::ResourceHeader(header)) = &told[1].resource else {
            panic!("{told:?}");
        };
        assert_eq!(header.metadata.as_ref().expect("metadata").name, "short");
    })
    .await;
}
