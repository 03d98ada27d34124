//! Words for people: texts of others made harmless, moments and spans as people say them.

use jiff::{SignedDuration, Timestamp};

/// One line: control characters, line ends and marks that turn or hide writing are shown, not obeyed.
pub fn visible(text: &str) -> String {
    escaped(text, false)
}

/// The same, keeping line ends and tabs.
pub fn visible_lines(text: &str) -> String {
    escaped(&text.replace("\r\n", "\n"), true)
}

fn escaped(text: &str, keep_lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let kept = keep_lines && matches!(character, '\n' | '\t');
        if !kept && (character.is_control() || turns_or_hides(character)) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn turns_or_hides(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A moment as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// For machines: RFC 3339.
    pub stamp: String,
    /// For people: `27 November 2026, 09:40 UTC`.
    pub text: String,
    /// Seen from now: `in 8 hours`, `5 minutes ago`.
    pub relative: String,
}

impl When {
    /// A moment, seen from `now`.
    pub fn of(moment: Timestamp, now: Timestamp) -> Self {
        let away = moment.duration_since(now);
        let relative = match (away.is_negative(), span(away.abs())) {
            (_, words) if words.is_empty() => "now".to_owned(),
            (true, words) => format!("{words} ago"),
            (false, words) => format!("in {words}"),
        };
        Self {
            stamp: moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: moment.strftime("%-d %B %Y, %H:%M UTC").to_string(),
            relative,
        }
    }
}

/// A span as people say it, in its largest unit or two; empty below half a minute.
pub fn span(span: SignedDuration) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = span.as_secs();
    let words = |count: i64, one: &str| {
        if count == 1 {
            format!("1 {one}")
        } else {
            format!("{count} {one}s")
        }
    };
    let two = |count: i64, one: &str, rest: i64, smaller: &str| {
        if rest == 0 {
            words(count, one)
        } else {
            format!("{} {}", words(count, one), words(rest, smaller))
        }
    };
    if seconds < MINUTE / 2 {
        return String::new();
    }
    let minutes = (seconds + MINUTE / 2) / MINUTE;
    if minutes < 60 {
        return words(minutes, "minute");
    }
    if minutes < 12 * 60 {
        return two(minutes / 60, "hour", minutes % 60, "minute");
    }
    let hours = (seconds + HOUR / 2) / HOUR;
    if seconds < 2 * DAY {
        return words(hours, "hour");
    }
    two(hours / 24, "day", hours % 24, "hour")
}

/// `alice`, `alice and ivan`, `alice, bob and ivan`.
pub fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A person as pages show one: a name, and a disc that is easily told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// The name, harmless.
    pub name: String,
    /// One or two letters.
    pub initials: String,
    /// Which of twelve colours.
    pub hue: u32,
}

impl Face {
    /// The face of a name.
    pub fn of(name: &str) -> Self {
        let name = visible(name);
        let local = name.split('@').next().unwrap_or_default();
        let mut words = local
            .split(|c: char| !c.is_alphanumeric())
            .filter_map(|word| word.chars().next());
        let initials: String = match (words.next(), words.next()) {
            (Some(first), Some(second)) => [first, second].iter().flat_map(|c| c.to_uppercase()).collect(),
            (Some(first), None) => first.to_uppercase().collect(),
            (None, _) => "?".to_owned(),
        };
        let hue = name.bytes().fold(7_u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        }) % 12;
        Self { name, initials, hue }
    }
}

/// With a capital letter at its beginning.
pub fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters).collect())
        .unwrap_or_default()
}

/// A word of a command line, quoted where a shell would take it for something else.
pub fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_obeyed() {
        assert_eq!(visible("a\u{202e}b\nc\u{7}"), "a\\u{202e}b\\nc\\u{7}");
        assert_eq!(visible_lines("a\r\nb\u{200b}"), "a\nb\\u{200b}");
        assert_eq!(visible("grüße 你好"), "grüße 你好");
    }

    #[test]
    fn spans_are_said_as_people_say_them() {
        for (seconds, words) in [
            (0, ""),
            (40, "1 minute"),
            (600, "10 minutes"),
            (3_600, "1 hour"),
            (5_400, "1 hour 30 minutes"),
            (28_800, "8 hours"),
            (108_000, "30 hours"),
            (259_200, "3 days"),
            (270_000, "3 days 3 hours"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), words, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_seen_from_now() {
        let now: Timestamp = "2026-11-27T09:40:00Z".parse().unwrap();
        let when = When::of(now + SignedDuration::from_hours(8), now);
        assert_eq!(when.text, "27 November 2026, 17:40 UTC");
        assert_eq!(when.relative, "in 8 hours");
        assert_eq!(
            When::of(now - SignedDuration::from_mins(5), now).relative,
            "5 minutes ago"
        );
        assert_eq!(When::of(now, now).relative, "now");
    }

    #[test]
    fn faces_have_initials_whatever_the_name() {
        let initials = |name| Face::of(name).initials;
        assert_eq!(initials("alice@example.com"), "A");
        assert_eq!(initials("john.smith@example.com"), "JS");
        assert_eq!(initials("@local-admin"), "?");
        assert_eq!(initials("ßen"), "SS");
    }

    #[test]
    fn words_of_commands_stay_words() {
        assert_eq!(shell_word("bob@example.com"), "bob@example.com");
        assert_eq!(shell_word("$(rm -rf)"), "'$(rm -rf)'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
