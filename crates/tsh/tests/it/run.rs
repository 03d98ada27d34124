//! Running `tsh`, and what came of it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use crate::people::Person;
use crate::world::World;

/// A command about to be run.
pub struct Run {
    command: Command,
    input: String,
}

/// What a command has printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// `tsh` in somebody's home, with arguments between blanks.
    pub fn tsh(&self, person: &Person, arguments: &str) -> Run {
        self.tsh_in(&person.home, arguments.split_whitespace())
    }

    /// `tsh` in a home, with its arguments.
    pub fn tsh_in<'a>(&self, home: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        Run {
            command: self.command(home, arguments),
            input: String::new(),
        }
    }

    /// The command itself, in an environment that is the same everywhere.
    pub fn command<'a>(&self, home: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tsh"));
        command
            .args(arguments)
            .current_dir(home)
            .env_clear()
            .envs(self.environment(home));
        command
    }

    /// That environment.
    pub fn environment(&self, home: &Path) -> [(&'static str, OsString); 5] {
        [
            ("HOME", home.into()),
            ("USER", "somebody".into()),
            ("TERM", "xterm".into()),
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("SSL_CERT_FILE", self.certificate.clone().into()),
        ]
    }
}

impl Run {
    /// What stands on standard input.
    pub fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Ran {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that asks nothing has closed its input by then.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: code(output.status),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it; it must do what was asked.
    pub fn succeeds(self) -> Ran {
        let ran = self.run();
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    }

    /// Runs it; it must fail, and gives what it says about that.
    pub fn fails(self) -> String {
        let ran = self.run();
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        ran.stderr
    }

    /// Starts it, and gives it back while it runs.
    pub fn start(mut self) -> Running {
        let mut child = self
            .command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running {
            child,
            stderr,
            said: String::new(),
        }
    }
}

/// A command that is still running.
pub struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    /// Waits until a line of talk contains `text`; gives the line.
    pub fn says(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended without saying {text:?}: {}", self.said);
            self.said.push_str(&line);
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn ends(mut self) -> Ran {
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        self.stderr.read_to_string(&mut self.said).unwrap();
        Ran {
            code: code(self.child.wait().unwrap()),
            stdout,
            stderr: std::mem::take(&mut self.said),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended; a failed test must not leave it behind.
        let _ = self.child.kill();
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}

impl Ran {
    /// The id of the request that was printed.
    pub fn request_id(&self) -> String {
        request_id(&self.stdout)
    }
}

/// The id in the rows of a request.
pub fn request_id(text: &str) -> String {
    let line = text.lines().find(|line| line.starts_with("Request ID:")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}
