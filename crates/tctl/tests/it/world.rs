//! A machine with a running Auth Service, and somebody who types commands on it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock};

use access::SystemRole;
use access::ambient::{Clock, Entropy, ManualClock};
use auth::credentials::password::Cost;
use auth::{Auth, Opening, SealSource, Settings};
use jiff::SignedDuration;
use pki::AuthorityKind;
use regex::Regex;
use store::{Memory, SealKey};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use transport::endpoint::{Refuse, TlsEndpoint};
use transport::http::HttpHandler;
use transport::limits::Limits;
use transport::listen::Listener;
use transport::system::{SystemClock, SystemEntropy};
use transport::tls::{ClientAuthorities, Credentials, ServerSettings, ServerTls};
use transport::{Address, Drain, names};
use wire::identity_file::{IdentityFile, known_hosts_line};

pub const CLUSTER: &str = "teleport.example.com";
const HOST: &str = "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00";

/// The documents that the guide prints.
pub const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/data/guide");

/// A machine with a running Auth Service.
pub struct World {
    folder: TempDir,
    address: Address,
    // The service stops when its runtime is dropped.
    runtime: Runtime,
}

impl World {
    pub fn new() -> Self {
        Self::named(CLUSTER)
    }

    pub fn named(cluster: &str) -> Self {
        Self::with_clock(cluster, Arc::new(SystemClock::new()))
    }

    /// A machine on which everything happens some hours ago, so that what it signs is over by now.
    pub fn hours_ago(hours: i64) -> Self {
        let past = SystemClock::new().now() - SignedDuration::from_hours(hours);
        Self::with_clock(CLUSTER, Arc::new(ManualClock::new(past)))
    }

    fn with_clock(cluster: &str, clock: Arc<dyn Clock>) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let address = runtime.block_on(serve(cluster, clock, folder.path()));
        fs::create_dir(folder.path().join("home")).expect("a home");
        fs::write(
            folder.path().join("teleport.yaml"),
            format!(
                "version: v3\nteleport:\n  data_dir: {}\nauth_service:\n  enabled: yes\n  listen_addr: {address}\n",
                folder.path().join("data").display()
            ),
        )
        .expect("a configuration");
        Self {
            folder,
            address,
            runtime,
        }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// The local administrator types `line`.
    pub fn tctl(&self, line: &str) -> Typed {
        self.run(&[], line, "")
    }

    /// The same, with something on standard input.
    pub fn tctl_with(&self, line: &str, input: &str) -> Typed {
        self.run(&[], line, input)
    }

    /// The same, with an editor that runs `script` on its file, `$1`.
    pub fn edit(&self, line: &str, script: &str) -> Typed {
        self.write("editor.sh", script);
        self.run(&[("EDITOR", "sh editor.sh")], line, "")
    }

    fn run(&self, variables: &[(&str, &str)], line: &str, input: &str) -> Typed {
        let mut all = vec![("TELEPORT_CONFIG_FILE", "teleport.yaml")];
        all.extend(variables);
        self.run_bare(&all, line, input)
    }

    /// Types `line` with nothing in the environment but `variables`.
    pub fn run_bare(&self, variables: &[(&str, &str)], line: &str, input: &str) -> Typed {
        let mut command = self.command(variables);
        command
            .args(words(line))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("tctl starts");
        let mut stdin = child.stdin.take().expect("piped");
        // A command that does not read its input is no failure of the test.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("tctl ends");
        Typed {
            line: line.to_owned(),
            output,
            folder: self.folder.path().to_owned(),
            address: self.address(),
        }
    }

    /// The program, in this machine's folder, with nothing in the environment but `variables`.
    pub fn command(&self, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tctl"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.folder.path())
            .envs(variables.iter().copied());
        command
    }

    /// An identity file for `user`, signed by the local administrator.
    pub fn identity(&self, user: &str, file: &str) {
        self.tctl(&format!("auth sign --user={user} --out={file}"))
            .succeeded();
    }

