//! The listening sockets: bound here, accepted from by workers.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use rustix::net::AddressFamily;

use crate::load::manifest::Listen;

/// How many connections may wait to be accepted, for instance while a worker starts. The system may allow
/// fewer.
const BACKLOG: i32 = 4096;

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Socket {
    /// The address as configured; none for an inherited socket.
    pub(super) address: Option<Listen>,
    pub(super) descriptor: OwnedFd,
    pub(super) url: String,
}

/// An address that the supervisor cannot listen on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {reason}")]
pub struct BindError {
    address: String,
    reason: String,
}

impl Socket {
    /// A socket that listens already, from the service manager or the previous supervisor.
    pub(super) fn adopt(address: Option<Listen>, descriptor: OwnedFd) -> io::Result<Self> {
        let url = url(&descriptor)?;
        Ok(Self {
            address,
            descriptor,
            url,
        })
    }

    /// The sockets that a service manager has opened for this process (sd_listen_fds(3)).
    pub(super) fn inherited() -> io::Result<Vec<Self>> {
        let mut given = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..given.len() {
            let descriptor = match given.take_tcp_listener(index) {
                Ok(Some(listener)) => OwnedFd::from(listener),
                // A descriptor of another kind stays in the list.
                _ => match given.take_unix_listener(index)? {
                    Some(listener) => listener.into(),
                    None => continue,
                },
            };
            sockets.push(Self::adopt(None, descriptor)?);
        }
        Ok(sockets)
    }

    /// Binds all sockets of an address.
    ///
    /// # Errors
    ///
    /// A name that does not resolve, an address that is in use or not permitted.
    pub(super) fn bind(address: &Listen) -> Result<Vec<Self>, BindError> {
        let bound = match address {
            Listen::Tcp(host) => bind_tcp(host),
            Listen::Unix(path) => bind_unix(path).map(|socket| vec![socket]),
        };
        let adopted = bound.and_then(|descriptors| {
            let adopt = |descriptor| Self::adopt(Some(address.clone()), descriptor);
            descriptors.into_iter().map(adopt).collect()
        });
        adopted.map_err(|error| BindError {
            address: address.to_string(),
            reason: explain(&error, address),
        })
    }

    /// Closes it for good, and removes the file of a Unix socket.
    pub(super) fn close(self) {
        if let Some(Listen::Unix(path)) = self.address {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn bind_tcp(host: &str) -> io::Result<Vec<OwnedFd>> {
    let mut bound: Vec<OwnedFd> = Vec::new();
    let mut port = None;
    for mut resolved in host.to_socket_addrs()? {
        // `localhost:0` means the same port on each of its addresses.
        if let Some(port) = port.filter(|_| resolved.port() == 0) {
            resolved.set_port(port);
        }
        match listen(resolved) {
            // A name may stand for addresses of a family that this machine does not have.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && !bound.is_empty() => {}
            listener => {
                let listener = listener?;
                port = Some(listener.local_addr()?.port());
                bound.push(listener.into());
            }
        }
    }
    Ok(bound)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // std's backlog is too short for the time between two workers.
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

fn bind_unix(path: &Path) -> io::Result<OwnedFd> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener.into())
}

/// Removes the file of a socket that no process listens on any more, and nothing else.
pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if metadata.file_type().is_socket() && UnixStream::connect(path).is_err_and(refused) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn url(socket: &OwnedFd) -> io::Result<String> {
    let local = rustix::net::getsockname(socket)?;
    if local.address_family() == AddressFamily::UNIX {
        let listener = UnixListener::from(socket.try_clone()?);
        let path = listener.local_addr()?.as_pathname().map(PathBuf::from);
        return Ok(match path {
            Some(path) => format!("unix:{}", path.display()),
            None => "unix:(no name)".to_owned(),
        });
    }
    let local = SocketAddr::try_from(local)?;
    Ok(format!("http://{local}"))
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
