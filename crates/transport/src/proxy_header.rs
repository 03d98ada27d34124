//! The PROXY header, versions 1 and 2: a listed load balancer says whose connection it passes on.
//!
//! The header changes the peer's address and nothing else, and only if the sender is listed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

const V1_BYTES_MAX: usize = 107;
const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2 headers may carry extensions; longer ones than this are refused.
const V2_BYTES_MAX: usize = 4096;

/// The networks whose PROXY headers are believed. Empty: nobody's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedPeers(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is neither an IP address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a network such as `10.0.0.0/8`")]
pub struct NetworkError(String);

impl TrustedPeers {
    /// Reads addresses and networks.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, NetworkError> {
        entries
            .iter()
            .map(|entry| entry.as_ref().parse())
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `peer` is in one of the networks.
    pub fn contain(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(peer))
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| wrong())?.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(prefix) => prefix.parse().ok().filter(|p| *p <= longest).ok_or_else(wrong)?,
        };
        Ok(Self { address, prefix })
    }
}

impl Network {
    fn contains(self, peer: IpAddr) -> bool {
        let same = |ours: u128, theirs: u128, width: u32| {
            let apart = width - u32::from(self.prefix);
            apart >= width || (ours ^ theirs) >> apart == 0
        };
        match (self.address, peer.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                same(ours.to_bits().into(), theirs.to_bits().into(), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => same(ours.to_bits(), theirs.to_bits(), 128),
            _ => false,
        }
    }
}

/// Why a PROXY header from a listed peer was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderError {
    /// The connection ended inside the header.
    #[error("the connection ended inside the PROXY header")]
    Ended,
    /// The header does not follow its format.
    #[error("the PROXY header is malformed")]
    Malformed,
}

/// Reads a PROXY header if there is one, and the bytes that came with it.
///
/// The address is `None` if there is no header, or one that says the sender speaks for itself.
pub async fn read_proxy_header<S: AsyncRead + Unpin>(
    io: &mut S,
) -> Result<(Option<SocketAddr>, Bytes), ProxyHeaderError> {
    let mut all = BytesMut::with_capacity(512);
    loop {
        match parse(&all)? {
            Parsed::Absent => return Ok((None, all.freeze())),
            Parsed::Header { address, length } => {
                all.advance(length);
                return Ok((address, all.freeze()));
            }
            Parsed::Incomplete => match io.read_buf(&mut all).await {
                Ok(0) | Err(_) if all.is_empty() => return Ok((None, Bytes::new())),
                Ok(0) | Err(_) => return Err(ProxyHeaderError::Ended),
                Ok(_) => {}
            },
        }
    }
}

/// The version 2 header that tells the next hop about a TCP connection from `peer` to `local`.
pub fn proxy_header(peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let mut header = V2_SIGNATURE.to_vec();
    header.push(0x21);
    match (peer.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.extend([0x11, 0, 12]);
            header.extend(from.octets());
            header.extend(to.octets());
        }
        (from, to) => {
            header.extend([0x21, 0, 36]);
            header.extend(as_v6(from).octets());
            header.extend(as_v6(to).octets());
        }
    }
    header.extend(peer.port().to_be_bytes());
    header.extend(local.port().to_be_bytes());
    header
}

fn as_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Absent,
    Incomplete,
    Header {
        address: Option<SocketAddr>,
        length: usize,
    },
}

fn parse(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let common = |signature: &[u8]| {
        let length = bytes.len().min(signature.len());
        bytes[..length] == signature[..length]
    };
    if common(&V2_SIGNATURE) {
        if bytes.len() < 16 {
            return Ok(Parsed::Incomplete);
        }
        return parse_v2(bytes);
    }
    if common(b"PROXY ") {
        if bytes.len() < 6 {
            return Ok(Parsed::Incomplete);
        }
        return parse_v1(bytes);
    }
    Ok(Parsed::Absent)
}

fn parse_v1(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let head = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if head.len() == V1_BYTES_MAX {
            Err(ProxyHeaderError::Malformed)
        } else {
            Ok(Parsed::Incomplete)
        };
    };
    let line = std::str::from_utf8(&head[..end]).map_err(|_| ProxyHeaderError::Malformed)?;
    let words: Vec<&str> = line.split(' ').collect();
    let address = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, from_port, to_port] => {
            let ip = |text: &str| text.parse::<IpAddr>().map_err(|_| ProxyHeaderError::Malformed);
            let (from, to) = (ip(from)?, ip(to)?);
            let v4 = *family == "TCP4";
            let port = |text: &str| text.parse::<u16>().map_err(|_| ProxyHeaderError::Malformed);
            let (from_port, _) = (port(from_port)?, port(to_port)?);
            if from.is_ipv4() != v4 || to.is_ipv4() != v4 {
                return Err(ProxyHeaderError::Malformed);
            }
            Some(SocketAddr::new(from, from_port))
        }
        _ => return Err(ProxyHeaderError::Malformed),
    };
    Ok(Parsed::Header {
        address,
        length: end + 2,
    })
}

