//! Everything the server knows, and the operations that keep it consistent.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::ambient;
use crate::faults::Faults;
use crate::handle::Call;
use crate::limit::Buckets;
use crate::markdown;
use crate::model::{Channel, PendingPosts, Post, Reaction, Settings, Team, Token, User};
use crate::signing::SigningKey;
use crate::websocket::{Audience, Hub};

/// The state with what never changes beside it.
pub struct Shared {
    state: Mutex<State>,
    pub signing: SigningKey,
    pub version_id: String,
    pub url: String,
    pub changes: watch::Sender<u64>,
}

impl Shared {
    pub fn new(settings: Settings, url: String) -> Self {
        Self {
            state: Mutex::new(State::new(settings)),
            signing: SigningKey::generate(),
            version_id: format!("11.6.0..{}.false", ambient::hex(32)),
            url,
            changes: watch::Sender::new(0),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the pages.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

pub struct State {
    pub settings: Settings,
    pub users: BTreeMap<String, User>,
    pub tokens: Vec<Token>,
    pub teams: BTreeMap<String, Team>,
    pub channels: BTreeMap<String, Channel>,
    pub posts: Vec<Post>,
    places: HashMap<String, usize>,
    pub reactions: Vec<Reaction>,
    pub pending: PendingPosts,
    pub hub: Hub,
    pub faults: Faults,
    pub buckets: Buckets,
    pub calls: Vec<Call>,
    last_ms: i64,
}

impl State {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            users: BTreeMap::new(),
            tokens: Vec::new(),
            teams: BTreeMap::new(),
            channels: BTreeMap::new(),
            posts: Vec::new(),
            places: HashMap::new(),
            reactions: Vec::new(),
            pending: PendingPosts::new(),
            hub: Hub::default(),
            faults: Faults::default(),
            buckets: Buckets::default(),
            calls: Vec::new(),
            last_ms: 0,
        }
    }

    /// The present moment; every answer is later than the one before.
    pub fn tick(&mut self) -> i64 {
        self.last_ms = ambient::now_ms().max(self.last_ms + 1);
        self.last_ms
    }

    // ---- people -------------------------------------------------------------------------------

    pub fn user_named(&self, username: &str) -> Option<&User> {
        self.users
            .values()
            .find(|user| user.username.eq_ignore_ascii_case(username))
    }

    pub fn user_with_email(&self, email: &str) -> Option<&User> {
        self.users
            .values()
            .find(|user| user.email.eq_ignore_ascii_case(email))
    }

    pub fn add_user(&mut self, user: User) -> User {
        self.users.insert(user.id.clone(), user.clone());
        user
    }

    pub fn add_token(&mut self, user_id: &str, description: &str) -> Token {
        let token = Token {
            id: ambient::id(),
            secret: ambient::id(),
            user_id: user_id.to_owned(),
            description: description.to_owned(),
            active: true,
        };
        self.tokens.push(token.clone());
        token
    }

    /// The token and its user, while both are in force.
    pub fn session(&self, secret: &str) -> Option<(&Token, &User)> {
        let token = self
            .tokens
            .iter()
            .find(|token| token.active && token.secret == secret)?;
        let user = self.users.get(&token.user_id)?;
        (user.delete_at == 0).then_some((token, user))
    }

    pub fn token_in_force(&self, token_id: &str) -> bool {
        self.tokens
            .iter()
            .any(|token| token.id == token_id && self.session(&token.secret).is_some())
    }

    /// As `viewer` sees `user`.
    pub fn shown_user(&self, user: &User, viewer: &User) -> Value {
        if user.id == viewer.id || viewer.is_admin() {
            user.shown_to_self()
        } else {
            user.shown_to_others(self.settings.show_email_address)
        }
    }

    // ---- teams and channels -------------------------------------------------------------------

    pub fn team_named(&self, name: &str) -> Option<&Team> {
        self.teams.values().find(|team| team.name == name)
    }

    pub fn channel_named(&self, team_id: &str, name: &str) -> Option<&Channel> {
        self.channels
            .values()
            .find(|channel| channel.team_id == team_id && channel.name == name)
    }

    pub fn is_team_member(&self, team_id: &str, user_id: &str) -> bool {
        self.teams
            .get(team_id)
            .is_some_and(|team| team.members.contains(user_id))
    }

    pub fn share_a_team(&self, one: &str, other: &str) -> bool {
        self.teams
            .values()
            .any(|team| team.members.contains(one) && team.members.contains(other))
    }

    /// A direct channel whose two people may no longer talk.
    pub fn is_restricted_direct(&self, channel: &Channel) -> bool {
        let mut members = channel.members.iter();
        channel.is_direct()
            && self.settings.direct_messages_within_team
            && match (members.next(), members.next()) {
                (Some(one), Some(other)) => !self.share_a_team(one, other),
                _ => false,
            }
    }

    pub fn may_read(&self, channel: &Channel, user: &User) -> bool {
        user.is_admin()
            || channel.members.contains(&user.id)
            || (channel.kind == 'O' && self.is_team_member(&channel.team_id, &user.id))
    }

    pub fn may_post(channel: &Channel, user: &User) -> bool {
        channel.members.contains(&user.id)
            || user.is_admin()
            || (user.has_role("system_post_all") && !channel.is_direct())
    }

    pub fn may_edit_in(channel: &Channel, user: &User) -> bool {
        channel.members.contains(&user.id) || user.is_admin()
    }

    pub fn direct_channel(&mut self, creator: &str, one: &str, other: &str) -> (Channel, bool) {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let name = format!("{first}__{second}");
        if let Some(channel) = self.channel_named("", &name) {
            return (channel.clone(), false);
        }
        let now = self.tick();
        let channel = Channel {
            id: ambient::id(),
            create_at: now,
            update_at: now,
            delete_at: 0,
            team_id: String::new(),
            kind: 'D',
            name,
            display_name: String::new(),
            creator_id: creator.to_owned(),
            members: BTreeSet::from([one.to_owned(), other.to_owned()]),
            last_post_at: 0,
            last_root_post_at: 0,
            posts_total: 0,
            roots_total: 0,
            posts: Vec::new(),
        };
        self.channels.insert(channel.id.clone(), channel.clone());
        self.emit(
            "direct_added",
            json!({"creator_id": creator, "teammate_id": if creator == one { other } else { one }}),
            Audience::Channel(&channel.id),
        );
        (channel, true)
    }

    pub fn join_channel(&mut self, channel_id: &str, user_id: &str, by: &str) {
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return;
        };
        if !channel.members.insert(user_id.to_owned()) {
            return;
        }
        let team_id = channel.team_id.clone();
        self.emit(
            "user_added",
            json!({"team_id": team_id, "user_id": user_id}),
            Audience::Channel(channel_id),
        );
        let name = |id: &str, state: &Self| {
            state
                .users
                .get(id)
                .map_or_else(String::new, |user| user.username.clone())
        };
        let message = format!(
            "{} added to the channel by {}.",
            name(user_id, self),
            name(by, self)
        );
        self.system_post(channel_id, by, "system_add_to_channel", message);
    }

