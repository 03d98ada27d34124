//! The log: lines on standard error. Standard output is for data.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts the log of this process.
pub fn start(debug: bool) {
    let ours = if debug { "debug" } else { "info" };
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        // What libraries say is for their authors, except when they warn.
        .with_env_filter(EnvFilter::new(format!(
            "warn,tbot={ours},client={ours},transport={ours}"
        )))
        .init();
}
