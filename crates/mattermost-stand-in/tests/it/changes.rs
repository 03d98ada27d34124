//! Changes to posts: the full update, the patch, and who may make them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Town, World};

const FORBIDDEN: &str = "api.context.permissions.app_error";
const TOO_LATE: &str = "api.post.update_post.permissions_time_limit.app_error";

async fn dressed(town: &Town) -> String {
    let bot = &town.bot.token;
    let post = town
        .world
        .post(
            "/posts",
            bot,
            json!({"channel_id": town.channel, "message": "text", "props": {"ours": "1"}}),
        )
        .await
        .ok(201)
        .id();
    town.world
        .post(&format!("/posts/{post}/pin"), bot, json!({}))
        .await
        .ok(200);
    town.world
        .post(
            "/reactions",
            &town.alice.token,
            json!({"user_id": town.alice.id, "post_id": post, "emoji_name": "smile"}),
        )
        .await
        .ok(200);
    post
}

async fn read(town: &Town, post: &str) -> Value {
    town.world
        .get(&format!("/posts/{post}"), &town.bot.token)
        .await
        .ok(200)
        .json()
}

#[tokio::test]
async fn a_full_update_takes_away_pin_reactions_and_props() {
    let town = Town::new().await;
    let post = dressed(&town).await;
    let before = read(&town, &post).await;
    assert_eq!(
        (&before["is_pinned"], &before["has_reactions"]),
        (&json!(true), &json!(true))
    );
    let put = format!("/posts/{post}");
    let bot = &town.bot.token;
    let same = town
        .world
        .put(
            &put,
            bot,
            json!({"id": post, "message": "text", "root_id": "", "props": null}),
        )
        .await
        .ok(200)
        .json();
    assert_eq!(same["props"], json!({}));
    assert_eq!(same["is_pinned"], false);
    assert!(same.get("has_reactions").is_none());
    assert_eq!(same["edit_at"], 0);
    assert!(same["update_at"].as_i64() > before["update_at"].as_i64());

    let other = town
        .world
        .put(&put, bot, json!({"id": post, "message": "other"}))
        .await
        .ok(200)
        .json();
    assert_eq!(other["edit_at"], other["update_at"]);
    town.world
        .put(&put, bot, json!({"id": post, "message": ""}))
        .await
        .ok(200);
    for bad in [
        json!({"message": "x"}),
        json!({"id": "a".repeat(26), "message": "x"}),
    ] {
        town.world
            .put(&put, bot, bad)
            .await
            .refused(400, "api.context.invalid_body_param.app_error");
    }
}

#[tokio::test]
async fn a_patch_keeps_what_it_does_not_name() {
    let town = Town::new().await;
    let post = dressed(&town).await;
    let path = format!("/posts/{post}/patch");
    let bot = &town.bot.token;
    let same = town
        .world
        .put(&path, bot, json!({"message": "text"}))
        .await
        .ok(200)
        .json();
    assert_eq!(same["edit_at"], 0);
    let other = town
        .world
        .put(&path, bot, json!({"message": "other"}))
        .await
        .ok(200)
        .json();
    assert_eq!(other["props"], json!({"ours": "1", "from_bot": "true"}));
    assert_eq!(
        (&other["is_pinned"], &other["has_reactions"]),
        (&json!(true), &json!(true))
    );
    assert!(other["edit_at"].as_i64().unwrap() > 0);
    town.world.put(&path, bot, json!({})).await.ok(200);
    let props = town
        .world
        .put(&path, bot, json!({"props": {"new": "2"}}))
        .await
        .ok(200)
        .json();
    assert_eq!(props["props"], json!({"new": "2"}));
    assert_eq!(props["message"], "other");
    town.world
        .put(&path, bot, json!({"message": "x".repeat(16_384)}))
        .await
        .refused(400, "model.post.is_valid.message_length.app_error");
}

