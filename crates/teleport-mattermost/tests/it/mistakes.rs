//! Everything that can be wrong at the start: a message of its own, what to do, an exit code, and nothing changed.

use jiff::SignedDuration;
use mattermost_stand_in::{Fault, Rule};

use crate::teleport::Teleport;
use crate::world::{Running, World};

/// Runs with `config`, and holds the end to what people need.
async fn refused(world: &World, config: &str, message: &str, hint: &str) {
    let ended = world.fails(config).await;
    let said = &ended.stderr;
    assert_eq!(ended.code, Some(1), "{said}");
    let error = said.find("ERROR: ").unwrap_or_else(|| panic!("no error\n{said}"));
    let error = &said[error..];
    assert!(error.contains(message), "{error}\nexpected: {message}");
    let hinted = error.split_once("\nhint: ").map_or("", |(_, hint)| hint);
    assert!(hinted.contains(hint), "{error}\nexpected: {hint}");
    assert_eq!(ended.stdout, "");
    assert!(world.chat.posts(&world.channel).is_empty());
}

#[tokio::test]
async fn mistakes_in_the_file_are_named_with_their_line() {
    let world = World::new().await;
    let good = world.config();
    let missing = Running::new(&["start", "-c", "/nowhere/at/all.toml"], &[])
        .ended()
        .await;
    assert_eq!(missing.code, Some(1));
    assert!(
        missing
            .stderr
            .contains("cannot read the configuration file `/nowhere/at/all.toml`"),
        "{}",
        missing.stderr
    );
    for (from, to, message) in [
        (
            "channel = ",
            "chanel = ",
            "line 8, column 1: unknown key `chanel` in `[mattermost]`; did you mean `channel`?",
        ),
        ("[log]", "[log", "line 11, column "),
        (
            "severity = \"INFO\"",
            "severity = \"LOUD\"",
            "line 13, column 12: `LOUD` is no severity",
        ),
        (
            "refresh_identity = true",
            "refresh_identity = \"yes\"",
            "line 4, column 20: `refresh_identity` must be true or false",
        ),
        (
            "team-name",
            "Town Square",
            "line 8, column 11: `Town Square/channel-name` is no recipient",
        ),
        ("http://", "ftp://", "line 6, column 7: `url` is wrong: "),
        (
            "auth_server = \"127",
            "auth_server = \"bad host:127",
            "line 2, column 15 of the configuration file: ",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        refused(&world, &good.replacen(from, to, 1), message, "").await;
    }
}

#[tokio::test]
async fn mistakes_on_the_side_of_mattermost() {
    let world = World::new().await;
    let good = world.config();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    refused(
        &world,
        &with(&world.bot.token, "wrong-token"),
        "Mattermost does not accept the bot's token",
        "make a new token",
    )
    .await;
    refused(
        &world,
        &with("\"channel-name\"", "\"other\""),
        "there is no channel `other` in the team `team-name`",
        "/invite @teleport",
    )
    .await;
    refused(
        &world,
        &with("\"team-name\"", "\"other\""),
        "there is no team `other` on http://127.0.0.1",
        "not its display name",
    )
    .await;
    refused(
        &world,
        &with(
            &format!("token = \"{}\"", world.bot.token),
            "token = \"/nowhere/token\"",
        ),
        "cannot read the Mattermost token from `/nowhere/token`",
        "path of a file",
    )
    .await;
    refused(
        &world,
        &with(world.chat.url(), "http://127.0.0.1:1"),
        "cannot reach http://127.0.0.1:1",
        "check `url`",
    )
    .await;
    refused(
        &world,
        &with(world.chat.url(), &format!("http://{}", world.teleport.address())),
        "no answer from",
        "leads to Mattermost",
    )
    .await;
    world.chat.inject(Rule::always(Fault::unavailable()));
    refused(&world, &good, "answers 503", "start the plugin again").await;
    world.chat.clear_faults();
    world.chat.leave_channel(&world.channel, &world.bot.user_id);
    refused(
        &world,
        &good,
        "the bot `teleport` is not in the channel `team-name/channel-name`",
        "/invite @teleport",
    )
    .await;
    world.chat.archive_channel(&world.channel);
    refused(
        &world,
        &good,
        "the channel `team-name/channel-name` is archived",
        "unarchive it",
    )
    .await;
}

#[tokio::test]
async fn mistakes_on_the_side_of_the_cluster() {
    let world = World::new().await;
    let good = world.config();
    let address = world.teleport.address().to_string();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    refused(
        &world,
        &with(&address, "127.0.0.1:1"),
        "cannot reach the cluster `teleport.example.com`",
        "",
    )
    .await;
    let chat = world.chat.url().trim_start_matches("http://").to_owned();
    refused(&world, &with(&address, &chat), "cannot reach the cluster", "").await;

    world.write("garbage", "not an identity");
    let identity = world.path("identity").display().to_string();
    let garbage = world.path("garbage").display().to_string();
    refused(
        &world,
        &with(&identity, &garbage),
        "cannot be read",
        "tctl auth sign",
    )
    .await;
    refused(
        &world,
        &with(&identity, "/nowhere/identity"),
        "`/nowhere/identity` does not exist",
        "tctl auth sign",
    )
    .await;

    // Signed half an hour ago for ten minutes.
    world.sign_identity(SignedDuration::from_mins(10)).await;
    refused(&world, &good, "expired at", "tctl auth sign").await;
    world.sign_identity(SignedDuration::from_hours(24)).await;

    // The same names, and another cluster's keys.
    let other = Teleport::start().await;
    refused(
        &world,
        &with(&address, &other.address().to_string()),
        "teleport.example.com",
        "",
    )
    .await;

    world
        .teleport
        .apply(
            "kind: role\nversion: v7\nmetadata:\n  name: access-plugin\nspec:\n  allow:\n    rules:\n    - resources: \
             [access_request]\n      verbs: [list, read]\n",
        )
        .await;
    refused(
        &world,
        &good,
        "the user `access-plugin` may not keep notes beside access requests (its roles: access-plugin)",
        "access_plugin_data",
    )
    .await;
}
