//! `tbot configure`: a configuration file to begin with, or the one that the given flags stand for.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use cli::Failure;
use client::files;

use crate::arguments::{IdentityOutput, Overrides};
use crate::config::{self, Settings};

/// Prints a configuration file.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Configure {
    #[command(subcommand)]
    output: Option<Output>,
    /// Write it here instead of to standard output
    #[arg(short, long, global = true, value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

/// What is to be written.
#[derive(Debug, Subcommand)]
enum Output {
    /// An identity that programs use to reach the cluster
    Identity {
        #[command(flatten)]
        output: IdentityOutput,
        #[command(flatten)]
        overrides: Overrides,
    },
}

impl Configure {
    /// Prints it, or writes it.
    pub fn run(self) -> Result<(), Failure> {
        let text = match self.output {
            None if self.overrides.is_empty() => config::EXAMPLE.to_owned(),
            None => Settings::of(&self.overrides, None)?.to_yaml(),
            Some(Output::Identity { output, overrides }) => {
                Settings::of(&overrides, Some(&output))?.to_yaml()
            }
        };
        match self.output_file {
            None => print(&text),
            Some(path) => files::write_whole(&path, text.as_bytes(), files::PRIVATE)
                .map_err(|error| config::file_failure(&error)),
        }
    }
}

/// Prints data to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}
