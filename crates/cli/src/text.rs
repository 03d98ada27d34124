//! Text from people and from the network, made safe and measurable for a terminal.

use unicode_width::UnicodeWidthStr;

/// Columns of a terminal when there is none.
pub const WIDTH_DEFAULT: usize = 80;

/// Width of the terminal that standard output is, in columns.
pub fn terminal_width() -> usize {
    use std::io::IsTerminal;
    if !std::io::stdout().is_terminal() {
        return WIDTH_DEFAULT;
    }
    columns()
}

/// Columns of the terminal there is; never fewer than 20. A terminal that does not know its size has 80.
pub(crate) fn columns() -> usize {
    match crossterm::terminal::size() {
        Ok((columns, _)) if columns > 0 => usize::from(columns.max(20)),
        _ => WIDTH_DEFAULT,
    }
}

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// One line: control characters, line ends and marks that turn the direction of writing are shown, not obeyed.
pub fn visible(text: &str) -> String {
    escaped(text, false)
}

/// As [`visible`], keeping line ends and tabs.
pub fn visible_lines(text: &str) -> String {
    escaped(text, true)
}

fn escaped(text: &str, keep_lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let kept = keep_lines && matches!(character, '\n' | '\t');
        if !kept && (character.is_control() || turns_direction(character)) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// In double quotes, with everything escaped that does not show or would end the quotes: `"incident \"42\""`.
///
/// The form in which the original prints reasons.
pub fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for character in text.chars() {
        match character {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            other if other.is_control() || turns_direction(other) => shown.extend(other.escape_default()),
            other => shown.push(other),
        }
    }
    shown.push('"');
    shown
}

/// Marks that reorder or hide what follows them.
fn turns_direction(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// At most `columns` wide and the three of `...`: the cut of the original's tables.
pub fn shortened_after(text: &str, columns: usize) -> String {
    shortened(text, columns + 3)
}

/// At most `columns` wide, the cut shown as `...`.
pub fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(3);
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        let wide = width(character.encode_utf8(&mut [0; 4]));
        if used + wide > room {
            break;
        }
        used += wide;
        kept.push(character);
    }
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_reaches_the_terminal() {
        assert_eq!(visible("a\nb\x1b[31m\u{202e}c"), "a\\nb\\u{1b}[31m\\u{202e}c");
        assert_eq!(visible_lines("a\n\tb\r"), "a\n\tb\\r");
    }

    #[test]
    fn a_quoted_text_cannot_end_its_quotes() {
        assert_eq!(quoted("incident 42"), "\"incident 42\"");
        assert_eq!(quoted("a\"b\\c\n\u{202e}"), r#""a\"b\\c\n\u{202e}""#);
    }

    #[test]
    fn shortening_counts_columns_not_characters() {
        assert_eq!(shortened("elevated-access", 10), "elevate...");
        assert_eq!(shortened("日本語のテキスト", 9), "日本語...");
        assert_eq!(shortened("short", 10), "short");
    }
}