#[tokio::test]
async fn changing_what_is_gone_or_foreign_or_out_of_reach_is_403() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let own = town.post("own").await;
    let gone = town.post("gone").await;
    world.delete(&format!("/posts/{gone}"), bot).await.ok(200);
    let foreign = world
        .post(
            "/posts",
            &town.alice.token,
            json!({"channel_id": town.channel, "message": "alice's"}),
        )
        .await
        .ok(201)
        .id();
    let change = |post: String| async move {
        [
            world
                .put(&format!("/posts/{post}/patch"), bot, json!({"message": "x"}))
                .await,
            world
                .put(
                    &format!("/posts/{post}"),
                    bot,
                    json!({"id": post, "message": "x"}),
                )
                .await,
        ]
    };
    for post in [gone, foreign, "a".repeat(26)] {
        for answer in change(post).await {
            answer.refused(403, FORBIDDEN);
        }
    }
    world
        .delete(
            &format!("/channels/{}/members/{}", town.channel, town.bot.id),
            &world.admin,
        )
        .await
        .ok(200);
    for answer in change(own).await {
        answer.refused(403, FORBIDDEN);
    }
}

#[tokio::test]
async fn posting_everywhere_does_not_allow_changing_everywhere() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    world
        .put(
            &format!("/users/{}/roles", town.bot.id),
            &world.admin,
            json!({"roles": "system_user system_post_all"}),
        )
        .await
        .ok(200);
    let (channel, _) = world.channel(&town.team, "P").await;
    let post = world
        .post("/posts", bot, json!({"channel_id": channel, "message": "x"}))
        .await
        .ok(201)
        .id();
    world
        .put(&format!("/posts/{post}/patch"), bot, json!({"message": "y"}))
        .await
        .refused(403, FORBIDDEN);
    world
        .get(&format!("/posts/{post}"), bot)
        .await
        .refused(403, FORBIDDEN);
}

#[tokio::test]
async fn after_the_time_limit_the_text_stays_as_it_is() {
    let town = Town::build(World::new().await).await;
    let _alone = town.world.alone().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let post = town.post("text").await;
    world.set("ServiceSettings", "PostEditTimeLimit", json!(1)).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let patch = format!("/posts/{post}/patch");
    let answers = [
        world.put(&patch, bot, json!({"message": "other"})).await,
        world.put(&patch, bot, json!({"message": "text"})).await,
        world
            .put(
                &format!("/posts/{post}"),
                bot,
                json!({"id": post, "message": "other"}),
            )
            .await,
    ];
    let props = world.put(&patch, bot, json!({"props": {"a": "b"}})).await;
    let same = world
        .put(
            &format!("/posts/{post}"),
            bot,
            json!({"id": post, "message": "text"}),
        )
        .await;
    world.set("ServiceSettings", "PostEditTimeLimit", json!(-1)).await;
    for answer in answers {
        answer.refused(400, TOO_LATE);
    }
    props.ok(200);
    same.ok(200);
}

#[tokio::test]
async fn reactions_are_ones_own_and_have_known_names() {
    let town = Town::new().await;
    let (world, alice) = (&town.world, &town.alice);
    let post = town.post("x").await;
    let react = |user: &str, emoji: &str| json!({"user_id": user, "post_id": post, "emoji_name": emoji});
    let first = world
        .post("/reactions", &alice.token, react(&alice.id, "+1"))
        .await
        .ok(200)
        .json();
    assert_eq!(first["channel_id"], json!(town.channel));
    world
        .post("/reactions", &alice.token, react(&alice.id, "+1"))
        .await
        .ok(200);
    world
        .post("/reactions", &alice.token, react(&town.bot.id, "+1"))
        .await
        .refused(403, "api.reaction.save_reaction.user_id.app_error");
    world
        .post("/reactions", &alice.token, react(&alice.id, "no_such_emoji"))
        .await
        .refused(404, "app.emoji.get_by_name.no_result");
    let remove = format!("/users/{}/posts/{post}/reactions/+1", alice.id);
    world.delete(&remove, &alice.token).await.ok(200);
}

#[tokio::test]
async fn deleting_a_root_hides_its_thread() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let root = town.post("root").await;
    let reply = world
        .post(
            "/posts",
            bot,
            json!({"channel_id": town.channel, "root_id": root, "message": "reply"}),
        )
        .await
        .ok(201)
        .id();
    world.delete(&format!("/posts/{root}"), bot).await.ok(200);
    world
        .get(&format!("/posts/{reply}"), bot)
        .await
        .refused(404, "app.post.get.app_error");
}
