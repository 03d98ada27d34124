//! New posts, threads, history and search.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{Town, World};

const FORBIDDEN: &str = "api.context.permissions.app_error";

#[tokio::test]
async fn a_post_comes_back_with_every_key() {
    let town = Town::new().await;
    let post = town
        .world
        .post(
            "/posts?set_online=false",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": "hello #tag1 word", "props": {"our_key": "7"},
                "user_id": town.alice.id, "create_at": 5}),
        )
        .await
        .ok(201)
        .json();
    for key in [
        "id",
        "create_at",
        "update_at",
        "edit_at",
        "delete_at",
        "is_pinned",
        "user_id",
        "channel_id",
        "root_id",
        "original_id",
        "message",
        "type",
        "props",
        "hashtags",
        "file_ids",
        "pending_post_id",
        "remote_id",
        "reply_count",
        "last_reply_at",
        "participants",
        "metadata",
    ] {
        assert!(post.get(key).is_some(), "`{key}` in {post}");
    }
    assert!(post.get("has_reactions").is_none());
    assert_eq!(post["user_id"], json!(town.bot.id));
    assert_eq!(post["props"], json!({"our_key": "7", "from_bot": "true"}));
    assert_eq!(post["hashtags"], "#tag1");
    assert_eq!(post["id"].as_str().unwrap().len(), 26);
    assert!(post["create_at"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(post["edit_at"], 0);
}

#[tokio::test]
async fn a_bot_cannot_deny_being_one() {
    let town = Town::new().await;
    let post = town
        .world
        .post(
            "/posts",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": "x",
                "props": {"from_bot": "false", "override_username": "root"}}),
        )
        .await
        .ok(201)
        .json();
    assert_eq!(
        post["props"],
        json!({"from_bot": "true", "override_username": "root"})
    );
}

#[tokio::test]
async fn every_channel_out_of_reach_is_the_same_403() {
    let town = Town::new().await;
    let (public, _) = town.world.channel(&town.team, "O").await;
    for channel in ["", "short", &"a".repeat(26), &public] {
        town.world
            .post(
                "/posts",
                &town.bot.token,
                json!({"channel_id": channel, "message": "x"}),
            )
            .await
            .refused(403, FORBIDDEN);
    }
    town.world
        .post("/posts", &town.bot.token, json!({"message": "x"}))
        .await
        .refused(403, FORBIDDEN);
}

#[tokio::test]
async fn length_is_counted_in_characters() {
    let town = Town::new().await;
    for mark in ["x", "é", "🙂"] {
        let message = mark.repeat(16_383);
        town.world
            .post(
                "/posts",
                &town.bot.token,
                json!({"channel_id": town.channel, "message": message}),
            )
            .await
            .ok(201);
        town.world
            .post(
                "/posts",
                &town.bot.token,
                json!({"channel_id": town.channel, "message": format!("{message}x")}),
            )
            .await
            .refused(400, "model.post.is_valid.message_length.app_error");
    }
    town.post("").await;
}

#[tokio::test]
async fn an_id_in_a_new_post_is_refused() {
    let town = Town::new().await;
    town.world
        .post(
            "/posts",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": "x", "id": "a".repeat(26)}),
        )
        .await
        .refused(400, "app.post.save.existing.app_error");
}

