//! Colour, only where a person looks at it.

use std::env;

/// Whether to colour: on a terminal, unless `NO_COLOR` is set or the terminal is dumb.
pub fn wanted(is_terminal: bool) -> bool {
    is_terminal
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Refusals and dangers.
pub fn red(text: &str, coloured: bool) -> String {
    painted("31", text, coloured)
}

/// Approvals.
pub fn green(text: &str, coloured: bool) -> String {
    painted("32", text, coloured)
}

/// What still waits.
pub fn yellow(text: &str, coloured: bool) -> String {
    painted("33", text, coloured)
}

/// What carries the eye.
pub fn bold(text: &str, coloured: bool) -> String {
    painted("1", text, coloured)
}

fn painted(code: &str, text: &str, coloured: bool) -> String {
    if coloured {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
