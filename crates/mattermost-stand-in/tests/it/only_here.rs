//! What only the stand-in has: faults on command, limits and clocks that can be set.

use std::time::Duration;

use mattermost_stand_in::{Fault, RateLimit, Rule, Settings};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::world::{Town, World};

async fn town(settings: Settings) -> Town {
    Town::build(World::stand_in(settings).await).await
}

#[tokio::test]
async fn the_limit_counts_every_path_and_answers_in_plain_text() {
    let town = town(Settings::default()).await;
    let server = town.world.stand_in.as_ref().unwrap();
    let without = town.world.get("/system/ping", "").await.ok(200);
    assert_eq!(without.header("x-ratelimit-limit"), None);
    server.configure(|settings| {
        settings.rate_limit = Some(RateLimit {
            per_second: 1,
            burst: 4,
        });
    });
    for left in (0..5).rev() {
        let answer = town.world.get("/system/ping", "").await.ok(200);
        assert_eq!(answer.header("x-ratelimit-limit").as_deref(), Some("5"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string()));
        assert_eq!(answer.header("x-ratelimit-reset"), Some((5 - left).to_string()));
    }
    let refused = town.world.get("/users/me", &town.bot.token).await;
    assert_eq!((refused.status, refused.text.as_str()), (429, "limit exceeded\n"));
    assert_eq!(refused.header("retry-after").as_deref(), Some("1"));
    assert_eq!(
        refused.header("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(refused.header("x-request-id"), None);

    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://"))
        .await
        .unwrap();
    stream
        .write_all(
            b"GET /api/v4/websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
              sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 429");
}

#[tokio::test]
async fn faults_come_where_and_as_often_as_asked_for() {
    let town = town(Settings::default()).await;
    let server = town.world.stand_in.as_ref().unwrap();
    server.inject(Rule::times(1, Fault::unavailable()).on("POST", "/posts"));
    server.inject(Rule::times(1, Fault::too_many("7")).on("POST", "/posts").after(1));
    let post = || {
        town.world.post(
            "/posts",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": "x"}),
        )
    };
    town.world.get("/users/me", &town.bot.token).await.ok(200);
    assert_eq!(post().await.status, 503);
    assert_eq!(post().await.status, 201);
    assert_eq!(post().await.ok(429).header("retry-after").as_deref(), Some("7"));
    assert_eq!(post().await.status, 201);
    server.inject(Rule::times(1, Fault::reply_collision()));
    post().await.refused(500, "app.post.save.app_error");
    let statuses: Vec<u16> = server
        .calls()
        .iter()
        .filter(|call| call.path == "/posts")
        .map(|call| call.status)
        .collect();
    assert_eq!(statuses, [503, 201, 429, 201, 500]);
}

#[tokio::test]
async fn a_connection_can_be_cut_before_and_after_the_post_is_stored() {
    let town = town(Settings::default()).await;
    let server = town.world.stand_in.as_ref().unwrap();
    let bearer = format!("Bearer {}", town.bot.token);
    let headers = [("authorization", bearer.as_str())];
    let body = json!({"channel_id": town.channel, "message": "x"}).to_string();
    for (fault, stored) in [(Fault::CutBefore, 0), (Fault::CutAfter, 1), (Fault::CutBody, 2)] {
        server.inject(Rule::times(1, fault).on("POST", "/posts"));
        let answer = town.world.raw("POST", "/posts", &headers, body.clone()).await;
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(server.posts(&town.channel).len(), stored);
    }
}

#[tokio::test]
async fn a_post_that_is_still_in_work_refuses_its_twin() {
    let town = town(Settings::default()).await;
    let server = town.world.stand_in.as_ref().unwrap();
    server.inject(Rule::times(1, Fault::DelayBefore(Duration::from_millis(400))).on("POST", "/posts"));
    let body = json!({"channel_id": town.channel, "message": "x", "pending_post_id": "twin"});
    let slow = town.world.post("/posts", &town.bot.token, body.clone());
    let quick = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        town.world.post("/posts", &town.bot.token, body.clone()).await
    };
    let (slow, quick) = tokio::join!(slow, quick);
    quick.refused(500, "api.post.deduplicate_create_post.pending");
    slow.ok(201);
    server.forget_pending_posts();
    town.world.post("/posts", &town.bot.token, body).await.ok(201);
    assert_eq!(server.posts(&town.channel).len(), 2);
}

#[tokio::test]
async fn an_old_server_takes_four_thousand_characters() {
    let town = town(Settings {
        message_characters_max: 4_000,
        ..Settings::default()
    })
    .await;
    town.world
        .post(
            "/posts",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": "x".repeat(4_001)}),
        )
        .await
        .refused(400, "model.post.is_valid.message_length.app_error");
}

#[tokio::test]
async fn a_socket_that_does_not_sign_in_or_answer_pings_is_cut_without_a_word() {
    let world = World::stand_in(Settings {
        websocket_sign_in: Duration::from_millis(150),
        websocket_ping: Duration::from_millis(300),
        websocket_cut: Duration::from_millis(600),
        ..Settings::default()
    })
    .await;
    let town = Town::build(world).await;
    let server = town.world.stand_in.as_ref().unwrap();
    for (token, frames) in [("wrong", 0), (town.bot.token.as_str(), 1)] {
        let mut stream = TcpStream::connect(server.url().trim_start_matches("http://"))
            .await
            .unwrap();
        let request = format!(
            "GET /api/v4/websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert!(all.starts_with(b"HTTP/1.1 101"));
        let mut rest = &all[end..];
        let mut kinds = Vec::new();
        while let [head, length, more @ ..] = rest {
            let (length, more) = if *length == 126 {
                (usize::from(more[0]) * 256 + usize::from(more[1]), &more[2..])
            } else {
                (usize::from(*length), more)
            };
            kinds.push(head & 15);
            rest = &more[length..];
        }
        // Text (the hello), then pings; never a close frame.
        assert_eq!(
            kinds.iter().copied().filter(|kind| *kind == 1).count(),
            frames,
            "{kinds:?}"
        );
        assert!(kinds.iter().all(|kind| *kind == 1 || *kind == 9), "{kinds:?}");
    }
}
