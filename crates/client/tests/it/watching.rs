//! Lists in pages and watches that come back.

use std::sync::Arc;
use std::time::Duration;

use access::ambient::SeededEntropy;
use client::watch::{Feed, Told};
use futures::TryStreamExt as _;
use tonic::Code;
use transport::Drain;
use wire::pb::proto::{Event, ListAccessRequestsRequest, Operation, event};
use wire::pb::types::{Metadata, ResourceHeader, WatchKind};

use crate::world::{World, listen_at};

fn kind(name: &str) -> WatchKind {
    WatchKind {
        kind: name.to_owned(),
        ..WatchKind::default()
    }
}

fn deleted(name: &str) -> Event {
    let metadata = Some(Metadata {
        name: name.to_owned(),
        ..Metadata::default()
    });
    let header = ResourceHeader {
        kind: "access_request".to_owned(),
        metadata,
        ..ResourceHeader::default()
    };
    Event {
        r#type: Operation::Delete.into(),
        resource: Some(event::Resource::ResourceHeader(header)),
    }
}

fn name_of(event: &Event) -> &str {
    match &event.resource {
        Some(event::Resource::ResourceHeader(header)) => header
            .metadata
            .as_ref()
            .map(|metadata| metadata.name.as_str())
            .unwrap_or_default(),
        _ => "",
    }
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let world = World::new();
    let running = world.run().await;
    let cluster = world
        .connect(world.identity("bob"), &running.auth)
        .await
        .expect("connected");
    let names: Vec<String> = cluster
        .access_requests(ListAccessRequestsRequest::default())
        .map_ok(|request| {
            request
                .metadata
                .as_ref()
                .map(|m| m.name.clone())
                .unwrap_or_default()
        })
        .try_collect()
        .await
        .expect("listed");
    assert_eq!(
        names,
        [
            "request-0-0",
            "request-0-1",
            "request-1-0",
            "request-1-1",
            "request-2-0",
            "request-2-1"
        ]
    );
}

#[tokio::test]
async fn a_watch_stands_before_it_is_given_out() {
    let world = World::new();
    let running = world.run().await;
    let cluster = world
        .connect(world.identity("bob"), &running.proxy)
        .await
        .expect("connected");
    let mut watch = cluster
        .watch(vec![kind("access_request")], false)
        .await
        .expect("stands");
    assert_eq!(
        watch
            .confirmed()
            .iter()
            .map(|kind| kind.kind.as_str())
            .collect::<Vec<_>>(),
        ["access_request"]
    );
    running.events.send(deleted("one")).expect("somebody watches");
    let event = watch.next().await.expect("a change").expect("not ended");
    assert_eq!(name_of(&event), "one");
}

#[tokio::test]
async fn a_feed_comes_back_and_says_when_to_list() {
    let world = World::new();
    let running = world.run().await;
    let cluster = world
        .connect(world.identity("bob"), &running.auth)
        .await
        .expect("connected");
    let entropy = Arc::new(SeededEntropy::new(1));
    let mut feed = Feed::new(cluster, vec![kind("access_request")], true, entropy);
    assert!(matches!(feed.next().await, Ok(Told::Begun { confirmed }) if confirmed.len() == 1));
    running.events.send(deleted("one")).expect("somebody watches");
    assert!(matches!(feed.next().await, Ok(Told::Changed(event)) if name_of(&event) == "one"));

    running.drain.finish(Duration::ZERO).await;
    assert!(matches!(feed.next().await, Ok(Told::Lost(_))));
    // Nobody there yet: it goes on trying, and says so.
    assert!(matches!(feed.next().await, Ok(Told::Lost(status)) if status.code() == Code::Unavailable));
    let again = Drain::new();
    let at = format!("127.0.0.1:{}", running.auth.port())
        .parse()
        .expect("an address");
    listen_at(at, Arc::clone(&running.auth_target), &again).await;
    loop {
        match feed.next().await.expect("never final") {
            Told::Begun { .. } => break,
            Told::Lost(_) => {}
            Told::Changed(event) => panic!("{event:?}"),
        }
    }
    running.events.send(deleted("two")).expect("somebody watches");
    assert!(matches!(feed.next().await, Ok(Told::Changed(event)) if name_of(&event) == "two"));
}

#[tokio::test]
async fn a_refusal_ends_the_feed() {
    let world = World::new();
    let running = world.run().await;
    let cluster = world
        .connect(world.identity("bob"), &running.auth)
        .await
        .expect("connected");
    let mut feed = Feed::new(
        cluster,
        vec![kind("forbidden")],
        false,
        Arc::new(SeededEntropy::new(1)),
    );
    let status = feed.next().await.expect_err("refused");
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, "access denied")
    );
}
