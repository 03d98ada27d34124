//! OpenSSH's own server, told to trust our user authority, decides by our certificates.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use e2e::cluster::free_port;
use e2e::wait::until;
use e2e::{Outcome, Person};

use crate::world::World;

/// A running `sshd`. It is stopped when this is dropped.
struct Sshd {
    child: Child,
    port: u16,
    user: String,
    folder: std::path::PathBuf,
}

impl Sshd {
    /// Starts one that lets in whoever shows a certificate of `authority` for the login `root`.
    fn start(folder: &Path, authority: &str) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let key = folder.join("host_key");
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
        let _ = Outcome::of(&mut command, "").succeeded();
        // The guide's operating manual: the export begins with `cert-authority `, which sshd's file has not.
        fs::write(
            folder.join("authority.pub"),
            authority.replace("cert-authority ", ""),
        )
        .expect("written");
        let user = Outcome::of(Command::new("id").arg("-un"), "")
            .succeeded()
            .stdout
            .trim()
            .to_owned();
        // The privilege separation folder of a server that root starts.
        if user == "root" {
            fs::create_dir_all("/run/sshd").expect("a folder");
        }
        // Who is not root cannot become root: there the certificate's `root` is let in as oneself.
        fs::write(folder.join("principals"), "root\n").expect("written");
        let principals = if user == "root" {
            String::new()
        } else {
            format!(
                "AuthorizedPrincipalsFile {}\n",
                folder.join("principals").display()
            )
        };
        let port = free_port();
        let text = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nTrustedUserCAKeys {}\n{principals}\
             AuthorizedKeysFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nUsePAM no\nStrictModes no\nPidFile none\nLogLevel VERBOSE\n",
            key.display(),
            folder.join("authority.pub").display(),
        );
        fs::write(folder.join("sshd_config"), text).expect("written");
        let sshd = ["/usr/sbin/sshd", "/sbin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("sshd of the package openssh-server");
        let log = fs::File::create(folder.join("sshd.log")).expect("a log");
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd");
        let server = Self {
            child,
            port,
            user,
            folder: folder.to_owned(),
        };
        until(
            "sshd to listen",
            || std::net::TcpStream::connect(("127.0.0.1", port)).ok(),
            || server.log(),
        );
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("sshd.log")).unwrap_or_default()
    }

    /// Runs a command there with a person's key and certificate.
    fn run(&self, person: &Person, command: &str) -> Outcome {
        let (key, certificate, _) = person.key_files();
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "IdentityAgent=none",
        ])
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-o", &format!("CertificateFile={}", certificate.display())])
        .args(["-p", &self.port.to_string(), "-i"])
        .arg(key)
        .arg(format!("{}@127.0.0.1", self.user))
        .arg(command);
        Outcome::of(&mut ssh, "")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn sshd_lets_bob_in_as_root_after_the_second_approval_and_not_before() {
    let world = World::new();
    let [bob, alice, ivan] = world.people();
    let authority = world
        .cluster
        .tctl(&["auth", "export", "--type=user"])
        .succeeded()
        .stdout;
    let server = Sshd::start(&world.folder.path().join("sshd"), &authority);
    let refused = |when: &str| {
        let tried = server.run(&bob, "id");
        assert_eq!(tried.code, Some(255), "{when}: {tried}\n{}", server.log());
        assert!(tried.says("Permission denied"), "{when}: {tried}");
    };
    refused("before the request");

    let waiting = bob.ask_and_wait(&["--reason=the database is down"]);
    let id = waiting.id.clone();
    refused("while it is pending");
    let _ = alice.tsh(&["request", "review", "--approve", &id]).succeeded();
    refused("after one approval");
    let _ = ivan.tsh(&["request", "review", "--approve", &id]).succeeded();
    let _ = waiting.outcome().succeeded();

    let in_there = server.run(&bob, "echo let in as $(id -un)");
    assert_eq!(in_there.code, Some(0), "{in_there}\n{}", server.log());
    assert_eq!(in_there.stdout.trim(), format!("let in as {}", server.user));
    assert!(
        server.log().contains("bob@example.com"),
        "sshd records who it was:\n{}",
        server.log()
    );

    let _ = bob.tsh(&["request", "drop"]).succeeded();
    refused("after the role was dropped");
}
