//! The chat of a story: the stand-in, or a real Mattermost when `MATTERMOST_URL` and `MATTERMOST_TOKEN` (of an
//! administrator) are set. Set up and read through the calls that both have.

use std::sync::atomic::{AtomicU64, Ordering};

use mattermost_stand_in::{Settings, StandIn};
use plugin::mattermost::Mattermost;
use plugin::mattermost::api::Api;
use plugin::mattermost::settings::{TokenSource, server_url};
use serde_json::{Value, json};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A server with a team, a channel, and a bot in both.
pub struct Chat {
    pub url: String,
    admin: String,
    http: reqwest::Client,
    stand_in: Option<StandIn>,
    pub team: String,
    pub team_name: String,
    pub channel: String,
    pub channel_name: String,
    pub bot: String,
    pub bot_token: String,
}

/// A post as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub id: String,
    pub root: String,
    pub text: String,
    pub edited: bool,
}

/// Somebody with an account.
pub struct Account {
    pub id: String,
    pub email: String,
}

impl Chat {
    pub async fn start() -> Self {
        match (std::env::var("MATTERMOST_URL"), std::env::var("MATTERMOST_TOKEN")) {
            (Ok(url), Ok(admin)) => Self::build(url.trim_end_matches('/').to_owned(), admin, None).await,
            _ => Self::with(Settings::default()).await,
        }
    }

    /// The stand-in, for what cannot be asked of a real server; `None`, told aloud, when a real one is to be tested.
    pub async fn with_faults() -> Option<Self> {
        if std::env::var("MATTERMOST_URL").is_ok() {
            eprintln!("SKIPPED: a real Mattermost has no faults on command");
            return None;
        }
        Some(Self::with(Settings::default()).await)
    }

    pub async fn with(settings: Settings) -> Self {
        let server = StandIn::spawn_local(settings).await.expect("a server");
        let admin = server.create_admin("admin");
        Self::build(server.url().to_owned(), admin, Some(server)).await
    }

    async fn build(url: String, admin: String, stand_in: Option<StandIn>) -> Self {
        let _ = rustls_provider();
        let mut this = Self {
            url,
            admin,
            http: reqwest::Client::new(),
            stand_in,
            team: String::new(),
            team_name: Self::fresh("team"),
            channel: String::new(),
            channel_name: Self::fresh("channel"),
            bot: String::new(),
            bot_token: String::new(),
        };
        let team = json!({"name": this.team_name, "display_name": "Platform", "type": "O"});
        this.team = id(&this.call("POST", "/teams", team).await);
        this.channel = this.add_channel(&this.channel_name.clone()).await;
        let bot =
            json!({"username": Self::fresh("teleport"), "display_name": "Teleport", "description": "x"});
        let bot = this.call("POST", "/bots", bot).await;
        this.bot = bot["user_id"].as_str().expect("an id").to_owned();
        let path = format!("/users/{}/tokens", this.bot);
        let token = this.call("POST", &path, json!({"description": "plugin"})).await;
        this.bot_token = token["token"].as_str().expect("a token").to_owned();
        this.join(&this.bot, &this.channel).await;
        this
    }

    /// A name nobody used before, on a server that remembers earlier runs.
    pub fn fresh(prefix: &str) -> String {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let run = match std::env::var("MATTERMOST_URL") {
            Ok(_) => std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("chance")[..8].to_owned(),
            Err(_) => String::new(),
        };
        format!("{prefix}{run}{}{count}", std::process::id())
    }

    pub fn server(&self) -> &StandIn {
        self.stand_in.as_ref().expect("a stand-in")
    }

    /// `team/channel` of the channel every story has.
    pub fn recipient(&self) -> String {
        format!("{}/{}", self.team_name, self.channel_name)
    }

    /// The server as the plugin calls it.
    pub fn mattermost(&self) -> Mattermost {
        self.mattermost_as(&self.bot_token)
    }

    pub fn mattermost_as(&self, token: &str) -> Mattermost {
        let url = server_url(&self.url, true).expect("a URL");
        Mattermost::new(Api::new(&url, TokenSource::of(token), "test").expect("a client"))
    }

    pub async fn add_channel(&self, name: &str) -> String {
        let channel = json!({"team_id": self.team, "name": name, "display_name": name, "type": "O"});
        id(&self.call("POST", "/channels", channel).await)
    }

    pub async fn join(&self, user: &str, channel: &str) {
        let team = format!("/teams/{}/members", self.team);
        self.call("POST", &team, json!({"team_id": self.team, "user_id": user}))
            .await;
        let path = format!("/channels/{channel}/members");
        self.call("POST", &path, json!({"user_id": user})).await;
    }

    /// Somebody in the team and in the channel.
    pub async fn person(&self, name: &str) -> Account {
        let username = Self::fresh(name);
        let email = format!("{username}@example.com");
        let user = json!({"email": email, "username": username, "password": "correct horse 7"});
        let account = Account {
            id: id(&self.call("POST", "/users", user).await),
            email,
        };
        self.join(&account.id, &self.channel).await;
        account
    }

