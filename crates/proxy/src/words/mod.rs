//! What pages say, in the reader's language.
//!
//! The English sentence stands where it is used and is the key to every other language, so that a page can be read where
//! it is written. A test reads templates and sources and fails where a language lacks a sentence, or has one that nobody
//! says any more. What people have written themselves is never translated.

mod german;

use std::collections::HashMap;
use std::sync::LazyLock;

/// A language pages can be read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// The one the sources are written in.
    #[default]
    English,
    /// German.
    German,
}

/// Marks a sentence that is kept before it is said.
pub const fn t(english: &'static str) -> &'static str {
    english
}

static GERMAN: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| german::SENTENCES.iter().copied().collect());

impl Language {
    /// Every language, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language of a code such as `de`.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// Its code, as documents declare it.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What it calls itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// The best one for what a browser says its reader understands (`Accept-Language`).
    pub fn wanted(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',') {
            let mut pieces = part.split(';');
            let code = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
            let primary = code.split('-').next().unwrap_or_default();
            let weight = pieces
                .find_map(|piece| piece.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            if let Some(language) = Self::of_code(primary)
                && weight > 0.0
                && best.is_none_or(|(known, _)| weight > known)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language).unwrap_or_default()
    }

    /// A sentence of ours. What the catalogue does not know stays as it is.
    ///
    /// What follows a `|` is not said: it tells two uses apart that other languages say differently.
    pub fn say(self, english: &str) -> &str {
        let plain = || english.split('|').next().unwrap_or_default();
        match self {
            Self::English => plain(),
            Self::German => GERMAN.get(english).copied().unwrap_or_else(plain),
        }
    }

    /// A sentence with gaps: `{}` takes the next value, `{1}` the first.
    pub fn fill(self, english: &str, values: &[&str]) -> String {
        let mut rest = self.say(english);
        let mut said = String::with_capacity(rest.len());
        let mut next = values.iter();
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let Some((gap, after)) = after.split_once('}') else {
                said.push('{');
                rest = after;
                continue;
            };
            let value = match gap.parse::<usize>() {
                Ok(place) => values.get(place.wrapping_sub(1)),
                Err(_) => next.next(),
            };
            said.push_str(value.copied().unwrap_or_default());
            rest = after;
        }
        said.push_str(rest);
        said
    }

    /// One of two sentences by number; `{}` in the second is the number.
    pub fn count(self, count: i64, one: &str, many: &str) -> String {
        if count == 1 {
            self.say(one).to_owned()
        } else {
            self.fill(many, &[&count.to_string()])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn gaps_are_filled_in_the_order_of_the_language() {
        assert_eq!(Language::English.fill("{} of {}", &["1", "2"]), "1 of 2");
        assert_eq!(
            Language::English.fill("{2} before {1}", &["a", "b"]),
            "b before a"
        );
        assert_eq!(Language::English.fill("nothing {", &[]), "nothing {");
    }

    #[test]
    fn the_reader_gets_the_language_the_browser_prefers() {
        for (header, language) in [
            ("de", Language::German),
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("en-GB,de;q=0.9", Language::English),
            ("fr,de;q=0.5,en;q=0.4", Language::German),
            ("de;q=0", Language::English),
            ("", Language::English),
            ("*;q=nonsense", Language::English),
        ] {
            assert_eq!(Language::wanted(header), language, "{header}");
        }
    }

    /// Every sentence that templates and sources say.
    fn said() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (folder, ending) in [("templates", "html"), ("src", "rs")] {
            let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                    } else if path.extension().is_some_and(|found| found == ending) {
                        let text = std::fs::read_to_string(&path).unwrap();
                        let text = text.split("#[cfg(test)]").next().unwrap();
                        collect(text, &mut found);
                    }
                }
            }
        }
        found
    }

    fn collect(text: &str, found: &mut BTreeSet<String>) {
        for (opening, sentences) in [("say(", 1), ("fill(", 1), ("t(", 1), ("count(", 2)] {
            for (at, _) in text.match_indices(opening) {
                let before = text[..at].chars().last().unwrap_or(' ');
                if opening == "t(" && (before.is_alphanumeric() || before == '_' || before == '.') {
                    continue;
                }
                let mut rest = &text[at + opening.len()..];
                for place in 0..sentences {
                    if opening == "count(" && place == 0 {
                        let Some((number, after)) = rest.split_once(',') else {
                            break;
                        };
                        if number.contains([';', '{']) {
                            break;
                        }
                        rest = after;
                    }
                    let trimmed = rest.trim_start();
                    let Some(inside) = trimmed.strip_prefix('"') else {
                        break;
                    };
                    let mut sentence = String::new();
                    let mut characters = inside.char_indices();
                    let mut end = None;
                    while let Some((at, character)) = characters.next() {
                        match character {
                            '"' => {
                                end = Some(at);
                                break;
                            }
                            '\\' => match characters.next() {
                                Some((_, '\n')) => {
                                    let skipped =
                                        inside[at + 2..].len() - inside[at + 2..].trim_start().len();
                                    for _ in 0..skipped {
                                        characters.next();
                                    }
                                }
                                Some((_, other)) => sentence.push(other),
                                None => break,
                            },
                            other => sentence.push(other),
                        }
                    }
                    let Some(end) = end else { break };
                    found.insert(sentence);
                    rest = inside[end + 1..].trim_start().trim_start_matches(',');
                }
            }
        }
    }

    #[test]
    fn german_has_every_sentence_and_no_other() {
        let said = said();
        let known: BTreeSet<String> = GERMAN.keys().map(|key| (*key).to_owned()).collect();
        let missing: Vec<_> = said.difference(&known).collect();
        let unused: Vec<_> = known.difference(&said).collect();
        assert!(
            missing.is_empty() && unused.is_empty(),
            "missing: {missing:#?}\nsaid by nobody: {unused:#?}"
        );
        assert_eq!(
            GERMAN.len(),
            german::SENTENCES.len(),
            "a sentence stands there twice"
        );
    }

    #[test]
    fn a_translation_has_the_gaps_of_its_sentence() {
        for (english, german) in german::SENTENCES {
            let gaps = |text: &str| text.matches('{').count();
            assert_eq!(gaps(english), gaps(german), "{english}");
        }
    }
}
