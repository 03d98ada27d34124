//! What is wrong with a configuration, said once and completely.

use std::fmt::Write as _;
use std::io;

use super::section::Mistake;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}", file_problem(file, source))]
    File {
        /// As named.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not YAML, or not one document.
    #[error("failed parsing the config file {file}: {what}")]
    Unreadable {
        /// As named.
        file: String,
        /// What is wrong, and where.
        what: String,
    },
    /// The file or the flags say something that cannot be followed.
    #[error("{}", listed(file.as_deref(), mistakes))]
    Mistakes {
        /// The file, if there is one.
        file: Option<String>,
        /// All of them, in the order of their lines.
        mistakes: Vec<Mistake>,
    },
    /// The text given by `--config-string` is not base64, or not text.
    #[error("--config-string is not base64 of a configuration: {0}")]
    NotBase64(String),
}

impl ConfigError {
    /// An error, if there is any mistake.
    pub(super) fn of(file: Option<&str>, mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(Self::Mistakes {
            file: file.map(str::to_owned),
            mistakes,
        })
    }

    /// The same for a file that nobody has written: without its name and lines.
    #[must_use]
    pub fn of_flags(self) -> Self {
        match self {
            Self::Mistakes { mistakes, .. } => Self::Mistakes {
                file: None,
                mistakes: mistakes
                    .into_iter()
                    .map(|mistake| Mistake { at: None, ..mistake })
                    .collect(),
            },
            other => other,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::File { .. } => "`teleport configure` prints a file to start from",
            Self::NotBase64(_) => "give it the output of `base64 -w0 teleport.yaml`",
            Self::Unreadable { .. } | Self::Mistakes { .. } => {
                "nothing was started; `teleport configure --test FILE` checks a file without starting anything"
            }
        }
    }
}

fn file_problem(file: &str, source: &io::Error) -> String {
    if source.kind() == io::ErrorKind::NotFound {
        format!("path '{file}' does not exist")
    } else {
        format!("cannot read the config file {file}: {source}")
    }
}

fn listed(file: Option<&str>, mistakes: &[Mistake]) -> String {
    let mut text = match file {
        Some(file) => format!("failed parsing the config file {file}:"),
        None => "these flags cannot be followed:".to_owned(),
    };
    for mistake in mistakes {
        let place = mistake
            .at
            .map(|at| format!("line {}: ", at.line))
            .unwrap_or_default();
        // A string takes everything.
        let _ = write!(text, "\n  {place}{}", mistake.what);
    }
    text
}
