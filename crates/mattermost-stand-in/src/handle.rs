//! What a test or the demo holds: the running server, and the short ways to set it up and look inside.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::ambient;
use crate::faults::Rule;
use crate::markdown;
use crate::model::{BotFacts, Channel, Post, Settings, Team, User};
use crate::server;
use crate::state::{Shared, State};

/// A running server. It stops when this is dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A bot and the token it signs in with.
#[derive(Debug, Clone)]
pub struct Bot {
    /// The bot's user id.
    pub user_id: String,
    /// The id by which the token is switched off.
    pub token_id: String,
    /// The token itself.
    pub token: String,
}

/// A call the server got, as it was asked and answered. Status 0: cut without an answer.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET` and so on.
    pub method: String,
    /// The path below `/api/v4`.
    pub path: String,
    /// Who said to be calling.
    pub user_agent: String,
    /// The body as text.
    pub body: String,
    /// The status of the answer.
    pub status: u16,
}

/// A post as a test wants to see it.
#[derive(Debug, Clone)]
pub struct PostShown {
    /// The post's id.
    pub id: String,
    /// The channel's id.
    pub channel_id: String,
    /// The author's user name.
    pub author: String,
    /// The root's id, empty for a root.
    pub root_id: String,
    /// The text.
    pub message: String,
    /// What else the post carries.
    pub props: Map<String, Value>,
    /// The text was changed after it was posted.
    pub edited: bool,
    /// User names of the people in the channel whom this text notifies, as it stands.
    pub notifies: Vec<String>,
}

