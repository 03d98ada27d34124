//! A temporary home for one server, and the program that runs in it.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use access::ambient::Clock;
use client::identity::Origin;
use client::{Cluster, Connect, Destination, Identity, IdentityHandle};
use tempfile::TempDir;
use transport::Address;
use transport::system::SystemClock;
use wire::pb::proto::PingResponse;

/// Long enough for a machine with much else to do; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a server says when it serves.
const STARTED: &str = "The new service has started successfully.";

/// Directories for one server.
pub struct World {
    home: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a directory"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    pub fn seal_key(&self) -> PathBuf {
        self.path("seal.key")
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("written");
        path
    }

    /// A configuration with ports that the system chooses; `auth` and `proxy` are more lines of those sections.
    pub fn configuration(&self, process: &[&str], auth: &[&str], proxy: &[&str]) -> PathBuf {
        let mut text = format!(
            "version: v3\nteleport:\n  nodename: demo\n  data_dir: {}\n  seal_key_file: {}\n",
            self.data().display(),
            self.seal_key().display()
        );
        let mut lines = |section: &str, lines: &[&str]| {
            text.push_str(section);
            for line in lines {
                writeln!(text, "  {line}").expect("strings take everything");
            }
        };
        lines("", process);
        lines("auth_service:\n  listen_addr: 127.0.0.1:0\n", auth);
        lines("proxy_service:\n  web_listen_addr: 127.0.0.1:0\n", proxy);
        self.file("teleport.yaml", &text)
    }

    /// The program, with nothing of this machine in its surroundings.
    pub fn teleport(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teleport"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_DATA_HOME", self.path("xdg-data"))
            .env("XDG_CONFIG_HOME", self.path("xdg-config"))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.teleport(arguments).output().expect("the program runs")
    }

    /// Runs the program to its end: standard output, standard error and exit code, the world's path as `HOME`.
    pub fn transcript(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let home = self.home.path().to_string_lossy().into_owned();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&home, "HOME");
        let mut shown = text(&output.stdout);
        for line in text(&output.stderr).lines() {
            writeln!(shown, "! {line}").expect("strings take everything");
        }
        writeln!(shown, "→ {}", output.status.code().unwrap_or(-1)).expect("strings take everything");
        shown
    }

    /// Starts a server with the usual configuration.
    pub fn start(&self) -> Server {
        let file = self.configuration(&[], &[], &[]);
        self.start_with(&file, &[])
    }

    /// Starts a server and waits until it serves.
    pub fn start_with(&self, file: &Path, more: &[&str]) -> Server {
        let mut arguments = vec!["start", "-c", file.to_str().expect("a path")];
        arguments.extend(more);
        Server::spawn(self.teleport(&arguments))
    }
}

/// A running server.
pub struct Server {
    child: Child,
    said: Receiver<String>,
    other: Receiver<String>,
    /// What it said in its log until it served.
    pub log: Vec<String>,
}

impl Server {
    /// Starts the program and waits until it serves.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with(command, false)
    }

    /// The same for one whose log goes to standard output.
    pub fn spawn_with_log_on_stdout(command: Command) -> Self {
        Self::spawn_with(command, true)
    }

    /// Starts the program and does not wait for it.
    pub fn spawn_unready(command: &mut Command) -> Self {
        Self::begin(command, false)
    }

    fn spawn_with(mut command: Command, log_on_stdout: bool) -> Self {
        let mut server = Self::begin(&mut command, log_on_stdout);
        server.wait_for(STARTED);
        server
    }

    fn begin(command: &mut Command, log_on_stdout: bool) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let stderr = lines(child.stderr.take().expect("piped"));
        let stdout = lines(child.stdout.take().expect("piped"));
        let (said, other) = if log_on_stdout {
            (stdout, stderr)
        } else {
            (stderr, stdout)
        };
        Self {
            child,
            said,
            other,
            log: Vec::new(),
        }
    }

    /// Waits until the log says something, and gives the line.
    pub fn wait_for(&mut self, text: &str) -> String {
        loop {
            let said = self.said.recv_timeout(PATIENCE);
            let line = said.unwrap_or_else(|_| {
                panic!(
                    "the server never said {text:?}; it said:\n{}",
                    self.log.join("\n")
                )
            });
            self.log.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The port that stands in a line `… service … is starting on HOST:PORT`, as older tools look for it.
    fn port(&self, service: &str) -> u16 {
        let found = self.log.iter().find_map(|line| {
            let (_, rest) = line.split_once(&format!("{service} "))?;
            let (program, rest) = rest.split_once(" is starting on ")?;
            (!program.contains(' '))
                .then(|| rest.rsplit_once(':').map(|(_, port)| port.trim_end_matches('"')))?
        });
        let digits: String = found
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits
            .parse()
            .unwrap_or_else(|_| panic!("no port of {service} in:\n{}", self.log.join("\n")))
    }

    pub fn auth(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port("Auth service")))
    }

    pub fn web(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port("Web proxy service")))
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the server is there to get a signal");
    }

    /// Waits for the end; gives the exit status, the rest of the log, and what it said elsewhere: on standard output.
    pub fn end(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let rest = self.said.iter().collect();
        let other = self.other.iter().collect();
        let status = self.child.wait().expect("it was there");
        (status, rest, other)
    }

    /// Asks it to stop, and waits.
    pub fn stop(self) -> (ExitStatus, Vec<String>, Vec<String>) {
        self.signal("TERM");
        self.end()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they come.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What a plain HTTP server answers: status and body.
pub fn http_get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("a status");
    (status, body.to_owned())
}

/// The system's.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// The local administrator's first call, at this address.
pub async fn ping(world: &World, address: SocketAddr) -> (Cluster, PingResponse) {
    let admin = world.data().join("proc/admin");
    let text = fs::read_to_string(&admin).expect("the local administrator's identity");
    let identity = Identity::from_text(&text, Origin::LocalAdmin(admin)).expect("an identity");
    Cluster::connect(Connect {
        identity: IdentityHandle::new(identity),
        destination: Destination::Addresses(vec![Address::from(address)]),
        insecure: true,
        clock: clock(),
        program: "test",
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"))
}
