//! How a bot finds people, channels and itself.

use serde_json::json;

use crate::world::{Town, World};

const FORBIDDEN: &str = "api.context.permissions.app_error";
const NO_ACCOUNT: &str = "app.user.missing_account.const";
const NO_CHANNEL: &str = "app.channel.get_by_name.missing.app_error";
const NO_TEAM: &str = "app.team.get_by_name.missing.app_error";

#[tokio::test]
async fn a_bot_knows_itself_as_a_bot_and_a_person_has_no_such_key() {
    let town = Town::new().await;
    let me = town.world.get("/users/me", &town.bot.token).await.ok(200).json();
    assert_eq!(me["is_bot"], true);
    assert_eq!(me["email"], json!(town.bot.email));
    assert_eq!(me["first_name"], "Teleport");
    assert_eq!(me["delete_at"], 0);
    let alice = town
        .world
        .get(&format!("/users/{}", town.alice.id), &town.bot.token)
        .await
        .ok(200)
        .json();
    assert!(alice.get("is_bot").is_none());
}

#[tokio::test]
async fn an_email_finds_a_person_in_any_case_even_when_switched_off() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    for email in [
        town.ivan.email.clone(),
        town.ivan.email.to_uppercase(),
        town.ivan.email.replace('@', "%40"),
    ] {
        let found = world.get(&format!("/users/email/{email}"), bot).await.ok(200);
        assert_eq!(found.id(), town.ivan.id);
        assert_eq!(found.json()["delete_at"], 0);
    }
    world
        .get("/users/email/nobody@example.com", bot)
        .await
        .refused(404, NO_ACCOUNT);
    world
        .get("/users/email/nobody", bot)
        .await
        .refused(400, "api.context.invalid_url_param.app_error");
    world
        .delete(&format!("/users/{}", town.ivan.id), &world.admin)
        .await
        .ok(200);
    let gone = world
        .get(&format!("/users/email/{}", town.ivan.email), bot)
        .await
        .ok(200);
    assert!(gone.json()["delete_at"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_name_or_an_id_finds_a_person() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    world
        .get(&format!("/users/username/{}", town.alice.name), bot)
        .await
        .ok(200);
    world
        .get("/users/username/nobody.at.all", bot)
        .await
        .refused(404, "app.user.get_by_username.app_error");
    world
        .get(&format!("/users/{}", "a".repeat(26)), bot)
        .await
        .refused(404, NO_ACCOUNT);
}

#[tokio::test]
async fn hidden_addresses_refuse_the_lookup_by_email_whether_known_or_not() {
    let town = Town::build(World::new().await).await;
    let _alone = town.world.alone().await;
    let (world, bot) = (&town.world, &town.bot.token);
    world
        .set("PrivacySettings", "ShowEmailAddress", json!(false))
        .await;
    let known = world
        .get(&format!("/users/email/{}", town.alice.email), bot)
        .await;
    let unknown = world.get("/users/email/nobody@example.com", bot).await;
    let named = world
        .get(&format!("/users/username/{}", town.alice.name), bot)
        .await;
    world
        .set("PrivacySettings", "ShowEmailAddress", json!(true))
        .await;
    known.refused(403, "api.user.get_user_by_email.permissions.app_error");
    unknown.refused(403, "api.user.get_user_by_email.permissions.app_error");
    assert_eq!(named.ok(200).json()["email"], "");
}

#[tokio::test]
async fn a_team_is_found_by_its_members() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    world
        .get(&format!("/teams/name/{}", town.team_name), bot)
        .await
        .ok(200);
    let (_, other) = world.team().await;
    world
        .get(&format!("/teams/name/{other}"), bot)
        .await
        .refused(403, FORBIDDEN);
    world
        .get("/teams/name/no-such-team", bot)
        .await
        .refused(404, NO_TEAM);
    world
        .get("/teams/name/x", bot)
        .await
        .refused(400, "api.context.invalid_url_param.app_error");
}

#[tokio::test]
async fn a_channel_is_found_by_names_or_one_404_says_nothing_more() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    let path = |team: &str, channel: &str| format!("/teams/name/{team}/channels/name/{channel}");
    let found = world
        .get(&path(&town.team_name, &town.channel_name), bot)
        .await
        .ok(200);
    assert_eq!(found.id(), town.channel);
    assert_eq!(found.json()["type"], "P");

    world
        .get(&path("no-such-team", "x1"), bot)
        .await
        .refused(404, NO_TEAM);
    world
        .get(&path(&town.team_name, "no-such-channel"), bot)
        .await
        .refused(404, NO_CHANNEL);
    let (_, private) = world.channel(&town.team, "P").await;
    world
        .get(&path(&town.team_name, &private), bot)
        .await
        .refused(404, NO_CHANNEL);
    let (_, public) = world.channel(&town.team, "O").await;
    world.get(&path(&town.team_name, &public), bot).await.ok(200);
    let (other_team, other_name) = world.team().await;
    let (_, far) = world.channel(&other_team, "O").await;
    world
        .get(&path(&other_name, &far), bot)
        .await
        .refused(403, FORBIDDEN);

    world
        .delete(&format!("/channels/{}", town.channel), &world.admin)
        .await
        .ok(200);
    let archived = path(&town.team_name, &town.channel_name);
    world.get(&archived, bot).await.refused(404, NO_CHANNEL);
    let found = world
        .get(&format!("{archived}?include_deleted=true"), bot)
        .await
        .ok(200);
    assert!(found.json()["delete_at"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn membership_of_a_channel_can_be_asked_for() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot.token);
    world
        .get(&format!("/channels/{}/members/me", town.channel), bot)
        .await
        .ok(200);
    let (public, _) = world.channel(&town.team, "O").await;
    let answer = world.get(&format!("/channels/{public}/members/me"), bot).await;
    assert!([403, 404].contains(&answer.status), "{}", answer.text);
}

