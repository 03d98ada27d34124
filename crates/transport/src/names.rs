//! Names that route connections: the encoded cluster name and the ALPN protocols of the one port.

/// The DNS name under which every Auth Service answers, whatever its address.
pub const CLUSTER_DOMAIN: &str = "teleport.cluster.local";

/// HTTP/2.
pub const H2: &[u8] = b"h2";
/// HTTP/1.1.
pub const HTTP_1_1: &[u8] = b"http/1.1";
/// Begins the protocol name of a connection that is passed on to an Auth Service.
pub const AUTH_PREFIX: &str = "teleport-auth@";
/// SSH reverse tunnel inside TLS.
pub const REVERSE_TUNNEL: &[u8] = b"teleport-reversetunnel";
/// Only ever offered beside [`REVERSE_TUNNEL`].
pub const REVERSE_TUNNEL_V2: &[u8] = b"teleport-reversetunnelv2";
/// The SSH proxy.
pub const PROXY_SSH: &[u8] = b"teleport-proxy-ssh";
/// The SSH proxy's gRPC transport service.
pub const PROXY_SSH_GRPC: &[u8] = b"teleport-proxy-ssh-grpc";
/// The proxy's own gRPC services.
pub const PROXY_GRPC: &[u8] = b"teleport-proxy-grpc";

/// The protocols under which HTTP/2 is spoken.
pub const OVER_HTTP_2: [&[u8]; 3] = [H2, PROXY_SSH_GRPC, PROXY_GRPC];

/// Begins every protocol name that is not plain HTTP.
pub const TELEPORT_PREFIX: &[u8] = b"teleport-";

/// The protocols of the one port that are not HTTP, as far as they have one name each.
pub const KNOWN_PROTOCOLS: [&[u8]; 6] = [
    REVERSE_TUNNEL,
    REVERSE_TUNNEL_V2,
    PROXY_SSH,
    PROXY_SSH_GRPC,
    PROXY_GRPC,
    TCP,
];
/// Application access over plain TCP.
pub const TCP: &[u8] = b"teleport-tcp";

/// `HEX.teleport.cluster.local`: a cluster's name as a DNS name.
pub fn encoded_cluster(cluster: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(cluster.len() * 2 + 1 + CLUSTER_DOMAIN.len());
    for byte in cluster.bytes() {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name.push('.');
    name.push_str(CLUSTER_DOMAIN);
    name
}

/// The cluster that an encoded name stands for; `None` if it is not such a name.
///
/// Only lower-case hexadecimal of UTF-8 text counts, so that each cluster has exactly one name.
pub fn decoded_cluster(name: &str) -> Option<String> {
    let hex = name.strip_suffix(CLUSTER_DOMAIN)?.strip_suffix('.')?;
    if hex.is_empty() || hex.len() % 2 != 0 {
        return None;
    }
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let bytes = hex
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

/// The protocol name that routes a connection to the Auth Service of `cluster`.
pub fn auth_protocol(cluster: &str) -> String {
    format!("{AUTH_PREFIX}{}", encoded_cluster(cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_is_written_in_hexadecimal() {
        assert_eq!(
            auth_protocol("example.com"),
            "teleport-auth@6578616d706c652e636f6d.teleport.cluster.local"
        );
        assert_eq!(
            decoded_cluster(&encoded_cluster("bücher")).as_deref(),
            Some("bücher")
        );
    }

    #[test]
    fn other_names_are_no_clusters() {
        for name in [
            "teleport.cluster.local",
            ".teleport.cluster.local",
            "6578616D.teleport.cluster.local",
            "657.teleport.cluster.local",
            "zz.teleport.cluster.local",
            "ff.teleport.cluster.local",
            "example.com",
        ] {
            assert_eq!(decoded_cluster(name), None, "{name}");
        }
    }
}
