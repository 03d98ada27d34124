//! A server with a team, two channels, a bot and three people.

use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mattermost_stand_in::{Settings, StandIn};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static COUNT: AtomicU64 = AtomicU64::new(0);
/// Settings of a real server hold for all tests at once: who changes them is alone.
static SETTINGS: RwLock<()> = RwLock::const_new(());

pub struct World {
    pub url: String,
    pub admin: String,
    pub stand_in: Option<StandIn>,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    /// Status and error id, the two things a client may match on.
    #[track_caller]
    pub fn refused(&self, status: u16, id: &str) {
        let said = self.json()["id"].as_str().unwrap_or_default().to_owned();
        assert_eq!((self.status, said.as_str()), (status, id), "{}", self.text);
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl World {
    pub async fn new() -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        match std::env::var("MATTERMOST_URL") {
            Ok(url) => {
                assert!(
                    url.starts_with("http://"),
                    "MATTERMOST_URL must start with http://"
                );
                let admin = std::env::var("MATTERMOST_TOKEN").expect("MATTERMOST_TOKEN of an administrator");
                Self {
                    url: url.trim_end_matches('/').to_owned(),
                    admin,
                    stand_in: None,
                    client,
                }
            }
            Err(_) => Self::stand_in(Settings::default()).await,
        }
    }

    pub async fn stand_in(settings: Settings) -> Self {
        let stand_in = StandIn::spawn_local(settings).await.unwrap();
        Self {
            url: stand_in.url().to_owned(),
            admin: stand_in.create_admin("admin"),
            stand_in: Some(stand_in),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.raw(
            method,
            path,
            &[("authorization", &format!("Bearer {token}"))],
            body,
        )
        .await
        .expect("an answer")
    }

    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v4{path}", self.url));
        for (name, value) in headers {
            request = request.header(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        })
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, token, None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call("POST", path, token, Some(body)).await
    }

    pub async fn put(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call("PUT", path, token, Some(body)).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Answer {
        self.call("DELETE", path, token, None).await
    }

    /// A name nobody used before, on a server that remembers earlier runs.
    pub fn fresh(prefix: &str) -> String {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let run = std::env::var("MATTERMOST_URL").map_or(String::new(), |_| {
            std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap()[..8].to_owned()
        });
        format!("{prefix}{run}{}{count}", std::process::id())
    }

    pub async fn user(&self, prefix: &str) -> Person {
        let name = Self::fresh(prefix);
        let email = format!("{name}@example.com");
        let user = self
            .post(
                "/users",
                &self.admin,
                json!({"email": email, "username": name, "password": "correct horse 7"}),
            )
            .await
            .ok(201);
        let signed_in = self
            .post(
                "/users/login",
                "",
                json!({"login_id": name, "password": "correct horse 7"}),
            )
            .await
            .ok(200);
        Person {
            id: user.id(),
            name,
            email,
            token: signed_in.header("token").unwrap(),
        }
    }

    pub async fn bot(&self) -> Person {
        let name = World::fresh("bot");
        let bot = self
            .post(
                "/bots",
                &self.admin,
                json!({"username": name, "display_name": "Teleport", "description": "x"}),
            )
            .await
            .ok(201)
            .json();
        let id = bot["user_id"].as_str().unwrap().to_owned();
        let token = self
            .post(
                &format!("/users/{id}/tokens"),
                &self.admin,
                json!({"description": "x"}),
            )
            .await
            .ok(200)
            .json();
        Person {
            id,
            email: format!("{name}@localhost"),
            name,
            token: token["token"].as_str().unwrap().to_owned(),
        }
    }

    pub async fn team(&self) -> (String, String) {
        let name = Self::fresh("team");
        let team = self
            .post(
                "/teams",
                &self.admin,
                json!({"name": name, "display_name": "A team", "type": "O"}),
            )
            .await
            .ok(201);
        (team.id(), name)
    }

    pub async fn channel(&self, team: &str, kind: &str) -> (String, String) {
        let name = Self::fresh("channel");
        let channel = self
            .post(
                "/channels",
                &self.admin,
                json!({"team_id": team, "name": name, "display_name": "A channel", "type": kind}),
            )
            .await
            .ok(201);
        (channel.id(), name)
    }

    pub async fn join(&self, team: &str, channel: Option<&str>, user: &str) {
        self.post(
            &format!("/teams/{team}/members"),
            &self.admin,
            json!({"team_id": team, "user_id": user}),
        )
        .await
        .ok(201);
        if let Some(channel) = channel {
            self.post(
                &format!("/channels/{channel}/members"),
                &self.admin,
                json!({"user_id": user}),
            )
            .await
            .ok(201);
        }
    }

    pub async fn shared(&self) -> RwLockReadGuard<'static, ()> {
        SETTINGS.read().await
    }

    /// Changes a setting for the rest of the test that holds the guard.
    pub async fn alone(&self) -> RwLockWriteGuard<'static, ()> {
        SETTINGS.write().await
    }

    pub async fn set(&self, section: &str, key: &str, value: Value) {
        self.put("/config/patch", &self.admin, json!({section: {key: value}}))
            .await
            .ok(200);
    }
}

pub struct Person {
    pub id: String,
    pub name: String,
    pub email: String,
    pub token: String,
}

/// The usual place: bot and alice are in the team and in its private channel, ivan is in neither.
pub struct Town {
    pub world: World,
    pub team: String,
    pub team_name: String,
    pub channel: String,
    pub channel_name: String,
    pub bot: Person,
    pub alice: Person,
    pub ivan: Person,
    /// Held until the test ends.
    settings: Option<RwLockReadGuard<'static, ()>>,
}

impl Town {
    pub async fn new() -> Self {
        let mut town = Self::build(World::new().await).await;
        town.settings = Some(town.world.shared().await);
        town
    }

    pub async fn build(world: World) -> Self {
        let (team, team_name) = world.team().await;
        let (channel, channel_name) = world.channel(&team, "P").await;
        let (bot, alice, ivan) = (
            world.bot().await,
            world.user("alice").await,
            world.user("ivan").await,
        );
        world.join(&team, Some(&channel), &bot.id).await;
        world.join(&team, Some(&channel), &alice.id).await;
        Self {
            world,
            team,
            team_name,
            channel,
            channel_name,
            bot,
            alice,
            ivan,
            settings: None,
        }
    }

    pub async fn post(&self, message: &str) -> String {
        self.world
            .post(
                "/posts",
                &self.bot.token,
                json!({"channel_id": self.channel, "message": message}),
            )
            .await
            .ok(201)
            .id()
    }
}
