//! Attachments, buttons and what an integration is told.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::{Answer, Town};

/// An integration on the loopback that answers what it is told to and remembers what it heard.
struct Integration {
    url: String,
    heard: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Integration {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new((200, String::new())));
        let (hears, answers) = (Arc::clone(&heard), Arc::clone(&answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = String::new();
                let mut piece = [0; 4096];
                let body = loop {
                    let count = stream.read(&mut piece).await.unwrap();
                    text.push_str(&String::from_utf8_lossy(&piece[..count]));
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        continue;
                    };
                    let length: usize = head
                        .lines()
                        .find_map(|line| {
                            line.to_lowercase()
                                .strip_prefix("content-length: ")
                                .map(str::to_owned)
                        })
                        .map_or(0, |length| length.parse().unwrap());
                    if body.len() >= length {
                        break body.to_owned();
                    }
                };
                hears.lock().unwrap().push(serde_json::from_str(&body).unwrap());
                let (status, answer) = answers.lock().unwrap().clone();
                let reply = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        Self { url, heard, answer }
    }

    fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }
}

async fn with_button(town: &Town, url: &str) -> Answer {
    town.world
        .post(
            "/posts",
            &town.bot.token,
            json!({"channel_id": town.channel, "message": "press", "props": {"attachments": [{
            "text": "choose", "actions": [
                {"id": "approve1", "type": "button", "name": "Approve",
                    "integration": {"url": url, "context": {"secret": "s"}}},
                {"type": "button", "name": "Deny", "integration": {"url": url}},
                {"id": "with-dash", "type": "button", "name": "Odd", "integration": {"url": url}},
            ]}]}}),
        )
        .await
        .ok(201)
}

#[tokio::test]
async fn what_the_integration_is_told_stays_with_the_server() {
    let town = Town::new().await;
    let post = with_button(&town, "http://127.0.0.1:9/hook").await;
    assert!(!post.text.contains("integration"), "{}", post.text);
    let body = post.json();
    let attachment = &body["props"]["attachments"][0];
    assert_eq!((&attachment["id"], &attachment["title"]), (&json!(0), &json!("")));
    assert_eq!(
        (&attachment["ts"], &attachment["fields"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(attachment["actions"][1]["id"].as_str().unwrap().len(), 26);
    assert_eq!(
        body["metadata"]["embeds"],
        json!([{"type": "message_attachment"}])
    );
    let read = town
        .world
        .get(&format!("/posts/{}", post.id()), &town.bot.token)
        .await
        .ok(200);
    assert!(!read.text.contains("integration"));

    // Read back and patched in, the buttons are dead.
    town.world
        .put(
            &format!("/posts/{}/patch", post.id()),
            &town.bot.token,
            json!({"props": read.json()["props"]}),
        )
        .await
        .ok(200);
    town.world
        .post(
            &format!("/posts/{}/actions/approve1", post.id()),
            &town.alice.token,
            json!({}),
        )
        .await
        .refused(404, "api.post.do_action.action_id.app_error");
}

#[tokio::test]
async fn a_click_reaches_the_integration_with_a_signed_trigger() {
    let town = Town::new().await;
    let integration = Integration::new().await;
    let post = with_button(&town, &integration.url).await.id();
    let clicked = town
        .world
        .post(
            &format!("/posts/{post}/actions/approve1"),
            &town.alice.token,
            json!({"selected_option": "a"}),
        )
        .await
        .ok(200)
        .json();
    assert_eq!(clicked["status"], "OK");
    let told = integration.heard.lock().unwrap()[0].clone();
    let keys: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "user_id",
            "user_name",
            "channel_id",
            "channel_name",
            "team_id",
            "team_domain",
            "post_id",
            "trigger_id",
            "type",
            "data_source",
            "context"
        ]
    );
    assert_eq!(told["user_name"], json!(town.alice.name));
    assert_eq!(told["context"], json!({"secret": "s", "selected_option": "a"}));

    let trigger = String::from_utf8(STANDARD.decode(told["trigger_id"].as_str().unwrap()).unwrap()).unwrap();
    let parts: Vec<&str> = trigger.splitn(4, ':').collect();
    assert_eq!(parts[1], town.alice.id);
    let settings = town.world.get("/config/client", "").await.json();
    let key = STANDARD
        .decode(settings["AsymmetricSigningPublicKey"].as_str().unwrap())
        .unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &key[26..])
        .verify(
            format!("{}:{}:{}:", parts[0], parts[1], parts[2]).as_bytes(),
            &STANDARD.decode(parts[3]).unwrap(),
        )
        .unwrap();

    let dialog =
        |trigger: &str| json!({"trigger_id": trigger, "url": "http://x", "dialog": {"title": "Why"}});
    let trigger = told["trigger_id"].as_str().unwrap();
    for _ in 0..2 {
        town.world
            .raw("POST", "/actions/dialogs/open", &[], dialog(trigger).to_string())
            .await
            .unwrap()
            .ok(200);
    }
    let forged = STANDARD.encode(format!("{}:{}:{}:{}", parts[0], town.ivan.id, parts[2], parts[3]));
    town.world
        .post("/actions/dialogs/open", "", dialog(&forged))
        .await
        .refused(
            400,
            "interactive_message.decode_trigger_id.base64_decode_failed_signature",
        );
}

#[tokio::test]
async fn only_200_is_success_and_an_update_replaces_the_props() {
    let town = Town::new().await;
    let integration = Integration::new().await;
    let post = with_button(&town, &integration.url).await.id();
    let click = format!("/posts/{post}/actions/approve1");
    for (status, body) in [(201, ""), (400, ""), (500, ""), (200, "no json")] {
        integration.answers(status, body);
        town.world
            .post(&click, &town.alice.token, json!({}))
            .await
            .refused(400, "api.post.do_action.action_integration.app_error");
    }
    town.world
        .post(&click, &town.ivan.token, json!({}))
        .await
        .refused(403, "api.context.permissions.app_error");
    integration.answers(
        200,
        &json!({"update": {"message": "done", "props": {"ours": "2"}}}).to_string(),
    );
    town.world
        .post(&click, &town.alice.token, json!({}))
        .await
        .ok(200);
    let read = town
        .world
        .get(&format!("/posts/{post}"), &town.bot.token)
        .await
        .ok(200)
        .json();
    assert_eq!(read["message"], "done");
    assert_eq!(read["props"], json!({"ours": "2"}));
    town.world
        .post(&click, &town.alice.token, json!({}))
        .await
        .refused(404, "api.post.do_action.action_id.app_error");
}

#[tokio::test]
async fn a_bot_cannot_whisper() {
    let town = Town::new().await;
    let body = json!({"user_id": town.alice.id, "post": {"channel_id": town.channel, "message": "x"}});
    town.world
        .post("/posts/ephemeral", &town.bot.token, body.clone())
        .await
        .refused(403, "api.context.permissions.app_error");
    town.world
        .post("/posts/ephemeral", &town.world.admin, body)
        .await
        .ok(201);
}
