//! Sockets that accept connections: TCP and unix.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use stackup_plugin::abi::host::Connection;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::{Served, serve_connection};
use crate::manifest::Listen;

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener, SocketAddr),
    /// A unix socket; its file goes with it.
    Unix(UnixListener, SocketFile),
}

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on `{address}`: {reason}")]
pub struct BindError {
    address: String,
    reason: String,
}

impl Listener {
    /// Binds every socket that an address stands for.
    ///
    /// # Errors
    ///
    /// A name that does not resolve, an address in use or not ours to use.
    pub async fn bind(address: &Listen) -> Result<Vec<Self>, BindError> {
        let failed = |error: io::Error| BindError {
            address: address.to_string(),
            reason: explain(&error, address),
        };
        match address {
            Listen::Tcp(host) => {
                let mut listeners = Vec::new();
                let mut port = None;
                for mut resolved in tokio::net::lookup_host(host).await.map_err(failed)? {
                    // `localhost:0` is one port on each of its addresses.
                    if let Some(port) = port.filter(|_| resolved.port() == 0) {
                        resolved.set_port(port);
                    }
                    let bound = TcpListener::bind(resolved).await;
                    // A name may stand for addresses of a family that this machine does not have.
                    let unusable = |error: &io::Error| {
                        error.kind() == io::ErrorKind::AddrNotAvailable && !listeners.is_empty()
                    };
                    match bound {
                        Err(error) if unusable(&error) => {}
                        bound => {
                            let bound = bound.map_err(failed)?;
                            let local = bound.local_addr().map_err(failed)?;
                            port = Some(local.port());
                            listeners.push(Self::Tcp(bound, local));
                        }
                    }
                }
                Ok(listeners)
            }
            Listen::Unix(path) => {
                remove_stale(path).await.map_err(failed)?;
                let bound = UnixListener::bind(path).map_err(failed)?;
                Ok(vec![Self::Unix(bound, SocketFile(path.clone()))])
            }
        }
    }

    /// Accepts connections until the stop. Returns the tasks that still serve some.
    pub(super) async fn accept(
        self,
        served: Served,
        places: Arc<Semaphore>,
        open: watch::Sender<()>,
        mut stop: watch::Receiver<bool>,
    ) -> JoinSet<()> {
        let mut connections = JoinSet::new();
        let served = Arc::new(served);
        loop {
            while connections.try_join_next().is_some() {}
            let accept = async {
                // Take a place first: who finds none waits in the socket's queue.
                let place = Arc::clone(&places).acquire_owned().await.ok()?;
                self.accept_one(place, &served, &open, &mut connections)
                    .await;
                Some(())
            };
            tokio::select! {
                biased;
                // An error means that the sender is gone, which is a stop as well.
                _ = stop.wait_for(|stop| *stop) => return connections,
                accepted = accept => if accepted.is_none() { return connections },
            }
        }
    }

    async fn accept_one(
        &self,
        place: OwnedSemaphorePermit,
        served: &Arc<Served>,
        open: &watch::Sender<()>,
        connections: &mut JoinSet<()>,
    ) {
        let (served, open) = (Arc::clone(served), open.clone());
        let failed = match self {
            Self::Tcp(listener, _) => match listener.accept().await {
                Ok((stream, remote)) => {
                    // Small responses go out at once; there is nothing to be done if it fails.
                    let _ = stream.set_nodelay(true);
                    let ends = Connection {
                        remote: Some(remote),
                        local: stream.local_addr().ok(),
                    };
                    connections.spawn(async move {
                        serve_connection(TokioIo::new(stream), ends, &served).await;
                        drop((place, open));
                    });
                    return;
                }
                Err(error) => error,
            },
            Self::Unix(listener, _) => match listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(async move {
                        serve_connection(TokioIo::new(stream), Connection::default(), &served)
                            .await;
                        drop((place, open));
                    });
                    return;
                }
                Err(error) => error,
            },
        };
        // Most often no descriptors are left: others must close first.
        tracing::warn!("a connection could not be accepted: {failed}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_, local) => write!(f, "http://{local}"),
            Self::Unix(_, file) => write!(f, "unix:{}", file.0.display()),
        }
    }
}

/// A socket's file, removed with its listener.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes a socket's file that nobody listens on any more, and nothing else.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if metadata.file_type().is_socket()
        && tokio::net::UnixStream::connect(path)
            .await
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn explain(error: &io::Error, address: &Listen) -> String {
    match (error.kind(), address) {
        (io::ErrorKind::AddrInUse, Listen::Tcp(_)) => {
            "something listens there already; end it, or choose another port with `-p`".to_owned()
        }
        (io::ErrorKind::AddrInUse, Listen::Unix(_)) => {
            "something listens there already, or a file of this name is in the way".to_owned()
        }
        (io::ErrorKind::PermissionDenied, Listen::Tcp(_)) => {
            "not permitted; ports below 1024 need a privilege".to_owned()
        }
        _ => error.to_string(),
    }
}