    pub fn leave_channel(&mut self, channel_id: &str, user_id: &str, by: &str) -> bool {
        let Some(channel) = self.channels.get_mut(channel_id) else {
            return false;
        };
        if !channel.members.remove(user_id) {
            return false;
        }
        self.emit(
            "user_removed",
            json!({"channel_id": channel_id, "remover_id": by}),
            Audience::User(user_id),
        );
        self.emit(
            "user_removed",
            json!({"remover_id": by, "user_id": user_id}),
            Audience::Channel(channel_id),
        );
        true
    }

    pub fn leave_team(&mut self, team_id: &str, user_id: &str, by: &str) -> bool {
        let Some(team) = self.teams.get_mut(team_id) else {
            return false;
        };
        if !team.members.remove(user_id) {
            return false;
        }
        let channels: Vec<String> = self
            .channels
            .values()
            .filter(|channel| channel.team_id == team_id)
            .map(|channel| channel.id.clone())
            .collect();
        for channel in channels {
            self.leave_channel(&channel, user_id, by);
        }
        self.emit(
            "leave_team",
            json!({"team_id": team_id, "user_id": user_id}),
            Audience::User(user_id),
        );
        true
    }

    pub fn archive(&mut self, channel_id: &str) {
        let now = self.tick();
        if let Some(channel) = self.channels.get_mut(channel_id) {
            channel.delete_at = now;
            channel.update_at = now;
            self.emit(
                "channel_deleted",
                json!({"channel_id": channel_id, "delete_at": now}),
                Audience::Channel(channel_id),
            );
        }
    }

    // ---- posts --------------------------------------------------------------------------------

    pub fn post(&self, id: &str) -> Option<&Post> {
        self.places.get(id).map(|place| &self.posts[*place])
    }

    pub fn post_mut(&mut self, id: &str) -> Option<&mut Post> {
        self.places.get(id).map(|place| &mut self.posts[*place])
    }

    /// Puts a post into its channel; the post's id is new.
    pub fn store_post(&mut self, post: Post) {
        let place = self.posts.len();
        if let Some(channel) = self.channels.get_mut(&post.channel_id) {
            channel.posts.push(place);
            if post.original_id.is_empty() {
                channel.posts_total += 1;
                channel.last_post_at = post.create_at;
                if post.root_id.is_empty() {
                    channel.roots_total += 1;
                    channel.last_root_post_at = post.create_at;
                }
            }
        }
        self.places.insert(post.id.clone(), place);
        self.posts.push(post);
    }

