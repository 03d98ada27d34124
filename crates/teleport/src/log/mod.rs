//! The log: one line an event, as text or JSON, to a stream or a file that can be rotated.
//!
//! What is said where is up to those who say it; here it only gets its form. Text from elsewhere cannot break a line or
//! drive a terminal.

mod line;
mod sink;

use std::path::PathBuf;
use std::sync::Arc;

use access::ambient::Clock;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::config::process::LogField;
use crate::config::{LogFormat, LogOutput, LogSettings};
pub use sink::Sink;

/// The crates of this workspace: their words are for administrators. Others are heard when they warn.
const OURS: &[&str] = &[
    "access",
    "auth",
    "cli",
    "client",
    "pki",
    "proxy",
    "store",
    "teleport",
    "transport",
    "wire",
];

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the log file `{}`: {source}", path.display())]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: std::io::Error,
}

/// Turns events into lines.
struct Log {
    sink: Sink,
    clock: Arc<dyn Clock>,
    format: LogFormat,
    fields: Vec<LogField>,
}

/// Starts the log of this process; the sink can be opened anew.
///
/// # Errors
/// The file cannot be opened.
pub fn start(settings: &LogSettings, clock: Arc<dyn Clock>) -> Result<Sink, LogError> {
    let sink = match &settings.output {
        LogOutput::Stderr => Sink::stderr(),
        LogOutput::Stdout => Sink::stdout(),
        LogOutput::File(path) => Sink::file(path).map_err(|source| LogError {
            path: path.clone(),
            source,
        })?,
    };
    let log = Log {
        sink: sink.clone(),
        clock,
        format: settings.format,
        fields: settings.fields.clone().unwrap_or_else(|| usual(settings.format)),
    };
    let severity = settings.severity;
    let heard = tracing_subscriber::filter::filter_fn(move |about| is_heard(about, severity))
        .with_max_level_hint(severity);
    let subscriber = tracing_subscriber::registry().with(log.with_filter(heard));
    // There is one process and one log; a second start in a test changes nothing.
    let _ = tracing::subscriber::set_global_default(subscriber);
    // A fault of the program belongs into the log like everything else.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(tracing::field::display);
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let what = text
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        tracing::error!(
            place,
            what,
            "A fault of the program: a task has ended by a panic."
        );
    }));
    Ok(sink)
}

/// What stands beside a message when nobody says.
fn usual(format: LogFormat) -> Vec<LogField> {
    match format {
        LogFormat::Text => vec![LogField::Timestamp, LogField::Level, LogField::Component],
        LogFormat::Json => vec![
            LogField::Timestamp,
            LogField::Level,
            LogField::Component,
            LogField::Caller,
        ],
    }
}

fn is_heard(about: &Metadata<'_>, severity: Level) -> bool {
    let part = component(about);
    let least = if OURS.contains(&part) {
        severity
    } else {
        severity.min(Level::WARN)
    };
    *about.level() <= least
}

/// The crate that speaks.
fn component<'a>(about: &Metadata<'a>) -> &'a str {
    let target = about.target();
    target.split_once("::").map_or(target, |(part, _)| part)
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let said = line::Said::of(event);
        let beside = line::Beside {
            moment: self.clock.now(),
            level: *about.level(),
            component: component(about),
            caller: about.file().zip(about.line()),
        };
        let line = match self.format {
            LogFormat::Text => line::text(&said, &beside, &self.fields),
            LogFormat::Json => line::json(&said, &beside, &self.fields),
        };
        self.sink.write(&line);
    }
}
