//! Writes YAML in the form Teleport's tools write it: names sorted, lists not indented under their name, quotes only where YAML 1.1
//! would read something else.
//!
//! The rules are those of the YAML library the original uses, so that a diff between its output and ours shows contents only.

use serde_json::Value;
use std::cmp::Ordering;

use super::scalar;

/// One document, with a final line end and without `---`.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty(value) => block(&mut out, value, 0),
        _ => {
            scalar_into(&mut out, value, 0);
            out.push('\n');
        }
    }
    out
}

/// Documents with `---` between them.
pub fn documents<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    let texts: Vec<String> = values.into_iter().map(document).collect();
    texts.join("---\n")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// A list or group that is not empty, each of its lines indented by `indent` spaces.
fn block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(left, _), (right, _)| name_order(left, right));
            for (name, value) in entries {
                pad(out, indent);
                entry(out, name, value, indent);
            }
        }
        Value::Array(list) => {
            for item in list {
                pad(out, indent);
                item_into(out, item, indent);
            }
        }
        _ => {}
    }
}

fn entry(out: &mut String, name: &str, value: &Value, indent: usize) {
    if name.contains('\n') || name.chars().count() > 128 {
        // Too long for a simple key: written as an explicit one.
        out.push_str("? ");
        text_into(out, name, indent + 2, true);
        out.push('\n');
        pad(out, indent);
        out.push(':');
    } else {
        text_into(out, name, indent, true);
        out.push(':');
    }
    match value {
        Value::Object(_) if !is_empty(value) => {
            out.push('\n');
            block(out, value, indent + 2);
        }
        Value::Array(_) if !is_empty(value) => {
            out.push('\n');
            block(out, value, indent);
        }
        _ => {
            out.push(' ');
            scalar_into(out, value, indent + 2);
            out.push('\n');
        }
    }
}

/// `- ` and what follows it; groups and lists inside begin on the same line.
fn item_into(out: &mut String, value: &Value, indent: usize) {
    out.push_str("- ");
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(left, _), (right, _)| name_order(left, right));
            for (position, (name, value)) in entries.into_iter().enumerate() {
                if position > 0 {
                    pad(out, indent + 2);
                }
                entry(out, name, value, indent + 2);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (position, item) in list.iter().enumerate() {
                if position > 0 {
                    pad(out, indent + 2);
                }
                item_into(out, item, indent + 2);
            }
        }
        _ => {
            scalar_into(out, value, indent + 2);
            out.push('\n');
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn scalar_into(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => text_into(out, text, indent, false),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// How a text can be written, from what its characters are.
#[allow(clippy::struct_excessive_bools)]
struct Shape {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

fn shape(text: &str) -> Shape {
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (
        mut breaks,
        mut special,
        mut edge_space,
        mut trailing_space,
        mut break_then_space,
        mut space_then_break,
    ) = (false, false, false, false, false, false);
    let (mut before_space, mut before_break, mut preceded_by_blank) = (false, false, true);
    let mut characters = text.chars().peekable();
    let mut first = true;
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        let followed_by_blank = next.is_none_or(|next| matches!(next, ' ' | '\t') || is_break(next));
        match character {
            '#' if first || preceded_by_blank => indicators = true,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                if first =>
            {
                indicators = true;
            }
            '?' | '-' if first && followed_by_blank => indicators = true,
            ':' if followed_by_blank => indicators = true,
            _ => {}
        }
        if !is_printable(character) {
            special = true;
        }
        if character == ' ' {
            edge_space |= first || next.is_none();
            trailing_space |= next.is_none();
            break_then_space |= before_break;
            (before_space, before_break) = (true, false);
        } else if is_break(character) {
            breaks = true;
            edge_space |= first || next.is_none();
            space_then_break |= before_space;
            (before_space, before_break) = (false, true);
        } else {
            (before_space, before_break) = (false, false);
        }
        preceded_by_blank = matches!(character, ' ' | '\t') || is_break(character);
        first = false;
    }
    Shape {
        plain: !(indicators || breaks || special || edge_space || break_then_space || space_then_break),
        single_quoted: !(special || break_then_space || space_then_break),
        block: !(special || space_then_break || trailing_space || break_then_space),
    }
}

fn text_into(out: &mut String, text: &str, indent: usize, name: bool) {
    let shape = shape(text);
    if text.contains('\n') {
        // A block would need a hint for a first line that starts with a blank; quotes are plainer.
        if !name && shape.block && !text.starts_with([' ', '\n', '\u{feff}']) {
            return literal(out, text, indent);
        }
        return double_quoted(out, text);
    }
    if scalar::needs_quotes(text) {
        double_quoted(out, text);
    } else if shape.plain {
        out.push_str(text);
    } else if shape.single_quoted {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        double_quoted(out, text);
    }
}

fn literal(out: &mut String, text: &str, indent: usize) {
    let body = text.strip_suffix('\n');
    out.push('|');
    match body {
        None => out.push('-'),
        Some(body) if body.is_empty() || body.ends_with('\n') => out.push('+'),
        Some(_) => {}
    }
    for line in body.unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            other if is_printable(other) => out.push(other),
            other if u32::from(other) <= 0xff => out.push_str(&format!("\\x{:02X}", u32::from(other))),
            other if u32::from(other) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(other))),
            other => out.push_str(&format!("\\U{:08X}", u32::from(other))),
        }
    }
    out.push('"');
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What may stand unescaped; direction marks may not, so that a terminal shows what is stored.
pub(super) fn is_printable(character: char) -> bool {
    match character {
        '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => false,
        '\n' | ' '..='~' | '\u{a1}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}' => {
            true
        }
        _ => false,
    }
}

