//! `tbot version`.

use cli::Failure;

/// Shows the version of this program.
#[derive(Debug, clap::Args)]
pub struct Version {}

impl Version {
    /// Prints it.
    #[allow(clippy::unused_self, reason = "every command is run alike")]
    pub fn run(&self) -> Result<(), Failure> {
        super::configure::print(&format!(
            "{}\n",
            cli::version::line("Teleport", client::cluster::COMPATIBLE_VERSION)
        ))
    }
}