    /// The direct channel of the bot and somebody.
    pub async fn direct(&self, account: &Account) -> String {
        let answer = self
            .call_as(
                &self.bot_token,
                "POST",
                "/channels/direct",
                json!([self.bot, account.id]),
            )
            .await;
        id(&answer)
    }

    /// The posts of a channel, oldest first, without what the server says itself and without removed ones.
    pub async fn posts(&self, channel: &str) -> Vec<Post> {
        if let Some(server) = &self.stand_in {
            let posts = server.posts(channel).into_iter();
            return posts
                .map(|post| Post {
                    id: post.id,
                    root: post.root_id,
                    text: post.message,
                    edited: post.edited,
                })
                .collect();
        }
        let mut posts = Vec::new();
        for page in 0.. {
            let path = format!("/channels/{channel}/posts?page={page}&per_page=200");
            let history = self.call_as(&self.bot_token, "GET", &path, Value::Null).await;
            let order = history["order"].as_array().expect("an order").clone();
            for id in order.iter().filter_map(Value::as_str) {
                let post = &history["posts"][id];
                if post["type"] == json!("") {
                    posts.push(Post {
                        id: id.to_owned(),
                        root: post["root_id"].as_str().unwrap_or_default().to_owned(),
                        text: post["message"].as_str().unwrap_or_default().to_owned(),
                        edited: post["edit_at"].as_i64().unwrap_or(0) > 0,
                    });
                }
            }
            if order.len() < 200 {
                break;
            }
        }
        posts.reverse();
        posts
    }

    /// The posts about requests in the story's channel, without answers.
    pub async fn roots(&self) -> Vec<Post> {
        let posts = self.posts(&self.channel).await.into_iter();
        posts.filter(|post| post.root.is_empty()).collect()
    }

    /// The posts about one request.
    pub async fn about(&self, id: &str) -> Vec<Post> {
        let roots = self.roots().await.into_iter();
        roots.filter(|post| post.text.contains(id)).collect()
    }

    /// The answers below a post.
    pub async fn replies(&self, root: &Post) -> Vec<Post> {
        let posts = self.posts(&self.channel).await.into_iter();
        posts.filter(|post| post.root == root.id).collect()
    }

    /// Waits until `wanted` is true of the posts about a request in the story's channel.
    pub async fn until(&self, id: &str, what: &str, wanted: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let mut last = Vec::new();
        let seen = async {
            loop {
                last = self.about(id).await;
                if wanted(&last) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(std::time::Duration::from_secs(60), seen)
            .await
            .is_err()
        {
            panic!("never seen: {what}\nlast seen: {last:#?}");
        }
        last
    }

    /// Waits until the one post about a request says `words`.
    pub async fn until_says(&self, id: &str, words: &str) -> Post {
        let seen = self
            .until(id, words, |posts| {
                posts.len() == 1 && posts[0].text.contains(words)
            })
            .await;
        seen[0].clone()
    }

    /// Another bot, which is nowhere; gives its token.
    pub async fn add_bot(&self) -> String {
        let bot = json!({"username": Self::fresh("other"), "display_name": "Other", "description": "x"});
        let bot = self.call("POST", "/bots", bot).await;
        let path = format!("/users/{}/tokens", bot["user_id"].as_str().expect("an id"));
        let token = self.call("POST", &path, json!({"description": "other"})).await;
        token["token"].as_str().expect("a token").to_owned()
    }

    /// Removes a post as a moderator would.
    pub async fn remove(&self, post: &Post) {
        self.call("DELETE", &format!("/posts/{}", post.id), Value::Null)
            .await;
    }

    /// Posts with the bot's token, as another plugin would; gives the post's id.
    pub async fn post_as_bot(&self, text: &str) -> String {
        let body = json!({"channel_id": self.channel, "message": text});
        id(&self.call_as(&self.bot_token, "POST", "/posts", body).await)
    }

    pub async fn reply_as_bot(&self, root: &str, text: &str) {
        let body = json!({"channel_id": self.channel, "message": text, "root_id": root});
        self.call_as(&self.bot_token, "POST", "/posts", body).await;
    }

    /// Posts as somebody else.
    pub async fn post_as_admin(&self, text: &str) {
        let body = json!({"channel_id": self.channel, "message": text, "props": {"countersign": "x"}});
        self.call("POST", "/posts", body).await;
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.call_as(&self.admin, method, path, body).await
    }

    async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self
            .http
            .request(method, format!("{}/api/v4{path}", self.url))
            .bearer_auth(token);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let answer: Value = response.json().await.expect("JSON");
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }
}

fn rustls_provider() -> Result<(), impl Sized> {
    rustls::crypto::aws_lc_rs::default_provider().install_default()
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}
