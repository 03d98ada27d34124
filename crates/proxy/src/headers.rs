//! The headers that every answer carries, by what it is: they say to a browser what it must never do with it.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something for a person.
    Page,
    /// A style sheet, a script, a picture: the same for everybody.
    Asset,
    /// Something for a program.
    Api,
}

impl Kind {
    /// What lies at a path.
    pub fn of(path: &str) -> Self {
        if path.starts_with("/web/static/") {
            Self::Asset
        } else if path == "/" || path == "/web" || path.starts_with("/web/") {
            Self::Page
        } else {
            Self::Api
        }
    }
}

/// Pages load nothing from anywhere else, run no script of a page's text, send forms nowhere else, and are shown in no
/// frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types pages";

/// Nothing but the answer itself, wherever it is looked at.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// `same-origin` rather than `no-referrer`: with the latter browsers hide the origin of our own forms, which is checked.
/// Addresses of pages, which may hold the secret of a link, leave for no other site either way.
const PAGE: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("cache-control", "no-store"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

const ASSET: &[(&str, &str)] = &[
    ("content-security-policy", NOTHING),
    ("cache-control", "public, max-age=300"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// As programs know them from other proxies, and a policy besides.
const API: &[(&str, &str)] = &[
    ("cache-control", "no-cache, no-store, must-revalidate"),
    ("expires", "0"),
    ("pragma", "no-cache"),
    ("referrer-policy", "strict-origin"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-xss-protection", "1; mode=block"),
    ("content-security-policy", NOTHING),
];

const ALL: &[(&str, &str)] = &[
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
];

/// Adds what is missing.
pub fn complete(kind: Kind, headers: &mut HeaderMap) {
    let own = match kind {
        Kind::Page => PAGE,
        Kind::Asset => ASSET,
        Kind::Api => API,
    };
    for (name, value) in own.iter().chain(ALL) {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_its_answer_is() {
        for (path, kind) in [
            ("/", Kind::Page),
            ("/web", Kind::Page),
            ("/web/invite/x", Kind::Page),
            ("/web/static/style.css", Kind::Asset),
            ("/webapi/ping", Kind::Api),
            ("/v1/webapi/ping", Kind::Api),
            ("/website", Kind::Api),
        ] {
            assert_eq!(Kind::of(path), kind, "{path}");
        }
    }
}
