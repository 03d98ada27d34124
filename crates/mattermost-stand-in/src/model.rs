//! What the server holds: people, teams, channels, posts, and the settings an administrator could change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The switches of a real server's configuration that this one knows, at a real server's defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `RateLimitSettings`; off by default.
    pub rate_limit: Option<RateLimit>,
    /// Characters in one message: 16,383, on old servers 4,000.
    pub message_characters_max: usize,
    /// `ServiceSettings.MaximumPayloadSizeBytes`; 512 more pass.
    pub payload_bytes_max: usize,
    /// `PrivacySettings.ShowEmailAddress`.
    pub show_email_address: bool,
    /// `TeamSettings.RestrictDirectMessage` is `team`.
    pub direct_messages_within_team: bool,
    /// `ServiceSettings.PostEditTimeLimit` in seconds; `None` is no limit.
    pub post_edit_seconds_max: Option<u64>,
    /// `ServiceSettings.EnableBotAccountCreation`. A real server starts with false.
    pub bot_creation: bool,
    /// How long a WebSocket may stay without signing in.
    pub websocket_sign_in: Duration,
    /// Silence after which the server pings.
    pub websocket_ping: Duration,
    /// Silence after which the server cuts.
    pub websocket_cut: Duration,
}

/// Requests a second, and how many may come at once.
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    /// `RateLimitSettings.PerSec`.
    pub per_second: u32,
    /// `RateLimitSettings.MaxBurst`.
    pub burst: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            per_second: 10,
            burst: 100,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate_limit: None,
            message_characters_max: 16_383,
            payload_bytes_max: 300_000,
            show_email_address: true,
            direct_messages_within_team: false,
            post_edit_seconds_max: None,
            bot_creation: true,
            websocket_sign_in: Duration::from_secs(5),
            websocket_ping: Duration::from_secs(60),
            websocket_cut: Duration::from_secs(100),
        }
    }
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub create_at: i64,
    pub update_at: i64,
    pub delete_at: i64,
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub roles: String,
    pub password: Option<String>,
    pub bot: Option<BotFacts>,
}

#[derive(Debug, Clone)]
pub struct BotFacts {
    pub description: String,
    pub owner_id: String,
}

impl User {
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.split(' ').any(|held| held == role)
    }

    pub fn is_admin(&self) -> bool {
        self.has_role("system_admin")
    }

    pub fn etag(&self) -> String {
        format!("11.6.0.{}.{}..0.true.true.0", self.id, self.update_at)
    }

    /// As the user itself or an administrator sees the account.
    pub fn shown_to_self(&self) -> Value {
        let mut shown = self.common(true);
        shown.insert(
            "notify_props".into(),
            json!({"channel": "true", "desktop": "mention", "email": "true", "first_name": "false",
                "mention_keys": "", "push": "mention", "comments": "never"}),
        );
        shown.insert("last_password_update".into(), json!(self.create_at));
        if let Some(bot) = &self.bot {
            shown.insert("is_bot".into(), json!(true));
            shown.insert("bot_description".into(), json!(bot.description));
        }
        shown.insert("disable_welcome_email".into(), json!(false));
        Value::Object(shown)
    }

    /// As another user sees the account.
    pub fn shown_to_others(&self, with_email: bool) -> Value {
        let mut shown = self.common(with_email);
        shown.insert("auth_data".into(), json!(""));
        shown.insert("remote_id".into(), json!(""));
        if let Some(bot) = &self.bot {
            shown.insert("is_bot".into(), json!(true));
            shown.insert("bot_description".into(), json!(bot.description));
        }
        shown.insert("disable_welcome_email".into(), json!(false));
        Value::Object(shown)
    }

    fn common(&self, with_email: bool) -> Map<String, Value> {
        let mut shown = Map::new();
        for (key, value) in [
            ("id", json!(self.id)),
            ("create_at", json!(self.create_at)),
            ("update_at", json!(self.update_at)),
            ("delete_at", json!(self.delete_at)),
            ("username", json!(self.username)),
            ("auth_service", json!("")),
            ("email", json!(if with_email { self.email.as_str() } else { "" })),
            ("nickname", json!("")),
            ("first_name", json!(self.first_name)),
            ("last_name", json!("")),
            ("position", json!("")),
            ("roles", json!(self.roles)),
            ("locale", json!("en")),
            (
                "timezone",
                json!({"automaticTimezone": "", "manualTimezone": "", "useAutomaticTimezone": "true"}),
            ),
        ] {
            shown.insert(key.into(), value);
        }
        shown
    }
}

#[derive(Debug, Clone)]
pub struct Token {
    pub id: String,
    pub secret: String,
    pub user_id: String,
    pub description: String,
    pub active: bool,
}

