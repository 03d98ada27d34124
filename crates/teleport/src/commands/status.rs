//! `teleport status`: whether this is an SSH session of the cluster.

use std::env;
use std::io::{self, Write as _};

use cli::Failure;

/// What a session's environment says, under the names that people know.
const SHOWN: &[(&str, &str)] = &[
    ("TELEPORT_CLUSTER", "Cluster Name"),
    ("SSH_TELEPORT_HOST_UUID", "Host UUID"),
    ("SSH_SESSION_ID", "Session ID"),
    ("SSH_TELEPORT_USER", "User"),
];

/// Prints it.
pub fn run() -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let value = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if value("SSH_SESSION_ID").is_none() || value("SSH_TELEPORT_USER").is_none() {
        writeln!(stdout, "You are not inside of a Teleport SSH session")?;
        return Ok(());
    }
    for (variable, name) in SHOWN {
        if let Some(value) = value(variable) {
            writeln!(stdout, "{name:<12}: {}", cli::text::visible(&value))?;
        }
    }
    Ok(())
}
