//! Where the server is and what the bot signs in with.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use access::SecretText;
use reqwest::Url;

/// Longest token file, in bytes.
const TOKEN_BYTES_MAX: u64 = 2_000;

/// Where the bot's token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// From the configuration itself.
    Given(SecretText),
    /// From a file, which may be exchanged while the plugin runs.
    File(PathBuf),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read the Mattermost token from `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("`{}` does not hold a Mattermost token: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
}

impl TokenSource {
    /// A text that starts with `/` names a file, any other is the token itself.
    pub fn of(text: &str) -> Self {
        if text.starts_with('/') {
            Self::File(PathBuf::from(text))
        } else {
            Self::Given(SecretText::new(text.to_owned()))
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Given(_) => None,
            Self::File(path) => Some(path),
        }
    }

    /// The token as it is now, without the blanks around it.
    pub fn read(&self) -> Result<SecretText, TokenError> {
        let path = match self {
            Self::Given(token) => return Ok(token.clone()),
            Self::File(path) => path,
        };
        let failed = |source| TokenError::File {
            path: path.clone(),
            source,
        };
        let mut text = SecretText::default();
        File::open(path)
            .map_err(failed)?
            .take(TOKEN_BYTES_MAX + 1)
            .read_to_string(text.expose_mut())
            .map_err(failed)?;
        let content = |why| TokenError::Content {
            path: path.clone(),
            why,
        };
        if text.expose().len() as u64 > TOKEN_BYTES_MAX {
            return Err(content("it is longer than 2000 bytes"));
        }
        let token = text.expose().trim();
        match token_problem(token) {
            Some(why) => Err(content(why)),
            None => Ok(SecretText::new(token.to_owned())),
        }
    }
}

/// What is wrong with a token, if anything.
pub fn token_problem(token: &str) -> Option<&'static str> {
    if token.is_empty() {
        Some("it is empty")
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("it holds blanks or characters that no token has")
    } else {
        None
    }
}

/// The server's address, if it can be one.
///
/// The token travels with every call, so the way there must be safe: HTTPS, or this machine. `insecure` lifts that.
///
/// # Errors
/// What is wrong with it, so that the sentence can stand behind its place.
pub fn server_url(text: &str, insecure: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{text}` must begin with `https://`"));
    }
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Err(format!("`{text}` names no host"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the URL must not hold a user or a password: the bot signs in with its `token`".to_owned(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "`{text}` must end with the server's address, without `?` or `#`"
        ));
    }
    if url.path().contains("/api/v4") {
        return Err(format!(
            "`{text}` must be the server's address alone, without `/api/v4`"
        ));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = bare == "localhost"
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if url.scheme() == "http" && !is_here && !insecure {
        return Err(format!(
            "`{text}` would send the token over the network in clear text: use `https://`, or set `insecure = true` here \
             if the network itself is safe"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_does_not_travel_in_clear_text() {
        for good in [
            "https://mattermost.example.com",
            "https://chat.example.com/mattermost/",
            "http://localhost:8065",
            "http://127.0.0.1:8065",
            "http://[::1]:8065",
        ] {
            assert!(server_url(good, false).is_ok(), "{good}");
        }
        assert!(server_url("http://chat.example.com", true).is_ok());
        for (bad, says) in [
            ("", "is not a URL"),
            ("mattermost.example.com", "is not a URL"),
            ("ftp://x", "must begin with"),
            ("http://chat.example.com", "clear text"),
            ("http://localhost.example.com", "clear text"),
            ("http://127.0.0.1.example.com", "clear text"),
            ("https://bot:secret@x", "must not hold a user"),
            ("https://x/?a=b", "without `?`"),
            ("https://x/api/v4", "without `/api/v4`"),
        ] {
            let said = server_url(bad, false).unwrap_err();
            assert!(said.contains(says), "{bad}: {said}");
            assert!(!said.contains("secret"));
        }
    }

    #[test]
    fn a_token_may_stand_in_a_file() {
        assert!(matches!(TokenSource::of("abc"), TokenSource::Given(_)));
        let missing = TokenSource::of("/nowhere/token");
        let said = missing.read().err().unwrap().to_string();
        assert!(said.contains("/nowhere/token"), "{said}");
        assert_eq!(
            token_problem("a b"),
            Some("it holds blanks or characters that no token has")
        );
    }
}
