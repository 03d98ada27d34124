//! What the proxy is told at its start.

use std::net::SocketAddr;

use transport::Address;

/// What the proxy is told at its start. What the cluster decides (sign-in, networking) is asked of the Auth Service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster's name.
    pub cluster: String,
    /// The id of this host, a UUID.
    pub host_id: String,
    /// What this host calls itself.
    pub node_name: String,
    /// Where clients find the proxy, as configured; empty: where it listens.
    pub public_addresses: Vec<Address>,
    /// Where it really listens.
    pub listen_address: SocketAddr,
    /// Where the Auth Service of the same process listens, if there is one.
    pub auth_listen_address: Option<SocketAddr>,
}

impl Settings {
    /// Where clients find the proxy: the first configured address, else the one it listens on.
    ///
    /// A proxy that listens on every address, or on loopback, is found on the local machine by its usual name.
    pub fn public_address(&self) -> Address {
        if let Some(first) = self.public_addresses.first() {
            return first.clone();
        }
        let listens = self.listen_address;
        if listens.ip().is_unspecified() || listens.ip().is_loopback() {
            Address::new("localhost", listens.port())
        } else {
            Address::from(listens)
        }
    }

    /// All addresses clients may know it by, the best one first.
    pub fn addresses(&self) -> Vec<Address> {
        if self.public_addresses.is_empty() {
            vec![self.public_address()]
        } else {
            self.public_addresses.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_configured_address_the_one_listened_on_counts() {
        let mut settings = Settings {
            cluster: "example.com".to_owned(),
            host_id: String::new(),
            node_name: "demo".to_owned(),
            public_addresses: Vec::new(),
            listen_address: "0.0.0.0:3080".parse().unwrap(),
            auth_listen_address: None,
        };
        assert_eq!(settings.public_address().to_string(), "localhost:3080");
        settings.listen_address = "192.0.2.7:443".parse().unwrap();
        assert_eq!(settings.public_address().to_string(), "192.0.2.7:443");
        settings.public_addresses = vec![Address::new("proxy.example.com", 443)];
        assert_eq!(settings.public_address().to_string(), "proxy.example.com:443");
    }
}
