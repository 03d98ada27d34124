//! The log: lines to a stream or to a file that grows.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use cli::Failure;
use plugin::config::{Log, Output, Severity};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts the log of this process.
pub fn start(log: &Log, debug: bool) -> Result<(), Failure> {
    let (writer, colours) = match &log.output {
        Output::Stderr => (
            BoxMakeWriter::new(std::io::stderr),
            std::io::stderr().is_terminal(),
        ),
        Output::Stdout => (
            BoxMakeWriter::new(std::io::stdout),
            std::io::stdout().is_terminal(),
        ),
        Output::File(path) => {
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(path)
                .map_err(|error| {
                    Failure::new(format!("cannot open the log file `{}`: {error}", path.display())).hint(
                        "`output` in `[log]` is `stderr`, `stdout` or the path of a file that can be written",
                    )
                })?;
            (BoxMakeWriter::new(Arc::new(file)), false)
        }
    };
    let severity = match log.severity {
        Severity::Trace => "trace",
        _ if debug => "debug",
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Error => "error",
    };
    // What libraries say is for their authors, except when they warn.
    let others = if log.severity == Severity::Error && !debug {
        "error"
    } else {
        "warn"
    };
    let ours =
        ["teleport_mattermost", "plugin", "client", "transport"].map(|name| format!(",{name}={severity}"));
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(colours && std::env::var_os("NO_COLOR").is_none())
        .with_target(false)
        .with_env_filter(EnvFilter::new(format!("{others}{}", ours.concat())))
        .init();
    Ok(())
}
