//! Programs come and go; nothing is lost and nothing is said twice.

use std::process::Command;

use e2e::{Chat, Outcome, Plugin};

use crate::world::World;

#[test]
fn what_was_acknowledged_is_there_after_a_power_cut() {
    let mut world = World::new();
    let [bob, alice, ivan] = world.people();
    let id = bob.ask("elevated-access", "the night shift");
    let _ = alice.tsh(&["request", "review", "--approve", &id]).succeeded();
    world.cluster.kill();
    world.cluster.run();
    let shown = bob.tsh(&["request", "show", &id]).succeeded();
    assert!(
        shown.says("alice@example.com") && shown.says("PENDING"),
        "{shown}"
    );
    let twice = alice.tsh(&["request", "review", "--approve", &id]).failed();
    assert!(twice.says("has already reviewed this request"), "{twice}");
    let second = ivan.tsh(&["request", "review", "--approve", &id]).succeeded();
    assert!(second.stderr.contains("Request state: APPROVED"), "{second}");
    let _ = bob.tsh(&["login", &format!("--request-id={id}")]).succeeded();
    assert_eq!(bob.roles(), ["devops", "elevated-access"]);
    world.cluster.stop();
}

#[test]
fn bob_goes_on_waiting_while_the_cluster_restarts() {
    let mut world = World::new();
    let [bob, alice, ivan] = world.people();
    let mut waiting = bob.ask_and_wait(&["--reason=maintenance"]);
    let id = waiting.id.clone();
    let _ = alice.tsh(&["request", "review", "--approve", &id]).succeeded();
    world.cluster.stop();
    world.cluster.run();
    assert!(waiting.still_waits());
    let _ = ivan.tsh(&["request", "review", "--approve", &id]).succeeded();
    let waited = waiting.outcome().succeeded();
    assert!(waited.says("elevated-access"), "{waited}");
}

#[test]
fn the_plugin_misses_nothing_and_says_nothing_twice() {
    let mut world = World::new();
    let [bob, alice, ivan] = world.people();
    let chat = Chat::start();
    let before = bob.ask("elevated-access", "made before the plugin ran");
    let mut plugin = Plugin::start(&world.cluster, &chat);
    chat.until("the request from before", |chat| chat.about(&before).pop());

    // The plugin is down while one is reviewed and another made.
    plugin.kill();
    let _ = alice
        .tsh(&["request", "review", "--approve", &before])
        .succeeded();
    let _ = ivan.tsh(&["request", "review", "--approve", &before]).succeeded();
    let during = bob.ask("elevated-access", "made while the plugin was down");
    plugin.run(&world.cluster);
    chat.until("the request from meanwhile", |chat| chat.about(&during).pop());
    chat.until("the end of the first request", |chat| {
        chat.about(&before)
            .pop()
            .filter(|post| post.message.contains("APPROVED"))
    });

    // The cluster is down and comes back; the plugin finds it again.
    world.cluster.stop();
    world.cluster.run();
    let after = bob.ask("elevated-access", "made after the cluster came back");
    chat.until("the request from after", |chat| chat.about(&after).pop());
    assert_eq!(plugin.ended(), None, "{}", plugin.log_text());
    for id in [&before, &during, &after] {
        assert_eq!(chat.about(id).len(), 1, "{:#?}", chat.posts());
    }
    assert_eq!(
        chat.replies(&chat.about(&before)[0])
            .iter()
            .filter(|r| r.message.contains("@example.com"))
            .count(),
        2
    );
    assert_eq!(plugin.stop(), Some(0), "{}", plugin.log_text());
}

#[test]
fn a_second_server_on_the_same_data_directory_is_refused() {
    let world = World::empty();
    let text = std::fs::read_to_string(world.cluster.configuration()).expect("written");
    let second = world.folder.path().join("second.yaml");
    let other = text
        .replace(
            &world.cluster.auth().replace("localhost", "127.0.0.1"),
            "127.0.0.1:0",
        )
        .replace(
            &world.cluster.proxy().replace("localhost", "127.0.0.1"),
            "127.0.0.1:0",
        );
    std::fs::write(&second, other).expect("written");
    let mut command: Command = world.cluster.programs().command("teleport");
    command.args(["start", "-c"]).arg(&second);
    let refused = Outcome::of(&mut command, "").failed();
    assert!(refused.says("is already in use by process"), "{refused}");
    // The first one has not noticed.
    let _ = world.cluster.tctl(&["status"]).succeeded();
}