/// One step of a name as it is sorted: signs first, then numbers by their value, then letters.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Sign(char),
    Number(u128, usize),
    Letter(char),
}

fn steps(name: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for character in name.chars() {
        match (character.to_digit(10), steps.last_mut()) {
            (Some(digit), Some(Step::Number(value, digits))) => {
                *value = value.saturating_mul(10).saturating_add(u128::from(digit));
                *digits += 1;
            }
            (Some(digit), _) => steps.push(Step::Number(u128::from(digit), 1)),
            (None, _) if character.is_alphabetic() => steps.push(Step::Letter(character)),
            (None, _) => steps.push(Step::Sign(character)),
        }
    }
    steps
}

/// The order of names: letters after everything else, digits by the number they make up.
fn name_order(left: &str, right: &str) -> Ordering {
    steps(left).cmp(&steps(right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_look_like_those_of_the_original() {
        let value = json!({
            "kind": "role",
            "spec": {
                "allow": {
                    "logins": ["{{internal.logins}}", "pre-{{external.team}}-post", "lit", "bad login with space"],
                    "node_labels": {"*": "*", "x": "^re.*$", "env": ["a", "b"]},
                    "rules": [{"verbs": ["list", "read"], "resources": ["user"]}],
                },
                "deny": {},
                "options": {"max_session_ttl": "30h0m0s", "pin_source_ip": false},
                "empty": [], "none": null, "count": 12, "blank": "",
                "time": "2024-11-21T18:50:00Z", "word": "yes",
                "text": "one\ntwo\n", "open": "one\ntwo", "tab": "a\tb", "quote": "it's", "colon": "a: b", "hash": "a #b",
            },
        });
        expect_test::expect![[r#"
            kind: role
            spec:
              allow:
                logins:
                - '{{internal.logins}}'
                - pre-{{external.team}}-post
                - lit
                - bad login with space
                node_labels:
                  '*': '*'
                  env:
                  - a
                  - b
                  x: ^re.*$
                rules:
                - resources:
                  - user
                  verbs:
                  - list
                  - read
              blank: ""
              colon: 'a: b'
              count: 12
              deny: {}
              empty: []
              hash: 'a #b'
              none: null
              open: |-
                one
                two
              options:
                max_session_ttl: 30h0m0s
                pin_source_ip: false
              quote: it's
              tab: "a\tb"
              text: |
                one
                two
              time: "2024-11-21T18:50:00Z"
              word: "yes"
        "#]]
        .assert_eq(&document(&value));
    }

    #[test]
    fn names_are_sorted_with_letters_last_and_numbers_by_value() {
        let mut names = vec!["b", "a_b", "aB", "ab", "a1", "a10", "a2", "A", "_x", "*", "a"];
        names.sort_by(|left, right| name_order(left, right));
        assert_eq!(
            names,
            ["*", "_x", "A", "a", "a_b", "a1", "a2", "a10", "aB", "ab", "b"]
        );
    }
}
