//! The command line: what can be done, and every flag once.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Tells people in Mattermost of access requests.
#[derive(Debug, Parser)]
#[command(
    name = "teleport-mattermost",
    max_term_width = 100,
    after_help = "Begin with `teleport-mattermost configure > /etc/teleport-mattermost.toml`."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints a configuration file to begin with
    Configure,
    /// Prints the version
    Version,
    /// Runs until it is told to stop
    Start(Start),
}

/// Flags of `start`.
#[derive(Debug, Args)]
pub struct Start {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", default_value = plugin::config::PATH_DEFAULT)]
    pub config: PathBuf,
    /// Say more in the log, whatever the configuration says
    #[arg(short, long)]
    pub debug: bool,
}