#[tokio::test]
async fn an_archived_channel_takes_no_posts_and_no_changes() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let post = town.post("before").await;
    world
        .delete(&format!("/channels/{}", town.channel), &world.admin)
        .await
        .ok(200);
    world
        .post("/posts", bot, json!({"channel_id": town.channel, "message": "x"}))
        .await
        .refused(400, "api.post.create_post.can_not_post_to_deleted.error");
    world
        .put(&format!("/posts/{post}/patch"), bot, json!({"message": "y"}))
        .await
        .refused(400, "api.post.patch_post.can_not_update_post_in_deleted.error");
    world
        .put(
            &format!("/posts/{post}"),
            bot,
            json!({"id": post, "message": "y"}),
        )
        .await
        .refused(400, "api.post.update_post.can_not_update_post_in_deleted.error");
    world
        .delete(&format!("/posts/{post}"), bot)
        .await
        .refused(400, "api.post.delete_post.can_not_delete_post_in_deleted.error");
    assert!(
        world
            .get(&format!("/channels/{}", town.channel), bot)
            .await
            .ok(200)
            .json()["delete_at"]
            .as_i64()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn a_reply_needs_a_living_root_in_its_own_channel() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let root = town.post("root").await;
    let reply =
        |channel: &str, root: &str| json!({"channel_id": channel, "root_id": root, "message": "reply"});
    let first = world
        .post("/posts", bot, reply(&town.channel, &root))
        .await
        .ok(201)
        .id();
    world
        .post("/posts", bot, reply(&town.channel, &root))
        .await
        .ok(201);
    let gone = town.post("gone").await;
    world.delete(&format!("/posts/{gone}"), bot).await.ok(200);
    for bad in [first.as_str(), &"a".repeat(26), "short", &gone] {
        world
            .post("/posts", bot, reply(&town.channel, bad))
            .await
            .refused(400, "api.post.create_post.root_id.app_error");
    }
    let (other, _) = world.channel(&town.team, "P").await;
    world
        .post(
            &format!("/channels/{other}/members"),
            &world.admin,
            json!({"user_id": town.bot.id}),
        )
        .await
        .ok(201);
    world
        .post("/posts", bot, reply(&other, &root))
        .await
        .refused(400, "api.post.create_post.channel_root_id.app_error");

    assert_eq!(
        world.get(&format!("/posts/{root}"), bot).await.ok(200).json()["reply_count"],
        2
    );
    let thread = world
        .get(&format!("/posts/{root}/thread"), bot)
        .await
        .ok(200)
        .json();
    let order = thread["order"].as_array().unwrap();
    assert_eq!((order.len(), &order[0]), (3, &json!(root)));
}

#[tokio::test]
async fn the_same_pending_id_gives_the_first_post_whatever_else_is_sent() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let pending = World::fresh("pending");
    let body = json!({"channel_id": town.channel, "message": "first", "pending_post_id": pending});
    let first = world.post("/posts", bot, body.clone()).await.ok(201);
    let again = world.post("/posts", bot, body).await.ok(201);
    assert_eq!(first.id(), again.id());
    assert_eq!(again.json()["pending_post_id"], "");
    assert!(again.json().get("metadata").is_none());

    let (other, _) = world.channel(&town.team, "P").await;
    for user in [&town.bot, &town.alice] {
        world
            .post(
                &format!("/channels/{other}/members"),
                &world.admin,
                json!({"user_id": user.id}),
            )
            .await
            .ok(201);
    }
    let elsewhere = world
        .post(
            "/posts",
            &town.alice.token,
            json!({"channel_id": other, "message": "second", "pending_post_id": pending}),
        )
        .await
        .ok(201);
    assert_eq!(elsewhere.id(), first.id());
    assert_eq!(elsewhere.json()["channel_id"], json!(town.channel));

    let refused = World::fresh("pending");
    world
        .post(
            "/posts",
            bot,
            json!({"channel_id": town.channel, "message": "x".repeat(20_000), "pending_post_id": refused}),
        )
        .await
        .ok(400);
    world
        .post(
            "/posts",
            bot,
            json!({"channel_id": town.channel, "message": "short", "pending_post_id": refused}),
        )
        .await
        .ok(201);
}

