//! Locks: what each target shuts out, what ends while it runs, and that nobody else notices.

use std::time::Duration;

use bytes::Bytes;
use client::Cluster;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;
use tonic::{Code, Status, Streaming};
use transport::names;
use wire::convert::timestamp;
use wire::keep::Kept;
use wire::pb::countersign::v1 as ours;
use wire::pb::proto::{self, Event, Operation};
use wire::pb::types::{self, LockTarget, Metadata};

use crate::calls::connect;
use crate::flaws::{Flaw, attack};
use crate::people::{Person, approve, ask, lock, lock_user, refusal, role};
use crate::refused;
use crate::world::{HOST, World, hours, on_every_store, seconds};

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream of what happens to access requests: all of them, or one's own.
async fn watch(by: &Cluster, user: Option<&str>) -> Result<Streaming<Event>, Status> {
    let kind = types::WatchKind {
        kind: "access_request".to_owned(),
        filter: user
            .map(|user| ("user".to_owned(), user.to_owned()))
            .into_iter()
            .collect(),
        ..Default::default()
    };
    let asked = proto::Watch {
        kinds: vec![kind],
        ..Default::default()
    };
    let mut stream = by.auth().watch_events(asked).await?.into_inner();
    let first = stream.message().await?.expect("no end");
    assert_eq!(first.r#type, Operation::Init as i32);
    Ok(stream)
}

/// What a stream says next.
async fn next(stream: &mut Streaming<Event>) -> Result<Event, Status> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    Ok(message
        .expect("the stream says something in time")?
        .expect("no end"))
}

async fn unlock(by: &Cluster, name: &str) {
    let request = proto::DeleteLockRequest {
        name: name.to_owned(),
    };
    by.auth().delete_lock(request).await.expect("unlocked");
}

async fn ping(by: &Cluster) -> Result<(), Status> {
    by.auth().ping(proto::PingRequest {}).await.map(|_| ())
}

/// An HTTP/2 connection of `whose`, on which something was asked; ends when the connection does.
async fn connection(world: &World, whose: &Cluster) -> JoinHandle<()> {
    let credentials = whose.identity().current().credentials().clone();
    let stream = connect(world, Some(credentials), names::H2).await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    let running = tokio::spawn(async move {
        let _ = connection.await;
    });
    let request = http::Request::post("https://teleport.cluster.local/proto.AuthService/Ping")
        .header(http::header::CONTENT_TYPE, "application/grpc")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    sender.send_request(request).await.expect("an answer");
    // The connection stays open as long as somebody may send on it.
    tokio::spawn(async move {
        let _sender = sender;
        std::future::pending::<()>().await;
    });
    running
}

async fn ends(connection: JoinHandle<()>) {
    tokio::time::timeout(PATIENCE, connection)
        .await
        .expect("the connection ends")
        .expect("without a panic");
}

async fn device_of(person: &Person) -> String {
    let devices = person
        .cluster
        .auth()
        .get_mfa_devices(proto::GetMfaDevicesRequest::default())
        .await
        .expect("an answer")
        .into_inner()
        .devices;
    devices.into_iter().next().expect("a device").id
}

async fn look_at(world: &World, session: &ours::WebSession) -> Result<(), Status> {
    let asked = ours::GetWebSessionRequest {
        user: session.user.clone(),
        id: session.id.clone(),
        bearer_token: session.bearer_token.clone(),
    };
    world.proxy.sign_in().get_web_session(asked).await.map(|_| ())
}

#[tokio::test]
async fn e01_a_stream_ends_the_moment_its_reader_is_locked() {
    // The lock is forgotten.
    attack(Flaw::forgets("locks"), "the stream goes on", async |world| {
        let cast = world.cast().await;
        let mut stream = watch(&cast.bob.cluster, Some(&cast.bob.name))
            .await
            .expect("a stream");
        world.bend();
        lock_user(&world.admin, world, &cast.bob.name)
            .await
            .expect("locked");
        // Something to tell, for a stream that goes on.
        let theirs = crate::people::wanted(world, &cast.bob.name, &["elevated-access"]);
        crate::people::send(&world.admin, theirs)
            .await
            .expect("a request");
        let told = next(&mut stream).await;
        assert!(told.is_err(), "the stream goes on");
        refused!(
            told,
            PermissionDenied,
            "lock targeting User:\"bob@example.com\" is in force"
        );
    })
    .await;
}

