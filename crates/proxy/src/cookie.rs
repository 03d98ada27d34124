//! The cookies: the session, the secret that proves a form was ours, and how somebody wants to see pages.
//!
//! All bear the prefix `__Host-`: a browser keeps them for this host alone, over TLS alone, whatever other hosts of the
//! same domain try to plant.

use std::fmt::Write as _;

use access::SecretText;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};

/// The session's cookie, by the name other programs know.
pub const SESSION: &str = "__Host-session";
/// The secret of this browser's forms.
pub const FORMS: &str = "__Host-forms";
/// How somebody wants to see pages.
pub const LOOK: &str = "__Host-look";

/// Longest value that is looked at.
const VALUE_BYTES_MAX: usize = 4 * 1024;

/// Who has which session, as the browser says. Nothing here is proven.
pub struct Claim {
    /// Whose session it is said to be.
    pub user: String,
    /// The session's secret.
    pub id: SecretText,
}

#[derive(Serialize, Deserialize)]
struct Content {
    user: String,
    sid: String,
}

/// The value of a cookie.
///
/// When a name stands there twice, none counts: one of them is somebody else's.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(named, _)| *named == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    (found.next().is_none() && first.len() <= VALUE_BYTES_MAX).then_some(first)
}

/// The session the browser says it has.
pub fn claim(headers: &HeaderMap) -> Option<Claim> {
    let bytes = from_hexadecimal(value(headers, SESSION)?)?;
    let content: Content = serde_json::from_slice(&bytes).ok()?;
    Some(Claim {
        user: content.user,
        id: content.sid.into(),
    })
}

/// Gives the browser a session.
pub fn session(user: &str, id: &str) -> HeaderValue {
    let content = Content {
        user: user.to_owned(),
        sid: id.to_owned(),
    };
    // A struct of two texts always has a JSON form.
    let content = serde_json::to_vec(&content).unwrap_or_default();
    set(SESSION, &hexadecimal(&content), "")
}

/// Takes the session away from the browser.
pub fn no_session() -> HeaderValue {
    set(SESSION, "", "; Max-Age=0")
}

/// Gives the browser a secret for its forms.
pub fn forms(secret: &str) -> HeaderValue {
    set(FORMS, secret, "")
}

/// Keeps how somebody wants to see pages, for a year.
pub fn look(text: &str) -> HeaderValue {
    set(LOOK, text, "; Max-Age=31536000")
}

fn set(name: &str, value: &str, more: &str) -> HeaderValue {
    let text = format!("{name}={value}; Path=/; HttpOnly; Secure; SameSite=Lax{more}");
    let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (header::COOKIE, HeaderValue::try_from(*line).unwrap()))
            .collect()
    }

    #[test]
    fn a_session_cookie_has_the_known_form() {
        let written = session("bob@example.com", "00ff");
        let text = written.to_str().unwrap();
        let hex = hexadecimal(br#"{"user":"bob@example.com","sid":"00ff"}"#);
        assert_eq!(
            text,
            format!("__Host-session={hex}; Path=/; HttpOnly; Secure; SameSite=Lax")
        );
        let claim = claim(&headers(&[&format!("a=b; __Host-session={hex}")])).unwrap();
        assert_eq!(
            (claim.user.as_str(), claim.id.expose().as_str()),
            ("bob@example.com", "00ff")
        );
    }

    #[test]
    fn what_is_no_session_claims_nothing() {
        for line in [
            "__Host-session=",
            "__Host-session=zz",
            "__Host-session=7b7",
            "__Host-session=7b7d",
            "__host-session=7b2275736572223a2278222c22736964223a2278227d",
            "session=7b2275736572223a2278222c22736964223a2278227d",
        ] {
            assert!(claim(&headers(&[line])).is_none(), "{line}");
        }
    }

    #[test]
    fn a_cookie_that_stands_there_twice_counts_for_nothing() {
        let good = hexadecimal(br#"{"user":"x","sid":"y"}"#);
        let line = format!("__Host-session={good}");
        assert!(claim(&headers(&[&line])).is_some());
        assert!(claim(&headers(&[&line, &line])).is_none());
        assert!(claim(&headers(&[&format!("{line}; __Host-session=00")])).is_none());
    }
}
