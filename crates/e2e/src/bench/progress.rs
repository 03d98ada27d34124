//! What people see while it runs: one line on standard error that moves, or plain lines where nobody watches.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;

/// Says how far it is.
#[derive(Debug)]
pub struct Progress {
    way: Way,
    goal: Mutex<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// One line, written over.
    Moving,
    /// A line for each step that takes long.
    Lines,
}

impl Progress {
    /// On standard error, as it is.
    pub fn on_stderr() -> Self {
        if std::io::stderr().is_terminal() {
            Self::new(Way::Moving)
        } else {
            Self::in_lines()
        }
    }

    /// A line for each step that takes long, and nothing for rounds.
    pub fn in_lines() -> Self {
        Self::new(Way::Lines)
    }

    fn new(way: Way) -> Self {
        Self {
            way,
            goal: Mutex::default(),
        }
    }

    /// A goal begins.
    pub fn goal(&self, name: &str, title: &str) {
        let mut goal = self
            .goal
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        name.clone_into(&mut goal);
        self.say(&format!("{name}: {title}"), true);
    }

    /// Something that takes a while and is not measured.
    pub fn preparing(&self, what: &str) {
        let goal = self.current();
        self.say(&format!("{goal}: {what}"), true);
    }

    /// A round begins; `kept` of `wanted` are steady so far.
    pub fn round(&self, number: usize, kept: usize, wanted: usize) {
        let goal = self.current();
        self.say(
            &format!("{goal}: round {number}, steady {kept} of {wanted}"),
            false,
        );
    }

    /// Removes the moving line.
    pub fn done(&self) {
        if self.way == Way::Moving {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn current(&self) -> String {
        let goal = self.goal.lock();
        goal.unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What nobody can see is no reason to stop measuring, so failures to write are ignored.
    fn say(&self, text: &str, matters: bool) {
        let mut out = std::io::stderr().lock();
        let _ = match self.way {
            Way::Moving => write!(out, "\r\x1b[K{text}").and_then(|()| out.flush()),
            Way::Lines if matters => writeln!(out, "{text}"),
            Way::Lines => Ok(()),
        };
    }
}
