//! The first bytes of a connection, which tell HTTP/1 from HTTP/2. The reader waits forever, so a peer that
//! sends none would keep its place without having sent anything.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What an HTTP/2 peer sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose reads fail when its version of HTTP is not known in time. From then on the timers of that version
/// watch the peer.
pub(super) struct PrefaceTimeout<S> {
    stream: S,
    waiting: Option<Waiting>,
}

struct Waiting {
    /// What of [`PREFACE`] has not come yet.
    rest: &'static [u8],
    until: Pin<Box<Sleep>>,
}

impl<S> PrefaceTimeout<S> {
    /// `stream`, whose peer has `within` to show its version.
    pub(super) fn within(within: Duration, stream: S) -> Self {
        Self { stream, waiting: Some(Waiting { rest: PREFACE, until: Box::pin(sleep(within)) }) }
    }
}

impl Waiting {
    /// Whether the version is still unknown after `bytes`.
    fn goes_on(&mut self, bytes: &[u8]) -> bool {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => {
                self.rest = rest;
                !rest.is_empty()
            }
            None => false,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PrefaceTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        let Some(waiting) = &mut this.waiting else { return read };
        match read {
            Poll::Pending => waiting
                .until
                .as_mut()
                .poll(cx)
                .map(|()| Err(Error::new(ErrorKind::TimedOut, "no first bytes of a request"))),
            Poll::Ready(result) => {
                if !waiting.goes_on(&buf.filled()[before..]) {
                    this.waiting = None;
                }
                Poll::Ready(result)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PrefaceTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
