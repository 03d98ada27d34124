//! One event as one line.

use std::fmt::{Debug, Write as _};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::config::process::LogField;

/// Moments to the millisecond.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// What an event says: the message, and named values beside it.
#[derive(Default)]
pub(super) struct Said {
    message: String,
    values: Vec<(&'static str, Value)>,
}

/// What is known about an event.
pub(super) struct Beside<'a> {
    pub moment: Timestamp,
    pub level: Level,
    pub component: &'a str,
    pub caller: Option<(&'a str, u32)>,
}

impl Said {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut said = Self::default();
        event.record(&mut said);
        said
    }

    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
        } else {
            self.values.push((field.name(), value));
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::String(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        // The causes belong to what happened.
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let _ = write!(text, ": {next}");
            cause = next.source();
        }
        self.put(field, Value::String(text));
    }
}

/// `2026-11-27T09:40:12.345Z INFO  [AUTH] a new cluster was made cluster:example.com`
pub(super) fn text(said: &Said, beside: &Beside<'_>, fields: &[LogField]) -> String {
    let mut line = String::with_capacity(160);
    let has = |field| fields.contains(&field);
    if has(LogField::Timestamp) {
        line.push_str(&moment(beside.moment));
        line.push(' ');
    }
    if has(LogField::Level) {
        let _ = write!(line, "{:<5} ", short(beside.level));
    }
    if has(LogField::Component) {
        let _ = write!(line, "[{}] ", beside.component.to_ascii_uppercase());
    }
    line.push_str(&cli::text::visible(&said.message));
    for (name, value) in &said.values {
        let _ = match value {
            Value::String(text) => write!(line, " {name}:{}", word(text)),
            other => write!(line, " {name}:{other}"),
        };
    }
    if has(LogField::Caller)
        && let Some((file, at)) = beside.caller
    {
        let _ = write!(line, " {file}:{at}");
    }
    line.push('\n');
    line
}

/// The same as one JSON object.
pub(super) fn json(said: &Said, beside: &Beside<'_>, fields: &[LogField]) -> String {
    let mut object = Map::new();
    let has = |field| fields.contains(&field);
    if has(LogField::Timestamp) {
        object.insert("timestamp".to_owned(), moment(beside.moment).into());
    }
    if has(LogField::Level) {
        object.insert(
            "level".to_owned(),
            beside.level.as_str().to_ascii_lowercase().into(),
        );
    }
    if has(LogField::Component) {
        object.insert("component".to_owned(), beside.component.into());
    }
    if has(LogField::Caller)
        && let Some((file, at)) = beside.caller
    {
        object.insert("caller".to_owned(), format!("{file}:{at}").into());
    }
    object.insert("message".to_owned(), said.message.clone().into());
    for (name, value) in &said.values {
        // A value cannot pass for what stands beside the message.
        let name = if object.contains_key(*name) {
            format!("field_{name}")
        } else {
            (*name).to_owned()
        };
        object.insert(name, value.clone());
    }
    let mut line = Value::Object(object).to_string();
    line.push('\n');
    line
}

fn moment(moment: Timestamp) -> String {
    PRINTER.timestamp_to_string(&moment)
}

fn short(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

/// A value as one word: in quotes if it is none.
fn word(text: &str) -> String {
    let plain =
        |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '\u{2028}' | '\u{2029}'));
    if !text.is_empty() && text.chars().all(plain) && cli::text::visible(text) == text {
        text.to_owned()
    } else {
        Value::String(cli::text::visible(text)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn said() -> Said {
        Said {
            message: "sign-in refused\nERROR forged".to_owned(),
            values: vec![
                ("user", "bob\x1b[2J\n2026 INFO all is well".into()),
                ("peer", "127.0.0.1:1".into()),
                ("level", "forged".into()),
                ("tries", 3.into()),
            ],
        }
    }

    fn beside() -> Beside<'static> {
        Beside {
            moment: Timestamp::UNIX_EPOCH,
            level: Level::WARN,
            component: "auth",
            caller: Some(("crates/auth/src/call.rs", 7)),
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_people_type() {
        let all = [
            LogField::Timestamp,
            LogField::Level,
            LogField::Component,
            LogField::Caller,
        ];
        expect![[r#"
            1970-01-01T00:00:00.000Z WARN  [AUTH] sign-in refused\nERROR forged user:"bob\\u{1b}[2J\\n2026 INFO all is well" peer:127.0.0.1:1 level:forged tries:3 crates/auth/src/call.rs:7
        "#]]
        .assert_eq(&text(&said(), &beside(), &all));
        expect![[r#"
            {"timestamp":"1970-01-01T00:00:00.000Z","level":"warn","component":"auth","caller":"crates/auth/src/call.rs:7","message":"sign-in refused\nERROR forged","user":"bob\u001b[2J\n2026 INFO all is well","peer":"127.0.0.1:1","field_level":"forged","tries":3}
        "#]]
        .assert_eq(&json(&said(), &beside(), &all));
        expect![[r#"
            {"message":"sign-in refused\nERROR forged","user":"bob\u001b[2J\n2026 INFO all is well","peer":"127.0.0.1:1","level":"forged","tries":3}
        "#]]
        .assert_eq(&json(&said(), &beside(), &[]));
    }
}
