//! Tokens, errors and headers.

use serde_json::json;

use crate::world::{Town, World};

const EXPIRED: &str = "api.context.session_expired.app_error";

#[tokio::test]
async fn a_token_that_is_missing_wrong_or_out_of_force_is_one_and_the_same_401() {
    let town = Town::new().await;
    let world = &town.world;
    world
        .raw("GET", "/users/me", &[], String::new())
        .await
        .unwrap()
        .refused(401, EXPIRED);
    world.get("/users/me", "nonsense").await.refused(401, EXPIRED);

    let made = world
        .post(
            &format!("/users/{}/tokens", town.bot.id),
            &world.admin,
            json!({"description": "second"}),
        )
        .await
        .ok(200)
        .json();
    let (token, token_id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    world.get("/users/me", token).await.ok(200);
    for (verb, status) in [("disable", 401), ("enable", 200), ("revoke", 401)] {
        world
            .post(
                &format!("/users/tokens/{verb}"),
                &world.admin,
                json!({"token_id": token_id}),
            )
            .await
            .ok(200);
        assert_eq!(world.get("/users/me", token).await.status, status, "after {verb}");
    }
    for (verb, status) in [("disable", 401), ("enable", 200)] {
        world
            .post(&format!("/bots/{}/{verb}", town.bot.id), &world.admin, json!({}))
            .await
            .ok(200);
        assert_eq!(
            world.get("/users/me", &town.bot.token).await.status,
            status,
            "bot {verb}"
        );
    }
}

#[tokio::test]
async fn the_scheme_is_bearer_or_token_in_any_case() {
    let town = Town::new().await;
    for scheme in ["Bearer", "BEARER", "bearer", "Token"] {
        town.world
            .raw(
                "GET",
                "/users/me",
                &[("authorization", &format!("{scheme} {}", town.bot.token))],
                String::new(),
            )
            .await
            .unwrap()
            .ok(200);
    }
    town.world
        .raw(
            "GET",
            &format!("/users/me?access_token={}", town.bot.token),
            &[],
            String::new(),
        )
        .await
        .unwrap()
        .refused(401, "api.context.token_provided.app_error");
}

#[tokio::test]
async fn an_error_has_five_keys_and_the_request_id_of_its_header() {
    let world = World::new().await;
    let answer = world.get("/users/me", "nonsense").await;
    let body = answer.json();
    let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["id", "message", "detailed_error", "request_id", "status_code"]
    );
    assert_eq!(
        body["request_id"].as_str(),
        answer.header("x-request-id").as_deref()
    );
    assert_eq!(body["status_code"], 401);
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    assert!(answer.header("x-version-id").is_some());
    assert_eq!(
        answer.header("x-content-type-options").as_deref(),
        Some("nosniff")
    );
}

#[tokio::test]
async fn an_unknown_route_is_a_404_without_request_id() {
    let town = Town::new().await;
    let post = town.post("x").await;
    for (method, path) in [
        ("GET", "/nothing/here".to_owned()),
        ("PATCH", "/users/me".to_owned()),
        (
            "GET",
            format!("/teams/name/{}/channels/name/a%20b", town.team_name),
        ),
        ("POST", format!("/posts/{post}/actions/with-dash")),
    ] {
        let answer = town
            .world
            .call(method, &path, &town.bot.token, Some(json!({})))
            .await;
        answer.refused(404, "api.context.404.app_error");
        assert!(answer.json().get("request_id").is_none(), "{path}");
    }
    town.world
        .get("/users/abc", &town.bot.token)
        .await
        .refused(400, "api.context.invalid_url_param.app_error");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_a_malformed_one_400() {
    let town = Town::new().await;
    let mut body = json!({"channel_id": town.channel, "message": "x", "props": {"filler": ""}});
    let filler = 300_512 - body.to_string().len();
    body["props"]["filler"] = json!("x".repeat(filler));
    assert_eq!(body.to_string().len(), 300_512);
    town.world
        .post("/posts", &town.bot.token, body.clone())
        .await
        .ok(201);
    body["props"]["filler"] = json!("x".repeat(filler + 1));
    town.world
        .post("/posts", &town.bot.token, body)
        .await
        .refused(413, "api.context.request_body_too_large.app_error");
    let bearer = format!("Bearer {}", town.bot.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/plain")];
    town.world
        .raw("POST", "/posts", &headers, "{".into())
        .await
        .unwrap()
        .refused(400, "api.context.invalid_body_param.app_error");
    town.world
        .raw("POST", "/channels/direct", &headers, "{".into())
        .await
        .unwrap()
        .refused(400, "api.payload.parse.error");
    let text = json!({"channel_id": town.channel, "message": "x", "unknown": 1}).to_string();
    town.world
        .raw("POST", "/posts", &headers, text)
        .await
        .unwrap()
        .ok(201);
}

#[tokio::test]
async fn users_have_an_unquoted_etag_and_answer_304_to_it() {
    let town = Town::new().await;
    let first = town.world.get("/users/me", &town.bot.token).await.ok(200);
    let etag = first.header("etag").unwrap();
    assert!(etag.starts_with(&format!("11.6.0.{}.", town.bot.id)), "{etag}");
    let bearer = format!("Bearer {}", town.bot.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("if-none-match", etag.as_str()),
    ];
    let again = town
        .world
        .raw("GET", "/users/me", &headers, String::new())
        .await
        .unwrap()
        .ok(304);
    assert_eq!(again.text, "");
    let channel = format!(
        "/teams/name/{}/channels/name/{}",
        town.team_name, town.channel_name
    );
    assert_eq!(
        town.world
            .get(&channel, &town.bot.token)
            .await
            .ok(200)
            .header("etag"),
        None
    );
}

#[tokio::test]
async fn the_server_says_that_it_is_alive_and_how_to_check_its_signature_without_sign_in() {
    let world = World::new().await;
    let ping = world
        .raw("GET", "/system/ping", &[], String::new())
        .await
        .unwrap()
        .ok(200);
    assert_eq!(ping.json()["status"], "OK");
    let settings = world
        .raw("GET", "/config/client?format=old", &[], String::new())
        .await
        .unwrap()
        .ok(200);
    assert!(
        settings.json()["AsymmetricSigningPublicKey"]
            .as_str()
            .unwrap()
            .len()
            > 80
    );
}