fn parse_v2(bytes: &[u8]) -> Result<Parsed, ProxyHeaderError> {
    let length = 16 + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if bytes[12] >> 4 != 2 || length > V2_BYTES_MAX {
        return Err(ProxyHeaderError::Malformed);
    }
    if bytes.len() < length {
        return Ok(Parsed::Incomplete);
    }
    let body = &bytes[16..length];
    let address = match (bytes[12] & 0x0f, bytes[13]) {
        // LOCAL: the sender's own health check.
        (0, _) => None,
        (1, 0x11) => {
            let from = body.first_chunk::<4>().ok_or(ProxyHeaderError::Malformed)?;
            let port = body.get(8..10).ok_or(ProxyHeaderError::Malformed)?;
            body.get(..12).ok_or(ProxyHeaderError::Malformed)?;
            Some((IpAddr::V4(Ipv4Addr::from(*from)), port))
        }
        (1, 0x21) => {
            let from = body.first_chunk::<16>().ok_or(ProxyHeaderError::Malformed)?;
            let port = body.get(32..34).ok_or(ProxyHeaderError::Malformed)?;
            body.get(..36).ok_or(ProxyHeaderError::Malformed)?;
            Some((IpAddr::V6(Ipv6Addr::from(*from)).to_canonical(), port))
        }
        _ => return Err(ProxyHeaderError::Malformed),
    };
    let address = address.map(|(ip, port)| SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]])));
    Ok(Parsed::Header { address, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_contain_their_addresses() {
        let listed = TrustedPeers::parse(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]).expect("networks");
        for (ip, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("::ffff:10.0.0.1", true),
        ] {
            assert_eq!(listed.contain(ip.parse().expect("an address")), inside, "{ip}");
        }
        assert!(
            TrustedPeers::parse(&["0.0.0.0/0"])
                .expect("all")
                .contain(IpAddr::from([9, 9, 9, 9]))
        );
        assert!(!TrustedPeers::default().contain(IpAddr::from([127, 0, 0, 1])));
        for wrong in ["10.0.0.0/33", "10.0.0", "", "::/129", "10.0.0.0/x"] {
            assert!(TrustedPeers::parse(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_versions_are_read() {
        let v1 = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nrest";
        assert_eq!(
            parse(v1),
            Ok(Parsed::Header {
                address: Some(socket("192.0.2.1:56324")),
                length: v1.len() - 4
            })
        );
        assert_eq!(
            parse(b"PROXY UNKNOWN\r\n"),
            Ok(Parsed::Header {
                address: None,
                length: 15
            })
        );
        for (from, to) in [
            ("192.0.2.1:9", "198.51.100.1:443"),
            ("[2001:db8::1]:9", "[::1]:443"),
        ] {
            let header = proxy_header(socket(from), socket(to));
            assert_eq!(
                parse(&header),
                Ok(Parsed::Header {
                    address: Some(socket(from)),
                    length: header.len()
                })
            );
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Ok(Parsed::Incomplete), "{cut}");
            }
        }
        let mixed = proxy_header(socket("192.0.2.1:9"), socket("[::1]:443"));
        let length = mixed.len();
        assert_eq!(
            parse(&mixed),
            Ok(Parsed::Header {
                address: Some(socket("192.0.2.1:9")),
                length
            })
        );
    }

    #[test]
    fn tls_is_no_header_and_bad_headers_are_refused() {
        assert_eq!(parse(b"\x16\x03\x01"), Ok(Parsed::Absent));
        assert_eq!(parse(b"PRI * HTTP/2.0"), Ok(Parsed::Absent));
        assert_eq!(parse(b""), Ok(Parsed::Incomplete));
        for wrong in [
            &b"PROXY TCP4 192.0.2.1 ::1 1 2\r\n"[..],
            b"PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.1 70000 2\r\n",
            b"PROXY TCP4 192.0.2.1\r\n",
            b"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
            &[b"PROXY ", &[b'x'; 200][..]].concat(),
            &[&V2_SIGNATURE[..], &[0x11, 0x11, 0, 0]].concat(),
            &[&V2_SIGNATURE[..], &[0x21, 0x11, 0, 4, 1, 2, 3, 4]].concat(),
            &[&V2_SIGNATURE[..], &[0x21, 0x31, 0, 0]].concat(),
            &[&V2_SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat(),
        ] {
            assert_eq!(parse(wrong), Err(ProxyHeaderError::Malformed), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn what_follows_the_header_is_kept() {
        let mut io = &b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n\x16\x03"[..];
        let (address, rest) = read_proxy_header(&mut io).await.expect("a header");
        assert_eq!(
            (address, &rest[..]),
            (Some(socket("192.0.2.1:56324")), &b"\x16\x03"[..])
        );
        let mut cut = &b"PROXY TCP4"[..];
        assert_eq!(read_proxy_header(&mut cut).await, Err(ProxyHeaderError::Ended));
    }
}