impl StandIn {
    /// Serves on `listener` until the handle is dropped.
    pub fn spawn(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::new(settings, url));
        let task = tokio::spawn(server::accept(Arc::clone(&shared), listener));
        Ok(Self { shared, task })
    }

    /// Serves on a free port of the loopback.
    pub async fn spawn_local(settings: Settings) -> io::Result<Self> {
        Self::spawn(TcpListener::bind(("127.0.0.1", 0)).await?, settings)
    }

    /// Where it answers, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Changes the settings while it runs.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.lock()
    }

    // ---- set-up -------------------------------------------------------------------------------

    /// Makes an administrator and gives a token for him.
    pub fn create_admin(&self, username: &str) -> String {
        let user = self.create_user(username, &format!("{username}@localhost.example"));
        let mut state = self.state();
        if let Some(user) = state.users.get_mut(&user) {
            "system_admin system_user".clone_into(&mut user.roles);
        }
        state.add_token(&user, "administrator").secret
    }

    /// Makes a person and gives the user id.
    pub fn create_user(&self, username: &str, email: &str) -> String {
        self.add_user(username, email, "", None)
    }

    /// Makes a bot with a token.
    pub fn create_bot(&self, username: &str, display_name: &str) -> Bot {
        let facts = BotFacts {
            description: String::new(),
            owner_id: String::new(),
        };
        let user_id = self.add_user(
            username,
            &format!("{username}@localhost"),
            display_name,
            Some(facts),
        );
        let token = self.state().add_token(&user_id, "bot");
        Bot {
            user_id,
            token_id: token.id,
            token: token.secret,
        }
    }

    fn add_user(&self, username: &str, email: &str, first_name: &str, bot: Option<BotFacts>) -> String {
        let mut state = self.state();
        let now = state.tick();
        let user = state.add_user(User {
            id: ambient::id(),
            create_at: now,
            update_at: now,
            delete_at: 0,
            username: username.to_owned(),
            email: email.to_owned(),
            first_name: first_name.to_owned(),
            roles: "system_user".to_owned(),
            password: None,
            bot,
        });
        user.id
    }

    /// Makes another token for a user.
    pub fn create_token(&self, user_id: &str) -> String {
        self.state()
            .add_token(user_id, "made by the stand-in's owner")
            .secret
    }

    /// Takes a token out of force for good.
    pub fn revoke_token(&self, token_id: &str) {
        self.state().tokens.retain(|token| token.id != token_id);
    }

    /// Switches an account off or on.
    pub fn set_active(&self, user_id: &str, active: bool) {
        let mut state = self.state();
        let now = state.tick();
        if let Some(user) = state.users.get_mut(user_id) {
            user.delete_at = if active { 0 } else { now };
            user.update_at = now;
        }
    }

    /// Gives a user these roles, for example `system_user system_post_all`.
    pub fn set_roles(&self, user_id: &str, roles: &str) {
        if let Some(user) = self.state().users.get_mut(user_id) {
            roles.clone_into(&mut user.roles);
        }
    }

    /// Makes a team and gives its id.
    pub fn create_team(&self, name: &str, display_name: &str) -> String {
        let mut state = self.state();
        let team = Team {
            id: ambient::id(),
            create_at: state.tick(),
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            email: String::new(),
            kind: "O".to_owned(),
            invite_id: ambient::id(),
            members: BTreeSet::new(),
        };
        let id = team.id.clone();
        state.teams.insert(id.clone(), team);
        drop(state);
        self.shared.changed();
        id
    }

    /// Makes a channel and gives its id.
    pub fn create_channel(&self, team_id: &str, name: &str, display_name: &str, private: bool) -> String {
        let mut state = self.state();
        let now = state.tick();
        let channel = Channel {
            id: ambient::id(),
            create_at: now,
            update_at: now,
            delete_at: 0,
            team_id: team_id.to_owned(),
            kind: if private { 'P' } else { 'O' },
            name: name.to_owned(),
            display_name: display_name.to_owned(),
            creator_id: String::new(),
            members: BTreeSet::new(),
            last_post_at: 0,
            last_root_post_at: 0,
            posts_total: 0,
            roots_total: 0,
            posts: Vec::new(),
        };
        let id = channel.id.clone();
        state.channels.insert(id.clone(), channel);
        drop(state);
        self.shared.changed();
        id
    }

    /// Puts a user into a team.
    pub fn join_team(&self, team_id: &str, user_id: &str) {
        if let Some(team) = self.state().teams.get_mut(team_id) {
            team.members.insert(user_id.to_owned());
        }
    }

    /// Puts a user into a channel, without a word about it in the channel.
    pub fn join_channel(&self, channel_id: &str, user_id: &str) {
        if let Some(channel) = self.state().channels.get_mut(channel_id) {
            channel.members.insert(user_id.to_owned());
        }
    }

    /// Takes a user out of a channel.
    pub fn leave_channel(&self, channel_id: &str, user_id: &str) {
        self.state().leave_channel(channel_id, user_id, "");
    }

    /// Archives a channel.
    pub fn archive_channel(&self, channel_id: &str) {
        self.state().archive(channel_id);
    }

    /// Removes a post as a moderator would.
    pub fn delete_post(&self, post_id: &str) {
        let mut state = self.state();
        let now = state.tick();
        if let Some(post) = state.post_mut(post_id) {
            post.delete_at = now;
            post.update_at = now;
            post.message = String::new();
        }
    }

    // ---- looking inside -----------------------------------------------------------------------

    /// The posts of a channel, oldest first, without system messages and removed posts.
    pub fn posts(&self, channel_id: &str) -> Vec<PostShown> {
        let state = self.state();
        state
            .posts_in(channel_id)
            .filter(|post| is_live(post))
            .map(|post| shown(&state, post))
            .collect()
    }

    /// The posts of every channel, oldest first.
    pub fn all_posts(&self) -> Vec<PostShown> {
        let state = self.state();
        state
            .posts
            .iter()
            .filter(|post| is_live(post))
            .map(|post| shown(&state, post))
            .collect()
    }

    /// The direct channel of two users, if they ever opened it.
    pub fn direct_channel(&self, one: &str, other: &str) -> Option<String> {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        self.state()
            .channel_named("", &format!("{first}__{second}"))
            .map(|channel| channel.id.clone())
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.state().calls.clear();
    }

    /// Waits until `wanted` is true of the server; looks again after every change and every call.
    pub async fn until(&self, mut wanted: impl FnMut(&Self) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if wanted(self) {
                return;
            }
            // The sender lives as long as this handle.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), changes.changed()).await;
        }
    }

    // ---- faults -------------------------------------------------------------------------------

    /// Lets something go wrong.
    pub fn inject(&self, rule: Rule) {
        self.state().faults.add(rule);
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Forgets every `pending_post_id`, as after half a minute.
    pub fn forget_pending_posts(&self) {
        self.state().pending.clear();
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn is_live(post: &Post) -> bool {
    post.delete_at == 0 && post.original_id.is_empty() && post.kind.is_empty()
}

fn shown(state: &State, post: &Post) -> PostShown {
    let name = |id: &str| {
        state
            .users
            .get(id)
            .map_or_else(String::new, |user| user.username.clone())
    };
    let mut notifies: Vec<String> = state.mentioned(post).iter().map(|id| name(id)).collect();
    for word in markdown::mentions(&post.message) {
        if ["all", "channel", "here"].contains(&word.as_str()) {
            notifies.push(format!("@{word}"));
        }
    }
    PostShown {
        id: post.id.clone(),
        channel_id: post.channel_id.clone(),
        author: name(&post.user_id),
        root_id: post.root_id.clone(),
        message: post.message.clone(),
        props: post.props.clone(),
        edited: post.edit_at > 0,
        notifies,
    }
}
