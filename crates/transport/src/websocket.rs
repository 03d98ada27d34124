//! Bytes as binary messages of a WebSocket: a connection inside another one, through whatever passes only HTTP on.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// What a sign of life says.
const PING_WORD: &str = "teleport";
/// The most bytes that one message carries away.
const MESSAGE_BYTES: usize = 32 * 1024;
/// The largest message accepted. The other side sends what it has read at once: a few TLS records.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// How long the inside may take to end after the other side has left.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The answer to a client's key.
pub fn accept(key: &[u8]) -> String {
    derive_accept_key(key)
}

/// When signs of life are due: never, without a period.
#[derive(Debug)]
pub struct Pings(Option<Interval>);

impl Pings {
    /// Signs of life every `period`.
    pub fn every(period: Option<Duration>) -> Self {
        Self(period.map(|period| {
            let mut interval = tokio::time::interval_at(Instant::now() + period, period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        }))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// The server's end of a WebSocket that was agreed on `outside`.
pub async fn accepted<S: AsyncRead + AsyncWrite + Unpin>(outside: S) -> WebSocketStream<S> {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    WebSocketStream::from_raw_socket(outside, Role::Server, Some(limits)).await
}

/// Passes bytes between a WebSocket and `inside`, until one of them ends. With a `period` the other side hears a sign of
/// life that often.
pub async fn pass<S>(
    socket: WebSocketStream<S>,
    inside: DuplexStream,
    period: Option<Duration>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut said, mut heard) = socket.split();
    let (mut reading, mut writing) = tokio::io::split(inside);
    let inwards = async {
        while let Some(message) = heard.next().await {
            match message.map_err(broken)? {
                Message::Binary(bytes) => writing.write_all(&bytes).await?,
                Message::Text(_) => return Err(io::Error::other("a text came where only bytes are carried")),
                Message::Close(_) => break,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
        writing.shutdown().await
    };
    let outwards = async {
        let mut buffer = BytesMut::with_capacity(MESSAGE_BYTES);
        let mut pings = Pings::every(period);
        loop {
            buffer.reserve(MESSAGE_BYTES);
            let message = tokio::select! {
                read = reading.read_buf(&mut buffer) => match read? {
                    0 => break,
                    _ => Message::Binary(buffer.split().freeze()),
                },
                () = pings.next() => Message::Ping(Bytes::from_static(PING_WORD.as_bytes())),
            };
            said.send(message).await.map_err(broken)?;
        }
        said.close().await.map_err(broken)
    };
    tokio::pin!(outwards);
    tokio::select! {
        ended = &mut outwards => ended,
        ended = inwards => {
            let _ = tokio::time::timeout(LAST_WORDS, outwards).await;
            ended
        }
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}
