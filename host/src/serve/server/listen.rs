//! Sockets that accept connections: TCP and unix.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::AddressFamily;
use stackup_plugin::abi::host::Connection;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::Phase;
use super::connection::serve_connection;
use super::connection_state::ConnectionContext;
use super::forwarded::canonical;

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub(super) proxy_protocol: bool,
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
    /// Takes over a listening socket. With `proxy_protocol`, each of its connections begins with a header of the PROXY
    /// protocol.
    ///
    /// # Errors
    ///
    /// The socket is neither a TCP nor a unix socket.
    pub fn adopt(socket: OwnedFd, proxy_protocol: bool) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::adopt(socket)?,
            proxy_protocol,
        })
    }

    /// Accepts connections while the server is in [`Phase::Serving`]. Returns the tasks that still serve connections.
    pub(super) async fn accept(
        self,
        served: ConnectionContext,
        places: Arc<Semaphore>,
        open: watch::Sender<()>,
        mut phase: watch::Receiver<Phase>,
    ) -> JoinSet<()> {
        let mut connections = JoinSet::new();
        let served = Arc::new(served);
        loop {
            while connections.try_join_next().is_some() {}
            let accept = async {
                // Take a permit first: without one, the connection waits in the socket's queue.
                let place = Arc::clone(&places).acquire_owned().await.ok()?;
                self.accept_one(place, &served, &open, &mut connections)
                    .await;
                Some(())
            };
            tokio::select! {
                biased;
                // An error means that the sender is gone, which is an end as well.
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => return connections,
                accepted = accept => if accepted.is_none() { return connections },
            }
        }
    }

    async fn accept_one(
        &self,
        place: OwnedSemaphorePermit,
        served: &Arc<ConnectionContext>,
        open: &watch::Sender<()>,
        connections: &mut JoinSet<()>,
    ) {
        let (served, open) = (Arc::clone(served), open.clone());
        let failed = match &self.socket {
            Socket::Tcp(listener) => match listener.accept().await {
                Ok((stream, remote)) => {
                    // Small responses are sent at once. If it fails, they are only slower.
                    let _ = stream.set_nodelay(true);
                    let ends = Connection {
                        remote: Some(canonical(remote)),
                        local: stream.local_addr().ok().map(canonical),
                        https: false,
                    };
                    connections.spawn(async move {
                        serve_connection(stream, ends, &served).await;
                        drop((place, open));
                    });
                    return;
                }
                Err(error) => error,
            },
            Socket::Unix(listener) => match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(async move {
                        serve_connection(stream, Connection::default(), &served).await;
                        drop((place, open));
                    });
                    return;
                }
                Err(error) => error,
            },
        };
        // Usually no descriptors are left: other connections must close first.
        tracing::warn!("a connection could not be accepted: {failed}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
