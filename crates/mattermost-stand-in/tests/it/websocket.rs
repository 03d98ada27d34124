//! What is told over the WebSocket, to whom, and how a connection lives.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::world::{Town, World};

struct Listener(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Listener {
    async fn connect(world: &World, token: Option<&str>, query: &str) -> Self {
        let url = format!("{}/api/v4/websocket{query}", world.url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        if let Some(token) = token {
            request
                .headers_mut()
                .insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        Self(connect_async(request).await.unwrap().0)
    }

    /// The next text, or `None` when the connection ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.0.next())
                .await
                .expect("a message within 20 s")?;
            match next {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next event of this name.
    async fn event(&mut self, name: &str) -> Value {
        loop {
            let event = self.next().await.expect("the connection stays open");
            if event["event"] == json!(name) {
                return event;
            }
        }
    }

    async fn say(&mut self, text: String) {
        self.0.send(Message::text(text)).await.unwrap();
    }
}

fn inner(event: &Value, key: &str) -> Value {
    serde_json::from_str(event["data"][key].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn hello_comes_first_and_own_posts_come_back() {
    let town = Town::new().await;
    let mut bot = Listener::connect(&town.world, Some(&town.bot.token), "").await;
    let hello = bot.next().await.unwrap();
    assert_eq!((&hello["event"], &hello["seq"]), (&json!("hello"), &json!(0)));
    assert_eq!(hello["data"]["connection_id"].as_str().unwrap().len(), 26);
    assert_eq!(hello["broadcast"]["user_id"], json!(town.bot.id));

    let post = town.post(&format!("@{} look", town.alice.name)).await;
    let event = bot.event("posted").await;
    assert_eq!(inner(&event, "post")["id"], json!(post));
    assert_eq!(event["data"]["sender_name"], json!(format!("@{}", town.bot.name)));
    assert_eq!(inner(&event, "mentions"), json!([town.alice.id]));
    assert_eq!(event["broadcast"]["channel_id"], json!(town.channel));

    town.post(&format!("`@{}` not", town.alice.name)).await;
    assert!(bot.event("posted").await["data"].get("mentions").is_none());
    town.post(&format!("\\@{} still", town.alice.name)).await;
    assert_eq!(
        inner(&bot.event("posted").await, "mentions"),
        json!([town.alice.id])
    );
}

#[tokio::test]
async fn a_challenge_signs_in_as_well() {
    let town = Town::new().await;
    let mut bot = Listener::connect(&town.world, None, "").await;
    bot.say(
        json!({"seq": 1, "action": "authentication_challenge", "data": {"token": town.bot.token}})
            .to_string(),
    )
    .await;
    assert_eq!(bot.next().await.unwrap()["event"], "hello");
    assert_eq!(bot.next().await.unwrap(), json!({"status": "OK", "seq_reply": 1}));
    assert_eq!(bot.next().await.unwrap()["event"], "status_change");
    bot.say(json!({"seq": 2, "action": "ping"}).to_string()).await;
    let pong = bot.next().await.unwrap();
    assert_eq!(
        (&pong["status"], &pong["data"]["text"]),
        (&json!("OK"), &json!("pong"))
    );
    for (seq, action, id) in [
        (3, "nonsense", "api.web_socket_router.bad_action.app_error"),
        (0, "ping", "api.web_socket_router.bad_seq.app_error"),
        (4, "", "api.web_socket_router.no_action.app_error"),
    ] {
        bot.say(json!({"seq": seq, "action": action}).to_string()).await;
        let answer = bot.next().await.unwrap();
        assert_eq!(
            (&answer["status"], &answer["error"]["id"]),
            (&json!("FAIL"), &json!(id))
        );
    }
}

#[tokio::test]
async fn a_wrong_challenge_and_text_that_is_no_json_cut_the_connection() {
    let town = Town::new().await;
    let mut wrong = Listener::connect(&town.world, None, "").await;
    wrong
        .say(json!({"seq": 1, "action": "authentication_challenge", "data": {"token": "wrong"}}).to_string())
        .await;
    assert_eq!(wrong.next().await, None);
    let mut babble = Listener::connect(&town.world, Some(&town.bot.token), "").await;
    babble.event("hello").await;
    babble.say("no json".to_owned()).await;
    assert_eq!(babble.next().await, None);
}

#[tokio::test]
async fn a_frame_over_eight_kib_closes_with_1009() {
    let town = Town::new().await;
    let mut bot = Listener::connect(&town.world, Some(&town.bot.token), "").await;
    bot.event("hello").await;
    bot.say(json!({"seq": 1, "action": "ping", "data": "x".repeat(9_000)}).to_string())
        .await;
    loop {
        match bot.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) => {
                assert_eq!(u16::from(frame.code), 1009);
                break;
            }
            Some(Ok(_)) => {}
            Some(Err(Error::ConnectionClosed)) | None => panic!("closed without a reason"),
            Some(Err(error)) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_reaction_is_told_with_its_gaps() {
    let town = Town::new().await;
    let post = town.post("x").await;
    let mut bot = Listener::connect(&town.world, Some(&town.bot.token), "").await;
    bot.event("hello").await;
    let reaction = json!({"user_id": town.alice.id, "post_id": post, "emoji_name": "+1"});
    for _ in 0..2 {
        town.world
            .post("/reactions", &town.alice.token, reaction.clone())
            .await
            .ok(200);
        let added = inner(&bot.event("reaction_added").await, "reaction");
        assert_eq!(added["channel_id"], json!(town.channel));
    }
    town.world
        .delete(
            &format!("/users/{}/posts/{post}/reactions/+1", town.alice.id),
            &town.alice.token,
        )
        .await
        .ok(200);
    let removed = inner(&bot.event("reaction_removed").await, "reaction");
    assert_eq!(
        (&removed["channel_id"], &removed["create_at"]),
        (&json!(""), &json!(0))
    );
}

#[tokio::test]
async fn edits_and_deletions_are_told_even_when_the_text_stays() {
    let town = Town::new().await;
    let post = town.post("x").await;
    let mut bot = Listener::connect(&town.world, Some(&town.bot.token), "").await;
    bot.event("hello").await;
    town.world
        .put(
            &format!("/posts/{post}/patch"),
            &town.bot.token,
            json!({"message": "x"}),
        )
        .await
        .ok(200);
    assert_eq!(inner(&bot.event("post_edited").await, "post")["id"], json!(post));
    town.world
        .delete(&format!("/posts/{post}"), &town.bot.token)
        .await
        .ok(200);
    let deleted = bot.event("post_deleted").await;
    assert_eq!(inner(&deleted, "post")["message"], "x");
    assert_eq!(deleted["broadcast"]["contains_sanitized_data"], true);
}

#[tokio::test]
async fn strangers_hear_nothing_and_newcomers_are_announced() {
    let town = Town::new().await;
    let mut ivan = Listener::connect(&town.world, Some(&town.ivan.token), "").await;
    ivan.event("hello").await;
    town.post("before").await;
    town.world
        .join(&town.team, Some(&town.channel), &town.ivan.id)
        .await;
    let system = ivan.event("posted").await;
    assert_eq!(inner(&system, "post")["type"], "system_add_to_channel");
    assert_eq!(system["data"]["sender_name"], "System");
    town.post("after").await;
    assert_eq!(inner(&ivan.event("posted").await, "post")["message"], "after");
    town.world
        .delete(
            &format!("/channels/{}/members/{}", town.channel, town.ivan.id),
            &town.world.admin,
        )
        .await
        .ok(200);
    let removed = ivan.event("user_removed").await;
    assert_eq!(removed["data"]["channel_id"], json!(town.channel));
}

#[tokio::test]
async fn a_connection_goes_on_where_it_broke() {
    let town = Town::new().await;
    let mut bot = Listener::connect(&town.world, Some(&town.bot.token), "").await;
    let id = bot.event("hello").await["data"]["connection_id"]
        .as_str()
        .unwrap()
        .to_owned();
    town.post("heard").await;
    let last = bot.event("posted").await["seq"].as_i64().unwrap();
    drop(bot);
    town.post("missed").await;
    let query = format!("?connection_id={id}&sequence_number={}", last + 1);
    let mut again = Listener::connect(&town.world, Some(&town.bot.token), &query).await;
    let first = again.next().await.unwrap();
    assert_eq!(first["event"], "posted");
    assert_eq!(inner(&first, "post")["message"], "missed");
}

#[tokio::test]
async fn a_revoked_token_leaves_the_connection_open_and_silent() {
    let town = Town::new().await;
    let made = town
        .world
        .post(
            &format!("/users/{}/tokens", town.bot.id),
            &town.world.admin,
            json!({"description": "x"}),
        )
        .await
        .ok(200)
        .json();
    let mut bot = Listener::connect(&town.world, made["token"].as_str(), "").await;
    bot.event("hello").await;
    town.world
        .post(
            "/users/tokens/revoke",
            &town.world.admin,
            json!({"token_id": made["id"]}),
        )
        .await
        .ok(200);
    town.post("unheard").await;
    let silence = tokio::time::timeout(Duration::from_millis(300), bot.next()).await;
    assert!(silence.is_err(), "{silence:?}");
}