#[tokio::test]
async fn a_direct_channel_is_made_once_and_found_again() {
    let town = Town::new().await;
    let (world, bot) = (&town.world, &town.bot);
    let pair = json!([bot.id, town.ivan.id]);
    let first = world
        .post("/channels/direct", &bot.token, pair.clone())
        .await
        .ok(201);
    let again = world.post("/channels/direct", &bot.token, pair).await.ok(201);
    assert_eq!(first.id(), again.id());
    let body = first.json();
    let mut ids = [bot.id.clone(), town.ivan.id.clone()];
    ids.sort();
    assert_eq!(body["name"], json!(ids.join("__")));
    assert_eq!(
        (&body["type"], &body["team_id"], &body["shared"]),
        (&json!("D"), &json!(""), &json!(false))
    );

    world
        .post(
            "/channels/direct",
            &bot.token,
            json!([town.alice.id, town.ivan.id]),
        )
        .await
        .refused(403, FORBIDDEN);
    world
        .post("/channels/direct", &bot.token, json!([bot.id, "a".repeat(26)]))
        .await
        .refused(400, "api.channel.create_direct_channel.invalid_user.app_error");
    world
        .post("/channels/direct", &bot.token, json!([bot.id, "short"]))
        .await
        .refused(400, "api.context.invalid_body_param.app_error");
    world
        .post("/channels/direct", &bot.token, json!([bot.id]))
        .await
        .ok(201);
}

#[tokio::test]
async fn direct_messages_may_be_kept_within_teams() {
    let town = Town::build(World::new().await).await;
    let _alone = town.world.alone().await;
    let (world, bot) = (&town.world, &town.bot);
    let pair = json!([bot.id, town.ivan.id]);
    let channel = world
        .post("/channels/direct", &bot.token, pair.clone())
        .await
        .ok(201)
        .id();
    let early = world
        .post(
            "/posts",
            &bot.token,
            json!({"channel_id": channel, "message": "before"}),
        )
        .await
        .ok(201)
        .id();
    world
        .set("TeamSettings", "RestrictDirectMessage", json!("team"))
        .await;
    let stranger = world.user("stranger").await;
    let made = world
        .post("/channels/direct", &bot.token, json!([bot.id, stranger.id]))
        .await;
    let posted = world
        .post(
            "/posts",
            &bot.token,
            json!({"channel_id": channel, "message": "x"}),
        )
        .await;
    let patched = world
        .put(
            &format!("/posts/{early}/patch"),
            &bot.token,
            json!({"message": "y"}),
        )
        .await;
    let replaced = world
        .put(
            &format!("/posts/{early}"),
            &bot.token,
            json!({"id": early, "message": "y"}),
        )
        .await;
    let team_mate = world
        .post("/channels/direct", &bot.token, json!([bot.id, town.alice.id]))
        .await;
    world
        .set("TeamSettings", "RestrictDirectMessage", json!("any"))
        .await;
    made.refused(
        403,
        "api.channel.create_channel.direct_channel.team_restricted_error",
    );
    posted.refused(400, "api.post.create_post.can_not_post_in_restricted_dm.error");
    patched.refused(
        400,
        "api.post.patch_post.can_not_update_post_in_restricted_dm.error",
    );
    replaced.refused(
        400,
        "api.post.update_post.can_not_update_post_in_restricted_dm.error",
    );
    team_mate.ok(201);
}

#[tokio::test]
async fn bots_are_made_by_administrators_and_their_tokens_need_a_description() {
    let town = Town::new().await;
    let world = &town.world;
    let named = |name: &str| json!({"username": name, "display_name": "x"});
    world
        .post("/bots", &town.bot.token, named(&World::fresh("bot")))
        .await
        .refused(403, FORBIDDEN);
    world
        .post("/bots", &town.alice.token, named(&World::fresh("bot")))
        .await
        .refused(403, FORBIDDEN);
    world
        .post("/bots", &world.admin, named(&town.bot.name))
        .await
        .refused(400, "app.user.save.username_exists.app_error");
    world
        .post("/bots", &world.admin, named("no good!"))
        .await
        .refused(400, "model.bot.is_valid.username.app_error");
    let tokens = format!("/users/{}/tokens", town.bot.id);
    world
        .post(&tokens, &world.admin, json!({"description": ""}))
        .await
        .refused(400, "api.context.invalid_body_param.app_error");
    assert_eq!(
        world
            .post(&tokens, &town.bot.token, json!({"description": "x"}))
            .await
            .status,
        403
    );
    let (channel, _) = world.channel(&town.team, "P").await;
    world
        .post(
            &format!("/channels/{channel}/members"),
            &world.admin,
            json!({"user_id": town.ivan.id}),
        )
        .await
        .refused(404, "app.team.get_member.missing.app_error");
}

#[tokio::test]
async fn a_wrong_password_is_a_401_of_its_own() {
    let town = Town::new().await;
    town.world
        .post(
            "/users/login",
            "",
            json!({"login_id": town.alice.name, "password": "wrong"}),
        )
        .await
        .refused(401, "api.user.login.invalid_credentials_email_username");
}
