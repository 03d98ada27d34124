//! The guide "Dual Authorization", command by command, as it is printed.

use std::fs;

use e2e::{Chat, Outcome, Person, Plugin, guide, people};

use crate::certificates;
use crate::world::World;

#[test]
#[allow(clippy::cognitive_complexity, reason = "the guide has this many steps")]
fn the_guide_works_as_printed() {
    let world = World::empty();
    let cluster = &world.cluster;
    let chat = Chat::start();

    // Prerequisites: the cluster's version, and an administrator who is signed in.
    let mut admin = Person::invited(cluster, "admin@example.com", "access,editor,auditor");
    let version = format!(
        "curl -s https://{}/v1/webapi/find | jq -r '.server_version'",
        cluster.proxy()
    );
    assert_eq!(admin.shell(&version).succeeded().stdout, "18.0.0\n");
    let signed_in = admin.login(&[]).succeeded();
    assert!(
        signed_in.says("Logged in as:       admin@example.com"),
        "{signed_in}"
    );
    let status = admin.tctl(&["status"]).succeeded();
    assert!(
        status.says("teleport.example.com") && status.says("sha256:"),
        "{status}"
    );
    assert_eq!(
        status.lines().last(),
        Some(&"Two persons for rule changes: off"),
        "{status}"
    );

    // Step 1: the plugin's role and user.
    for name in [
        "access-plugin.yaml",
        "access-plugin-impersonator.yaml",
        "dual-authorization-roles.yaml",
    ] {
        fs::copy(guide::document(name), admin.home().join(name)).expect("a copy");
    }
    let created = admin.shell("tctl create -f access-plugin.yaml").succeeded();
    assert_eq!(
        created.lines(),
        [
            "role \"access-plugin\" has been created",
            "user \"access-plugin\" has been created",
            "role \"list-access-request-resources\" has been created",
        ]
    );
    let created = admin
        .shell("tctl create -f access-plugin-impersonator.yaml")
        .succeeded();
    assert_eq!(
        created.lines(),
        ["role \"access-plugin-impersonator\" has been created"]
    );

    // Without the right to impersonate there is no identity.
    let refused = admin
        .shell("tctl auth sign --user=access-plugin --out=identity")
        .failed();
    assert!(refused.says("access denied"), "{refused}");
    assert!(!admin.home().join("identity").exists());

    let updated = admin
        .shell(
            "ROLES=$(tsh status -f json | jq -r '.active.roles | join(\",\")')\n\
             tctl users update $(tsh status -f json | jq -r '.active.username') \
             --set-roles \"${ROLES?},access-plugin-impersonator\"",
        )
        .succeeded();
    assert!(
        updated.says("User admin@example.com has been updated:"),
        "{updated}"
    );
    let _ = admin.tsh(&["logout"]).succeeded();
    let _ = admin.login(&[]).succeeded();
    assert_eq!(
        admin.roles(),
        ["access", "access-plugin-impersonator", "auditor", "editor"]
    );
    let signed = admin
        .shell("tctl auth sign --user=access-plugin --out=identity")
        .succeeded();
    assert!(
        signed
            .lines()
            .contains(&"The credentials have been written to identity"),
        "{signed}"
    );

    // The plugin, with the guide's configuration and the proxy's address.
    let version = admin.shell("teleport-mattermost version").succeeded();
    assert!(
        version.stdout.starts_with("teleport-mattermost v18.0.0 git:"),
        "{version}"
    );
    let _ = admin
        .shell("teleport-mattermost configure > teleport-mattermost.toml")
        .succeeded();
    let identity = admin.home().join("identity");
    let mut plugin = Plugin::start_with(cluster, &chat, &identity, &cluster.proxy());

    // Step 2: roles and people.
    let created = admin
        .shell("tctl create dual-authorization-roles.yaml")
        .succeeded();
    assert_eq!(
        created.lines(),
        ["dbreviewer", "devops", "elevated-access"].map(|role| format!("role \"{role}\" has been created"))
    );
    let [mut bob, mut alice, mut ivan] = guide::PEOPLE.map(|(name, roles)| {
        let added = admin
            .shell(&format!("tctl users add {name} --roles={roles}"))
            .succeeded();
        assert!(
            added.says(&format!(
                "User \"{name}\" has been created but requires a password."
            )),
            "{added}"
        );
        let mut person = Person::new(cluster, name);
        let _ = person.accept(&people::link_in(&added.stdout)).succeeded();
        person
    });
    for person in [&mut bob, &mut alice, &mut ivan] {
        let _ = person.login(&[]).succeeded();
    }
    assert_eq!(bob.roles(), ["devops"]);

    // Bob asks and waits.
    let mut waiting = bob.ask_and_wait(&[
        "--reviewers=alice@example.com,ivan@example.com",
        "--reason=incident 42",
    ]);
    let id = waiting.id.clone();
    let post = chat.until("a message about the request", |chat| chat.about(&id).pop());
    assert!(
        post.message.contains("bob@example.com") && post.message.contains("elevated-access"),
        "{post:?}"
    );

    let listed = alice.tsh(&["request", "list"]).succeeded();
    assert!(listed.says(&id) && listed.says("PENDING"), "{listed}");

    // One approval is not enough.
    let approve = |person: &Person| {
        person.shell(&format!(
            "tsh request review --approve --reason=\"looks right\" {id}"
        ))
    };
    let first = approve(&alice).succeeded();
    assert!(
        first
            .stderr
            .contains("Successfully submitted review.  Request state: PENDING"),
        "{first}"
    );
    let replies = chat.until("a reply about Alice's review", |chat| {
        Some(chat.replies(&post)).filter(|replies| !replies.is_empty())
    });
    assert!(replies[0].message.contains("alice@example.com"), "{replies:?}");
    assert!(waiting.still_waits());
    assert_eq!(bob.roles(), ["devops"]);
    certificates::carries(&bob, &["devops"], &[]);
    let early = bob.tsh(&["request", "show", &id]).succeeded();
    assert!(early.says("PENDING"), "{early}");

    // The second one is.
    let second = approve(&ivan).succeeded();
    assert!(
        second
            .stderr
            .contains("Successfully submitted review.  Request state: APPROVED"),
        "{second}"
    );
    let waited: Outcome = waiting.outcome().succeeded();
    assert!(waited.stderr.contains("Approval received"), "{waited}");
    assert!(waited.says("Active requests:"), "{waited}");
    assert_eq!(bob.roles(), ["devops", "elevated-access"]);
    certificates::carries(&bob, &["devops", "elevated-access"], &["root"]);
    chat.until("the message to say how it ended", |chat| {
        chat.about(&id)
            .pop()
            .filter(|post| post.edited && post.message.contains("APPROVED"))
    });
    let posts = chat.posts();
    assert_eq!(
        posts.iter().filter(|post| post.root_id.is_empty()).count(),
        1,
        "{posts:#?}"
    );
    assert_eq!(
        chat.replies(&post)
            .iter()
            .filter(|r| r.message.contains("@example.com"))
            .count(),
        2,
        "{posts:#?}"
    );

    // The role goes when Bob lets it go.
    let _ = bob.tsh(&["request", "drop"]).succeeded();
    assert_eq!(bob.roles(), ["devops"]);
    assert_eq!(plugin.stop(), Some(0), "{}", plugin.log_text());
}

