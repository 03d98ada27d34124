//! A directory to work in, with `openssl` and `ssh-keygen` at hand.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(crate) struct Bench(tempfile::TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that only its owner can read, as keys must be.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a text file")
    }

    /// Runs a command line, words separated by spaces, `''` an empty one; gives stdout, or stderr if it failed.
    pub(crate) fn try_run(&self, line: &str, stdin: &[u8]) -> Result<Vec<u8>, String> {
        let mut words = line.split_whitespace();
        let mut child = Command::new(words.next().expect("a program"))
            .args(words.map(|word| if word == "''" { "" } else { word }))
            .current_dir(self.0.path())
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl and ssh-keygen are installed");
        // A program that needs no input may be gone already.
        let _ = child.stdin.take().expect("its stdin").write_all(stdin);
        let output = child.wait_with_output().expect("its end");
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    pub(crate) fn run(&self, line: &str) -> String {
        let stdout = self
            .try_run(line, b"")
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        String::from_utf8(stdout).expect("a text")
    }
}

/// An X.509 certificate as OpenSSL prints it, without the signature.
pub(crate) fn x509_text(der: &[u8]) -> String {
    let bench = Bench::new();
    bench.write("it.pem", crate::certificate::to_pem(der));
    // The form of names changed between releases; asked for like this it did not.
    bench
        .run(
            "openssl x509 -in it.pem -noout -text -nameopt sep_comma_plus,sname,utf8 \
             -certopt no_sigdump,no_pubkey,no_header",
        )
        .lines()
        .map(unindented)
        .fold(String::new(), |text, line| text + line + "\n")
}

/// An SSH certificate as `ssh-keygen` prints it, without the keys.
pub(crate) fn ssh_text(line: &str) -> String {
    let bench = Bench::new();
    bench.write("it.pub", format!("{line}\n"));
    bench
        .run("ssh-keygen -L -f it.pub")
        .lines()
        .skip(1)
        .filter(|line| !line.contains("Public key:"))
        .map(|line| readable(unindented(line)))
        .fold(String::new(), |text, line| text + &line + "\n")
}

/// Both programs begin all lines with eight spaces, and some end with one.
fn unindented(line: &str) -> &str {
    line.strip_prefix("        ").unwrap_or(line).trim_end()
}

/// `ssh-keygen` prints the values of extensions it does not know in hexadecimal.
fn readable(line: &str) -> String {
    let Some((name, value)) = line.split_once(" UNKNOWN OPTION: ") else {
        return line.replace(" UNKNOWN FLAG OPTION", "");
    };
    let hex = value.split(' ').next().expect("its digits");
    let bytes: Vec<u8> = (8..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits"))
        .collect();
    format!("{name} {}", String::from_utf8(bytes).expect("a text"))
}
