//! A running `teleport`, in a folder of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::programs::{Outcome, Programs};
use crate::wait::until;

/// The cluster's name, as the guide has it.
pub const NAME: &str = "teleport.example.com";

/// A `teleport` with its folder. It is stopped when this is dropped.
pub struct Cluster {
    programs: Programs,
    folder: PathBuf,
    web_port: u16,
    auth_port: u16,
    child: Option<Child>,
}

impl Cluster {
    /// A cluster in `folder` with free ports, running.
    pub fn start(programs: &Programs, folder: &Path) -> Self {
        Self::start_on(programs, folder, free_port(), free_port())
    }

    /// A cluster in `folder` on these ports, running.
    pub fn start_on(programs: &Programs, folder: &Path, web_port: u16, auth_port: u16) -> Self {
        let mut cluster = Self {
            programs: programs.clone(),
            folder: folder.to_owned(),
            web_port,
            auth_port,
            child: None,
        };
        fs::create_dir_all(folder).expect("a folder");
        cluster.make_web_certificate();
        fs::write(cluster.configuration(), cluster.configuration_text("")).expect("a configuration");
        cluster.run();
        cluster
    }

    /// The text of `teleport.yaml`; `auth_service` gets further lines.
    pub fn configuration_text(&self, auth_service: &str) -> String {
        format!(
            "version: v3\n\
             teleport:\n\
             \x20 nodename: localhost\n\
             \x20 data_dir: {data}\n\
             \x20 seal_key_file: {seal}\n\
             \x20 log:\n\
             \x20   output: stderr\n\
             \x20   severity: INFO\n\
             auth_service:\n\
             \x20 enabled: yes\n\
             \x20 cluster_name: {NAME}\n\
             \x20 listen_addr: 127.0.0.1:{auth}\n\
             \x20 public_addr: ['localhost:{auth}', 'example.com:{auth}']\n{auth_service}\
             proxy_service:\n\
             \x20 enabled: yes\n\
             \x20 web_listen_addr: 127.0.0.1:{web}\n\
             \x20 public_addr: localhost:{web}\n\
             \x20 https_keypairs:\n\
             \x20 - key_file: {key}\n\
             \x20   cert_file: {certificate}\n\
             ssh_service:\n\
             \x20 enabled: no\n",
            data = self.data().display(),
            seal = self.folder.join("seal.key").display(),
            auth = self.auth_port,
            web = self.web_port,
            key = self.folder.join("web.key").display(),
            certificate = self.folder.join("web.crt").display(),
        )
    }

    /// The authority that has signed the proxy's web certificate: what a browser would have to trust.
    pub fn web_authority(&self) -> PathBuf {
        self.folder.join("web-authority.crt")
    }

    /// Makes an authority like a company's own, and a web certificate signed by it.
    fn make_web_certificate(&self) {
        let authority = [
            "-subj",
            "/CN=Example Company",
            "-keyout",
            "web-authority.key",
            "-out",
            "web-authority.crt",
        ];
        let leaf = [
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-CA",
            "web-authority.crt",
            "-CAkey",
            "web-authority.key",
            "-keyout",
            "web.key",
            "-out",
            "web.crt",
        ];
        for further in [&authority[..], &leaf[..]] {
            let mut command = Command::new("openssl");
            command
                .args([
                    "req",
                    "-x509",
                    "-nodes",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-days",
                    "30",
                ])
                .args(further)
                .current_dir(&self.folder);
            let _ = Outcome::of(&mut command, "").succeeded();
        }
    }

    /// The configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("teleport.yaml")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("teleport.log")
    }

    /// Where people connect: `localhost:PORT`.
    pub fn proxy(&self) -> String {
        format!("localhost:{}", self.web_port)
    }

    /// Where the Auth Service listens itself.
    pub fn auth(&self) -> String {
        format!("localhost:{}", self.auth_port)
    }

    /// The programs it was made with.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// If it ends instead; its log is shown.
    pub fn run(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("a log");
        let errors = log.try_clone().expect("a log");
        let mut command = self.start_command();
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let mut child = command.spawn().expect("teleport");
        let url = format!("https://{}/webapi/find", self.proxy());
        until(
            "the cluster to serve",
            || {
                let ended = child.try_wait().ok().flatten();
                assert!(ended.is_none(), "teleport ended: {}", self.log_text());
                let found = Outcome::of(
                    Command::new("curl")
                        .args(["--silent", "--fail", "--max-time", "5", "--cacert"])
                        .arg(self.web_authority())
                        .arg(&url),
                    "",
                );
                (found.code == Some(0)).then_some(())
            },
            || self.log_text(),
        );
        self.child = Some(child);
    }

    /// The command that starts it.
    pub fn start_command(&self) -> Command {
        let mut command = self.programs.command("teleport");
        command
            .args(["start", "-c"])
            .arg(self.configuration())
            .env("HOME", &self.folder);
        command
    }

    /// Asks it to stop and waits for it.
    ///
    /// # Panics
    /// If it ends with another exit code than 0.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal("TERM", &child);
            let status = child.wait().expect("teleport");
            assert!(
                status.success(),
                "teleport ended with {status}: {}",
                self.log_text()
            );
        }
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Everything it has logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// A call of `tctl` on the Auth host, with full permissions.
    pub fn tctl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.programs.command("tctl");
        command
            .arg("-c")
            .arg(self.configuration())
            .args(arguments)
            .env("HOME", &self.folder)
            .current_dir(&self.folder);
        command
    }

    /// Runs `tctl` on the Auth host.
    pub fn tctl(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.tctl_command(arguments), "")
    }

    /// Runs `tctl` on the Auth host with something on standard input.
    pub fn tctl_reading(&self, arguments: &[&str], input: &str) -> Outcome {
        Outcome::of(&mut self.tctl_command(arguments), input)
    }

    /// The cluster's requests as `tctl` prints them for programs.
    pub fn requests(&self) -> Vec<serde_json::Value> {
        let listed = self.tctl(&["requests", "ls", "--format=json"]).succeeded();
        serde_json::from_str(&listed.stdout).expect("a list in JSON")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|socket| socket.local_addr())
        .expect("a port")
        .port()
}

/// Sends a signal to a process.
pub fn signal(name: &str, child: &Child) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
    assert!(
        sent.is_ok_and(|sent| sent.success()),
        "cannot signal process {id}"
    );
}