#[test]
fn one_denial_ends_it_and_bob_learns_why() {
    let world = World::new();
    let [bob, alice, ivan] = world.people();
    let waiting = bob.ask_and_wait(&["--reason=curiosity"]);
    let id = waiting.id.clone();
    let denied = alice
        .tsh(&["request", "review", "--deny", "--reason=not today", &id])
        .succeeded();
    assert!(denied.stderr.contains("Request state: DENIED"), "{denied}");
    let waited = waiting.outcome().failed();
    assert!(waited.says("DENIED") && waited.says("not today"), "{waited}");
    let late = ivan.tsh(&["request", "review", "--approve", &id]).failed();
    assert!(late.says("denied"), "{late}");
    assert_eq!(bob.roles(), ["devops"]);
}

#[test]
fn the_long_session_of_the_guide_is_asked_for_in_minutes() {
    let world = World::empty();
    let role =
        "kind: role\nversion: v7\nmetadata:\n  name: long\nspec:\n  options:\n    max_session_ttl: 1001h\n";
    let _ = world.cluster.tctl_reading(&["create"], role).succeeded();
    let mut carol = Person::invited(&world.cluster, "carol@example.com", "long");
    let signed_in = carol.login(&["--ttl=60060"]).succeeded();
    assert!(signed_in.says("valid for 1001h0m0s"), "{signed_in}");
}
