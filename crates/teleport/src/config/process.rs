//! The section `teleport`: what belongs to the process.

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use transport::Address;

use super::section::{Findings, Section};
use super::{Flags, Surroundings, values};

/// The port of `diag_addr` when it names none.
const DIAG_PORT: u16 = 3000;
/// Open connections of one port.
const CONNECTIONS_MAX: usize = 15_000;

/// What the section and its flags say.
pub(super) struct Process {
    pub node_name: String,
    pub data_dir: PathBuf,
    pub seal_key_file: PathBuf,
    pub pid_file: Option<PathBuf>,
    pub diag_address: Option<Address>,
    pub advertise_ip: Option<IpAddr>,
    pub log: LogSettings,
    pub connections_max: usize,
}

/// What the log looks like and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Where it goes.
    pub output: LogOutput,
    /// The least that is told.
    pub severity: tracing::Level,
    /// What a line looks like.
    pub format: LogFormat,
    /// What stands beside the message; `None` for what is usual.
    pub fields: Option<Vec<LogField>>,
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// What stands beside a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    /// When.
    Timestamp,
    /// How important.
    Level,
    /// Which part.
    Component,
    /// Which line of the source.
    Caller,
}

pub(super) fn read(section: &Section<'_>, flags: &Flags, around: &Surroundings, found: &Findings) -> Process {
    let node_name = flags.node_name.clone();
    let node_name = node_name.or_else(|| {
        section
            .value("nodename", values::word)
            .filter(|name| !name.is_empty())
    });
    let data_dir = flags
        .data_dir
        .clone()
        .or_else(|| section.value("data_dir", values::path));
    let data_dir = data_dir.unwrap_or_else(|| around.data_dir.clone());
    let seal_key_file = section.value("seal_key_file", values::path);
    let seal_key_file = seal_key_file.unwrap_or_else(|| around.seal_key_file.clone());
    if is_below(&seal_key_file, &data_dir) {
        let what = format!(
            "the seal key `{}` must not be in the data directory: one stolen backup would hold both the secrets and their key",
            seal_key_file.display()
        );
        found.wrong(section.at("seal_key_file"), what);
    }
    if let Some(kind) = section
        .group("storage", "teleport.storage")
        .value("type", values::word)
        .filter(|kind| !matches!(kind.as_str(), "sqlite" | "dir"))
    {
        let storage = section.group("storage", "teleport.storage");
        let kind = cli::text::visible(&kind);
        storage.wrong(
            "type",
            format!("`teleport.storage.type`: `{kind}` is not available yet; `sqlite` is"),
        );
    }
    Process {
        node_name: node_name.unwrap_or_else(|| around.host_name.clone()),
        data_dir,
        seal_key_file,
        pid_file: flags
            .pid_file
            .clone()
            .or_else(|| section.value("pid_file", values::path)),
        diag_address: diag_address(section, flags, found),
        advertise_ip: advertise_ip(section, flags, found),
        log: log(&section.group("log", "teleport.log"), flags),
        connections_max: connections_max(&section.group("connection_limits", "teleport.connection_limits")),
    }
}

fn diag_address(section: &Section<'_>, flags: &Flags, found: &Findings) -> Option<Address> {
    if let Some(text) = &flags.diag_address {
        return values::listen(text, DIAG_PORT)
            .map_err(|problem| found.wrong(None, format!("--diag-addr: {problem}")))
            .ok();
    }
    // The original prints `diag_addr: ""` for none.
    let text = section.value("diag_addr", values::text)?;
    if text.is_empty() {
        return None;
    }
    section.value("diag_addr", values::listen_address(DIAG_PORT))
}

fn advertise_ip(section: &Section<'_>, flags: &Flags, found: &Findings) -> Option<IpAddr> {
    let read = |text: &str| {
        let parsed = text.parse::<IpAddr>();
        parsed.map_err(|_| format!("`{}` is not an IP address", cli::text::visible(text)))
    };
    match &flags.advertise_ip {
        Some(text) => read(text)
            .map_err(|problem| found.wrong(None, format!("--advertise-ip: {problem}")))
            .ok(),
        None => section.value("advertise_ip", |node| read(&values::word(node)?)),
    }
}

fn log(section: &Section<'_>, flags: &Flags) -> LogSettings {
    let output = section.value("output", |node| {
        Ok(match values::text(node)?.as_str() {
            "" | "stderr" | "error" | "2" => LogOutput::Stderr,
            "stdout" | "out" | "1" => LogOutput::Stdout,
            "syslog" => {
                return Err(
                    "`syslog` is not available yet; take `stderr` and let the service manager collect it"
                        .to_owned(),
                );
            }
            file => LogOutput::File(PathBuf::from(file)),
        })
    });
    let severity = section.value("severity", |node| {
        Ok(match values::text(node)?.to_ascii_lowercase().as_str() {
            "err" | "error" => tracing::Level::ERROR,
            "warn" | "warning" => tracing::Level::WARN,
            "" | "info" => tracing::Level::INFO,
            "debug" => tracing::Level::DEBUG,
            "trace" => tracing::Level::TRACE,
            other => {
                let other = cli::text::visible(other);
                return Err(format!(
                    "does not know `{other}`; it takes `error`, `warn`, `info`, `debug` or `trace`"
                ));
            }
        })
    });
    let format = section.group("format", "teleport.log.format");
    let form = format.value("output", values::choice(&["text", "json"]));
    let fields = format.value(
        "extra_fields",
        values::list(|node| {
            let known = ["timestamp", "level", "component", "caller"];
            Ok(match values::text(node)?.as_str() {
                "timestamp" => LogField::Timestamp,
                "level" => LogField::Level,
                "component" => LogField::Component,
                "caller" => LogField::Caller,
                other => {
                    let other = cli::text::visible(other);
                    return Err(format!(
                        "does not know `{other}`; it takes `{}`",
                        known.join("`, `")
                    ));
                }
            })
        }),
    );
    let severity = severity.unwrap_or(tracing::Level::INFO);
    LogSettings {
        output: output.unwrap_or(LogOutput::Stderr),
        severity: if flags.debug {
            severity.max(tracing::Level::DEBUG)
        } else {
            severity
        },
        format: match form {
            Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        },
        fields,
    }
}

fn connections_max(section: &Section<'_>) -> usize {
    // Read only so that a wrong value is told.
    let _ = section.value("max_users", values::count(0));
    let most = section.value("max_connections", values::count(1));
    most.and_then(|most| usize::try_from(most).ok())
        .unwrap_or(CONNECTIONS_MAX)
}

/// Whether a path leads into a directory, as far as the names tell.
fn is_below(path: &Path, directory: &Path) -> bool {
    let plain = |path: &Path| -> PathBuf {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    plain.pop();
                }
                part => plain.push(part),
            }
        }
        plain
    };
    let directory = plain(directory);
    !directory.as_os_str().is_empty() && plain(path).starts_with(directory)
}