    /// Whoever `file` is for types `line`.
    pub fn tctl_as(&self, file: &str, line: &str) -> Typed {
        let line = format!("-i {file} --auth-server={} {line}", self.address);
        self.run_bare(&[], &line, "")
    }

    /// A port with a web certificate that nobody has reason to trust.
    pub fn self_signed_web_port(&self) -> String {
        let made = Command::new("openssl")
            .args(
                "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 30 -subj /CN=localhost"
                    .split(' '),
            )
            .args("-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout web.key -out web.crt".split(' '))
            .current_dir(self.folder.path())
            .output()
            .expect("openssl is there");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let certificate = Credentials::from_files(&self.path("web.crt"), &self.path("web.key"));
        let settings = ServerSettings {
            certificates: vec![certificate.expect("credentials")],
            client_authorities: None,
            protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
            cluster: None,
        };
        let tls = ServerTls::new(settings, Arc::new(SystemClock::new())).expect("settings");
        let target = Arc::new(TlsEndpoint::new(tls, Refuse));
        self.runtime.block_on(async {
            let (listener, address) = listener().await;
            tokio::spawn(listener.serve(target, Drain::new()));
            address.to_string()
        })
    }

    /// The guide's roles, with Bob who asks and two who review.
    pub fn with_guide(self) -> Self {
        self.tctl(&format!("create -f {GUIDE}/dual-authorization-roles.yaml"))
            .succeeded();
        for (name, role) in [
            ("bob@example.com", "devops"),
            ("alice@example.com", "dbreviewer"),
            ("ivan@example.com", "dbreviewer"),
        ] {
            self.tctl(&format!("users add {name} --roles={role}")).succeeded();
        }
        self
    }
}

/// A port that says hello and speaks no TLS.
pub fn plain_port() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in socket.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
        }
    });
    address
}

/// Words between spaces; single quotes hold a word together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// A command and what came of it.
pub struct Typed {
    line: String,
    output: Output,
    folder: PathBuf,
    address: String,
}

impl Typed {
    pub fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).expect("text")
    }

    /// Standard output that need not be a text.
    pub fn stdout_bytes(&self) -> &[u8] {
        &self.output.stdout
    }

    pub fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).expect("text")
    }

    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// What it printed, after exit code 0.
    #[track_caller]
    pub fn succeeded(&self) -> String {
        assert_eq!(self.code(), Some(0), "{}", self.transcript());
        self.stdout()
    }

    /// The command, its exit code, standard output, and standard error behind `! `. What differs from run to run is
    /// replaced by something as wide.
    pub fn transcript(&self) -> String {
        let code = self.code().map_or("killed".to_owned(), |code| code.to_string());
        let mut text = format!("$ tctl {}    → {code}\n", self.line);
        text.push_str(&marked("", &self.stdout()));
        text.push_str(&marked("! ", &self.stderr()));
        let text = text
            .replace(&*self.folder.to_string_lossy(), "FOLDER")
            .replace(&self.address, "AUTH")
            .replace(GUIDE, "GUIDE");
        redacted(&text)
    }

    /// Compares the transcript.
    #[track_caller]
    pub fn prints(&self, expected: expect_test::Expect) {
        expected.assert_eq(&self.transcript());
    }
}

fn marked(mark: &str, text: &str) -> String {
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, ""),
            None => (line, " ⊣"),
        };
        writeln!(lines, "{mark}{line}{end}").expect("a text");
    }
    lines
}

