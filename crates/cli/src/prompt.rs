//! Questions to a person at a terminal, or to a script behind a pipe.
//!
//! At a terminal secrets are read without echo. When standard input is no terminal each question takes one
//! line of it, so that `printf 'password\ncode\n' | tsh login …` works. A line of input has a length limit;
//! the end of input is an error that names the question.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::Failure;

/// Longest line that a question accepts, in bytes.
const LINE_MAX: u64 = 4096;

/// Whether questions reach a person.
pub fn interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret: `question`, no echo, a line end.
pub fn secret(question: &str) -> Result<String, Failure> {
    if !interactive() {
        return next_line(question);
    }
    let answer = rpassword::prompt_password(question)
        .map_err(|error| Failure::new(format!("cannot read from the terminal: {error}")))?;
    Ok(answer)
}

/// Asks for a line that may be seen.
pub fn line(question: &str) -> Result<String, Failure> {
    if !interactive() {
        return next_line(question);
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    drop(stderr);
    next_line(question)
}

/// Asks yes or no; the end of input, an empty line and anything but `y` or `yes` is no.
pub fn confirm(question: &str) -> Result<bool, Failure> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N]: ")?;
    stderr.flush()?;
    drop(stderr);
    let mut answer = String::new();
    io::stdin().lock().take(LINE_MAX).read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn next_line(question: &str) -> Result<String, Failure> {
    let asked = question.trim().trim_end_matches(':');
    let mut line = String::new();
    // What follows the line stays in the shared buffer of standard input for the next question.
    let read = io::stdin().lock().take(LINE_MAX).read_line(&mut line)?;
    if read == 0 {
        return Err(Failure::new(format!("input ended before an answer to: {asked}"))
            .hint("run the command at a terminal, or give one answer a line on standard input"));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
