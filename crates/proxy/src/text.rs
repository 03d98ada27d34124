//! Words for people: texts of others made harmless, moments and spans as people say them.

use jiff::{SignedDuration, Timestamp};

use crate::look::Look;
use crate::words::{Language, t};

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
    /// The same, shorter where it is near: `today, 17:40 UTC`.
    pub near: String,
    /// Seen from now: `in 8 hours`, `5 minutes ago`.
    pub relative: String,
}

impl When {
    /// A moment, seen from `now`, in the reader's zone and language.
    pub fn of(moment: Timestamp, now: Timestamp, look: &Look) -> Self {
        let language = look.language;
        let away = moment.duration_since(now);
        let words = words(away.abs(), language, Case::Dative);
        let relative = match (away.is_negative(), words.is_empty()) {
            (_, true) => language.say("now").to_owned(),
            (true, false) => language.fill("{} ago", &[&words]),
            (false, false) => language.fill("in {}", &[&words]),
        };
        let there = moment.to_zoned_datetime(look.zone());
        let here = now.to_zoned_datetime(look.zone());
        let clock = there.strftime("%H:%M %Z").to_string();
        let month = usize::try_from(there.month() - 1).unwrap_or_default();
        let day = there.day().to_string();
        let month = language.say(MONTHS.get(month).copied().unwrap_or_default());
        let year = there.year().to_string();
        let text = format!("{}, {clock}", language.fill("{} {} {}", &[&day, month, &year]));
        let near = match there.date().since(here.date()).map(|span| span.get_days()) {
            Ok(0) => language.fill("today, {}", &[&clock]),
            Ok(1) => language.fill("tomorrow, {}", &[&clock]),
            _ => text.clone(),
        };
        Self {
            stamp: moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text,
            near,
            relative,
        }
    }
}

const MONTHS: [&str; 12] = [
    t("January"),
    t("February"),
    t("March"),
    t("April"),
    t("May"),
    t("June"),
    t("July"),
    t("August"),
    t("September"),
    t("October"),
    t("November"),
    t("December"),
];

/// A span as people say it, in its largest unit or two; empty below half a minute.
pub fn span(span: SignedDuration, language: Language) -> String {
    words(span, language, Case::Plain)
}

/// Days have another ending after `in` and `ago` in some languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Plain,
    Dative,
}

fn words(span: SignedDuration, language: Language, case: Case) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = span.as_secs();
    let minutes = |count: i64| language.count(count, "1 minute", "{} minutes");
    let hours = |count: i64| language.count(count, "1 hour", "{} hours");
    let days = |count: i64| match case {
        Case::Plain => language.count(count, "1 day", "{} days"),
        Case::Dative => language.count(
            count,
            "1 day|after in, before ago",
            "{} days|after in, before ago",
        ),
    };
    let two = |more: String, rest: i64, less: String| {
        if rest == 0 { more } else { format!("{more} {less}") }
    };
    if seconds < MINUTE / 2 {
        return String::new();
    }
    let in_minutes = (seconds + MINUTE / 2) / MINUTE;
    if in_minutes < 60 {
        return minutes(in_minutes);
    }
    if in_minutes < 12 * 60 {
        let rest = in_minutes % 60;
        return two(hours(in_minutes / 60), rest, minutes(rest));
    }
    let in_hours = (seconds + HOUR / 2) / HOUR;
    if seconds < 2 * DAY {
        return hours(in_hours);
    }
    let rest = in_hours % 24;
    two(days(in_hours / 24), rest, hours(rest))
}

/// `alice`, `alice and ivan`, `alice, bob and ivan`.
pub fn listed(names: &[String], language: Language) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => language.fill("{} and {}", &[&most.join(", "), last]),
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
        for (seconds, english, german) in [
            (0, "", ""),
            (40, "1 minute", "1 Minute"),
            (600, "10 minutes", "10 Minuten"),
            (3_600, "1 hour", "1 Stunde"),
            (5_400, "1 hour 30 minutes", "1 Stunde 30 Minuten"),
            (28_800, "8 hours", "8 Stunden"),
            (108_000, "30 hours", "30 Stunden"),
            (259_200, "3 days", "3 Tage"),
            (270_000, "3 days 3 hours", "3 Tage 3 Stunden"),
        ] {
            let said = SignedDuration::from_secs(seconds);
            assert_eq!(span(said, Language::English), english, "{seconds}");
            assert_eq!(span(said, Language::German), german, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_seen_from_now_and_from_here() {
        let now: Timestamp = "2026-11-27T09:40:00Z".parse().unwrap();
        let plain = Look::default();
        let when = When::of(now + SignedDuration::from_hours(8), now, &plain);
        assert_eq!(when.text, "27 November 2026, 17:40 UTC");
        assert_eq!(when.near, "today, 17:40 UTC");
        assert_eq!(when.relative, "in 8 hours");
        let past = |minutes| When::of(now - SignedDuration::from_mins(minutes), now, &plain).relative;
        assert_eq!(past(5), "5 minutes ago");
        assert_eq!(past(0), "now");
        let berlin = Look::of_text("auto~de~on~Europe/Berlin");
        let when = When::of(now + SignedDuration::from_hours(22), now, &berlin);
        assert_eq!(when.text, "28. November 2026, 08:40 CET");
        assert_eq!(when.near, "morgen, 08:40 CET");
        let days = When::of(now - SignedDuration::from_hours(72), now, &berlin);
        assert_eq!(days.relative, "vor 3 Tagen");
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
