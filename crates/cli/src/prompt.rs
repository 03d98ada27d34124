//! Questions to a person at a terminal, or to a script behind a pipe.
//!
//! At a terminal secrets are read without echo, and the terminal is as it was afterwards, also when the person
//! presses Ctrl-C. When standard input is no terminal each question takes one line of it, so that
//! `printf 'password\ncode\n' | tsh login …` works. A line of input has a length limit; the end of input is an
//! error that names the question.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal;

use crate::Failure;

/// Longest line that a question accepts, in bytes.
const LENGTH_MAX: usize = 4096;
/// The same for readers.
const LINE_MAX: u64 = LENGTH_MAX as u64;

/// Whether questions reach a person.
pub fn interactive() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret: `question`, no echo, a line end.
pub fn secret(question: &str) -> Result<String, Failure> {
    if !interactive() {
        return next_line(question);
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let typed = hidden_line(question);
    writeln!(stderr)?;
    typed
}

/// Reads keys until the line ends, and shows none of them.
fn hidden_line(question: &str) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("cannot read from the terminal: {error}"));
    let _raw = Raw::enter().map_err(unreadable)?;
    // As long as it may become, so that growing leaves no copies behind.
    let mut typed = String::with_capacity(LENGTH_MAX);
    loop {
        let Event::Key(key) = event::read().map_err(unreadable)? else {
            continue;
        };
        match type_key(&mut typed, key) {
            Typed::More => {}
            Typed::Line => return Ok(typed),
            Typed::End => return Err(ended(question)),
            // As a shell says it of a program that was interrupted.
            Typed::Interrupt => return Err(Failure::told().code(130)),
        }
    }
}

/// A terminal that hands every key over, until this is dropped.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nothing else to try.
        let _ = terminal::disable_raw_mode();
    }
}

/// What a key does to a line.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    More,
    Line,
    End,
    Interrupt,
}

fn type_key(line: &mut String, key: KeyEvent) -> Typed {
    if key.kind == KeyEventKind::Release {
        return Typed::More;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Enter => return Typed::Line,
        KeyCode::Char('j' | 'm') if control => return Typed::Line,
        KeyCode::Char('c') if control => return Typed::Interrupt,
        KeyCode::Char('d') if control && line.is_empty() => return Typed::End,
        KeyCode::Char('u') if control => line.clear(),
        KeyCode::Char('h') if control => drop(line.pop()),
        KeyCode::Backspace => drop(line.pop()),
        KeyCode::Char(character) if !control && line.len() + character.len_utf8() <= LENGTH_MAX => {
            line.push(character);
        }
        _ => {}
    }
    Typed::More
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
    let mut line = String::new();
    // What follows the line stays in the shared buffer of standard input for the next question.
    let read = io::stdin().lock().take(LINE_MAX).read_line(&mut line)?;
    if read == 0 {
        return Err(ended(question));
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn ended(question: &str) -> Failure {
    let asked = question.trim().trim_end_matches(':');
    Failure::new(format!("input ended before an answer to: {asked}"))
        .hint("run the command at a terminal, or give one answer a line on standard input")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(line: &mut String, code: KeyCode, modifiers: KeyModifiers) -> Typed {
        type_key(line, KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_make_a_line() {
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        let mut line = String::new();
        for character in "wrongx".chars() {
            assert_eq!(press(&mut line, KeyCode::Char(character), none), Typed::More);
        }
        press(&mut line, KeyCode::Backspace, none);
        assert_eq!(line, "wrong");
        press(&mut line, KeyCode::Char('u'), control);
        press(&mut line, KeyCode::Char('é'), none);
        press(&mut line, KeyCode::Char('X'), KeyModifiers::SHIFT);
        press(&mut line, KeyCode::Left, none);
        press(&mut line, KeyCode::Char('d'), control);
        assert_eq!(line, "éX");
        assert_eq!(press(&mut line, KeyCode::Enter, none), Typed::Line);
        assert_eq!(press(&mut line, KeyCode::Char('j'), control), Typed::Line);
        assert_eq!(press(&mut line, KeyCode::Char('c'), control), Typed::Interrupt);
        assert_eq!(press(&mut String::new(), KeyCode::Char('d'), control), Typed::End);
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let mut line = "x".repeat(LENGTH_MAX - 1);
        press(&mut line, KeyCode::Char('é'), KeyModifiers::NONE);
        assert_eq!(line.len(), LENGTH_MAX - 1);
        press(&mut line, KeyCode::Char('e'), KeyModifiers::NONE);
        press(&mut line, KeyCode::Char('e'), KeyModifiers::NONE);
        assert_eq!(line.len(), LENGTH_MAX);
    }
}
