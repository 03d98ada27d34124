//! Which names people, roles and devices may have.
//!
//! A name is shown in terminals, pages, chat messages and certificates, and compared by eye. So it has
//! no invisible and no control characters, and two users whose names differ in case alone are one.

use crate::failure::{Answer, Failure};

/// The longest name in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// The longest name of an authenticator.
pub const DEVICE_NAME_MAX: usize = 30;

/// Whether a character changes how text is shown without being seen itself.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn check(kind: &str, name: &str, bytes_max: usize) -> Answer<()> {
    if name.is_empty() {
        return Err(Failure::bad_parameter("missing parameter Name"));
    }
    if name.len() > bytes_max {
        return Err(Failure::bad_parameter(format!(
            "{kind} name is longer than {bytes_max} bytes"
        )));
    }
    // Paths of pages and of stored things read these two otherwise.
    if matches!(name, "." | "..") {
        return Err(Failure::bad_parameter(format!(
            "{kind} name {name:?} is reserved"
        )));
    }
    if name.chars().any(|letter| is_invisible(letter) || letter == '/') {
        return Err(Failure::bad_parameter(format!(
            "{kind} name {name:?} contains a character that is not allowed"
        )));
    }
    Ok(())
}

/// A name that a user may have.
pub fn check_user(name: &str) -> Answer<()> {
    check("user", name, NAME_BYTES_MAX)?;
    if name.chars().any(char::is_whitespace) {
        return Err(Failure::bad_parameter(format!(
            "user name {name:?} contains a space"
        )));
    }
    if name.contains(',') {
        return Err(Failure::bad_parameter(format!(
            "user name {name:?} contains a comma, which separates names in commands"
        )));
    }
    // `@local-admin` and `system` are whom records name for the cluster itself.
    if name.starts_with(['@', '-']) || name == "system" {
        return Err(Failure::bad_parameter(format!("user name {name:?} is reserved")));
    }
    let host = name
        .split_once('.')
        .is_some_and(|(host, _)| crate::ids::is_uuid(host));
    if host {
        return Err(Failure::bad_parameter(format!(
            "user name {name:?} has the form of a built-in identity"
        )));
    }
    Ok(())
}

/// A name that a role may have.
pub fn check_role(name: &str) -> Answer<()> {
    check("role", name, NAME_BYTES_MAX)?;
    if name.contains(',') || name.chars().any(char::is_whitespace) {
        return Err(Failure::bad_parameter(format!(
            "role name {name:?} contains a character that is not allowed"
        )));
    }
    Ok(())
}

/// A name that a server, an application, a database or a Kubernetes cluster may have.
pub fn check_resource(kind: &str, name: &str) -> Answer<()> {
    check(kind, name, NAME_BYTES_MAX)?;
    if name.contains(',') || name.chars().any(char::is_whitespace) {
        return Err(Failure::bad_parameter(format!(
            "{kind} name {name:?} contains a character that is not allowed"
        )));
    }
    Ok(())
}

/// A name that an authenticator may have.
pub fn check_device(name: &str) -> Answer<()> {
    check("device", name, NAME_BYTES_MAX)?;
    if name.chars().count() > DEVICE_NAME_MAX {
        return Err(Failure::bad_parameter(format!(
            "device name cannot be longer than {DEVICE_NAME_MAX} characters"
        )));
    }
    Ok(())
}

/// A name that somebody mentions, of something that need not exist: it is stored and shown all the same.
pub fn check_mentioned(where_: &str, name: &str) -> Answer<()> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Failure::bad_parameter(format!(
            "{where_} names something longer than {NAME_BYTES_MAX} bytes"
        )));
    }
    if name.chars().any(is_invisible) {
        return Err(Failure::bad_parameter(format!(
            "{where_} names {name:?}, which contains a character that is not allowed"
        )));
    }
    Ok(())
}

/// A name as somebody typed it who has proven nothing, for records and counts: what cannot be seen is replaced, what is too
/// long is cut.
pub fn bounded(name: &str) -> String {
    let seen = |letter| if is_invisible(letter) { '\u{fffd}' } else { letter };
    let whole: String = name.chars().take(NAME_BYTES_MAX).map(seen).collect();
    if name.len() <= NAME_BYTES_MAX && whole.len() <= NAME_BYTES_MAX {
        return whole;
    }
    let room = NAME_BYTES_MAX - '…'.len_utf8();
    let end = (0..=room)
        .rev()
        .find(|at| whole.is_char_boundary(*at))
        .unwrap_or(0);
    format!("{}…", &whole[..end])
}

/// Under which name a user cannot exist twice.
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_seen_and_told_apart() {
        for good in ["bob@example.com", "access-plugin", "bot-robot", "jürgen", "a.b"] {
            assert!(check_user(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "bob\u{200b}",
            "bob\u{202e}",
            "a/b",
            "a,b",
            ".",
            "..",
            "system",
            "@local-admin",
            "-x",
            "bob\n",
            "5d4a3c1e-63c0-4b5e-9b8e-0d3f6c2a1b00.example.com",
        ] {
            assert!(check_user(bad).is_err(), "{bad:?}");
        }
        let comma = check_user("a,b").expect_err("a comma");
        assert!(comma.message().contains("comma"), "{comma}");
        for bad in [".", "..", "a b", "a,b"] {
            assert!(check_role(bad).is_err(), "{bad:?}");
        }
        assert_eq!(folded("Bob@Example.com"), folded("bob@example.com"));
        assert!(check_role("elevated-access").is_ok() && check_role("a b").is_err());
        assert!(check_device("my phone").is_ok() && check_device(&"x".repeat(31)).is_err());
    }

    #[test]
    fn what_a_stranger_typed_is_written_down_within_bounds() {
        assert_eq!(bounded("bob@example.com"), "bob@example.com");
        assert_eq!(bounded(&"x".repeat(255)), "x".repeat(255));
        assert_eq!(bounded("bob\n"), "bob\u{fffd}");
        for long in ["x".repeat(256), "\n".repeat(256), "ü".repeat(100_000)] {
            let shown = bounded(&long);
            assert!(shown.len() <= NAME_BYTES_MAX && shown.ends_with('…'), "{shown}");
        }
    }
}
