//! Going out through an HTTP proxy, where the environment asks for it.
//!
//! `HTTPS_PROXY` (or `https_proxy`, `ALL_PROXY`, `all_proxy`) names the proxy; `NO_PROXY` (or
//! `no_proxy`) the hosts that are dialled straight. This machine is always dialled straight.

use std::sync::OnceLock;
use std::{env, io};

use access::SecretText;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::address::Address;

/// The head of a proxy's answer may be this long.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Which proxy to use for whom.
#[derive(Clone, Default)]
pub struct Via {
    proxy: Option<Proxy>,
    exceptions: Vec<String>,
}

#[derive(Clone)]
struct Proxy {
    address: Address,
    /// User and password, as base64.
    authorization: Option<SecretText>,
}

/// A setting that does not name a proxy we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy setting is not of the form `http://HOST:PORT`: other kinds of proxies are not supported")]
pub struct ViaError;

/// Why a proxy did not connect us.
#[derive(Debug, thiserror::Error)]
pub enum ProxyRefusal {
    /// It answered something else than success.
    #[error("it answered `{0}`")]
    Answered(String),
    /// It does not speak HTTP.
    #[error("it does not answer like an HTTP proxy")]
    NoProxy,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

impl Via {
    /// Everybody is dialled straight.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// As the environment of this process says; read once.
    ///
    /// A setting that cannot be used is told in the log and ignored.
    pub fn environment() -> &'static Self {
        static READ: OnceLock<Via> = OnceLock::new();
        READ.get_or_init(|| {
            let first = |names: &[&str]| {
                names
                    .iter()
                    .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
            };
            let proxy = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
            let exceptions = first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
            match proxy.map(|proxy| Self::new(&proxy, &exceptions)) {
                None => Self::nobody(),
                Some(Ok(via)) => via,
                Some(Err(error)) => {
                    tracing::warn!(%error, "ignoring HTTPS_PROXY");
                    Self::nobody()
                }
            }
        })
    }

    /// Through `proxy` (`[http://][USER:PASSWORD@]HOST[:PORT]`), except for the hosts in the
    /// comma-separated list `exceptions`.
    pub fn new(proxy: &str, exceptions: &str) -> Result<Self, ViaError> {
        let bare = match proxy.split_once("://") {
            Some(("http", bare)) => bare,
            Some(_) => return Err(ViaError),
            None => proxy,
        };
        let (login, place) = match bare.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, bare),
        };
        let address = Address::parse(place, 80).map_err(|_| ViaError)?;
        let authorization = match login {
            None => None,
            Some(login) => Some(SecretText::new(base64(&unescaped(login).ok_or(ViaError)?))),
        };
        let exceptions = exceptions.split(',').map(|one| one.trim().to_ascii_lowercase());
        Ok(Self {
            proxy: Some(Proxy {
                address,
                authorization,
            }),
            exceptions: exceptions.filter(|one| !one.is_empty()).collect(),
        })
    }

    fn proxy_for(&self, address: &Address) -> Option<&Proxy> {
        let proxy = self.proxy.as_ref()?;
        let host = address.host().to_ascii_lowercase();
        let excepted = |one: &String| {
            let (name, port) = match one.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => (name, Some(port)),
                _ => (one.as_str(), None),
            };
            let domain = name.trim_start_matches('*').trim_start_matches('.');
            let names_it = name == "*"
                || host == domain
                || (!domain.is_empty() && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')));
            names_it && port.is_none_or(|port| *port == address.port().to_string())
        };
        (!address.is_loopback() && !self.exceptions.iter().any(excepted)).then_some(proxy)
    }

    /// Where to connect to in order to reach `address`: there, or to a proxy.
    pub(crate) fn first_hop<'a>(&'a self, address: &'a Address) -> &'a Address {
        self.proxy_for(address).map_or(address, |proxy| &proxy.address)
    }

    /// Asks the proxy at the other end of `socket`, if there is one for `address`, to connect us.
    pub(crate) async fn pass(&self, socket: &mut TcpStream, address: &Address) -> Result<(), ProxyRefusal> {
        let Some(proxy) = self.proxy_for(address) else {
            return Ok(());
        };
        let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
        if let Some(authorization) = &proxy.authorization {
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(authorization.expose());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let request = SecretText::new(request);
        socket.write_all(request.expose().as_bytes()).await?;
        // What we want to reach does not speak before we do: the head is all that comes.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= HEAD_BYTES_MAX || socket.read_buf(&mut head).await? == 0 {
                return Err(ProxyRefusal::NoProxy);
            }
        }
        let text = String::from_utf8_lossy(&head);
        let status = text.lines().next().unwrap_or_default();
        let mut words = status.splitn(3, ' ');
        match (words.next(), words.next()) {
            (Some("HTTP/1.0" | "HTTP/1.1"), Some(code)) if code.starts_with('2') => Ok(()),
            (Some("HTTP/1.0" | "HTTP/1.1"), Some(code)) => {
                let words = words.next().unwrap_or_default();
                let shown: String = format!("{code} {words}")
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(100)
                    .collect();
                Err(ProxyRefusal::Answered(shown.trim().to_owned()))
            }
            _ => Err(ProxyRefusal::NoProxy),
        }
    }
}

impl std::fmt::Debug for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let proxy = self.proxy.as_ref().map(|proxy| &proxy.address);
        f.debug_struct("Via")
            .field("proxy", &proxy)
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

/// Undoes `%XX`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &more[2..];
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    Some(bytes)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |value: u32| char::from(DIGITS[(value & 63) as usize]);
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let value = piece
            .iter()
            .enumerate()
            .fold(0, |value, (at, byte)| value | u32::from(*byte) << (16 - 8 * at));
        for place in 0..4 {
            text.push(if place <= piece.len() {
                digit(value >> (18 - 6 * place))
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_for_those_who_are_not_excepted() {
        let via = Via::new(
            "http://proxy.corp:3128",
            "localhost,.internal, example.org,*.lan,10.0.0.1,host:8443",
        )
        .expect("a proxy");
        for (address, through) in [
            ("teleport.example.com:443", true),
            ("localhost:3080", false),
            ("127.0.0.1:3080", false),
            ("[::1]:3080", false),
            ("a.internal:443", false),
            ("example.org:443", false),
            ("www.example.org:443", false),
            ("notexample.org:443", true),
            ("x.lan:443", false),
            ("10.0.0.1:443", false),
            ("10.0.0.10:443", true),
            ("host:8443", false),
            ("host:443", true),
        ] {
            let address = Address::parse(address, 443).expect("an address");
            let hop = via.first_hop(&address).to_string();
            assert_eq!(hop == "proxy.corp:3128", through, "{address} by {hop}");
        }
        let nobody = Via::new("proxy.corp", "*").expect("a proxy");
        let address = Address::new("teleport.example.com", 443);
        assert_eq!(nobody.first_hop(&address), &address);
    }

    #[test]
    fn logins_are_read_and_other_proxies_refused() {
        let via = Via::new("http://us%40er:pa:ss@proxy:1", "").expect("a proxy");
        let proxy = via.proxy.as_ref().expect("a proxy");
        assert_eq!(
            proxy.authorization.as_ref().map(|a| a.expose().as_str()),
            Some("dXNAZXI6cGE6c3M=")
        );
        assert!(!format!("{via:?}").contains("dXN"));
        for wrong in [
            "socks5://proxy:1080",
            "https://proxy:443",
            "http://",
            "http://u%4@proxy:1",
        ] {
            assert!(Via::new(wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
