//! Sockets to which the system can send a file.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::{TcpStream, UnixStream};

use super::super::tls::Socket;

/// A socket, and whether the system can send files to it.
pub(in crate::serve::server) trait SendFile:
    AsyncRead + AsyncWrite + Unpin
{
    /// Whether the other functions work.
    const SENDS_FILES: bool = false;

    /// Sends at most `length` bytes of `file` from `start` on; none at the file's end.
    fn poll_send_file(
        &mut self,
        _cx: &mut Context<'_>,
        _file: BorrowedFd<'_>,
        _start: u64,
        _length: usize,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Writes bytes that a file follows: they may leave in one packet with its first ones.
    fn poll_write_before_file(
        &mut self,
        _cx: &mut Context<'_>,
        _slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// Has the system do it, as soon as the socket takes something.
macro_rules! send_files {
    ($($socket:ty)*) => {$(
        impl SendFile for $socket {
            const SENDS_FILES: bool = cfg!(target_os = "linux");

            fn poll_send_file(
                &mut self,
                cx: &mut Context<'_>,
                file: BorrowedFd<'_>,
                start: u64,
                length: usize,
            ) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_write_ready(cx))?;
                    let send = || system::send_file(&*self, file, start, length);
                    match self.try_io(Interest::WRITABLE, send) {
                        Err(error) if is_to_be_repeated(&error) => {}
                        sent => return Poll::Ready(sent),
                    }
                }
            }

            fn poll_write_before_file(
                &mut self,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_write_ready(cx))?;
                    let write = || system::write_with_more(&*self, slices);
                    match self.try_io(Interest::WRITABLE, write) {
                        Err(error) if is_to_be_repeated(&error) => {}
                        written => return Poll::Ready(written),
                    }
                }
            }
        }
    )*};
}

send_files!(TcpStream UnixStream);

/// Whether nothing was sent that could be sent later. A signal may interrupt the system where it reads a file.
fn is_to_be_repeated(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};

    matches!(error.kind(), WouldBlock | Interrupted)
}

/// With TLS or HTTP/2 the host reads files itself.
impl SendFile for Box<dyn Socket> {}

#[cfg(test)]
impl SendFile for tokio::io::DuplexStream {}

#[cfg(target_os = "linux")]
mod system {
    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;

    use rustix::net::{SendAncillaryBuffer, SendFlags};

    pub(super) fn send_file(
        socket: impl AsFd,
        file: impl AsFd,
        start: u64,
        length: usize,
    ) -> io::Result<usize> {
        let mut offset = start;
        Ok(rustix::fs::sendfile(
            socket,
            file,
            Some(&mut offset),
            length,
        )?)
    }

    pub(super) fn write_with_more(socket: impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        let mut nothing = SendAncillaryBuffer::default();
        Ok(rustix::net::sendmsg(socket, slices, &mut nothing, flags)?)
    }
}

/// Other systems have another call, or none.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::io::{self, IoSlice};

    pub(super) fn send_file<S, F>(_: S, _: F, _: u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn write_with_more<S>(_: S, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
