//! The listening sockets: bound here, accepted from by workers.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use checked_file::{ReadError, check};
use listenfd::ListenFd;
use rustix::net::AddressFamily;

use super::bind::{covers, ipv4_ports, lacks_family, tcp, unix};
use crate::load::manifest::{Listen, ListenEntry, ListenProtocols};
use crate::load::site;
use crate::process::socket_file::FileId;

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Socket {
    /// The address as configured; none for an inherited socket.
    pub(super) address: Option<Listen>,
    /// What its connections speak.
    pub(super) protocols: ListenProtocols,
    pub(super) descriptor: OwnedFd,
    pub(super) url: String,
    /// The file of a Unix socket that is ours, with the links by which it is reached.
    file: Option<PathBuf>,
    /// The same file as the links led when it was made.
    made: Option<PathBuf>,
    /// Which file that is.
    pub(super) id: Option<FileId>,
}

/// An address that the supervisor cannot listen on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {reason}")]
pub struct BindError {
    address: String,
    reason: String,
}

impl Socket {
    /// A socket that listens already: just bound, or from the service manager or the previous supervisor. `location` is the
    /// manifest's. If it is not known which file is its own, that is the one that is there.
    pub(super) fn adopt(
        address: Option<Listen>,
        protocols: ListenProtocols,
        location: &Path,
        descriptor: OwnedFd,
        id: Option<FileId>,
    ) -> io::Result<Self> {
        let file = match &address {
            Some(Listen::Unix(path)) => Some(file(path, location)),
            _ => None,
        };
        let url = match &file {
            Some(file) => unix_url(file, &protocols),
            None => url(&descriptor, &protocols)?,
        };
        let made = file.as_deref().map(resolved);
        Ok(Self {
            address,
            protocols,
            descriptor,
            url,
            id: id.or_else(|| made.as_deref().and_then(FileId::of)),
            made,
            file,
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
            sockets.push(Self::adopt(
                None,
                ListenProtocols::default(),
                Path::new(""),
                descriptor,
                None,
            )?);
        }
        Ok(sockets)
    }

    /// Binds all sockets of an entry of `list`. Those of `open` stay as they are. `location` is the manifest's:
    /// relative paths start from its folder.
    ///
    /// # Errors
    ///
    /// A name that does not resolve, an address that is in use or not permitted.
    pub(super) fn bind(
        entry: &ListenEntry,
        list: &[ListenEntry],
        open: &[Self],
        location: &Path,
    ) -> Result<Vec<Self>, BindError> {
        let ListenEntry { address, protocols } = entry;
        let open: Vec<_> = open.iter().filter_map(Self::tcp_address).collect();
        let bound = match address {
            Listen::Tcp(host) => tcp(host, &ipv4_ports(list), &open),
            Listen::Unix(path) => unix(&file(path, location)).map(|socket| vec![socket]),
        };
        let adopted = bound.and_then(|descriptors| {
            let adopt = |descriptor| {
                let address = Some(address.clone());
                Self::adopt(address, protocols.clone(), location, descriptor, None)
            };
            descriptors.into_iter().map(adopt).collect()
        });
        let bound: Vec<Self> = adopted.map_err(|error| BindError {
            address: address.to_string(),
            reason: explain(&error, address, &open),
        })?;
        bound.iter().for_each(Self::warn_if_replaceable);
        Ok(bound)
    }

    /// Whoever can put another socket in this one's place gets its requests. That runs no code here, and a folder may be
    /// shared on purpose, so it is not refused.
    fn warn_if_replaceable(&self) {
        // The socket itself is open to those who may connect.
        let folder = self.made.as_deref().and_then(Path::parent);
        let Some(Err(ReadError::Untrusted(error))) = folder.map(check) else {
            return;
        };
        let address = &self.url;
        tracing::warn!(
            event = "socket-folder",
            address,
            "another user can put a socket of its own in the place of `{address}`: {error}"
        );
    }

    fn tcp_address(&self) -> Option<SocketAddr> {
        SocketAddr::try_from(rustix::net::getsockname(&self.descriptor).ok()?).ok()
    }

    /// Whether its file is gone, or a link to it leads elsewhere by now.
    pub(super) fn has_lost_its_file(&self) -> bool {
        let Some(file) = self.file.as_deref() else {
            return false;
        };
        let there = std::fs::symlink_metadata(file).is_ok();
        let here = self.made.as_deref() == Some(&resolved(file));
        !there || !here
    }

    /// A new socket with the same file, to take its place.
    pub(super) fn made_again(&self) -> io::Result<Self> {
        let file = self.file.as_deref().unwrap_or(Path::new(""));
        let descriptor = unix(file)?;
        Ok(Self {
            address: self.address.clone(),
            protocols: self.protocols.clone(),
            descriptor,
            url: self.url.clone(),
            id: FileId::of(&resolved(file)),
            made: Some(resolved(file)),
            file: Some(file.to_path_buf()),
        })
    }

    /// Has connections of later workers speak these protocols. Returns what they spoke before.
    pub(super) fn speak(&mut self, protocols: ListenProtocols) -> ListenProtocols {
        match &self.file {
            Some(file) => self.url = unix_url(file, &protocols),
            None => {
                if let Ok(url) = url(&self.descriptor, &protocols) {
                    self.url = url;
                }
            }
        }
        std::mem::replace(&mut self.protocols, protocols)
    }

    /// Closes it after `next` has taken its place, and removes its file unless that is now the new one's.
    pub(super) fn replaced_by(self, next: &Self) {
        if self.made != next.made {
            self.close();
        }
    }

    /// Closes it for good, and removes the file of a Unix socket.
    pub(super) fn close(self) {
        if let (Some(file), Some(id)) = (self.made, self.id) {
            id.remove(&file);
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

/// The file of a Unix socket: in the folder of the manifest, as all relative paths of a manifest.
fn file(path: &Path, location: &Path) -> PathBuf {
    let folder = location.parent().unwrap_or(Path::new("/"));
    folder.join(path)
}

fn resolved(file: &Path) -> PathBuf {
    site::folder(file).join(file.file_name().unwrap_or_default())
}

fn unix_url(file: &Path, protocols: &ListenProtocols) -> String {
    let scheme = match protocols.fastcgi {
        true => "fastcgi+unix",
        false => "unix",
    };
    format!("{scheme}:{}", file.display())
}

fn url(socket: &OwnedFd, protocols: &ListenProtocols) -> io::Result<String> {
    let local = rustix::net::getsockname(socket)?;
    if local.address_family() == AddressFamily::UNIX {
        let listener = UnixListener::from(socket.try_clone()?);
        let path = listener.local_addr()?.as_pathname().map(PathBuf::from);
        return Ok(match path {
            Some(path) => unix_url(&path, protocols),
            None => "unix:(no name)".to_owned(),
        });
    }
    let local = SocketAddr::try_from(local)?;
    let scheme = match protocols {
        ListenProtocols { fastcgi: true, .. } => "fastcgi",
        ListenProtocols { tls: Some(_), .. } => "https",
        _ => "http",
    };
    Ok(format!("{scheme}://{local}"))
}

fn explain(error: &io::Error, address: &Listen, open: &[SocketAddr]) -> String {
    match (error.kind(), address) {
        (io::ErrorKind::AddrInUse, Listen::Tcp(host)) => match covered(host, open) {
            Some(open) => format!(
                "this stackup listens on `{open}`, which has the same port\n\nhelp: remove one of the two from `listen`"
            ),
            None => "something listens there already; end it, or choose another port with `-p`"
                .to_owned(),
        },
        (io::ErrorKind::AddrInUse, Listen::Unix(_)) => {
            "something listens there already, or a file of this name is in the way".to_owned()
        }
        (io::ErrorKind::PermissionDenied, Listen::Tcp(_)) => {
            "not permitted; ports below 1024 need a privilege".to_owned()
        }
        (_, Listen::Tcp(_)) if lacks_family(error) => {
            format!("this machine has no such address ({error})")
        }
        _ => error.to_string(),
    }
}

/// The socket of ours that is in the way of `host`.
fn covered(host: &str, open: &[SocketAddr]) -> Option<SocketAddr> {
    use std::net::ToSocketAddrs;
    let resolved: Vec<_> = host.to_socket_addrs().ok()?.collect();
    let is_covered = |open: &SocketAddr| resolved.iter().any(|address| covers(*open, *address));
    open.iter().copied().find(is_covered)
}
