//! A person: a home with a `tsh` profile, a password, and an authenticator application.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use access::ambient::Clock as _;
use transport::system::SystemClock;

use crate::cluster::Cluster;
use crate::programs::{Outcome, Programs};

/// The seconds for which a one-time code stands.
const STEP_SECONDS: u64 = 30;
/// A code of so many seconds ago is one that the server takes for at least ten seconds more: it takes the one before the
/// current one.
const CODE_GRACE_SECONDS: u64 = 20;

/// A person with a home.
pub struct Person {
    /// The name in the cluster.
    pub name: String,
    /// The password.
    pub password: String,
    home: PathBuf,
    proxy: String,
    web_authority: PathBuf,
    programs: Programs,
    seed: Option<String>,
    used_step: u64,
}

impl Person {
    /// Somebody who has not been invited yet.
    pub fn new(cluster: &Cluster, name: &str) -> Self {
        let short = name.split('@').next().unwrap_or(name);
        let home = cluster.folder().join("home").join(short);
        fs::create_dir_all(&home).expect("a home");
        Self {
            name: name.to_owned(),
            password: format!("correct-horse-{short}-battery"),
            home,
            proxy: cluster.proxy(),
            web_authority: cluster.web_authority(),
            programs: cluster.programs().clone(),
            seed: None,
            used_step: 0,
        }
    }

    /// Somebody who was invited with these roles, has accepted and signed in.
    pub fn signed_in(cluster: &Cluster, name: &str, roles: &str) -> Self {
        let mut person = Self::invited(cluster, name, roles);
        let _ = person.login(&[]).succeeded();
        person
    }

    /// Somebody who was invited with these roles and has accepted.
    pub fn invited(cluster: &Cluster, name: &str, roles: &str) -> Self {
        let mut person = Self::new(cluster, name);
        let added = cluster
            .tctl(&["users", "add", name, &format!("--roles={roles}")])
            .succeeded();
        let _ = person.accept(&link_in(&added.stdout)).succeeded();
        person
    }

    /// The person's home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The profile directory.
    pub fn profile(&self) -> PathBuf {
        self.home.join(".tsh")
    }

    /// A program run as this person, in the person's home.
    pub fn as_me(&self, command: &mut Command) {
        command
            .env("HOME", &self.home)
            .env("TELEPORT_HOME", self.profile())
            .env("SSL_CERT_FILE", &self.web_authority)
            .current_dir(&self.home);
    }

