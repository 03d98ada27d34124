//! `tbot version`.

use cli::Failure;

/// Shows the version of this program.
#[derive(Debug, clap::Args)]
pub struct Version {}

impl Version {
    /// Prints it.
    pub fn run(&self) -> Result<(), Failure> {
        super::configure::print(&format!(
            "{}\n",
            cli::version::line("Teleport", client::cluster::COMPATIBLE_VERSION)
        ))
    }
}