/// Ids, tokens, times and keys, each replaced by something as wide.
pub fn redacted(text: &str) -> String {
    static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                "uuid",
            ),
            (r"sha256:[0-9a-f]{64}", "pin"),
            (r"\b[0-9a-f]{32}\b", "token"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{2}\.\.\.", "short"),
            (r"teleport-resource\w+\.yaml", "edited"),
            (r"SHA-256 [0-9a-f]{16}", "digest"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "fingerprint"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "time"),
            (r"\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d UTC", "rfc822"),
            (r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d UTC", "date"),
            (r"\b(AAAA[A-Za-z0-9+/=]{40,})", "b64"),
        ]
        .map(|(pattern, name)| (Regex::new(pattern).expect("a pattern"), name))
        .into()
    });
    let mut text = text.to_owned();
    for (pattern, name) in PATTERNS.iter() {
        text = pattern
            .replace_all(&text, |found: &regex::Captures<'_>| {
                // Keys and moments have several widths; their place is not in a table.
                if matches!(*name, "b64" | "time") {
                    return format!("<{name}>");
                }
                let width = found[0].len();
                format!("<{name:_<width$}>", width = width - 2)
            })
            .into_owned();
    }
    text
}

async fn listener() -> (Listener, Address) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = Address::from(socket.local_addr().expect("an address"));
    (Listener::new(socket, Limits::default()), address)
}

/// Runs an Auth Service and writes down for tools on its machine what `teleport` writes down.
async fn serve(cluster: &str, clock: Arc<dyn Clock>, folder: &Path) -> Address {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let settings = Settings {
        cluster_name: Some(cluster.to_owned()),
        proxy_public_address: Some("localhost:3080".to_owned()),
        // What is tested here is not how slow a hash is.
        password_cost: Cost {
            memory_kib: 8,
            passes: 1,
        },
        ..Settings::new(HOST, "demo")
    };
    let opening = Opening {
        store: Arc::new(Memory::new()),
        seal: SealSource::Key(SealKey::from_bytes([7; 32])),
        clock: Arc::clone(&clock),
        entropy,
        settings,
    };
    let auth = Auth::open(opening)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let own = auth
        .host_identity(
            SystemRole::Auth,
            &["localhost".to_owned(), "127.0.0.1".to_owned()],
        )
        .await
        .expect("a certificate");
    let trusted = async |kind| {
        let authority = auth
            .state
            .authority(kind, clock.now())
            .await
            .expect("an authority");
        authority
            .certificates()
            .map(|certificate| certificate.der().clone())
            .collect()
    };
    let tls = ServerSettings {
        certificates: vec![
            Credentials::from_pem(own.certificate.as_bytes(), own.private_key.expose().as_bytes())
                .expect("credentials"),
        ],
        client_authorities: Some(ClientAuthorities {
            user: trusted(AuthorityKind::User).await,
            host: trusted(AuthorityKind::Host).await,
        }),
        protocols: vec![names::H2.to_vec(), names::HTTP_1_1.to_vec()],
        cluster: Some(cluster.to_owned()),
    };
    let tls = ServerTls::new(tls, Arc::clone(&clock)).expect("settings");
    let handler = HttpHandler::new(auth::server::service(&auth));
    let (listener, address) = listener().await;
    tokio::spawn(listener.serve(Arc::new(TlsEndpoint::new(tls, handler)), Drain::new()));

    let process = folder.join("data").join("proc");
    fs::create_dir_all(&process).expect("a data directory");
    let admin = auth
        .host_identity(SystemRole::Admin, &[])
        .await
        .expect("a certificate");
    let ssh_authorities = admin.ssh_authorities.iter();
    let file = IdentityFile {
        private_key: admin.private_key.clone(),
        ssh_certificate: Some(admin.ssh_certificate.trim_end().to_owned()),
        tls_certificate: admin.certificate.clone(),
        ssh_authorities: ssh_authorities
            .map(|key| known_hosts_line(None, cluster, key))
            .collect(),
        tls_authorities: vec![admin.authorities.clone()],
    };
    let text = file.write().expect("an identity file");
    fs::write(process.join("admin"), text.expose()).expect("a file");
    fs::write(process.join("auth_address"), format!("{address}\n")).expect("a file");
    fs::write(folder.join("data").join("host_uuid"), format!("{HOST}\n")).expect("a file");
    address
}
