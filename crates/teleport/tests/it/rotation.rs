//! The keys of the authorities are exchanged while everything runs: an Auth Service, a proxy on another host, people who
//! connect all the time, and a stream that stays open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use access::ambient::SeededEntropy;
use client::watch::{Feed, Told};
use client::{Cluster, Connect, Destination, Identity, IdentityHandle};
use transport::Address;
use wire::pb::proto::PingRequest;
use wire::pb::teleport::trust::v1::RotateCertAuthorityRequest;
use wire::pb::types::WatchKind;

use crate::edges::{Auth, TOKEN, admin_of};
use crate::world::{World, clock};

/// What a proxy says whose identity has followed.
const FOLLOWED: &str = "The identity of this host was exchanged.";

fn connect(identity: Identity, address: Address) -> Connect {
    Connect {
        identity: IdentityHandle::new(identity),
        destination: Destination::Addresses(vec![address]),
        insecure: true,
        clock: clock(),
        program: "test",
    }
}

async fn rotate(auth: &Auth, kind: &str, phase: &str) {
    let admin = admin_of(&auth.world.data());
    let (admin, _) = Cluster::connect(connect(admin, Address::from(auth.server.auth())))
        .await
        .unwrap_or_else(|error| panic!("{kind} {phase}: {error}"));
    let request = RotateCertAuthorityRequest {
        r#type: kind.to_owned(),
        target_phase: phase.to_owned(),
        mode: "manual".to_owned(),
        ..RotateCertAuthorityRequest::default()
    };
    let stepped = admin.trust().rotate_cert_authority(request).await;
    stepped.unwrap_or_else(|status| panic!("{kind} {phase}: {}", status.message()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_cut_off_while_authorities_are_exchanged() {
    let auth = Auth::start().await;
    let data = auth.world.data();
    let edge_world = World::new();
    let file = edge_world.edge(auth.server.auth());
    let pin = format!("--ca-pin={}", auth.pin);
    let mut edge = edge_world.start_with(&file, &[&format!("--token={TOKEN}"), &pin]);
    let doors = [Address::from(auth.server.auth()), Address::from(edge.web())];

    // People who connect anew, straight and through the proxy, with what lies on the disk at that moment.
    let (stop, arrived) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let people = doors.clone().map(|door| {
        let (data, stop, arrived) = (data.clone(), Arc::clone(&stop), Arc::clone(&arrived));
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                // An identity may be exchanged between the reading and the greeting: then it is read again, once.
                if Cluster::connect(connect(admin_of(&data), door.clone()))
                    .await
                    .is_err()
                {
                    let again = Cluster::connect(connect(admin_of(&data), door.clone())).await;
                    if let Err(error) = again {
                        panic!("cut off at {door}: {error}");
                    }
                }
                arrived.fetch_add(1, Ordering::SeqCst);
            }
        })
    });
    // A program that holds a stream, and reads its identity anew as it changes.
    let handle = IdentityHandle::new(admin_of(&data));
    let read = {
        let data = data.clone();
        move || Ok(admin_of(&data))
    };
    tokio::spawn(
        handle
            .clone()
            .keep_fresh(Duration::from_millis(20), clock(), read),
    );
    let holder = Cluster::lazy(Connect {
        identity: handle,
        ..connect(admin_of(&data), doors[0].clone())
    });
    let kinds = vec![WatchKind {
        kind: "cert_authority".to_owned(),
        ..WatchKind::default()
    }];
    let mut feed = Feed::new(
        holder.clone(),
        kinds,
        false,
        Arc::new(SeededEntropy::named("feed")),
    );
    let news = async |feed: &mut Feed| loop {
        match feed.next().await.expect("a stream is never refused for good") {
            Told::Begun { .. } => return "begun",
            Told::Changed(_) => return "changed",
            Told::Lost(_) => {}
        }
    };
    assert_eq!(news(&mut feed).await, "begun");

    for kind in ["host", "user"] {
        for phase in ["init", "update_clients", "update_servers", "standby"] {
            rotate(&auth, kind, phase).await;
            if kind == "host" && phase != "update_clients" {
                edge.wait_for(FOLLOWED);
            }
            let seen = news(&mut feed).await;
            assert!(seen == "changed" || phase == "standby", "{kind} {phase}: {seen}");
            holder
                .auth()
                .ping(PingRequest {})
                .await
                .expect("the program's next call");
            // Everybody has come in at least once since.
            let before = arrived.load(Ordering::SeqCst);
            while arrived.load(Ordering::SeqCst) < before + 4 {
                assert!(
                    people.iter().all(|person| !person.is_finished()),
                    "{kind} {phase}: somebody was cut off"
                );
                tokio::task::yield_now().await;
            }
            if kind == "host" && phase == "standby" {
                // What was lost with the old keys comes back by itself.
                holder
                    .auth()
                    .ping(PingRequest {})
                    .await
                    .expect("the program's next call");
            }
        }
    }
    stop.store(true, Ordering::SeqCst);
    for person in people {
        person.await.expect("nobody was cut off");
    }
    let (status, rest, _) = edge.stop();
    assert!(status.success(), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_was_off_during_a_whole_rotation_has_to_join_again() {
    let auth = Auth::start().await;
    let world = World::new();
    let file = world.edge(auth.server.auth());
    let token = format!("--token={TOKEN}");
    let edge = world.start_with(&file, &[&token, &format!("--ca-pin={}", auth.pin)]);
    let _ = edge.stop();
    for phase in ["init", "update_clients", "update_servers", "standby"] {
        rotate(&auth, "host", phase).await;
    }
    // The pin is another one now, and the old identity believes nobody who is there.
    let mut command = world.teleport(&["start", "-c", file.to_str().expect("a path")]);
    let mut off = crate::world::Server::spawn_unready(&mut command);
    off.wait_for("The cluster cannot be asked yet");
    drop(off);
    std::fs::remove_file(world.data().join("proc/proxy")).expect("removed");
    let pin = format!("--ca-pin={}", auth.pin_now().await);
    let again = world.start_with(&file, &[&token, &pin]);
    let _ = again.stop();
}
