//! The older form: bytes as they are, or in frames of their own where signs of life go between.
//!
//! A frame is its length in four bytes, the largest first, and so many bytes; a frame of none is a sign of life.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use transport::websocket::Pings;

/// The most bytes of one frame, in either direction.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// How long the inside may take to end after the client has left.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Passes bytes on as they are, until both sides have ended.
pub async fn pass_plain<S>(mut outside: S, mut inside: DuplexStream) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::io::copy_bidirectional(&mut outside, &mut inside)
        .await
        .map(|_| ())
}

/// Passes bytes on in frames, until one of the sides ends.
pub async fn pass<S>(outside: S, inside: DuplexStream, period: Duration) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut heard, mut said) = tokio::io::split(outside);
    let (mut reading, mut writing) = tokio::io::split(inside);
    let inwards = async {
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        loop {
            let length = match heard.read_u32().await {
                Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            };
            let Some(frame) = buffer.get_mut(..length) else {
                return Err(io::Error::other(format!("a frame of {length} bytes came")));
            };
            heard.read_exact(frame).await?;
            writing.write_all(frame).await?;
        }
        writing.shutdown().await
    };
    let outwards = async {
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        let mut pings = Pings::every(Some(period));
        loop {
            let length = tokio::select! {
                read = reading.read(&mut buffer) => match read? {
                    0 => break,
                    length => length,
                },
                () = pings.next() => 0,
            };
            said.write_u32(u32::try_from(length).map_err(io::Error::other)?)
                .await?;
            said.write_all(&buffer[..length]).await?;
            said.flush().await?;
        }
        said.shutdown().await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_and_signs_of_life_go_nowhere() {
        let (mut client, outside) = tokio::io::duplex(1024);
        let (inside, mut server) = tokio::io::duplex(1024);
        let passing = tokio::spawn(pass(outside, inside, Duration::from_secs(3600)));
        client
            .write_all(&[0, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'])
            .await
            .unwrap();
        let mut two = [0; 2];
        server.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"hi");
        server.write_all(b"yes").await.unwrap();
        let mut frame = [0; 7];
        client.read_exact(&mut frame).await.unwrap();
        assert_eq!(&frame, &[0, 0, 0, 3, b'y', b'e', b's']);
        drop(server);
        passing.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_gives_signs_of_life() {
        let (mut client, outside) = tokio::io::duplex(1024);
        let (inside, _server) = tokio::io::duplex(1024);
        let _passing = tokio::spawn(pass(outside, inside, Duration::from_secs(30)));
        let mut twice = [1; 8];
        client.read_exact(&mut twice).await.unwrap();
        assert_eq!(twice, [0; 8]);
    }

    #[tokio::test]
    async fn an_endless_frame_ends_the_connection() {
        let (mut client, outside) = tokio::io::duplex(1024);
        let (inside, mut server) = tokio::io::duplex(1024);
        let passing = tokio::spawn(pass(outside, inside, Duration::from_secs(3600)));
        client.write_u32(u32::MAX).await.unwrap();
        let mut rest = Vec::new();
        let (read, passed) = tokio::join!(server.read_to_end(&mut rest), passing);
        assert_eq!(read.unwrap(), 0);
        assert!(passed.unwrap().is_err());
    }
}
