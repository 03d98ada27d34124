//! Mattermost: the words, the calls, and what its failures mean.
//!
//! Everything goes through the REST API as one bot. [`message`] and [`text`] are the words, [`places`] finds channels,
//! [`api`] makes the calls, [`setup`] says at the start what is wrong with the set-up.

pub mod api;
pub mod message;
pub mod places;
pub mod settings;
pub mod setup;
pub mod text;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::api::{Api, CallError};
use crate::chat::{Chat, ChatError, Links, Tag, Trouble};
use crate::picture::Picture;
use crate::request::Request;

/// The key in a post's properties by which it is found again.
const MARK: &str = "countersign";
/// A place is looked up anew after this time.
const PLACE_LIFETIME: Duration = Duration::from_secs(600);
/// Most places remembered.
const PLACES_MAX: usize = 10_000;
/// Posts on one page of history.
const PAGE_POSTS: usize = 200;
/// Most pages of history that are read to find a post.
const PAGES_MAX: usize = 25;
/// A post may seem this much older than its request: clocks differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// The bot as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// Its id.
    pub id: String,
    /// Its user name.
    pub name: String,
    /// Whether it is a bot account, and not a person's.
    pub is_bot: bool,
}

/// A Mattermost server, as one bot.
pub struct Mattermost {
    api: Api,
    bot: Mutex<Option<Bot>>,
    places: Mutex<HashMap<String, (String, Instant)>>,
}

impl Mattermost {
    /// Nothing is called yet.
    pub fn new(api: Api) -> Self {
        Self {
            api,
            bot: Mutex::new(None),
            places: Mutex::new(HashMap::new()),
        }
    }

    /// Reads the token anew if it stands in a file.
    pub fn renew_token(&self) {
        match self.api.renew_token() {
            Ok(true) => {
                tracing::info!("the Mattermost token was exchanged");
                *self.bot.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the Mattermost token is not renewed; keeping the one in use");
            }
        }
    }

    /// Who the token belongs to.
    pub async fn bot(&self) -> Result<Bot, CallError> {
        if let Some(bot) = &*self.bot.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(bot.clone());
        }
        let me = self.api.get("/users/me").await?;
        let text = |key: &str| me[key].as_str().unwrap_or_default().to_owned();
        let bot = Bot {
            id: text("id"),
            name: text("username"),
            is_bot: me["is_bot"] == json!(true),
        };
        if !is_id(&bot.id) || bot.name.is_empty() {
            return Err(CallError::Foreign {
                origin: self.api.origin().to_owned(),
                status: 200,
            });
        }
        *self.bot.lock().unwrap_or_else(PoisonError::into_inner) = Some(bot.clone());
        Ok(bot)
    }

    fn remembered(&self, recipient: &str) -> Option<String> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, since) = places.get(recipient)?;
        (since.elapsed() < PLACE_LIFETIME).then(|| place.clone())
    }

    fn forget(&self, place: &str) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, (known, _)| known != place);
    }

    /// A failure, with the token read anew when it is the token's.
    fn failed(&self, error: CallError) -> ChatError {
        let error = failed(error);
        if error.trouble == Trouble::Token && self.api.token_file().is_some() {
            self.renew_token();
        }
        error
    }

    async fn create(
        &self,
        place: &str,
        root: &str,
        text: &str,
        props: Value,
        once: &str,
    ) -> Result<String, ChatError> {
        let body = json!({
            "channel_id": place, "message": text, "root_id": root, "props": props, "pending_post_id": once,
        });
        let posted = match self.api.post("/posts?set_online=false", &body).await {
            Ok(posted) => posted,
            Err(error) => {
                let gone = error.id() == "api.post.create_post.root_id.app_error";
                let mut error = self.failed(error);
                if gone {
                    error.trouble = Trouble::Gone;
                }
                if error.trouble == Trouble::Closed {
                    self.forget(place);
                }
                return Err(error);
            }
        };
        let text = |key: &str| posted[key].as_str().unwrap_or_default();
        let id = text("id");
        if is_id(id) && text("channel_id") == place && text("root_id") == root {
            Ok(id.to_owned())
        } else {
            let mut odd = ChatError::new(Trouble::Hiccup, "Mattermost answers a new post with another one");
            odd.maybe_done = true;
            Err(odd)
        }
    }
}

impl Chat for Mattermost {
    fn draw(&self, request: &Request, links: &Links) -> Picture {
        Picture::draw(
            request,
            |request| message::post(request, links),
            message::reply,
            message::late_end,
        )
    }

    async fn place(&self, recipient: &str) -> Result<String, ChatError> {
        if let Some(place) = self.remembered(recipient) {
            return Ok(place);
        }
        let bot = self.bot().await.map_err(|error| self.failed(error))?;
        let place = places::find(&self.api, &bot, recipient).await?;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES_MAX {
            places.clear();
        }
        places.insert(recipient.to_owned(), (place.clone(), Instant::now()));
        Ok(place)
    }

    async fn post(&self, place: &str, text: &str, request: &str, tag: &Tag) -> Result<String, ChatError> {
        let props = json!({MARK: tag.mark, "access_request": request});
        self.create(place, "", text, props, &tag.once).await
    }