#[tokio::test]
async fn streams_and_connections_of_the_locked_end_and_those_of_others_go_on() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        world.apply(crate::people::PLUGIN).await;
        let plugin = world
            .sign_as(&world.admin, "access-plugin", hours(8))
            .await
            .expect("a certificate");
        let mut of_plugin = watch(&plugin, None).await.expect("a stream");
        let mut of_admin = watch(&world.admin, None).await.expect("a stream");
        let mut of_bob = watch(&cast.bob.cluster, Some(&cast.bob.name))
            .await
            .expect("a stream");
        let connection_of_plugin = connection(world, &plugin).await;
        let connection_of_bob = connection(world, &cast.bob.cluster).await;

        let name = lock_user(&world.admin, world, "access-plugin")
            .await
            .expect("locked");
        let text = "lock targeting User:\"access-plugin\" is in force";
        refused!(next(&mut of_plugin).await, PermissionDenied, text);
        ends(connection_of_plugin).await;

        ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        for other in [&mut of_admin, &mut of_bob] {
            assert_eq!(next(other).await.expect("an event").r#type, Operation::Put as i32);
        }
        assert!(!connection_of_bob.is_finished());
        connection_of_bob.abort();

        refused!(watch(&plugin, None).await, PermissionDenied, text);
        unlock(&world.admin, &name).await;
        watch(&plugin, None).await.expect("a stream, as before");
    })
    .await;
}

#[tokio::test]
async fn whatever_a_certificate_carries_can_be_locked_and_ends_its_streams() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let id = ask(world, &cast.bob.cluster, &["elevated-access"]).await;
        for reviewer in [&cast.alice, &cast.ivan] {
            approve(&reviewer.cluster, &id).await.expect("a review");
        }
        let elevated = world
            .assume(&cast.bob.cluster, &[&id])
            .await
            .expect("a certificate");
        let admin = format!("{HOST}.{}", crate::world::CLUSTER);
        let signed = world
            .sign_as(&world.admin, &cast.alice.name, hours(1))
            .await
            .expect("a certificate");
        let none = LockTarget::default;
        for (target, who, told) in [
            (
                LockTarget {
                    role: "devops".to_owned(),
                    ..none()
                },
                &elevated,
                "Role:\"devops\"".to_owned(),
            ),
            (
                LockTarget {
                    role: "elevated-access".to_owned(),
                    user: cast.bob.name.clone(),
                    ..none()
                },
                &elevated,
                "User:\"bob@example.com\"".to_owned(),
            ),
            (
                LockTarget {
                    access_request: id.clone(),
                    ..none()
                },
                &elevated,
                format!("AccessRequest:{id:?}"),
            ),
            (
                LockTarget {
                    user: admin.clone(),
                    ..none()
                },
                &signed,
                format!("User:{admin:?}"),
            ),
        ] {
            let name = who.identity().current().user().to_owned();
            let mut stream = watch(who, Some(&name)).await.expect("a stream");
            let lock = lock(&world.admin, world, target).await.expect("locked");
            let text = format!("lock targeting {told} is in force");
            refused!(next(&mut stream).await, PermissionDenied, text.clone());
            refused!(ping(who).await, PermissionDenied, text);
            if told.starts_with("Access") {
                ping(&cast.bob.cluster)
                    .await
                    .expect("the request is locked, not bob");
                assert_eq!(
                    refusal(world.assume(&cast.bob.cluster, &[&id]).await).0,
                    Code::PermissionDenied
                );
            }
            unlock(&world.admin, &lock).await;
            ping(who).await.expect("no longer locked");
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_can_be_locked_and_a_user_lets_it_in_again() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let of_proxy = connection(world, &world.proxy).await;
        let target = LockTarget {
            server_id: HOST.to_owned(),
            ..Default::default()
        };
        let name = lock(&cast.editor.cluster, world, target).await.expect("locked");
        ends(of_proxy).await;
        let text = format!("lock targeting ServerID:{HOST:?} is in force");
        refused!(ping(&world.proxy).await, PermissionDenied, text.clone());
        refused!(ping(&world.admin).await, PermissionDenied, text);
        unlock(&cast.editor.cluster, &name).await;
        ping(&world.proxy).await.expect("let in again");
    })
    .await;
}

