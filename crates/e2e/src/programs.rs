//! The built programs, and what came of running one.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs(PathBuf);

impl Programs {
    /// The programs beside the running executable, where cargo puts them.
    ///
    /// # Errors
    /// One that has not been built is named.
    pub fn beside_this_one() -> Result<Self, String> {
        let here =
            std::env::current_exe().map_err(|error| format!("cannot tell where this program is: {error}"))?;
        let folder = here
            .ancestors()
            .skip(1)
            .find(|folder| folder.file_name() != Some(OsStr::new("deps")))
            .unwrap_or(Path::new("."))
            .to_owned();
        for name in ["teleport", "tctl", "tsh", "tbot", "teleport-mattermost"] {
            if !folder.join(name).is_file() {
                return Err(format!(
                    "`{name}` is not in {}: build it with `cargo build --workspace --bins`",
                    folder.display()
                ));
            }
        }
        Ok(Self(folder))
    }

    /// The folder that holds them, for `PATH`.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A call of one of them, with nothing of our own environment that could sway it.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join(name));
        self.prepare(&mut command);
        command
    }

    /// A call of the shell in which the programs are found by name.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-e", "-c", line]);
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.0.clone())
            .chain(std::env::split_paths(&others))
            .chain(["/usr/sbin".into(), "/sbin".into()]);
        command.env_clear();
        command.env("PATH", std::env::join_paths(path).unwrap_or(others));
        command.env("LC_ALL", "C.UTF-8");
        command.env("RUST_BACKTRACE", "1");
    }
}

/// What came of a command.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The command, as a person would have typed it.
    pub command: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs `command` to its end, with `input` on standard input.
    ///
    /// # Panics
    /// If it cannot be started at all.
    pub fn of(command: &mut Command, input: &str) -> Self {
        let shown = shown(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run `{shown}`: {error}"));
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input may be gone already.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child
            .wait_with_output()
            .unwrap_or_else(|error| panic!("lost `{shown}`: {error}"));
        Self {
            command: shown,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The outcome, which must be a success.
    ///
    /// # Panics
    /// If it was not.
    #[must_use]
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(
            self.code == Some(0),
            "a command failed that should succeed:\n{self}"
        );
        self
    }

    /// The outcome, which must be a failure with exit code 1.
    ///
    /// # Panics
    /// If it was not.
    #[must_use]
    #[track_caller]
    pub fn failed(self) -> Self {
        assert!(
            self.code == Some(1),
            "a command did not fail with exit code 1:\n{self}"
        );
        self
    }

    /// Whether standard output or standard error holds `text`.
    pub fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }

    /// The outcome, which must say each of `texts` somewhere.
    ///
    /// # Panics
    /// If it does not; the whole outcome is shown.
    #[must_use]
    #[track_caller]
    pub fn saying(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.says(text), "`{text}` is missing in:\n{self}");
        }
        self
    }

    /// The lines of standard output without the spaces at their ends.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().map(str::trim_end).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.command)?;
        for line in self.stdout.lines() {
            writeln!(f, "{line}")?;
        }
        for line in self.stderr.lines() {
            writeln!(f, "! {line}")?;
        }
        match self.code {
            Some(0) => Ok(()),
            Some(code) => writeln!(f, "→ exit code {code}"),
            None => writeln!(f, "→ ended by a signal"),
        }
    }
}

/// The command as a person would type it: the program's name without its folder, words quoted where needed.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy();
    let mut line = name.into_owned();
    for word in command.get_args() {
        let word = word.to_string_lossy();
        let plain = !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_alphanumeric() || "-_=.,:/@%+".contains(c));
        if plain {
            line.push_str(&format!(" {word}"));
        } else {
            line.push_str(&format!(" '{word}'"));
        }
    }
    line
}
