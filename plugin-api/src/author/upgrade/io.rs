//! The traits of other crates for reading and writing bytes.

#[cfg(any(feature = "tokio", feature = "websocket", feature = "futures-io"))]
mod shared {
    use std::io;
    use std::task::{Context, Poll, ready};

    use bytes::Bytes;

    use super::super::Upgraded;

    /// The longest frame that is made of a write.
    const FRAME_BYTES: usize = 64 << 10;

    impl Upgraded {
        /// Some bytes, at most `limit`; none at the end.
        pub(super) fn poll_some(
            &mut self,
            cx: &mut Context<'_>,
            limit: usize,
        ) -> Poll<io::Result<Bytes>> {
            let bytes = match ready!(self.poll_bytes(cx)) {
                Ok(bytes) => bytes.unwrap_or_default(),
                Err(error) => return Poll::Ready(Err(io::Error::other(error.into_boxed()))),
            };
            self.unread = bytes;
            let length = limit.min(self.unread.len());
            Poll::Ready(Ok(self.unread.split_to(length)))
        }

        pub(super) fn poll_push(
            &mut self,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if ready!(self.outgoing.poll_ready(cx)).is_err() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let length = bytes.len().min(FRAME_BYTES);
            if length > 0 {
                self.outgoing.push(Bytes::copy_from_slice(&bytes[..length]));
            }
            Poll::Ready(Ok(length))
        }
    }
}

/// Writing, which differs in the name of its end alone.
#[cfg(any(feature = "tokio", feature = "websocket", feature = "futures-io"))]
macro_rules! writes {
    ($write:ident, $end:ident) => {
        impl $write for Upgraded {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_push(cx, bytes)
            }

            /// What is written is on its way.
            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// As [`Upgraded::shutdown`].
            fn $end(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.shutdown();
                Poll::Ready(Ok(()))
            }
        }
    };
}

#[cfg(any(feature = "tokio", feature = "websocket", feature = "futures-io"))]
use writes;

#[cfg(any(feature = "tokio", feature = "websocket"))]
mod tokio {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::super::Upgraded;

    impl AsyncRead for Upgraded {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let bytes = ready!(self.poll_some(cx, buffer.remaining()))?;
            buffer.put_slice(&bytes);
            Poll::Ready(Ok(()))
        }
    }

    super::writes!(AsyncWrite, poll_shutdown);
}

#[cfg(feature = "futures-io")]
mod futures_io {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use ::futures_io::{AsyncRead, AsyncWrite};

    use super::super::Upgraded;

    impl AsyncRead for Upgraded {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let bytes = ready!(self.poll_some(cx, buffer.len()))?;
            buffer[..bytes.len()].copy_from_slice(&bytes);
            Poll::Ready(Ok(bytes.len()))
        }
    }

    super::writes!(AsyncWrite, poll_close);
}
