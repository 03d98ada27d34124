//! The program in a directory of its own, with a cluster and a chat to talk to.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::identity::IdentityParts;
use jiff::SignedDuration;
use mattermost_stand_in::{Bot, PostShown, Settings, StandIn};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use wire::identity_file::IdentityFile;

use crate::teleport::{People, Teleport};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub teleport: Teleport,
    pub people: People,
    pub chat: StandIn,
    pub channel: String,
    pub bot: Bot,
    pub home: TempDir,
}

/// How a run ended and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub async fn new() -> Self {
        let teleport = Teleport::start().await;
        let people = teleport.people().await;
        let chat = StandIn::spawn_local(Settings::default()).await.expect("a server");
        let team = chat.create_team("team-name", "Platform");
        let channel = chat.create_channel(&team, "channel-name", "Access requests", false);
        let bot = chat.create_bot("teleport", "Teleport");
        chat.join_team(&team, &bot.user_id);
        chat.join_channel(&channel, &bot.user_id);
        let this = Self {
            teleport,
            people,
            chat,
            channel,
            bot,
            home: tempfile::tempdir().expect("a directory"),
        };
        this.sign_identity(SignedDuration::from_hours(24)).await;
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Writes an identity file of the plugin's user: `tctl auth sign --user=access-plugin --out=identity`.
    pub async fn sign_identity(&self, lifetime: SignedDuration) {
        let parts: IdentityParts = self.teleport.plugin_parts(lifetime).await;
        let file = IdentityFile {
            private_key: parts.private_key,
            ssh_certificate: parts.ssh_certificate,
            tls_certificate: parts.tls_certificate,
            ssh_authorities: Vec::new(),
            tls_authorities: vec![parts.tls_authorities],
        };
        let text = file.write().expect("an identity file");
        self.write("identity.new", text.expose());
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.path("identity.new"), mode).expect("a mode");
        std::fs::rename(self.path("identity.new"), self.path("identity")).expect("exchanged");
    }

    /// The guide's file for this world.
    pub fn config(&self) -> String {
        format!(
            "[teleport]\nauth_server = \"{}\"\nidentity = \"{}\"\nrefresh_identity = true\n[mattermost]\nurl = \"{}\"\n\
             team = \"team-name\"\nchannel = \"channel-name\"\ntoken = \"{}\"\nsecret = \"signing-secret-value\"\n\
             [log]\noutput = \"stderr\"\nseverity = \"INFO\"\n",
            self.teleport.address(),
            self.path("identity").display(),
            self.chat.url(),
            self.bot.token
        )
    }

    /// Starts the program with a configuration.
    pub fn start(&self, config: &str) -> Running {
        self.start_with(config, &[], &[])
    }

    pub fn start_with(&self, config: &str, more: &[&str], variables: &[(&str, &str)]) -> Running {
        self.write("config.toml", config);
        let file = self.path("config.toml");
        let mut arguments = vec!["start", "-c", file.to_str().expect("a path")];
        arguments.extend(more);
        Running::new(&arguments, variables)
    }

    /// Runs the program with a configuration until it ends by itself.
    pub async fn fails(&self, config: &str) -> Ended {
        let ended = self.start(config).ended().await;
        assert!(!ended.stderr.contains(&self.bot.token), "{}", ended.stderr);
        ended
    }

    pub fn posts_about(&self, id: &str) -> Vec<PostShown> {
        let posts = self.chat.posts(&self.channel).into_iter();
        posts
            .filter(|post| post.root_id.is_empty() && post.message.contains(id))
            .collect()
    }

    pub async fn until_says(&self, id: &str, words: &str) {
        let wanted = |_: &StandIn| {
            let posts = self.posts_about(id);
            posts.len() == 1 && posts[0].message.contains(words)
        };
        if tokio::time::timeout(PATIENCE, self.chat.until(wanted))
            .await
            .is_err()
        {
            panic!("never said of {id}: {words}\n{:#?}", self.posts_about(id));
        }
    }
}

/// A running program. It is killed when this is dropped.
pub struct Running {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    reading: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    pub fn new(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_teleport-mattermost"))
            .args(arguments)
            .envs(variables.iter().copied())
            .env_remove("RUST_LOG")
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let reading = vec![
            read(child.stdout.take().expect("a pipe"), Arc::clone(&stdout)),
            read(child.stderr.take().expect("a pipe"), Arc::clone(&stderr)),
        ];
        Self {
            child,
            stdout,
            stderr,
            reading,
        }
    }

    /// Waits until the log says `words`.
    pub async fn says(&self, words: &str) {
        let said = async {
            while !text(&self.stderr).contains(words) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, said).await;
        assert!(in_time.is_ok(), "never said: {words}\n{}", text(&self.stderr));
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", name, &id])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a state").is_none()
    }

    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.is_ok(), "it does not end:\n{}", text(&self.stderr));
        let status = ended.expect("an end").expect("a status");
        for task in self.reading.drain(..) {
            task.await.expect("read to the end");
        }
        Ended {
            code: status.code(),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
        }
    }
}

fn text(shared: &Arc<Mutex<String>>) -> String {
    shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn read(
    from: impl AsyncRead + Unpin + Send + 'static,
    into: Arc<Mutex<String>>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut all = into.lock().unwrap_or_else(PoisonError::into_inner);
            all.push_str(&line);
            all.push('\n');
        }
    })
}