#[tokio::test]
async fn the_same_pending_id_at_once_makes_one_post() {
    let town = Town::new().await;
    let pending = World::fresh("pending");
    let body = json!({"channel_id": town.channel, "message": "one", "pending_post_id": pending});
    let answers = join_all((0..8).map(|_| town.world.post("/posts", &town.bot.token, body.clone()))).await;
    let mut ids: Vec<String> = Vec::new();
    for answer in answers {
        match answer.status {
            201 => ids.push(answer.id()),
            _ => answer.refused(500, "api.post.deduplicate_create_post.pending"),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn only_roots_have_a_priority() {
    let town = Town::new().await;
    let root = town.post("root").await;
    let with = |priority: Value, root: &str| json!({"channel_id": town.channel, "message": "x", "root_id": root, "metadata": {"priority": priority}});
    let bot = &town.bot.token;
    town.world
        .post("/posts", bot, with(json!({"priority": "urgent"}), ""))
        .await
        .ok(201);
    town.world
        .post("/posts", bot, with(json!({"priority": "whatever"}), ""))
        .await
        .ok(201);
    town.world
        .post("/posts", bot, with(json!({"priority": "urgent"}), &root))
        .await
        .refused(
            400,
            "api.post.post_priority.priority_post_only_allowed_for_root_post.request_error",
        );
    town.world
        .post(
            "/posts",
            bot,
            with(json!({"priority": "urgent", "requested_ack": true}), ""),
        )
        .await
        .refused(501, "license_error.feature_unavailable");
}

#[tokio::test]
async fn reading_needs_membership_and_a_living_post() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let post = town.post("x").await;
    world
        .get(&format!("/posts/{post}"), &town.ivan.token)
        .await
        .refused(403, FORBIDDEN);
    let etag = world
        .get(&format!("/posts/{post}"), bot)
        .await
        .ok(200)
        .header("etag");
    assert!(etag.unwrap().starts_with(&format!("11.6.0.{post}.")));
    world.delete(&format!("/posts/{post}"), bot).await.ok(200);
    for path in [format!("/posts/{post}"), format!("/posts/{post}/thread")] {
        world.get(&path, bot).await.refused(404, "app.post.get.app_error");
    }
    world
        .get(&format!("/posts/{post}?include_deleted=true"), bot)
        .await
        .refused(403, FORBIDDEN);
    world
        .delete(&format!("/posts/{post}"), bot)
        .await
        .refused(404, "app.post.get.app_error");
}

#[tokio::test]
async fn history_is_newest_first_and_paged() {
    let town = Town::new().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(town.post(&format!("post {number}")).await);
    }
    ids.reverse();
    let path = format!("/channels/{}/posts", town.channel);
    let order = |answer: crate::world::Answer| -> Vec<String> {
        answer.json()["order"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect()
    };
    let first = order(
        town.world
            .get(&format!("{path}?per_page=2"), &town.bot.token)
            .await,
    );
    let second = order(
        town.world
            .get(&format!("{path}?per_page=2&page=1"), &town.bot.token)
            .await,
    );
    assert_eq!([first, second].concat(), ids[..4]);
    town.world
        .get(&path, &town.ivan.token)
        .await
        .refused(403, FORBIDDEN);
}

#[tokio::test]
async fn history_since_shows_deleted_posts_and_earlier_versions_without_their_text() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let first = town.post("first").await;
    let since = world.get(&format!("/posts/{first}"), bot).await.json()["update_at"]
        .as_i64()
        .unwrap();
    let edited = town.post("version one").await;
    world
        .put(
            &format!("/posts/{edited}/patch"),
            bot,
            json!({"message": "version two"}),
        )
        .await
        .ok(200);
    let deleted = town.post("deleted").await;
    world.delete(&format!("/posts/{deleted}"), bot).await.ok(200);
    let list = world
        .get(&format!("/channels/{}/posts?since={since}", town.channel), bot)
        .await
        .ok(200)
        .json();
    let posts = list["posts"].as_object().unwrap();
    assert!(!posts.contains_key(&first));
    assert_eq!(posts[&edited]["message"], "version two");
    assert_eq!(posts[&deleted]["message"], "");
    assert!(posts[&deleted]["delete_at"].as_i64().unwrap() > 0);
    let earlier = posts
        .values()
        .find(|post| post["original_id"] == json!(edited))
        .unwrap();
    assert_eq!(earlier["message"], "");
    assert!(earlier["delete_at"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn the_search_finds_words_but_neither_ids_nor_props() {
    let town = Town::new().await;
    let uuid = "01a20725-e7ac-7289-8a06-d7f7fdb0c41e";
    town.world
        .post(
            "/posts",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": format!("zebra {uuid}"), "props": {"q": "antelope"}}),
        )
        .await
        .ok(201);
    let search = |terms: String| {
        let path = format!("/teams/{}/posts/search", town.team);
        let body = json!({"terms": terms, "is_or_search": false});
        let (world, token) = (&town.world, &town.bot.token);
        async move {
            let answer = world.post(&path, token, body).await;
            (
                answer.status,
                answer.json()["order"].as_array().map_or(0, Vec::len),
            )
        }
    };
    assert_eq!(
        search(format!("zebra in:{} from:{}", town.channel_name, town.bot.name)).await,
        (200, 1)
    );
    assert_eq!(search(uuid.to_owned()).await, (200, 0));
    assert_eq!(search(format!("\"{uuid}\"")).await, (200, 0));
    assert_eq!(search("antelope".to_owned()).await, (200, 0));
    assert_eq!(search(String::new()).await.0, 400);
}
