//! What is in a link: the proxy and the token; and what is in an `otpauth://` address.

use access::SecretText;
use cli::Failure;
use transport::Address;

/// A link of an invitation or a reset.
pub struct Link {
    /// The proxy.
    pub proxy: Address,
    /// Whoever has it may set the password.
    pub token: SecretText,
}

impl Link {
    /// Takes `https://PROXY/web/invite/TOKEN` apart.
    ///
    /// The token is repeated in no error.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let bad = || {
            Failure::new("this is not an invitation link")
                .hint("give the whole link, as `https://PROXY/web/invite/TOKEN`")
        };
        let rest = url.trim().strip_prefix("https://").ok_or_else(bad)?;
        let (host, path) = rest.split_once('/').ok_or_else(bad)?;
        let token = ["web/invite/", "web/reset/"]
            .into_iter()
            .find_map(|start| path.strip_prefix(start))
            .ok_or_else(bad)?;
        let token = token.split(['?', '#', '/']).next().unwrap_or_default();
        if token.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            proxy: Address::parse(host, 443).map_err(|error| Failure::new(error.to_string()))?,
            token: SecretText::new(token.to_owned()),
        })
    }
}

/// The secret in an `otpauth://` address: base 32.
pub fn secret_of(uri: &str) -> Option<String> {
    let query = uri.strip_prefix("otpauth://")?.split_once('?')?.1;
    let secret = query.split('&').find_map(|pair| pair.strip_prefix("secret="))?;
    let is_base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    (!secret.is_empty() && secret.chars().all(is_base32)).then(|| secret.to_owned())
}

/// In groups of four, so that it can be read and typed.
pub fn grouped(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_taken_apart() {
        for (url, proxy) in [
            ("https://example.com:443/web/invite/abc", "example.com:443"),
            ("https://localhost:3080/web/reset/abc", "localhost:3080"),
            (
                " https://example.com/web/invite/abc/continue?x=1\n",
                "example.com:443",
            ),
        ] {
            let link = Link::parse(url).unwrap();
            assert_eq!(
                (link.proxy.to_string().as_str(), link.token.expose().as_str()),
                (proxy, "abc")
            );
        }
        for url in [
            "http://example.com/web/invite/abc",
            "https://example.com/web/invite/",
            "https://example.com/web/login",
            "abc",
        ] {
            let failure = Link::parse(url).err().unwrap();
            assert!(!failure.lines(false).contains("abc"), "{url}");
        }
    }

    #[test]
    fn the_secret_is_found() {
        let uri = "otpauth://totp/c:bob@example.com?algorithm=SHA1&digits=6&issuer=c&period=30&secret=JBSWY3DPEHPK3PXP";
        assert_eq!(secret_of(uri).as_deref(), Some("JBSWY3DPEHPK3PXP"));
        assert_eq!(secret_of("otpauth://totp/c?secret=\u{1b}[2J"), None);
        assert_eq!(grouped("JBSWY3DPEH"), "JBSW Y3DP EH");
    }
}
