//! One line that keeps up with what is waited for.
//!
//! On a terminal the line is replaced in place; elsewhere each new state is a line of its own, and the same
//! state is not repeated.

use std::io::{self, IsTerminal, Write};

use crate::text;

/// A line on standard error that shows the latest state.
#[derive(Debug)]
pub struct Live {
    terminal: bool,
    shown: String,
}

impl Live {
    /// A line on standard error.
    pub fn on_stderr() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            shown: String::new(),
        }
    }

    /// Shows `state`, one line, shortened to the terminal.
    pub fn show(&mut self, state: &str) {
        let state = text::visible(state);
        if state == self.shown {
            return;
        }
        let mut stderr = io::stderr().lock();
        // A lost terminal is no reason to stop waiting.
        let _ = if self.terminal {
            // Three columns stay free: for terminals that wrap when the last one is written, and for the `^C` that
            // ends many a wait.
            let room = text::columns() - 3;
            write!(stderr, "\r\x1b[2K{}", text::shortened(&state, room))
        } else {
            writeln!(stderr, "{state}")
        };
        let _ = stderr.flush();
        self.shown = state;
    }

    /// Ends the line, so that what follows starts on its own.
    pub fn end(self) {
        if self.terminal && !self.shown.is_empty() {
            let _ = writeln!(io::stderr());
        }
    }
}
