//! The program at work: what it does when told to stop, when others are away, and when it is given new credentials.

use jiff::SignedDuration;
use mattermost_stand_in::{Fault, Rule};

use crate::teleport::{Wanted, approve, ask};
use crate::world::World;

#[tokio::test]
async fn a_request_appears_and_a_signal_ends_it_well() {
    for signal in ["TERM", "INT"] {
        let world = World::new().await;
        let program = world.start_with(&world.config(), &["-d"], &[]);
        program.says("Plugin is ready").await;
        let id = ask(&world.people.bob, Wanted::default()).await;
        world.until_says(&id, "⏳ PENDING").await;
        approve(&world.people.alice, &id, "one").await;
        approve(&world.people.ivan, &id, "two").await;
        world.until_says(&id, "✅ APPROVED").await;
        program.signal(signal);
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("Successfully shut down"),
            "{}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("`auth_server` is an old name"),
            "{}",
            ended.stderr
        );
        assert!(
            !ended.stderr.contains(&world.bot.token),
            "the token is in the log"
        );
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_end() {
    let world = World::new().await;
    let program = world.start(&world.config());
    program.says("Plugin is ready").await;
    world
        .chat
        .inject(Rule::times(1, Fault::DelayBefore(std::time::Duration::from_secs(2))).on("POST", "/posts"));
    let id = ask(&world.people.bob, Wanted::default()).await;
    let noted = async {
        while world.teleport.notes(&id).await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), noted)
        .await
        .expect("begun");
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0));
    assert_eq!(world.posts_about(&id).len(), 1);
    assert!(world.teleport.notes(&id).await.contains_key("messages"));
}

#[tokio::test]
async fn others_may_be_away_for_a_while() {
    let mut world = World::new().await;
    let mut program = world.start(&world.config());
    program.says("Plugin is ready").await;
    world.chat.inject(Rule::always(Fault::unavailable()));
    let id = ask(&world.people.bob, Wanted::default()).await;
    program.says("answers 503").await;
    world.teleport.restart().await;
    program.says("the cluster is back").await;
    assert!(program.is_running());
    world.chat.clear_faults();
    world.until_says(&id, "PENDING").await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn an_end_that_nobody_asked_for_has_an_exit_code() {
    let world = World::new().await;
    let fails_fast = world.start_with(&world.config(), &[], &[("TELEPORT_PLUGIN_FAIL_FAST", "true")]);
    fails_fast.says("Plugin is ready").await;
    world.teleport.stop().await;
    let ended = fails_fast.ended().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("ERROR: the connection to the cluster was lost"),
        "{}",
        ended.stderr
    );

    let mut world = World::new().await;
    let refused = world.start(&world.config());
    refused.says("Plugin is ready").await;
    world
        .teleport
        .apply("kind: role\nversion: v7\nmetadata:\n  name: access-plugin\nspec:\n  allow: {}\n")
        .await;
    world.teleport.restart().await;
    let ended = refused.ended().await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("no longer lets the plugin watch access requests"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);

    let world = World::new().await;
    let unreadable = world.start_with(&world.config(), &[], &[("TELEPORT_PLUGIN_FAIL_FAST", "perhaps")]);
    let ended = unreadable.ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("TELEPORT_PLUGIN_FAIL_FAST"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn credentials_are_exchanged_while_it_runs() {
    let world = World::new().await;
    world.write("token", &format!("{}\n", world.bot.token));
    let config = world
        .config()
        .replace(
            &format!("token = \"{}\"", world.bot.token),
            &format!("token = \"{}\"", world.path("token").display()),
        )
        .replace(
            "refresh_identity = true",
            "refresh_identity = true\nrefresh_identity_interval = \"50ms\"",
        );
    let program = world.start(&config);
    program.says("Plugin is ready").await;
    world.sign_identity(SignedDuration::from_hours(20)).await;
    program.says("identity renewed").await;
    let id = ask(&world.people.bob, Wanted::default()).await;
    world.until_says(&id, "PENDING").await;

    // The file is read again when the server refuses what was read before.
    let next = world.chat.create_token(&world.bot.user_id);
    world.write("token", &next);
    world.chat.revoke_token(&world.bot.token_id);
    let id = ask(&world.people.bob, Wanted::default()).await;
    world.until_says(&id, "PENDING").await;
    assert!(
        program.stderr().contains("the Mattermost token was exchanged"),
        "{}",
        program.stderr()
    );
    assert!(!program.stderr().contains(&next), "the token is in the log");

    program.signal("HUP");
    program.says("identity and token were read again").await;
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn the_log_goes_where_the_file_says() {
    let world = World::new().await;
    let log = world.path("plugin.log");
    let config = world
        .config()
        .replace("output = \"stderr\"", &format!("output = \"{}\"", log.display()))
        .replace("\"INFO\"", "\"warn\"");
    world.write("plugin.log", "what was there before\n");
    let program = world.start(&config);
    let id = ask(&world.people.bob, Wanted::default()).await;
    world.until_says(&id, "PENDING").await;
    program.signal("TERM");
    let ended = program.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let written = std::fs::read_to_string(&log).expect("a log");
    assert!(written.starts_with("what was there before\n"), "{written}");
    assert!(written.contains("WARN") && !written.contains("INFO"), "{written}");
}

#[tokio::test]
async fn https_is_verified_and_plain_http_needs_no_authorities() {
    let world = World::new().await;
    let port = world
        .chat
        .url()
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let (address, authority) = world.teleport.https_before(port).await;
    world.write("authority.pem", &authority);
    let (trusted, nothing) = (world.path("authority.pem"), world.path("nothing"));
    world.write("nothing", "");
    let (trusted, nothing) = (
        trusted.to_str().expect("a path"),
        nothing.to_str().expect("a path"),
    );
    let https = world
        .config()
        .replace(world.chat.url(), &format!("https://{address}"));

    let good = world.start_with(&https, &[], &[("SSL_CERT_FILE", trusted)]);
    good.says("Plugin is ready").await;
    let id = ask(&world.people.bob, Wanted::default()).await;
    world.until_says(&id, "PENDING").await;
    good.signal("TERM");
    assert_eq!(good.ended().await.code, Some(0));

    let stranger = world.start(&https).ended().await;
    assert_eq!(stranger.code, Some(1), "{}", stranger.stderr);
    assert!(stranger.stderr.contains("certificate"), "{}", stranger.stderr);
    assert!(
        stranger
            .stderr
            .contains("hint: the server's certificate must be valid"),
        "{}",
        stranger.stderr
    );

    let bare = [("SSL_CERT_FILE", nothing), ("SSL_CERT_DIR", "/nowhere")];
    let plain = world.start_with(&world.config(), &[], &bare);
    plain.says("Plugin is ready").await;
    plain.signal("TERM");
    assert_eq!(plain.ended().await.code, Some(0));
}