#[tokio::test]
async fn a_lock_ends_when_it_says_so() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let lock = types::LockV2 {
            metadata: Some(Metadata {
                name: world.uuid(),
                ..Metadata::default()
            }),
            spec: Some(types::LockSpecV2 {
                target: Some(LockTarget {
                    user: cast.bob.name.clone(),
                    ..Default::default()
                }),
                expires: Some(timestamp(world.now() + hours(1))),
                ..Default::default()
            }),
            ..Default::default()
        };
        world
            .admin
            .auth()
            .upsert_lock(Kept::from(lock))
            .await
            .expect("locked");
        assert_eq!(refusal(ping(&cast.bob.cluster).await).0, Code::PermissionDenied);
        world.clock.advance(hours(1) - seconds(1));
        assert_eq!(refusal(ping(&cast.bob.cluster).await).0, Code::PermissionDenied);
        world.clock.advance(seconds(1));
        ping(&cast.bob.cluster).await.expect("the lock is over");
        watch(&cast.bob.cluster, Some(&cast.bob.name))
            .await
            .expect("a stream");
    })
    .await;
}

#[tokio::test]
async fn e01_a_locked_login_is_in_no_certificate() {
    // Locks are not seen.
    attack(
        Flaw::blind_for("locks"),
        "the locked login is in it",
        async |world| {
            world
                .put_role(role("shell", "allow: {logins: [root, ubuntu]}"))
                .await
                .expect("stored");
            let carol = world.person("carol@example.com", &["shell"]).await;
            let logins = |cluster: &Cluster| {
                let identity = cluster.identity().current();
                let principals = identity.certified().principals.iter();
                principals
                    .filter(|login| !login.starts_with('-'))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            assert_eq!(logins(&carol.cluster), ["root", "ubuntu"]);
            let on = |user: &str, login: &str| LockTarget {
                user: user.to_owned(),
                login: login.to_owned(),
                ..Default::default()
            };
            lock(&world.admin, world, on("dora@example.com", "ubuntu"))
                .await
                .expect("locked");
            let name = lock(&world.admin, world, on("", "root")).await.expect("locked");
            world.bend();

            let renewed = world.certificate(&carol.cluster, |_, _| {}).await;
            assert_eq!(
                logins(&renewed.expect("a certificate")),
                ["ubuntu"],
                "the locked login is in it"
            );
            assert_eq!(logins(&world.again(&carol).await), ["ubuntu"]);
            let signed = world.sign_as(&world.admin, &carol.name, hours(1)).await;
            assert_eq!(logins(&signed.expect("a certificate")), ["ubuntu"]);

            let both = lock(&world.admin, world, on(&carol.name, "ubuntu"))
                .await
                .expect("locked");
            let bare = world.again(&carol).await;
            assert_eq!(logins(&bare), [""; 0]);
            ping(&bare).await.expect("a login is for servers");
            for name in [&name, &both] {
                unlock(&world.admin, name).await;
            }
            assert_eq!(logins(&world.again(&carol).await), ["root", "ubuntu"]);
        },
    )
    .await;
}

#[tokio::test]
async fn who_gets_a_certificate_without_a_login_is_told() {
    on_every_store(async |world| {
        world
            .put_role(role("shell", "allow: {logins: [root]}"))
            .await
            .expect("stored");
        let carol = world.person("carol@example.com", &["shell"]).await;
        let target = LockTarget {
            login: "root".to_owned(),
            ..Default::default()
        };
        lock(&world.admin, world, target).await.expect("locked");
        let key = carol_key();
        let asked = proto::UserCertsRequest {
            username: carol.name.clone(),
            tls_public_key: key.into(),
            ..Default::default()
        };
        let answer = carol
            .cluster
            .auth()
            .generate_user_certs(asked)
            .await
            .expect("a certificate");
        let warnings: Vec<String> = answer
            .metadata()
            .get_all_bin(auth::call::WARNING_HEADER)
            .iter()
            .map(|warning| String::from_utf8_lossy(&warning.to_bytes().expect("base64")).into_owned())
            .collect();
        assert_eq!(
            warnings,
            ["the login \"root\" is locked; the certificate is without it"]
        );
    })
    .await;
}

fn carol_key() -> Vec<u8> {
    let entropy = access::ambient::SeededEntropy::named("carol");
    let key = pki::KeyPair::generate(pki::Algorithm::P256, &entropy).expect("a key");
    key.public().to_ssh_line().into_bytes()
}

#[tokio::test]
async fn e01_a_stolen_authenticator_signs_nobody_in_once_it_is_locked() {
    // Locks are not seen.
    attack(
        Flaw::blind_for("locks"),
        "the call was not refused",
        async |world| {
            let cast = world.cast().await;
            let session = world.web_session(&cast.alice).await;
            let of_ivan = world.web_session(&cast.ivan).await;
            let device = device_of(&cast.alice).await;
            let target = LockTarget {
                mfa_device: device.clone(),
                ..Default::default()
            };
            lock(&world.admin, world, target).await.expect("locked");
            world.bend();
            let text = format!("lock targeting MFADevice:{device:?} is in force");
            let alice = &cast.alice;
            let tried = world.sign_in(&alice.name, &alice.password, &alice.seed).await;
            refused!(tried.map(|_| ()), PermissionDenied, text.clone());
            // The session that was opened with it, too.
            refused!(look_at(world, &session).await, PermissionDenied, text);
            look_at(world, &of_ivan).await.expect("another's session goes on");
            world.again(&cast.ivan).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_session_of_the_browser_ends_with_what_it_carries() {
    on_every_store(async |world| {
        let cast = world.cast().await;
        let session = world.web_session(&cast.alice).await;
        let of_bob = world.web_session(&cast.bob).await;
        for (target, told) in [
            (
                LockTarget {
                    user: cast.alice.name.clone(),
                    ..Default::default()
                },
                "User:\"alice@example.com\"",
            ),
            (
                LockTarget {
                    role: "dbreviewer".to_owned(),
                    ..Default::default()
                },
                "Role:\"dbreviewer\"",
            ),
        ] {
            let name = lock(&world.admin, world, target).await.expect("locked");
            let text = format!("lock targeting {told} is in force");
            refused!(look_at(world, &session).await, PermissionDenied, text);
            look_at(world, &of_bob).await.expect("another's session goes on");
            unlock(&world.admin, &name).await;
            look_at(world, &session).await.expect("no longer locked");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_can_hit_nobody_says_so() {
    on_every_store(async |world| {
        let lock = types::LockV2 {
            metadata: Some(Metadata {
                name: world.uuid(),
                ..Metadata::default()
            }),
            spec: Some(types::LockSpecV2 {
                target: Some(LockTarget {
                    windows_desktop: "d1".to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let answer = world
            .admin
            .auth()
            .upsert_lock(Kept::from(lock))
            .await
            .expect("stored");
        assert_eq!(
            answer
                .metadata()
                .get_all_bin(auth::call::WARNING_HEADER)
                .iter()
                .count(),
            1
        );
    })
    .await;
}
