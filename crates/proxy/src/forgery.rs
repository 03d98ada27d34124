//! Whether a request that changes something was meant by the person whose browser sent it.
//!
//! Browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`); programs say nothing of the kind. Forms carry
//! the secret of the browser's cookie besides, so that even a browser that says nothing cannot be used.

use http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;
use transport::Address;

use crate::cookie;

/// Where the browser says the request comes from.
const SITE: &str = "sec-fetch-site";

/// Whether the request may come from a page of another site.
///
/// A request that says nothing about it comes from a program, which no other site can make send anything.
pub fn comes_from_elsewhere(headers: &HeaderMap, host: Option<&str>, known: &[Address]) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if headers.get_all(header::ORIGIN).iter().count() > 1 || headers.get_all(SITE).iter().count() > 1 {
        return true;
    }
    let by_site = match text(SITE) {
        None => None,
        // `none`: the person typed the address or chose a bookmark.
        Some("same-origin" | "none") => Some(false),
        Some(_) => Some(true),
    };
    let by_origin = match text(header::ORIGIN.as_str()) {
        None => None,
        // Hidden by the browser; the other header decides.
        Some("null") => (by_site != Some(false)).then_some(true),
        Some(origin) => Some(!is_ours(origin, host, known)),
    };
    by_site == Some(true) || by_origin == Some(true)
}

fn is_ours(origin: &str, host: Option<&str>, known: &[Address]) -> bool {
    let Some(place) = origin.strip_prefix("https://") else {
        return false;
    };
    let same = |other: &str| without_default_port(other).eq_ignore_ascii_case(without_default_port(place));
    host.is_some_and(same) || known.iter().any(|address| same(&address.to_string()))
}

fn without_default_port(place: &str) -> &str {
    place.strip_suffix(":443").unwrap_or(place)
}

/// Whether a form bears the secret of the browser that sends it.
pub fn is_our_form(headers: &HeaderMap, secret: &str) -> bool {
    let kept = cookie::value(headers, cookie::FORMS).unwrap_or_default();
    !kept.is_empty() && bool::from(kept.as_bytes().ct_eq(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn refused(pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::try_from(*value).unwrap(),
                )
            })
            .collect();
        let known = [Address::new("proxy.example.com", 443)];
        comes_from_elsewhere(&headers, Some("localhost:3080"), &known)
    }

    #[test]
    fn our_own_pages_and_programs_pass() {
        for pairs in [
            &[][..],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://localhost:3080"),
            ],
            &[("origin", "https://LOCALHOST:3080")],
            &[("origin", "https://proxy.example.com")],
            &[("origin", "https://proxy.example.com:443")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        ] {
            assert!(!refused(pairs), "{pairs:?}");
        }
    }

    #[test]
    fn other_sites_do_not_pass() {
        for pairs in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://localhost:3080")],
            &[("origin", "https://localhost:3080.evil.example")],
            &[("origin", "https://localhost:3081")],
            &[("origin", "https://localhost:3080/")],
            &[("origin", "")],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://evil.example"),
            ],
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://localhost:3080"),
            ],
            &[
                ("origin", "https://localhost:3080"),
                ("origin", "https://evil.example"),
            ],
        ] {
            assert!(refused(pairs), "{pairs:?}");
        }
    }

    #[test]
    fn a_form_needs_the_secret_of_its_browser() {
        let with = |cookie: &str| {
            let value = HeaderValue::try_from(cookie).unwrap();
            [(header::COOKIE, value)].into_iter().collect::<HeaderMap>()
        };
        assert!(is_our_form(&with("__Host-forms=abc"), "abc"));
        assert!(!is_our_form(&with("__Host-forms=abc"), "abd"));
        assert!(!is_our_form(&with("__Host-forms="), ""));
        assert!(!is_our_form(&with("forms=abc"), "abc"));
        assert!(!is_our_form(&HeaderMap::new(), ""));
    }
}
