//! `tctl version`.

use cli::Failure;
use client::cluster::COMPATIBLE_VERSION;

use crate::output;

/// Shows the version of this program.
#[derive(Debug, clap::Args)]
pub struct Version {}

impl Version {
    /// Prints one line.
    pub fn run() -> Result<(), Failure> {
        output::line(&cli::version::line("Teleport", COMPATIBLE_VERSION))
    }
}
