//! `host:port` as people type it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A host (name or IP address) and a port to dial.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no host before the port.
    #[error("address `{0}` has no host")]
    NoHost(String),
    /// The part after the last colon is not a port.
    #[error("address `{0}` has a port that is not a number from 1 to 65535")]
    Port(String),
    /// A scheme other than `tcp`, `http` or `https`, a path, blanks or other foreign characters.
    #[error("address `{0}` is not of the form `host:port`")]
    Form(String),
}

impl Address {
    /// A host and a port that need no parsing.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// Reads `[SCHEME://]HOST[:PORT]`, with `port_default` where the port is missing.
    ///
    /// The schemes `tcp`, `http` and `https` are dropped; IPv6 addresses may stand in brackets.
    pub fn parse(text: &str, port_default: u16) -> Result<Self, AddressError> {
        let (host, port) = split(text)?;
        Ok(Self {
            host,
            port: port.unwrap_or(port_default),
        })
    }

    /// Like [`Address::parse`], one address for each of `ports` where the text names no port.
    pub fn parse_any(text: &str, ports: &[u16]) -> Result<Vec<Self>, AddressError> {
        let (host, port) = split(text)?;
        let ports = port.as_ref().map_or(ports, std::slice::from_ref);
        Ok(ports
            .iter()
            .map(|port| Self {
                host: host.clone(),
                port: *port,
            })
            .collect())
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as an IP address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether the host is this machine by its usual names.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self {
            host: socket.ip().to_string(),
            port: socket.port(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn split(text: &str) -> Result<(String, Option<u16>), AddressError> {
    let bare = ["tcp://", "http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(text);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let (host, port) = if let Some(rest) = bare.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| AddressError::Form(text.into()))?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(AddressError::Form(text.into())),
        }
    } else if bare.parse::<std::net::Ipv6Addr>().is_ok() {
        (bare, None)
    } else {
        match bare.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (bare, None),
        }
    };
    if host.is_empty() {
        return Err(AddressError::NoHost(text.into()));
    }
    let foreign = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%'));
    if host.contains(foreign) || (host.contains(':') && !bare.starts_with('[') && port.is_some()) {
        return Err(AddressError::Form(text.into()));
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(AddressError::Port(text.into())),
        },
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_type_them() {
        for (text, shown) in [
            ("teleport.example.com", "teleport.example.com:3025"),
            ("teleport.example.com:443", "teleport.example.com:443"),
            ("https://teleport.example.com:443/", "teleport.example.com:443"),
            ("127.0.0.1:3080", "127.0.0.1:3080"),
            ("::1", "[::1]:3025"),
            ("[::1]:3080", "[::1]:3080"),
            ("[fe80::1%eth0]:3080", "[fe80::1%eth0]:3080"),
        ] {
            assert_eq!(
                Address::parse(text, 3025).map(|a| a.to_string()),
                Ok(shown.into()),
                "{text}"
            );
        }
        assert_eq!(Address::parse_any("proxy", &[3080, 443]).map(|a| a.len()), Ok(2));
        assert_eq!(
            Address::parse_any("proxy:1", &[3080, 443]).map(|a| a.len()),
            Ok(1)
        );
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (text, error) in [
            ("", "address `` has no host"),
            (":3025", "address `:3025` has no host"),
            (
                "host:",
                "address `host:` has a port that is not a number from 1 to 65535",
            ),
            (
                "host:0",
                "address `host:0` has a port that is not a number from 1 to 65535",
            ),
            (
                "host:70000",
                "address `host:70000` has a port that is not a number from 1 to 65535",
            ),
            (
                "ssh://host:22",
                "address `ssh://host:22` is not of the form `host:port`",
            ),
            ("a b:22", "address `a b:22` is not of the form `host:port`"),
            ("[::1", "address `[::1` is not of the form `host:port`"),
        ] {
            assert_eq!(
                Address::parse(text, 1).map_err(|e| e.to_string()),
                Err(error.into()),
                "{text}"
            );
        }
    }
}