    async fn find(&self, place: &str, request: &Request, tag: &Tag) -> Result<Option<String>, ChatError> {
        let bot = self.bot().await.map_err(|error| self.failed(error))?;
        let oldest = request.created.map(|created| {
            created
                .saturating_sub(CLOCKS_DIFFER)
                .unwrap_or(Timestamp::MIN)
                .as_millisecond()
        });
        for page in 0..PAGES_MAX {
            let path = format!("/channels/{place}/posts?page={page}&per_page={PAGE_POSTS}");
            let history = self.api.get(&path).await.map_err(|error| self.failed(error))?;
            let order = history["order"].as_array().map(Vec::as_slice).unwrap_or_default();
            let mut passed = false;
            for id in order.iter().filter_map(Value::as_str) {
                let post = &history["posts"][id];
                passed |= oldest.is_some_and(|oldest| post["create_at"].as_i64().unwrap_or(0) < oldest);
                let ours = post["user_id"] == json!(bot.id)
                    && post["root_id"] == json!("")
                    && post["delete_at"].as_i64().unwrap_or(0) == 0;
                // What the post says counts only where it has no mark: the published plugin sets none.
                let about_it = match post["props"][MARK].as_str() {
                    Some(mark) => mark == tag.mark,
                    None => post["message"]
                        .as_str()
                        .is_some_and(|text| message::is_about(text, &request.id)),
                };
                if ours && about_it && is_id(id) {
                    return Ok(Some(id.to_owned()));
                }
            }
            if passed || order.len() < PAGE_POSTS {
                break;
            }
        }
        Ok(None)
    }

    async fn reply(&self, place: &str, post: &str, text: &str, tag: &Tag) -> Result<(), ChatError> {
        self.create(place, post, text, json!({MARK: tag.mark}), &tag.once)
            .await
            .map(drop)
    }

    async fn replies(&self, post: &str) -> Result<Vec<String>, ChatError> {
        let bot = self.bot().await.map_err(|error| self.failed(error))?;
        let thread = match self.api.get(&format!("/posts/{post}/thread")).await {
            Ok(thread) => thread,
            Err(error) => return Err(self.lost(post, error).await),
        };
        let posts = thread["posts"]
            .as_object()
            .map(|posts| posts.values())
            .into_iter()
            .flatten();
        Ok(posts
            .filter(|reply| reply["user_id"] == json!(bot.id) && reply["root_id"] == json!(post))
            .filter_map(|reply| reply["props"][MARK].as_str().map(str::to_owned))
            .collect())
    }

    async fn edit(&self, post: &str, text: &str) -> Result<(), ChatError> {
        let patched = self
            .api
            .put(&format!("/posts/{post}/patch"), &json!({"message": text}))
            .await;
        match patched {
            // The text is not compared: a server may have its own rules for words.
            Ok(patched) if patched["id"] == json!(post) => Ok(()),
            Ok(_) => Err(ChatError::new(
                Trouble::Hiccup,
                "Mattermost answers a changed post with another one",
            )),
            Err(error) if error.id() == "api.post.update_post.permissions_time_limit.app_error" => Err(
                ChatError::new(Trouble::TooOld, "Mattermost no longer lets the post be changed")
                    .hint("raise `ServiceSettings.PostEditTimeLimit` in Mattermost"),
            ),
            Err(error) => Err(self.lost(post, error).await),
        }
    }

    async fn remove(&self, post: &str) -> Result<(), ChatError> {
        match self.api.delete(&format!("/posts/{post}")).await {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(404) => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl Mattermost {
    /// Tells a post that is gone from one that the bot cannot get at: the server refuses both alike.
    async fn lost(&self, post: &str, error: CallError) -> ChatError {
        if !matches!(error.status(), Some(403 | 404)) {
            return self.failed(error);
        }
        match self.api.get(&format!("/posts/{post}")).await {
            Err(read) if read.status() == Some(404) => {
                ChatError::new(Trouble::Gone, "the post was removed in Mattermost")
            }
            Ok(found) => match &*self.bot.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(bot) if found["user_id"] != json!(bot.id) => {
                    ChatError::new(Trouble::Gone, "the post belongs to another account")
                }
                _ => failed(error),
            },
            Err(read) if read.status() == Some(403) => {
                ChatError::new(Trouble::Closed, "the bot is not in the post's channel any more")
                    .hint("invite the bot again")
            }
            Err(read) => self.failed(read),
        }
    }
}

/// What a failed call means for the work.
pub(crate) fn failed(error: CallError) -> ChatError {
    let trouble = match &error {
        CallError::TooMany { wait } => Trouble::Busy { wait: *wait },
        CallError::Unreachable { .. } | CallError::NoAnswer { .. } | CallError::Foreign { .. } => {
            Trouble::Down
        }
        CallError::Refused { status: 401, .. } => Trouble::Token,
        CallError::Refused { status: 503, .. } => Trouble::Down,
        CallError::Refused { status, .. } if *status >= 500 => Trouble::Hiccup,
        CallError::Refused { .. } => Trouble::Closed,
    };
    let hint = match &error {
        CallError::Refused { status: 401, .. } => Some(setup::TOKEN_HINT),
        CallError::Refused { status: 403, .. } => Some("the bot must be in the channel"),
        _ => None,
    };
    ChatError {
        trouble,
        message: error.to_string(),
        hint: hint.map(str::to_owned),
        maybe_done: error.maybe_done(),
    }
}

/// Whether a text can be an id of Mattermost's.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
