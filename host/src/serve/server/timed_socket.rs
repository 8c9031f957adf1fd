//! A connection's socket, which knows when the client takes nothing or sends nothing.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection_state::{ConnectionState, EndedFor};
use super::progress_timeout::ProgressTimeout;
use super::send_file::SendFile;
use super::unread_body::LINGER_BYTES;

/// The socket, with the `send_timeout` of its requests.
#[derive(Debug)]
pub(super) struct TimedSocket<S> {
    socket: S,
    state: Arc<ConnectionState>,
    send_timeout: ProgressTimeout,
    /// Set while a write waits: whether a request was in progress then.
    blocked: Option<bool>,
    /// What the socket below TLS had taken at the last write that waited.
    taken: u64,
    /// Whether what arrives is frames of HTTP/2: not each is the begin of a request.
    has_frames: bool,
    /// Whether the last read found something.
    has_read: bool,
    /// How much of an unread body was read here, and is missing for hyper.
    discarded: u64,
}

impl<S> TimedSocket<S> {
    pub(super) fn new(
        socket: S,
        state: &Arc<ConnectionState>,
        send_timeout: Option<Duration>,
    ) -> Self {
        state.limit_sending(send_timeout);
        Self {
            socket,
            state: Arc::clone(state),
            send_timeout: ProgressTimeout::new(send_timeout),
            blocked: None,
            taken: 0,
            has_frames: false,
            has_read: false,
            discarded: 0,
        }
    }

    /// The socket of a connection of HTTP/2.
    pub(super) fn of_frames(
        socket: S,
        state: &Arc<ConnectionState>,
        send_timeout: Option<Duration>,
    ) -> Self {
        Self {
            has_frames: true,
            ..Self::new(socket, state, send_timeout)
        }
    }

    /// The socket without limits.
    pub(super) fn into_socket(self) -> S {
        self.socket
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedSocket<S> {
    /// What a write or a flush has come to.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if let Some(has_request) = self.blocked.take() {
                self.send_timeout.progressed();
                self.state.wait.sends_again(has_request);
            }
            return written;
        }
        if self.blocked.is_none() {
            self.blocked = Some(self.state.wait.send_blocks());
        }
        self.state.sending.blocked(cx);
        if self.state.has_unread_body() {
            self.discard(cx);
        }
        let taken = self.state.taken();
        if std::mem::replace(&mut self.taken, taken) != taken {
            self.send_timeout.progressed();
        }
        self.send_timeout.set_limit(self.state.send_timeout());
        match self.send_timeout.poll_waiting(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(limit) => {
                self.state.end_for(EndedFor::SendTimeout);
                let message = format!("the client took nothing for {limit:?} (`send_timeout`)");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
            }
        }
    }

    /// Reads on where no handler reads the rest of the body: a client that sends all of it before it reads would
    /// otherwise wait for the server, and the server for the client.
    fn discard(&mut self, cx: &mut Context<'_>) {
        let mut buffer = [0; 16 << 10];
        while self.discarded < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut buffer);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.discarded += buffer.filled().len() as u64;
                }
                _ => return,
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.discarded > 0 {
            // What follows is in the middle of something: hyper must not see it. It must not see the end before the
            // response has ended, either, or it would cut it off.
            return match self.state.wait.has_request() {
                true => Poll::Pending,
                false => Poll::Ready(Ok(())),
            };
        }
        let polled = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if polled.is_ready() {
            self.has_read = true;
        } else if std::mem::take(&mut self.has_read) && !self.has_frames {
            self.state.wait.reads_part();
        }
        polled
    }
}

impl<S: SendFile> SendFile for TimedSocket<S> {
    const SENDS_FILES: bool = S::SENDS_FILES;

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: BorrowedFd<'_>,
        start: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let sent = self.socket.poll_send_file(cx, file, start, length);
        self.written(cx, sent)
    }

    fn poll_write_before_file(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.socket.poll_write_before_file(cx, slices);
        self.written(cx, written)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has nothing left to write. TLS may still have something.
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        let flushed = self.written(cx, flushed);
        if let Poll::Ready(Ok(())) = flushed {
            self.state.sending.flushed();
            self.state.wait.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use super::*;
    use crate::policy::ClientWait;

    /// A socket that takes or has a byte for each true, and nothing for a false.
    struct Slow(VecDeque<bool>);

    impl AsyncRead for Slow {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            match self.0.pop_front() {
                Some(true) => {
                    buffer.put_slice(b"x");
                    Poll::Ready(Ok(()))
                }
                _ => Poll::Pending,
            }
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.0.pop_front() {
                Some(true) => Poll::Ready(Ok(1)),
                _ => Poll::Pending,
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn idle_connection_waits_for_a_head_once_it_has_begun() {
        let state = Arc::new(ConnectionState::accepted((0, 0)));
        state.wait.waits(ClientWait::Idle);
        let slow = Slow([false, true, false].into());
        let mut socket = TimedSocket::new(slow, &state, None);
        let mut cx = Context::from_waker(Waker::noop());
        for (is_ready, wait) in [
            (false, ClientWait::Idle),
            (true, ClientWait::Idle),
            (false, ClientWait::Head),
        ] {
            let mut byte = [0];
            let polled = Pin::new(&mut socket).poll_read(&mut cx, &mut ReadBuf::new(&mut byte));
            assert_eq!(polled.is_ready(), is_ready);
            assert_eq!(state.wait.get().map(|(wait, _)| wait), Some(wait));
        }
    }

    #[tokio::test]
    async fn send_timeout_begins_again_with_each_byte() {
        let state = Arc::new(ConnectionState::accepted((0, 0)));
        state.wait.busy();
        let slow = Slow([false, false, true, false].into());
        let mut socket = TimedSocket::new(slow, &state, Some(Duration::from_secs(60)));
        let mut cx = Context::from_waker(Waker::noop());
        let mut poll = || {
            let polled = Pin::new(&mut socket).poll_write(&mut cx, b"xyz");
            (polled.is_ready(), socket.send_timeout.deadline())
        };
        let (first, again) = (poll(), poll());
        assert_eq!(first, again, "the client has taken nothing");
        assert!(!first.0 && first.1.is_some());
        let wait = state.wait.get().map(|(wait, _)| wait);
        assert_eq!(wait, Some(ClientWait::Send), "it can make room");
        assert!(poll().0);
        assert_eq!(state.wait.get(), None, "its handler works");
        assert!(poll().1 > first.1);
    }
}
