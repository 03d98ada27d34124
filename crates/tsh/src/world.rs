//! What a command is given besides its own arguments: the flags of every command, the clock, chance, and where
//! profiles lie.

use std::env;
use std::path::Path;
use std::sync::Arc;

use access::ambient::{Clock, Entropy};
use cli::Failure;
use client::ProfileDir;
use transport::Address;
use transport::dial::Trust;
use transport::system::{SystemClock, SystemEntropy};

use crate::args::Globals;
use crate::refusal;

/// Ports of a proxy whose address names none, in the order in which an answer is preferred.
pub const WEB_PORTS: &[u16] = &[3080, 443];

/// What a command is given besides its own arguments.
pub struct World {
    globals: Globals,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives chance.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// With the system's clock and chance.
    pub fn new(globals: Globals) -> Self {
        Self {
            globals,
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Where profiles lie.
    pub fn profiles() -> Result<ProfileDir, Failure> {
        ProfileDir::from_environment().map_err(refusal::of_profile)
    }

    /// The proxy as it was named, without scheme and without the ports of its other services.
    pub fn proxy(&self) -> Option<&str> {
        let text = given(self.globals.proxy.as_deref())?;
        let text = text.strip_prefix("https://").unwrap_or(text);
        let text = text.split([',', '/']).next()?;
        given(Some(text))
    }

    /// The addresses at which the named proxy may be.
    pub fn proxy_addresses(&self) -> Result<Vec<Address>, Failure> {
        let Some(text) = self.proxy() else {
            return Err(no_proxy());
        };
        Address::parse_any(text, WEB_PORTS)
            .map_err(|error| Failure::new(error.to_string()).hint("write it like `teleport.example.com:443`"))
    }

    /// The host of the named proxy: the name of its profile.
    pub fn proxy_host(&self) -> Result<Option<String>, Failure> {
        if self.proxy().is_none() {
            return Ok(None);
        }
        Ok(self
            .proxy_addresses()?
            .first()
            .map(|address| address.host().to_owned()))
    }

    /// Whether a proxy at `address` is the one that was named: the same host, and the same port if one was named.
    pub fn means(&self, address: &str) -> Result<bool, Failure> {
        if self.proxy().is_none() {
            return Ok(true);
        }
        Ok(match self.proxy_addresses()?.as_slice() {
            [one] => one.to_string() == address,
            _ => true,
        })
    }

    /// The user's name, if it was given.
    pub fn user(&self) -> Option<&str> {
        given(self.globals.user.as_deref())
    }

    /// The name of the account on this machine.
    pub fn account() -> Option<String> {
        ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// The lifetime that was asked for, in minutes.
    pub fn ttl(&self) -> Option<u32> {
        self.globals.ttl
    }

    /// The credentials in a file, if they are to be used.
    pub fn identity(&self) -> Option<&Path> {
        self.globals
            .identity
            .as_deref()
            .filter(|path| !path.as_os_str().is_empty())
    }

    /// The connector that was asked for.
    pub fn connector(&self) -> Option<&str> {
        given(self.globals.auth.as_deref())
    }

    /// Whether the proxy's web certificate goes unverified.
    pub fn insecure(&self) -> bool {
        self.globals.insecure
    }

    /// Whether to say more.
    pub fn debug(&self) -> bool {
        self.globals.debug
    }

    /// Which web servers are believed.
    pub fn web_trust(&self) -> Trust {
        if self.insecure() {
            Trust::Anyone
        } else {
            Trust::System(Vec::new())
        }
    }
}

/// The error of a command that does not know where the cluster is.
pub fn no_proxy() -> Failure {
    Failure::new("No proxy address specified, missed --proxy flag?")
        .hint("sign in with `tsh login --proxy=HOST[:PORT] --user=NAME`")
}

/// A value that is there; an empty one, as from `TELEPORT_PROXY=`, is not.
fn given(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(proxy: &str) -> World {
        World::new(Globals {
            proxy: Some(proxy.to_owned()),
            ..Globals::default()
        })
    }

    #[test]
    fn a_proxy_may_be_named_in_several_ways() {
        for (text, addresses) in [
            ("p.example.com", "p.example.com:3080 p.example.com:443"),
            ("p.example.com:8443", "p.example.com:8443"),
            ("https://p.example.com", "p.example.com:3080 p.example.com:443"),
            ("https://p.example.com:443/web", "p.example.com:443"),
            ("p.example.com:3080,3023", "p.example.com:3080"),
        ] {
            let found = world(text).proxy_addresses().unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), addresses, "{text}");
            assert_eq!(
                world(text).proxy_host().unwrap().as_deref(),
                Some("p.example.com")
            );
        }
    }

    #[test]
    fn a_named_port_counts() {
        let means = |named, address| world(named).means(address).unwrap();
        assert!(means("localhost", "localhost:4000"));
        assert!(means("localhost:4000", "localhost:4000"));
        assert!(!means("localhost:3080", "localhost:4000"));
        assert!(World::new(Globals::default()).means("anything").unwrap());
    }

    #[test]
    fn an_empty_value_is_none() {
        assert_eq!(world("").proxy(), None);
        assert!(
            world(" ")
                .proxy_addresses()
                .unwrap_err()
                .message()
                .starts_with("No proxy address")
        );
    }
}
