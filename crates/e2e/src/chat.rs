//! A Mattermost to look at, and the plugin that posts into it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use mattermost_stand_in::{Bot, PostShown, Settings, StandIn};
use tokio::runtime::Runtime;

use crate::cluster::{Cluster, signal};
use crate::guide;
use crate::programs::Outcome;
use crate::wait::until;

/// The team and the channel of the guide's configuration.
pub const TEAM: &str = "team-name";
/// See [`TEAM`].
pub const CHANNEL: &str = "channel-name";

/// A chat server with the guide's team, channel, bot and people.
pub struct Chat {
    server: StandIn,
    bot: Bot,
    channel: String,
    // Last: the server's tasks end before what runs them.
    _runtime: Runtime,
}

impl Chat {
    /// Starts one on a free port of the loopback.
    pub fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts one at `address`.
    ///
    /// # Panics
    /// If nothing can listen there.
    pub fn start_at(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let server = runtime
            .block_on(async {
                let listener = tokio::net::TcpListener::bind(address).await?;
                StandIn::spawn(listener, Settings::default())
            })
            .unwrap_or_else(|error| panic!("cannot listen on {address}: {error}"));
        let team = server.create_team(TEAM, "Platform");
        let channel = server.create_channel(&team, CHANNEL, "Access requests", false);
        let bot = server.create_bot("teleport", "Teleport");
        server.set_roles(&bot.user_id, "system_user system_post_all");
        server.join_team(&team, &bot.user_id);
        server.join_channel(&channel, &bot.user_id);
        for (name, _) in guide::PEOPLE {
            let user = server.create_user(name.split('@').next().unwrap_or(name), name);
            server.join_team(&team, &user);
            server.join_channel(&channel, &user);
        }
        Self {
            server,
            bot,
            channel,
            _runtime: runtime,
        }
    }

    /// The server itself.
    pub fn server(&self) -> &StandIn {
        &self.server
    }

    /// The page that shows the channel.
    pub fn page(&self) -> String {
        format!("{}/{TEAM}/channels/{CHANNEL}", self.server.url())
    }

    /// The bot's token.
    pub fn token(&self) -> &str {
        &self.bot.token
    }

    /// What stands in the channel, oldest first.
    pub fn posts(&self) -> Vec<PostShown> {
        self.server.posts(&self.channel)
    }

    /// The posts in the channel that begin a thread and speak of `text`.
    pub fn about(&self, text: &str) -> Vec<PostShown> {
        let mut posts = self.posts();
        posts.retain(|post| post.root_id.is_empty() && post.message.contains(text));
        posts
    }

    /// The answers to a post.
    pub fn replies(&self, post: &PostShown) -> Vec<PostShown> {
        let mut posts = self.posts();
        posts.retain(|reply| reply.root_id == post.id);
        posts
    }

    /// Waits until `look` finds something in the chat.
    ///
    /// # Panics
    /// If it never does; the channel is shown.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        until(what, || look(self), || format!("{:#?}", self.posts()))
    }
}

/// A running `teleport-mattermost`. It is stopped when this is dropped.
pub struct Plugin {
    configuration: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Plugin {
    /// Signs an identity for the guide's plugin user, fills in the guide's configuration and starts the plugin.
    pub fn start(cluster: &Cluster, chat: &Chat) -> Self {
        let identity = cluster.folder().join("identity");
        let out = format!("--out={}", identity.display());
        let _ = cluster
            .tctl(&["auth", "sign", "--user=access-plugin", "--overwrite", &out])
            .succeeded();
        Self::start_with(cluster, chat, &identity, &cluster.auth())
    }

    /// Starts the plugin with this identity towards this address.
    pub fn start_with(cluster: &Cluster, chat: &Chat, identity: &Path, address: &str) -> Self {
        let mut plugin = Self {
            configuration: cluster.folder().join("teleport-mattermost.toml"),
            log: cluster.folder().join("teleport-mattermost.log"),
            child: None,
        };
        let identity = identity.display().to_string();
        let text = guide::plugin_configuration(&[
            ("myinstance.teleport.sh:443", address),
            ("/var/lib/teleport/plugins/mattermost/identity", &identity),
            ("https://mattermost.example.com", chat.server().url()),
            ("api-token", chat.token()),
        ]);
        fs::write(&plugin.configuration, text).expect("a configuration");
        plugin.run(cluster);
        plugin
    }

    /// Starts it.
    pub fn run(&mut self, cluster: &Cluster) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log");
        let errors = log.try_clone().expect("a log");
        let mut command = cluster.programs().command("teleport-mattermost");
        command
            .args(["start", "-c"])
            .arg(&self.configuration)
            .env("HOME", cluster.folder())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        self.child = Some(command.spawn().expect("teleport-mattermost"));
    }

    /// Runs it to its end, for configurations that cannot work.
    pub fn outcome(cluster: &Cluster, configuration: &Path) -> Outcome {
        let mut command = cluster.programs().command("teleport-mattermost");
        command
            .args(["start", "-c"])
            .arg(configuration)
            .env("HOME", cluster.folder());
        Outcome::of(&mut command, "")
    }

    /// Where its configuration is.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// Asks it to stop; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        signal("TERM", &child);
        child.wait().ok()?.code()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Its exit code if it has ended by itself.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.as_mut()?.try_wait().ok().flatten()?.code()
    }

    /// Everything it has logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.kill();
    }
}
