//! Sockets that accept connections: TCP and unix.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::AddressFamily;
#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockRef;
use stackup_plugin::abi::host::Connection;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Phase;
use super::connection::serve_connection;
use super::connection_state::ConnectionContext;
use super::forwarded::canonical;
use super::notices::Notice;
use super::tls::Tls;
use crate::load::acme::Challenges;

/// How much the system takes before it can send it. Without a limit it is some megabytes, and it is not known for
/// minutes whether a slow client takes anything.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;

/// The pause after a connection could not be accepted. It doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    pub(super) protocols: Protocols,
}

/// What the connections of a listener speak.
#[derive(Debug, Clone, Default)]
pub struct Protocols {
    /// Whether each begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// How they are encrypted; none in the clear.
    pub tls: Option<Arc<Tls>>,
    /// Whether they speak FastCGI, and nothing else.
    pub fastcgi: bool,
    /// What CAs are answered that validate a name by a request; none without such orders, and with TLS.
    pub challenges: Option<Arc<Challenges>>,
    /// Whether clients may speak HTTP/2 without being asked: none of it with TLS, where they choose.
    pub http2: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    fn adopt(socket: OwnedFd) -> io::Result<Self> {
        let family = rustix::net::getsockname(&socket)?.address_family();
        if family == AddressFamily::UNIX {
            let listener = StdUnixListener::from(socket);
            listener.set_nonblocking(true)?;
            return Ok(Self::Unix(UnixListener::from_std(listener)?));
        }
        if family != AddressFamily::INET && family != AddressFamily::INET6 {
            return Err(io::Error::other("neither a TCP nor a unix socket"));
        }
        let listener = StdTcpListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(listener)?))
    }
}

impl Listener {
    /// Takes over a listening socket, whose connections speak `protocols`.
    ///
    /// # Errors
    ///
    /// The socket is neither a TCP nor a unix socket.
    pub fn adopt(socket: OwnedFd, protocols: Protocols) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::adopt(socket)?,
            protocols,
        })
    }

    /// Accepts connections while the server is in [`Phase::Serving`]. Returns the tasks that still serve connections.
    pub(super) async fn accept(
        self,
        served: ConnectionContext,
        mut phase: watch::Receiver<Phase>,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let served = Arc::new(served);
        let mut pause = FIRST_PAUSE;
        loop {
            while tasks.try_join_next().is_some() {}
            let accepted = tokio::select! {
                biased;
                // An error means that the sender is gone, which is an end as well.
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => return tasks,
                accepted = self.accept_one() => accepted,
            };
            let (stream, ends) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!("a connection ended before it was accepted: {error}");
                    continue;
                }
                Err(error) => {
                    if client_waits(&self) {
                        served
                            .connections
                            .notices
                            .happened(&Notice::NotAccepted { error });
                        // Usually no descriptors are left: other connections must close first.
                        served.connections.make_room();
                    }
                    tokio::select! {
                        _ = phase.wait_for(|phase| *phase != Phase::Serving) => return tasks,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            };
            pause = FIRST_PAUSE;
            // Only a client that is there may have others make room. It is not in the socket's queue any more, where
            // another worker would find it, so it is served also if the server stops accepting before that.
            let place = tokio::select! {
                biased;
                place = served.connections.place() => place,
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => served.connections.extra_place(),
            };
            let served = Arc::clone(&served);
            match stream {
                Stream::Tcp(stream) => {
                    tasks
                        .spawn(async move { serve_connection(stream, ends, &served, place).await });
                }
                Stream::Unix(stream) => {
                    tasks
                        .spawn(async move { serve_connection(stream, ends, &served, place).await });
                }
            }
        }
    }

    async fn accept_one(&self) -> io::Result<(Stream, Connection)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                // Small responses are sent at once. If it fails, they are only slower.
                let _ = stream.set_nodelay(true);
                #[cfg(any(target_os = "linux", target_os = "android"))]
                let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
                let ends = Connection {
                    remote: Some(canonical(remote)),
                    local: stream.local_addr().ok().map(canonical),
                    https: false,
                };
                Ok((Stream::Tcp(stream), ends))
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Connection::default()))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }
}

/// Whether a client waits to be accepted. Linux takes a descriptor before it looks, so where none is left, accepting
/// fails also if nobody waits.
pub fn client_waits(listener: &impl AsFd) -> bool {
    let mut socket = [PollFd::new(listener, PollFlags::IN)];
    poll(&mut socket, Some(&Timespec::default())) != Ok(0)
}

/// A connection that was accepted.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Whether accepting failed because of the one connection, so that the next may be accepted at once (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    let error = Errno::from_io_error(error);
    error.is_some_and(|error| {
        [
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::INTR,
            Errno::PROTO,
            Errno::PERM,
        ]
        .contains(&error)
    })
}
