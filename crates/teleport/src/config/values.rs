//! How single values are understood: switches, durations, addresses, lists. Each says what is wrong in words that can
//! stand after the name of the key.

use std::path::PathBuf;

use jiff::SignedDuration;
use transport::Address;
use wire::resource::{Node, Value, duration};

/// What a key gives, or what is wrong with it.
type Read<T> = Result<T, String>;

fn expected<T>(what: &str, found: &Node) -> Read<T> {
    Err(format!("takes {what}, found {}", found.described()))
}

/// Text; what YAML takes for a number or a boolean is text here, as it was written.
pub fn text(node: &Node) -> Read<String> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => match &node.written {
            Some(written) => Ok(written.to_string()),
            None => expected("text", node),
        },
        _ => expected("text", node),
    }
}

/// Text that is not empty.
pub fn word(node: &Node) -> Read<String> {
    let text = text(node)?;
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(text)
}

/// The path of a file or directory.
pub fn path(node: &Node) -> Read<PathBuf> {
    word(node).map(PathBuf::from)
}

/// `yes`, `no` and their like, in quotes or not.
pub fn switch(node: &Node) -> Read<bool> {
    match &node.value {
        Value::Bool(on) => Ok(*on),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" => Ok(true),
            "no" | "off" | "false" => Ok(false),
            _ => expected("`yes` or `no`", node),
        },
        _ => expected("`yes` or `no`", node),
    }
}

/// A whole number from `least` on.
pub fn count(least: u32) -> impl Fn(&Node) -> Read<u32> {
    move |node| match &node.value {
        Value::Integer(number) => match u32::try_from(*number) {
            Ok(number) if number >= least => Ok(number),
            _ => Err(format!(
                "the number `{number}` is out of range, it must be at least {least}"
            )),
        },
        _ => expected("a whole number", node),
    }
}

/// A duration; `never` and zero are no limit.
pub fn span(node: &Node) -> Read<SignedDuration> {
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        Value::Integer(0) => "0s",
        _ => return expected("a duration such as `30m` or `12h`", node),
    };
    let span = duration::parse(text).map_err(|error| format!("`{text}` is not a duration: {error}"))?;
    if span.is_negative() {
        return Err(format!("the duration `{text}` is negative"));
    }
    Ok(span)
}

/// One of a few words.
pub fn choice(words: &'static [&'static str]) -> impl Fn(&Node) -> Read<&'static str> {
    move |node| {
        let text = text(node)?;
        match words.iter().find(|word| word.eq_ignore_ascii_case(&text)) {
            Some(word) => Ok(word),
            None => Err(format!(
                "does not know `{}`; it takes {}",
                cli::text::visible(&text),
                listed(words)
            )),
        }
    }
}

/// Words in a sentence.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// A list of what `one` reads; a single value is a list of one.
pub fn list<T>(one: impl Fn(&Node) -> Read<T>) -> impl Fn(&Node) -> Read<Vec<T>> {
    move |node| match &node.value {
        Value::List(items) => items.iter().map(&one).collect(),
        _ => one(node).map(|value| vec![value]),
    }
}

/// A host and a port that clients find something at.
pub fn address(port_default: u16) -> impl Fn(&Node) -> Read<Address> {
    move |node| Address::parse(&word(node)?, port_default).map_err(|error| error.to_string())
}

/// An address to listen on, as [`listen`] reads it.
pub fn listen_address(port_default: u16) -> impl Fn(&Node) -> Read<Address> {
    move |node| listen(&word(node)?, port_default)
}

/// An address to listen on: port 0 lets the system choose, and no host means all of them.
pub fn listen(text: &str, port_default: u16) -> Read<Address> {
    if let Some(port) = text.strip_prefix(':') {
        return listen(&format!("0.0.0.0:{port}"), port_default);
    }
    let parsed = match text.strip_suffix(":0") {
        Some(host) => Address::parse(&format!("{host}:1"), 1).map(|address| Address::new(address.host(), 0)),
        None => Address::parse(text, port_default),
    };
    parsed.map_err(|error| error.to_string())
}
