//! Tells the story on standard output: scenes, commands, and what they said.

use std::io::{self, IsTerminal as _, Write as _};

use cli::style;
use e2e::Outcome;

/// How many lines of an output are shown.
const LINES_MAX: usize = 14;

/// Tells the story.
pub struct Narrator {
    stdout: io::Stdout,
    coloured: bool,
}

impl Narrator {
    /// On standard output, coloured where a person looks.
    pub fn on_stdout() -> Self {
        let stdout = io::stdout();
        Self {
            coloured: style::wanted(stdout.is_terminal()),
            stdout,
        }
    }

    /// A new scene.
    pub fn scene(&self, title: &str) {
        self.say(&format!("\n{}", style::bold(title, self.coloured)));
    }

    /// A sentence.
    pub fn say(&self, text: &str) {
        let mut stdout = self.stdout.lock();
        // Nobody looks any more when standard output is gone; the cluster goes on.
        let _ = writeln!(stdout, "{text}");
        let _ = stdout.flush();
    }

    /// What somebody typed, and what came of it.
    pub fn typed(&self, who: &str, outcome: &Outcome) {
        self.say(&format!(
            "  {} {}",
            style::yellow(&format!("{who}$"), self.coloured),
            outcome.command
        ));
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in lines.iter().take(LINES_MAX) {
            self.say(&format!("      {}", cli::text::visible(line.trim_end())));
        }
        if lines.len() > LINES_MAX {
            self.say(&format!("      … {} more lines", lines.len() - LINES_MAX));
        }
    }

    /// Something that became true, with what it is to be called.
    pub fn good(&self, text: &str) {
        self.say(&format!("  {} {text}", style::green("✓", self.coloured)));
    }

    /// Something that is still refused.
    pub fn closed(&self, text: &str) {
        self.say(&format!("  {} {text}", style::red("✗", self.coloured)));
    }

    /// A row of a list: a name and what belongs to it.
    pub fn row(&self, name: &str, value: &str) {
        self.say(&format!("  {name:<24}{value}"));
    }
}
