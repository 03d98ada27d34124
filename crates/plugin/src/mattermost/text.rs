//! Text from people in a Mattermost message: shown as it is, and powerless.
//!
//! Names stand bare only if no letter of them means anything to Mattermost, otherwise in a code span. Longer text stands
//! in a fence of its own that is longer than any row of backquotes inside. In code nothing is a link, a mention, a
//! channel, a tag or markup, so nothing has to be escaped there; only what does not show itself (control characters,
//! marks that turn the direction of writing) is written out.

/// Longest name, in characters.
const NAME_MAX: usize = 100;
/// Longest list of names, in characters.
const LIST_MAX: usize = 500;
/// Longest row of backquotes that a fence still outdoes; longer ones are written out.
const ROW_MAX: usize = 8;
/// Longest text of a person, in characters.
pub const REASON_MAX: usize = 500;

/// A name: bare if it is plain, otherwise in a code span.
pub fn name(text: &str) -> String {
    if text.is_empty() {
        return "(none)".to_owned();
    }
    if is_plain(text) {
        return text.to_owned();
    }
    // A backquote would end the span, a line end would start a line of its own.
    let (text, cut) = shown(text, NAME_MAX, |letter| letter == '`' || hides(letter));
    let mark = if cut { "…" } else { "" };
    format!("`{text}{mark}`")
}

/// Names with commas between them, as many as fit; then says how many more there are.
pub fn names<'n>(all: impl IntoIterator<Item = &'n str>) -> String {
    let mut list = String::new();
    let mut left_out = 0;
    let mut length = 0;
    for text in all {
        let next = name(text);
        length += next.chars().count() + 2;
        if left_out > 0 || (length > LIST_MAX && !list.is_empty()) {
            left_out += 1;
            continue;
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&next);
    }
    if left_out > 0 {
        list.push_str(&format!(" and {left_out} more"));
    }
    if list.is_empty() {
        "(none)".to_owned()
    } else {
        list
    }
}

/// A person's own text as a block behind a label: on lines of its own, or `(empty)` if it says nothing.
pub fn block(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_matches(|letter: char| letter.is_whitespace());
    if text.is_empty() {
        return " (empty)".to_owned();
    }
    let row = longest_row(text);
    let too_long = row > ROW_MAX;
    let (text, cut) = shown(text, REASON_MAX, |letter| {
        (hides(letter) && !matches!(letter, '\n' | '\t')) || (too_long && letter == '`')
    });
    let fence = "`".repeat(if too_long { 3 } else { row.max(2) + 1 });
    let tail = if cut { "\n(truncated)" } else { "" };
    format!("\n{fence}\n{text}\n{fence}{tail}")
}

/// Whether Mattermost finds nothing but letters in it: letters, digits and single `.`, `-`, `+`, `@`, `_` between them.
fn is_plain(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    bytes.len() <= NAME_MAX
        && bytes.iter().enumerate().all(|(at, byte)| {
            let inside =
                at > 0 && at + 1 < bytes.len() && is_letter(bytes[at - 1]) && is_letter(bytes[at + 1]);
            is_letter(*byte) || (b".-+@_".contains(byte) && inside)
        })
        && bytes.first().copied().is_some_and(is_letter)
        && text.matches('@').count() <= 1
        && !text.to_ascii_lowercase().starts_with("www.")
}

/// At most `limit` characters, some of them written out; and whether something was left out.
fn shown(text: &str, limit: usize, written_out: impl Fn(char) -> bool) -> (String, bool) {
    let mut out = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let piece = if written_out(letter) {
            letter.escape_unicode().to_string()
        } else {
            letter.to_string()
        };
        used += piece.chars().count();
        if used > limit {
            return (out, true);
        }
        out.push_str(&piece);
    }
    (out, false)
}

/// Whether a character changes what is seen without being seen.
fn hides(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The longest row of backquotes.
fn longest_row(text: &str) -> usize {
    text.split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stand_bare_and_others_in_code() {
        for plain in [
            "bob",
            "bob@example.com",
            "elevated-access",
            "db_admin-2",
            "b.o+b@x.y",
        ] {
            assert_eq!(name(plain), plain);
        }
        for (odd, expected) in [
            ("@alice", "`@alice`"),
            ("a-@alice", "`a-@alice`"),
            ("a.@here", "`a.@here`"),
            ("__init__", "`__init__`"),
            ("a_@b", "`a_@b`"),
            ("a..b", "`a..b`"),
            ("www.example.com", "`www.example.com`"),
            ("bob@example.com@here", "`bob@example.com@here`"),
            ("https://example.com", "`https://example.com`"),
            ("a\nb", "`a\\u{a}b`"),
            ("`x`", "`\\u{60}x\\u{60}`"),
            ("\u{202e}bob", "`\\u{202e}bob`"),
            ("", "(none)"),
            ("é", "`é`"),
        ] {
            assert_eq!(name(odd), expected);
        }
    }

    #[test]
    fn lists_end_somewhere() {
        assert_eq!(names(["a", "@b"]), "a, `@b`");
        assert_eq!(names([]), "(none)");
        let many: Vec<String> = (0..500).map(|n| format!("role-number-{n:04}")).collect();
        let list = names(many.iter().map(String::as_str));
        assert!(list.ends_with(" more"), "{list}");
        assert!(list.chars().count() <= LIST_MAX + 20, "{}", list.len());
        let long = "x".repeat(10_000);
        assert!(names([long.as_str()]).chars().count() < 200);
    }

    #[test]
    fn a_text_stands_in_a_fence_longer_than_any_inside() {
        assert_eq!(block("need it\n\nnow"), "\n```\nneed it\n\nnow\n```");
        assert_eq!(block("a ```` b"), "\n`````\na ```` b\n`````");
        assert_eq!(block(" \n\t"), " (empty)");
        assert_eq!(
            block(&"`".repeat(9)),
            format!("\n```\n{}\n```", "\\u{60}".repeat(9))
        );
        assert_eq!(block("a\r\nb\rc"), "\n```\na\nb\nc\n```");
        assert_eq!(block("a\u{0}\u{202e}b"), "\n```\na\\u{0}\\u{202e}b\n```");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert!(!block(&"é".repeat(REASON_MAX)).contains("truncated"));
        let cut = block(&"é".repeat(REASON_MAX + 1));
        assert!(cut.ends_with("\n```\n(truncated)"), "{cut}");
        assert_eq!(cut.matches('é').count(), REASON_MAX);
    }
}