#[derive(Debug, Clone)]
pub struct Team {
    pub id: String,
    pub create_at: i64,
    pub name: String,
    pub display_name: String,
    pub email: String,
    pub kind: String,
    pub invite_id: String,
    pub members: BTreeSet<String>,
}

impl Team {
    pub fn shown(&self, with_email: bool) -> Value {
        json!({
            "id": self.id, "create_at": self.create_at, "update_at": self.create_at, "delete_at": 0,
            "display_name": self.display_name, "name": self.name, "description": "",
            "email": if with_email { self.email.as_str() } else { "" }, "type": self.kind,
            "company_name": "", "allowed_domains": "", "invite_id": self.invite_id,
            "allow_open_invite": false, "scheme_id": null, "group_constrained": null,
            "policy_id": null, "cloud_limits_archived": false,
        })
    }

    pub fn membership(&self, user_id: &str) -> Value {
        json!({
            "team_id": self.id, "user_id": user_id, "roles": "team_user", "delete_at": 0,
            "scheme_guest": false, "scheme_user": true, "scheme_admin": false, "explicit_roles": "",
        })
    }
}

#[derive(Debug, Clone)]
pub struct Channel {
    pub id: String,
    pub create_at: i64,
    pub update_at: i64,
    pub delete_at: i64,
    pub team_id: String,
    /// `O` public, `P` private, `D` direct.
    pub kind: char,
    pub name: String,
    pub display_name: String,
    pub creator_id: String,
    pub members: BTreeSet<String>,
    pub last_post_at: i64,
    pub last_root_post_at: i64,
    pub posts_total: usize,
    pub roots_total: usize,
    /// Positions in the list of all posts, oldest first; earlier versions of edited posts included.
    pub posts: Vec<usize>,
}

impl Channel {
    pub fn is_direct(&self) -> bool {
        self.kind == 'D'
    }

    pub fn shown(&self) -> Value {
        let mut shown = json!({
            "id": self.id, "create_at": self.create_at, "update_at": self.update_at,
            "delete_at": self.delete_at, "team_id": self.team_id, "type": self.kind.to_string(),
            "display_name": self.display_name, "name": self.name, "header": "", "purpose": "",
            "last_post_at": self.last_post_at, "total_msg_count": self.posts_total, "extra_update_at": 0,
            "creator_id": self.creator_id, "scheme_id": null, "props": null, "group_constrained": null,
            "autotranslation": false, "shared": null, "total_msg_count_root": self.roots_total,
            "policy_id": null, "last_root_post_at": self.last_root_post_at, "banner_info": null,
            "policy_enforced": false, "policy_is_active": false, "default_category_name": "",
        });
        if self.is_direct() {
            shown["shared"] = json!(false);
        }
        shown
    }

    pub fn membership(&self, user_id: &str) -> Value {
        json!({
            "channel_id": self.id, "user_id": user_id, "roles": "channel_user", "last_viewed_at": 0,
            "msg_count": 0, "mention_count": 0, "mention_count_root": 0, "urgent_mention_count": 0,
            "msg_count_root": 0,
            "notify_props": {"desktop": "default", "email": "default", "ignore_channel_mentions": "default",
                "mark_unread": "all", "push": "default", "channel_auto_follow_threads": "off"},
            "last_update_at": self.create_at, "scheme_guest": false, "scheme_user": true,
            "scheme_admin": false, "explicit_roles": "", "autotranslation_disabled": false,
        })
    }
}

#[derive(Debug, Clone)]
pub struct Post {
    pub id: String,
    pub create_at: i64,
    pub update_at: i64,
    pub edit_at: i64,
    pub delete_at: i64,
    pub is_pinned: bool,
    pub user_id: String,
    pub channel_id: String,
    pub root_id: String,
    /// Set in an earlier version of an edited post: the id of the post it was.
    pub original_id: String,
    pub message: String,
    pub kind: String,
    pub props: Map<String, Value>,
    pub hashtags: String,
    pub file_ids: Vec<Value>,
    pub has_reactions: bool,
    pub priority: Option<String>,
}

impl Post {
    pub fn etag(&self) -> String {
        format!("11.6.0.{}.{}", self.id, self.update_at)
    }
}

#[derive(Debug, Clone)]
pub struct Reaction {
    pub user_id: String,
    pub post_id: String,
    pub emoji_name: String,
    pub create_at: i64,
    pub channel_id: String,
}

impl Reaction {
    pub fn shown(&self) -> Value {
        json!({
            "user_id": self.user_id, "post_id": self.post_id, "emoji_name": self.emoji_name,
            "create_at": self.create_at, "update_at": self.create_at, "delete_at": 0, "remote_id": "",
            "channel_id": self.channel_id,
        })
    }
}

/// What a `pending_post_id` stands for.
#[derive(Debug, Clone)]
pub enum Pending {
    InWork,
    Stored { post_id: String, since: i64 },
}

pub type PendingPosts = BTreeMap<String, Pending>;