    /// A call of `tsh`.
    pub fn tsh_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.programs.command("tsh");
        command.args(arguments);
        self.as_me(&mut command);
        command
    }

    /// Runs `tsh`.
    pub fn tsh(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.tsh_command(arguments), "")
    }

    /// Runs `tctl` with the person's profile.
    pub fn tctl(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.programs.command("tctl");
        command.args(arguments);
        self.as_me(&mut command);
        Outcome::of(&mut command, "")
    }

    /// Types a line into a shell in the person's home.
    pub fn shell(&self, line: &str) -> Outcome {
        let mut command = self.programs.shell(line);
        self.as_me(&mut command);
        Outcome::of(&mut command, "")
    }

    /// Accepts an invite or reset link in the terminal.
    pub fn accept(&mut self, link: &str) -> Outcome {
        let mut command = self.tsh_command(&["invite", "accept", link]);
        let shown = crate::programs::shown(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tsh");
        let mut stdin = child.stdin.take().expect("piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let _ = writeln!(stdin, "{}", self.password);
        let mut said = String::new();
        let mut line = String::new();
        while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
            said.push_str(&line);
            if let Some(seed) = seed_in(&line) {
                self.seed = Some(seed);
                // The oldest code that is still taken, and will be in a moment, leaves the later ones for signing in.
                self.used_step = (seconds_now() - CODE_GRACE_SECONDS) / STEP_SECONDS;
                let _ = writeln!(stdin, "{}", self.code_of_step(self.used_step));
                break;
            }
            line.clear();
        }
        drop(stdin);
        let _ = stdout.read_to_string(&mut said);
        let output = child.wait_with_output().expect("tsh");
        Outcome {
            command: shown,
            code: output.status.code(),
            stdout: said,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Signs in, with a code that was not used before.
    pub fn login(&mut self, further: &[&str]) -> Outcome {
        let code = self.next_code();
        self.login_with(&format!("{}\n{code}\n", self.password), further)
    }

    /// Signs in with these lines as answers.
    pub fn login_with(&self, answers: &str, further: &[&str]) -> Outcome {
        let (proxy, user) = (format!("--proxy={}", self.proxy), format!("--user={}", self.name));
        let mut arguments = vec!["login", &proxy, &user];
        arguments.extend(further);
        Outcome::of(&mut self.tsh_command(&arguments), answers)
    }

    /// The next code that the server will take. Waits for the clock if there is none yet.
    pub fn next_code(&mut self) -> String {
        let step = (self.used_step + 1).max(step_now());
        // The server takes the code of the coming half minute too.
        while step > step_now() + 1 {
            thread::sleep(Duration::from_millis(200));
        }
        self.used_step = step;
        self.code_of_step(step)
    }

    /// The seed of the authenticator application, in base 32.
    pub fn seed(&self) -> Option<&str> {
        self.seed.as_deref()
    }

    fn code_of_step(&self, step: u64) -> String {
        let seed = self.seed().expect("an authenticator application that was set up");
        let secret = totp_rs::Secret::try_from_base32(seed).expect("base 32");
        let app = totp_rs::Builder::new()
            .with_secret(secret)
            .build()
            .expect("a seed");
        app.generate(step * STEP_SECONDS).to_string()
    }

    /// Asks for a role and does not wait; gives the request's id.
    pub fn ask(&self, role: &str, reason: &str) -> String {
        let asked = self
            .tsh(&[
                "request",
                "create",
                &format!("--roles={role}"),
                &format!("--reason={reason}"),
                "--nowait",
            ])
            .succeeded();
        id_in(&asked.stdout).unwrap_or_else(|| panic!("no request id in:\n{asked}"))
    }

    /// Asks for a role and waits in the background, as a person at a terminal would.
    pub fn ask_and_wait(&self, further: &[&str]) -> Waiting {
        let mut arguments = vec!["request", "create", "--roles=elevated-access"];
        arguments.extend(further);
        let mut command = self.tsh_command(&arguments);
        let shown = crate::programs::shown(&command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tsh");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut said = String::new();
        let mut line = String::new();
        let id = loop {
            line.clear();
            let read = stdout.read_line(&mut line).unwrap_or_default();
            assert!(read > 0, "`{shown}` ended before it named a request:\n{said}");
            said.push_str(&line);
            if let Some(id) = id_in(&line) {
                break id;
            }
        };
        Waiting {
            id,
            shown,
            child,
            stdout,
            said,
        }
    }

    /// The roles in the person's certificate now.
    pub fn roles(&self) -> Vec<String> {
        let status = self.status();
        status["active"]["roles"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|role| role.as_str().map(str::to_owned))
            .collect()
    }

    /// `tsh status -f json`.
    pub fn status(&self) -> serde_json::Value {
        let status = self.tsh(&["status", "-f", "json"]).succeeded();
        serde_json::from_str(&status.stdout).unwrap_or_else(|error| panic!("{error} in:\n{status}"))
    }

    /// The files of the profile: private key, SSH certificate, TLS certificate.
    pub fn key_files(&self) -> (PathBuf, PathBuf, PathBuf) {
        let host = self.proxy.split(':').next().unwrap_or_default();
        let keys = self.profile().join("keys").join(host);
        let user = &self.name;
        (
            keys.join(user),
            keys.join(format!("{user}-ssh"))
                .join(format!("{}-cert.pub", crate::cluster::NAME)),
            keys.join(format!("{user}.crt")),
        )
    }
}

/// A `tsh request create` that waits.
pub struct Waiting {
    /// The request's id.
    pub id: String,
    shown: String,
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    said: String,
}

impl Waiting {
    /// Whether it still waits.
    pub fn still_waits(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Its outcome, once it has ended.
    pub fn outcome(mut self) -> Outcome {
        let _ = self.stdout.read_to_string(&mut self.said);
        let output = self.child.wait_with_output().expect("tsh");
        Outcome {
            command: self.shown,
            code: output.status.code(),
            stdout: self.said,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The half minute in which we are.
fn step_now() -> u64 {
    seconds_now() / STEP_SECONDS
}

fn seconds_now() -> u64 {
    u64::try_from(SystemClock::new().now().as_second()).expect("after 1970")
}

/// The link in what `tctl users add` printed.
///
/// # Panics
/// If there is none.
pub fn link_in(text: &str) -> String {
    text.split_whitespace()
        .find(|word| word.starts_with("https://"))
        .unwrap_or_else(|| panic!("no link in:\n{text}"))
        .to_owned()
}

/// The request id in a text.
pub fn id_in(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'))
        .find(|word| word.len() == 36 && word.matches('-').count() == 4)
        .map(str::to_owned)
}

/// The seed in a line, if there is one.
fn seed_in(line: &str) -> Option<String> {
    let is_seed =
        |word: &&str| word.len() >= 32 && word.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .find(is_seed)
        .map(str::to_owned)
}
