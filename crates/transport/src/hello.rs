//! Reads a TLS greeting without answering it, so that the connection can still go anywhere.

use std::io;

use bytes::{Bytes, BytesMut};
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A greeting larger than this is refused.
const GREETING_BYTES_MAX: usize = 32 * 1024;

/// The parts of a TLS `ClientHello` that decide where a connection goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name asked for (SNI), in lower case.
    pub server_name: Option<String>,
    /// The protocols offered (ALPN), best first.
    pub protocols: Vec<Vec<u8>>,
}

impl Hello {
    /// Whether `protocol` is among those offered.
    pub fn offers(&self, protocol: &[u8]) -> bool {
        self.protocols.iter().any(|offered| offered == protocol)
    }
}

/// Why no greeting was read.
#[derive(Debug, thiserror::Error)]
pub enum HelloError {
    /// The connection ended or broke before the greeting was complete.
    #[error("the connection ended before the greeting")]
    Ended(#[source] Option<io::Error>),
    /// The first bytes are no TLS record.
    #[error("the peer does not speak TLS ({0})")]
    NotTls(OtherProtocol),
    /// The greeting is longer than any honest one.
    #[error("the TLS greeting is too long")]
    TooLong,
    /// It begins like TLS and then breaks the rules.
    #[error("the TLS greeting cannot be read")]
    Malformed(#[source] rustls::Error),
}

/// What arrived in place of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherProtocol {
    /// A plain HTTP request.
    Http,
    /// An SSH banner.
    Ssh,
    /// A PROXY header from somebody who is not listed.
    ProxyHeader,
    /// Something else.
    Unknown,
}

impl std::fmt::Display for OtherProtocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http => "plain HTTP",
            Self::Ssh => "SSH",
            Self::ProxyHeader => "a PROXY header from a peer that is not listed",
            Self::Unknown => "unknown protocol",
        })
    }
}

/// The answer to a plain HTTP request on a TLS port.
const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\nContent-Length: 45\r\n\r\nThis port speaks HTTPS: use an https address\n";

/// Reads a greeting from `io`, beginning with the bytes already `seen`.
///
/// Gives back the greeting and every byte that was read, to be replayed. Nothing is written, except
/// an answer to those who will not be served.
pub async fn read_hello<S>(io: &mut S, seen: Bytes) -> Result<(Hello, Bytes), HelloError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut all = BytesMut::from(&seen[..]);
    let mut fed = 0;
    let mut acceptor = Acceptor::default();
    loop {
        if let Some(first) = all.first()
            && *first != 0x16
        {
            return refuse_foreign(io, all).await;
        }
        while fed < all.len() {
            fed += acceptor
                .read_tls(&mut &all[fed..])
                .map_err(|error| HelloError::Ended(Some(error)))?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let greeting = accepted.client_hello();
                let hello = Hello {
                    server_name: greeting.server_name().map(str::to_ascii_lowercase),
                    protocols: greeting
                        .alpn()
                        .map(|names| names.map(<[u8]>::to_vec).collect())
                        .unwrap_or_default(),
                };
                return Ok((hello, all.freeze()));
            }
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                if alert.write_all(&mut bytes).is_ok() {
                    let _ = io.write_all(&bytes).await;
                    let _ = io.shutdown().await;
                }
                return Err(HelloError::Malformed(error));
            }
        }
        if all.len() >= GREETING_BYTES_MAX {
            return Err(HelloError::TooLong);
        }
        match io.read_buf(&mut all).await {
            Ok(0) => return Err(HelloError::Ended(None)),
            Ok(_) => {}
            Err(error) => return Err(HelloError::Ended(Some(error))),
        }
    }
}

/// Names what a peer speaks in place of TLS, and tells those who can read it.
async fn refuse_foreign<S>(io: &mut S, mut all: BytesMut) -> Result<(Hello, Bytes), HelloError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A protocol may be cut anywhere; eight bytes tell them apart.
    while all.len() < 8 {
        match io.read_buf(&mut all).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let other = foreign_protocol(&all);
    if other == OtherProtocol::Http {
        let _ = io.write_all(PLAIN_HTTP_ANSWER).await;
    }
    let _ = io.shutdown().await;
    Err(HelloError::NotTls(other))
}

fn foreign_protocol(first: &[u8]) -> OtherProtocol {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"DELETE ",
        b"OPTIONS ",
        b"PATCH ",
        b"CONNECT ",
        b"PRI * ",
    ];
    if METHODS.iter().any(|method| first.starts_with(method)) {
        OtherProtocol::Http
    } else if first.starts_with(b"SSH-") {
        OtherProtocol::Ssh
    } else if first.starts_with(b"PROXY ") || first.starts_with(b"\r\n\r\n\0\r\nQ") {
        OtherProtocol::ProxyHeader
    } else {
        OtherProtocol::Unknown
    }
}

/// A fatal TLS alert as it goes over the wire before anything is agreed on.
///
/// `unrecognized_name`: the peer asks for a name that is not served here.
pub const ALERT_UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 112];

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn read(bytes: &[u8]) -> (Result<(Hello, Bytes), HelloError>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(bytes).await.expect("room");
        theirs.shutdown().await.expect("open");
        let result = read_hello(&mut ours, Bytes::new()).await;
        drop(ours);
        let mut answer = Vec::new();
        theirs.read_to_end(&mut answer).await.expect("readable");
        (result, answer)
    }

    #[tokio::test]
    async fn other_protocols_are_recognised_and_sent_away() {
        for (bytes, named) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "plain HTTP"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "plain HTTP"),
            (b"SSH-2.0-Go\r\n", "SSH"),
            (
                b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                "a PROXY header from a peer that is not listed",
            ),
            (
                b"\r\n\r\n\0\r\nQUIT\n\x21",
                "a PROXY header from a peer that is not listed",
            ),
            (b"\0\0\0", "unknown protocol"),
        ] {
            let (result, answer) = read(bytes).await;
            let error = result.expect_err("no TLS").to_string();
            assert_eq!(error, format!("the peer does not speak TLS ({named})"));
            assert_eq!(answer.starts_with(b"HTTP/1.0 400"), named == "plain HTTP");
        }
    }

    #[test]
    fn the_plain_http_answer_has_the_length_it_says() {
        let text = std::str::from_utf8(PLAIN_HTTP_ANSWER).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{}",
            body.len()
        );
    }

    #[tokio::test]
    async fn broken_and_endless_greetings_are_refused() {
        let (result, _) = read(&[0x16, 3, 1, 0, 4, 1, 0, 0, 0]).await;
        assert!(matches!(result, Err(HelloError::Malformed(_))), "{result:?}");
        let (result, _) = read(&[0x16, 3, 1, 0x40]).await;
        assert!(matches!(result, Err(HelloError::Ended(None))), "{result:?}");
        // A handshake message of 16 MiB that never ends, in small records.
        let mut endless = vec![0x16, 3, 1, 0, 5, 1, 0xff, 0xff, 0xff, 3];
        for _ in 0..20_000 {
            endless.extend([0x16, 3, 1, 0, 1, 0]);
        }
        let (result, _) = read(&endless[..60_000]).await;
        assert!(
            matches!(result, Err(HelloError::TooLong | HelloError::Malformed(_))),
            "{result:?}"
        );
    }
}
