//! Joining through the proxy, in the form of the original's bots and agents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wire::keep::Kept;
use wire::pb::proto;
use wire::pb::teleport::header::v1 as header;
use wire::pb::teleport::machineid::v1 as machineid;
use wire::pb::types;

use crate::Story;
use crate::browser::Browser;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const HOST: &str = "11111111-2222-4333-8444-555555555555";

impl Story {
    async fn token(&self, role: &str, bot: &str) {
        let token = types::ProvisionTokenV2 {
            metadata: Some(types::Metadata {
                name: TOKEN.to_owned(),
                ..types::Metadata::default()
            }),
            spec: Some(types::ProvisionTokenSpecV2 {
                roles: vec![role.to_owned()],
                join_method: "token".to_owned(),
                bot_name: bot.to_owned(),
                ..types::ProvisionTokenSpecV2::default()
            }),
            ..types::ProvisionTokenV2::default()
        };
        let request = proto::UpsertTokenV2Request {
            token: Some(proto::upsert_token_v2_request::Token::V2(Kept::from(token))),
        };
        self.admin.auth().upsert_token_v2(request).await.expect("stored");
    }

    /// What the original's programs send, with all of their keys.
    fn joining(&self, role: &str, host_id: &str, names: &Value) -> Value {
        let key = self.key();
        let pem = key.public().to_pem().expect("a key");
        json!({
            "hostID": host_id,
            "node_name": "edge",
            "role": role,
            "token": TOKEN,
            "additional_principals": names,
            "dns_names": null,
            "public_tls_key": BASE64.encode(pem),
            "public_ssh_key": BASE64.encode(key.public().to_ssh_line()),
            "remote_addr": "",
            "ec2_id": null,
            "id_token": "",
            "expires": if role == "Bot" { json!("2026-11-23T13:00:00Z") } else { json!("0001-01-01T00:00:00Z") },
            "bot_instance_id": "",
            "bot_generation": 0,
            "previous_bot_instance_id": "",
        })
    }
}

fn texts(answer: &Value, key: &str) -> Vec<String> {
    let list = match &answer[key] {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    list.iter()
        .map(|text| {
            let bytes = BASE64.decode(text.as_str().expect("a text")).expect("base64");
            String::from_utf8(bytes).expect("a text")
        })
        .collect()
}

#[tokio::test]
async fn a_bot_joins_through_the_proxy_as_the_originals_do() {
    let story = Story::begin().await;
    let bot = machineid::Bot {
        kind: "bot".to_owned(),
        version: "v1".to_owned(),
        metadata: Some(header::Metadata {
            name: "robot".to_owned(),
            ..header::Metadata::default()
        }),
        spec: Some(machineid::BotSpec {
            roles: vec!["access".to_owned()],
            ..machineid::BotSpec::default()
        }),
        ..machineid::Bot::default()
    };
    let request = machineid::CreateBotRequest {
        bot: Some(Kept::from(bot)),
    };
    story.admin.bots().create_bot(request).await.expect("a bot");
    story.token("Bot", "robot").await;
    let mut machine = Browser::new(&story);
    let body = story.joining("Bot", "", &Value::Null);
    let answer = machine
        .json(Method::POST, "/webapi/host/credentials", &body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = answer.json();
    let certificate = pki::certificate::from_pem(&texts(&answer, "tls")[0]).expect("PEM");
    let identity = pki::Identity::from_certificate(&certificate[0]).expect("an identity");
    assert_eq!(
        (identity.username.as_str(), identity.generation),
        ("bot-robot", 1)
    );
    assert_eq!(identity.not_after.to_string(), "2026-11-23T13:00:00Z");
    assert!(texts(&answer, "ssh")[0].starts_with("ecdsa-sha2-nistp256-cert-v01@openssh.com "));
    assert!(texts(&answer, "tls_ca_certs")[0].starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(texts(&answer, "ssh_ca_certs")[0].starts_with("ssh-ed25519 "));
    // The token is used up, and the words are the same as for any other wrong one.
    let again = machine
        .json(Method::POST, "/v1/webapi/host/credentials", &body)
        .await;
    assert_eq!(
        again.short(),
        "403 \"edge\" can not join the cluster with role \"Bot\", token expired or not found"
    );
}

#[tokio::test]
async fn a_host_joins_through_the_proxy_and_listens_everywhere_where_it_calls_from() {
    let story = Story::begin().await;
    story.token("Proxy", "").await;
    let mut host = Browser::new(&story);
    let body = story.joining("Proxy", HOST, &json!(["proxy.example.com:443", "0.0.0.0"]));
    for _ in 0..2 {
        let answer = host.json(Method::POST, "/webapi/host/credentials", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let certificate = pki::certificate::from_pem(&texts(&answer.json(), "tls")[0]).expect("PEM");
        let identity = pki::Identity::from_certificate(&certificate[0]).expect("an identity");
        assert_eq!(identity.username, format!("{HOST}.teleport.example.com"));
        assert_eq!(identity.groups, ["Proxy"]);
        let shown = transport::shown::Shown::of(&certificate[0]);
        for name in ["edge", "proxy.example.com", "127.0.0.1", "teleport.cluster.local"] {
            assert!(shown.names.iter().any(|known| known == name), "{name}: {shown:?}");
        }
    }
    let asks_for_a_node = story.joining("Node", HOST, &Value::Null);
    let refused = host
        .json(Method::POST, "/webapi/host/credentials", &asks_for_a_node)
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
}

#[tokio::test]
async fn what_is_no_key_is_told_by_name() {
    let story = Story::begin().await;
    let mut host = Browser::new(&story);
    let mut body = story.joining("Proxy", HOST, &Value::Null);
    body["public_ssh_key"] = json!("§");
    let refused = host.json(Method::POST, "/webapi/host/credentials", &body).await;
    assert_eq!(refused.short(), "400 `public_ssh_key` is not base64");
}
