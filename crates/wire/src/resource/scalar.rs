//! What an unquoted word means in YAML 1.1, which resource files follow: `yes` is a boolean, `0x10` a number.
//!
//! Reading uses it to know what was written, writing to know what must be quoted. Both ends share one table, so what is
//! written here is read back here.

use super::tree::Value;

/// The value of an unquoted scalar.
pub(super) fn resolve(written: &str) -> Value {
    match written {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    number(written).unwrap_or_else(|| Value::Text(written.to_owned()))
}

/// Whether a text must be quoted so that it stays a text for every reader of YAML 1.1.
pub(super) fn needs_quotes(text: &str) -> bool {
    !matches!(resolve(text), Value::Text(_)) || text == "<<" || is_timestamp(text) || is_base_60(text)
}

fn number(written: &str) -> Option<Value> {
    let first = written.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let digits: String = written.chars().filter(|character| *character != '_').collect();
    let (negative, magnitude) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits.as_str()),
    };
    if let Some(magnitude) = integer(magnitude)
        && (magnitude <= u128::from(u64::MAX))
    {
        let magnitude = i128::try_from(magnitude).ok()?;
        return Some(Value::Integer(if negative { -magnitude } else { magnitude }));
    }
    if is_float(magnitude) {
        digits.parse().ok().map(Value::Float)
    } else {
        None
    }
}

fn integer(magnitude: &str) -> Option<u128> {
    let (radix, digits) = if let Some(rest) = magnitude
        .strip_prefix("0x")
        .or_else(|| magnitude.strip_prefix("0X"))
    {
        (16, rest)
    } else if let Some(rest) = magnitude
        .strip_prefix("0b")
        .or_else(|| magnitude.strip_prefix("0B"))
    {
        (2, rest)
    } else if let Some(rest) = magnitude
        .strip_prefix("0o")
        .or_else(|| magnitude.strip_prefix("0O"))
    {
        (8, rest)
    } else if magnitude.len() > 1 && magnitude.starts_with('0') {
        (8, &magnitude[1..])
    } else {
        (10, magnitude)
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u128::from_str_radix(digits, radix).ok()
}

/// `.5`, `1.`, `1.5e-3`, and whole numbers too large for 64 bits.
fn is_float(magnitude: &str) -> bool {
    let bytes = magnitude.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut at = whole;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let fraction = digits(at);
        if whole == 0 && fraction == 0 {
            return false;
        }
        at += fraction;
    } else if whole == 0 {
        return false;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let exponent = digits(at);
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == bytes.len()
}

/// A date, or a date with a time, in one of the spellings YAML 1.1 takes for a moment.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let digits = |at: &mut usize, least: usize, most: usize| {
        let count = bytes[*at..]
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        *at += count;
        count >= least
    };
    let punctuation = |at: &mut usize, byte: u8| {
        let found = bytes.get(*at) == Some(&byte);
        *at += usize::from(found);
        found
    };
    if !(digits(&mut at, 4, 4)
        && punctuation(&mut at, b'-')
        && digits(&mut at, 1, 2)
        && punctuation(&mut at, b'-')
        && digits(&mut at, 1, 2))
    {
        return false;
    }
    at == bytes.len() || matches!(bytes[at], b'T' | b't' | b' ')
}

/// `12:30:45`: some readers of YAML 1.1 take it for a number of base 60.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let Some(first) = parts.next() else { return false };
    if !first.starts_with(|character: char| character.is_ascii_digit())
        || !first
            .chars()
            .all(|character| character.is_ascii_digit() || character == '_')
    {
        return false;
    }
    let mut rest = parts.peekable();
    let mut any = false;
    while let Some(part) = rest.next() {
        any = true;
        let whole = if rest.peek().is_none() {
            part.split('.').next().unwrap_or_default()
        } else {
            part
        };
        if whole.is_empty() || whole.len() > 2 || !whole.chars().all(|character| character.is_ascii_digit()) {
            return false;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_yaml_1_1_says() {
        for word in ["y", "Y", "yes", "on", "True", "TRUE"] {
            assert_eq!(resolve(word), Value::Bool(true), "{word}");
        }
        for word in ["n", "N", "no", "off", "False"] {
            assert_eq!(resolve(word), Value::Bool(false), "{word}");
        }
        for word in ["", "~", "null", "NULL"] {
            assert_eq!(resolve(word), Value::Null, "{word}");
        }
        for (word, number) in [
            ("0", 0),
            ("-5", -5),
            ("+7", 7),
            ("0x1f", 31),
            ("017", 15),
            ("0o17", 15),
            ("0b11", 3),
            ("1_000", 1000),
        ] {
            assert_eq!(resolve(word), Value::Integer(number), "{word}");
        }
        for (word, number) in [
            ("1.5", 1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("2e3", 2000.0),
            ("-1.5E-1", -0.15),
            ("99999999999999999999", 1e20),
        ] {
            assert_eq!(resolve(word), Value::Float(number), "{word}");
        }
        for word in [
            "yEs", "nO", "1h", "30h0m0s", "1.2.3.4", "-", ".", "+", "--1", "0x", "0b2", "1e", "v7", "1:2",
            "e5", "١",
        ] {
            assert_eq!(resolve(word), Value::Text(word.to_owned()), "{word}");
        }
    }

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for text in [
            "",
            "yes",
            "n",
            "12",
            "0x1f",
            "1e5",
            "2024-11-21",
            "2024-11-21T18:50:00Z",
            "12:30",
            "<<",
            "~",
            "1234567890123456789012345",
        ] {
            assert!(needs_quotes(text), "{text}");
        }
        for text in [
            "root",
            "30h0m0s",
            "10.0.0.1",
            "10.0.0.1:22",
            "alice@example.com",
            "v7",
            "2024",
            "12:99:9a",
        ] {
            assert_eq!(needs_quotes(text), text == "2024", "{text}");
        }
    }
}
