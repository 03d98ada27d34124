//! Errors for people: what happened, then what to do next.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::{style, text};

/// What a command ends with when it does not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    hints: Vec<String>,
    code: u8,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            code: 1,
        }
    }

    /// A failure about which everything has been said: nothing is printed, and the exit code is 1.
    pub fn told() -> Self {
        Self::new("")
    }

    /// Adds a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Another exit code than 1; 0 is not a failure and becomes 1.
    #[must_use]
    pub fn code(mut self, code: u8) -> Self {
        self.code = code.max(1);
        self
    }

    /// What happened, without the hints.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The lines a person sees.
    pub fn lines(&self, coloured: bool) -> String {
        if self.message.is_empty() && self.hints.is_empty() {
            return String::new();
        }
        let mut lines = format!(
            "{} {}\n",
            style::red("ERROR:", coloured),
            text::visible_lines(&self.message)
        );
        for hint in &self.hints {
            lines.push_str(&format!("hint: {}\n", text::visible_lines(hint)));
        }
        lines
    }

    /// Prints to standard error and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let mut stderr = io::stderr().lock();
        let coloured = style::wanted(stderr.is_terminal());
        // Nothing is left to say when standard error itself is gone.
        let _ = stderr.write_all(self.lines(coloured).as_bytes());
        ExitCode::from(self.code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Tells a person something beside what was done: `warning: …` on standard error.
pub fn warn(warning: &str) {
    let mut stderr = io::stderr().lock();
    let label = style::yellow("warning:", style::wanted(stderr.is_terminal()));
    // A lost terminal is no reason to stop.
    let _ = writeln!(stderr, "{label} {}", text::visible_lines(warning));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        let failure = Failure::new("role `x` is not found").hint("list the roles with `tctl get roles`");
        assert_eq!(
            failure.lines(false),
            "ERROR: role `x` is not found\nhint: list the roles with `tctl get roles`\n"
        );
        assert_eq!(Failure::new("a").lines(true), "\x1b[31mERROR:\x1b[0m a\n");
    }

    #[test]
    fn what_was_said_is_not_said_again() {
        assert_eq!(Failure::told().lines(true), "");
    }

    #[test]
    fn text_from_elsewhere_cannot_drive_the_terminal() {
        assert_eq!(
            Failure::new("bad \x1b[2Jname").lines(false),
            "ERROR: bad \\u{1b}[2Jname\n"
        );
    }
}
