//! What this program calls itself.

/// The version of the original that this program keeps to.
pub const COMPATIBLE: &str = auth::server::dispatch::SERVER_VERSION;

/// Which program it is, in the place of the original's revision.
pub const OURS: &str = cli::version::OURS;

/// The line of `teleport version`.
pub fn line() -> String {
    cli::version::line("Teleport", COMPATIBLE)
}
