//! Byte streams, and putting back what was read to have a look.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket, a pipe in memory, a channel of another protocol: anything that carries bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A stream before TLS, with the bytes that were read to route it put back in front.
pub type Raw = Replay<Box<dyn Io>>;

/// A stream that first gives back `seen` bytes.
#[derive(Debug)]
pub struct Replay<T> {
    seen: Bytes,
    inner: T,
}

impl<T> Replay<T> {
    /// `inner` with `seen` put back in front of what it will give.
    pub fn new(seen: Bytes, inner: T) -> Self {
        Self { seen, inner }
    }

    /// The stream below.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// Puts `more` in front of everything not yet read.
    pub fn put_back(&mut self, more: Bytes) {
        if self.seen.is_empty() {
            self.seen = more;
        } else {
            self.seen = [more, self.seen.clone()].concat().into();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Replay<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.seen.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, into);
        }
        let some = self.seen.len().min(into.remaining());
        into.put_slice(&self.seen[..some]);
        self.seen.advance(some);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Replay<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_put_back_come_first() {
        let mut stream = Replay::new(Bytes::from_static(b"lo "), &b"world"[..]);
        stream.put_back(Bytes::from_static(b"hel"));
        let mut all = String::new();
        stream.read_to_string(&mut all).await.expect("readable");
        assert_eq!(all, "hello world");
    }
}