    /// Posts of one channel, oldest first, earlier versions of edited posts included.
    pub fn posts_in<'a>(&'a self, channel_id: &str) -> impl DoubleEndedIterator<Item = &'a Post> {
        self.channels
            .get(channel_id)
            .map(|channel| channel.posts.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|place| &self.posts[*place])
    }

    pub fn replies(&self, post: &Post) -> Vec<&Post> {
        if !post.root_id.is_empty() {
            return Vec::new();
        }
        self.posts_in(&post.channel_id)
            .filter(|reply| reply.root_id == post.id && reply.delete_at == 0)
            .collect()
    }

    /// As a reader sees a post: what integrations were told stays with the server.
    pub fn shown_post(&self, post: &Post) -> Value {
        let replies = self.replies(post);
        let mut props = post.props.clone();
        let mut metadata = Map::new();
        if let Some(Value::Array(attachments)) = props.get_mut("attachments") {
            metadata.insert("embeds".into(), json!([{"type": "message_attachment"}]));
            for attachment in attachments {
                if let Some(actions) = attachment.get_mut("actions").and_then(Value::as_array_mut) {
                    for action in actions.iter_mut().filter_map(Value::as_object_mut) {
                        action.shift_remove("integration");
                    }
                }
            }
        }
        if let Some(priority) = &post.priority {
            metadata.insert(
                "priority".into(),
                json!({"priority": priority, "requested_ack": null, "persistent_notifications": null}),
            );
        }
        let mut shown = json!({
            "id": post.id, "create_at": post.create_at, "update_at": post.update_at,
            "edit_at": post.edit_at, "delete_at": post.delete_at, "is_pinned": post.is_pinned,
            "user_id": post.user_id, "channel_id": post.channel_id, "root_id": post.root_id,
            "original_id": post.original_id, "message": post.message, "type": post.kind, "props": props,
            "hashtags": post.hashtags, "file_ids": post.file_ids, "pending_post_id": "", "remote_id": "",
            "reply_count": replies.len(),
            "last_reply_at": replies.last().map_or(0, |reply| reply.create_at),
            "participants": null, "metadata": metadata,
        });
        if post.has_reactions {
            shown["has_reactions"] = json!(true);
        }
        shown
    }

    fn system_post(&mut self, channel_id: &str, by: &str, kind: &str, message: String) {
        let now = self.tick();
        let post = Post {
            id: ambient::id(),
            create_at: now,
            update_at: now,
            edit_at: 0,
            delete_at: 0,
            is_pinned: false,
            user_id: by.to_owned(),
            channel_id: channel_id.to_owned(),
            root_id: String::new(),
            original_id: String::new(),
            message,
            kind: kind.to_owned(),
            props: Map::new(),
            hashtags: String::new(),
            file_ids: Vec::new(),
            has_reactions: false,
            priority: None,
        };
        self.store_post(post.clone());
        self.announce_post(&post, false);
    }

    /// People a post notifies: by name, or everybody in the channel; never its author.
    pub fn mentioned(&self, post: &Post) -> Vec<String> {
        let Some(channel) = self.channels.get(&post.channel_id) else {
            return Vec::new();
        };
        let names = markdown::mentions(&post.message);
        let all = names
            .iter()
            .any(|name| ["all", "channel", "here"].contains(&name.as_str()));
        self.users
            .values()
            .filter(|user| user.id != post.user_id && channel.members.contains(&user.id))
            .filter(|user| all || names.iter().any(|name| user.username.eq_ignore_ascii_case(name)))
            .map(|user| user.id.clone())
            .collect()
    }

    pub fn announce_post(&mut self, post: &Post, set_online: bool) {
        let Some(channel) = self.channels.get(&post.channel_id) else {
            return;
        };
        let sender = if post.kind.is_empty() {
            self.users
                .get(&post.user_id)
                .map_or_else(String::new, |user| format!("@{}", user.username))
        } else {
            "System".to_owned()
        };
        let mut data = json!({
            "channel_display_name": channel.display_name, "channel_name": channel.name,
            "channel_type": channel.kind.to_string(), "post": self.shown_post(post).to_string(),
            "sender_name": sender, "set_online": set_online, "team_id": channel.team_id,
        });
        let mentioned = if post.kind.is_empty() {
            self.mentioned(post)
        } else {
            Vec::new()
        };
        if !mentioned.is_empty() {
            data["mentions"] = json!(json!(mentioned).to_string());
        }
        let root = self.post(&post.root_id).cloned();
        let followers: Vec<String> = root.as_ref().map_or_else(Vec::new, |root| {
            let mut people: BTreeSet<String> = self
                .replies(root)
                .iter()
                .map(|reply| reply.user_id.clone())
                .collect();
            people.insert(root.user_id.clone());
            people.into_iter().filter(|id| *id != post.user_id).collect()
        });
        if !followers.is_empty() {
            data["followers"] = json!(json!(followers).to_string());
        }
        let channel_id = post.channel_id.clone();
        self.emit("posted", data, Audience::Channel(&channel_id));
        if let Some(root) = root {
            let thread = json!({
                "id": root.id, "reply_count": self.replies(&root).len(), "post": self.shown_post(&root),
            });
            for follower in followers {
                self.emit(
                    "thread_updated",
                    json!({"thread": thread.to_string()}),
                    Audience::User(&follower),
                );
            }
        }
    }

    pub fn announce_edit(&mut self, post: &Post) {
        let data = json!({"post": self.shown_post(post).to_string()});
        let channel_id = post.channel_id.clone();
        self.emit("post_edited", data, Audience::Channel(&channel_id));
    }
}
