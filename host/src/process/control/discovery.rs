//! Finding a supervisor by the site that it serves, whatever links, variables and folders are between it and its client.
//!
//! Each supervisor listens on an abstract socket: it needs no folder that can be written, and it can neither be removed
//! nor be left behind. A client lists these sockets (`/proc/net/unix`) and asks each for its site.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};

use crate::load::site::{SiteName, names};

/// The names of all such sockets begin like this.
const PREFIX: &str = "stackup-control-";

/// The site that a server serves, or that a client asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Site {
    /// The process of the server.
    pub pid: u32,
    /// The manifest's path, absolute, links as they are.
    pub location: PathBuf,
    /// The site's name, then those of the files that its manifest is a link to. Empty if its folder is gone.
    names: Vec<SiteName>,
    /// The mount namespace of the process: in another one, the same path is another file.
    mounts: PathBuf,
}

/// How closely a server fits a client's question; the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It serves this site.
    Same,
    /// The client's manifest is a link to that of the server.
    LinkToServed,
    /// The server's manifest is a link to that of the client.
    LinkFromServed,
}

impl Site {
    /// The site of the manifest at `location`, as its links lead now.
    pub fn of(location: &Path) -> Self {
        Self {
            pid: std::process::id(),
            location: location.to_path_buf(),
            names: names(location),
            mounts: fs::read_link("/proc/self/ns/mnt").unwrap_or_default(),
        }
    }

    /// How a server of this site fits a client that asks for `wanted`.
    pub(super) fn fit(&self, wanted: &Self) -> Option<Fit> {
        let (Some(own), Some(other)) = (self.names.first(), wanted.names.first()) else {
            let same = self.location == wanted.location && self.mounts == wanted.mounts;
            return same.then_some(Fit::Same);
        };
        if own == other {
            return Some(Fit::Same);
        }
        if wanted.names.contains(own) {
            return Some(Fit::LinkToServed);
        }
        self.names.contains(other).then_some(Fit::LinkFromServed)
    }
}

/// Opens the socket on which this process can be found.
pub(super) fn bind() -> io::Result<UnixListener> {
    let (user, pid) = (rustix::process::geteuid().as_raw(), std::process::id());
    // Another user may have taken a name to be in the way.
    let tries = (0..16).map(|number| {
        let name = format!("{PREFIX}{user}-{pid}-{number}");
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
    });
    let mut last = Err(io::ErrorKind::AddrInUse.into());
    for bound in tries {
        match bound {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = Err(error),
            bound => return bound,
        }
    }
    last
}

/// Connections to all supervisors of this user and of root.
pub(super) fn servers() -> Vec<UnixStream> {
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut names: Vec<_> = table.lines().filter_map(listening).collect();
    names.sort_unstable();
    names.dedup();
    let connect = |name: &str| UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?);
    let streams = names.into_iter().filter_map(|name| connect(name).ok());
    streams.filter(is_trusted).collect()
}

/// The name of a supervisor's socket on a line of `/proc/net/unix`.
fn listening(line: &str) -> Option<&str> {
    let name = line.split_whitespace().nth(7)?.strip_prefix('@')?;
    name.starts_with(PREFIX).then_some(name)
}

/// Whether the other end of a socket is this user's or root's. An abstract name says nothing, and the owner of a file may
/// not be the one who listens.
pub(super) fn is_trusted(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid().as_raw();
    socket_peercred(stream).is_ok_and(|peer| trusts(us, peer.uid.as_raw()))
}

/// Root may talk to every supervisor, and every user to root's.
fn trusts(us: u32, owner: u32) -> bool {
    us == 0 || owner == us || owner == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;
    use crate::process::other_user::as_user;

    #[test]
    fn site_is_found_by_each_link_to_it_and_no_other_is() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in ["one", "two", "shared"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        for site in ["one", "two"] {
            symlink(root.join("shared/c.toml"), root.join(site).join("c.toml")).unwrap();
        }
        symlink(root.join("one"), root.join("current")).unwrap();
        symlink(root.join("one/c.toml"), root.join("mine.toml")).unwrap();
        let site = |path: &str| Site::of(&root.join(path));
        let one = site("one/c.toml");
        assert_eq!(one.fit(&site("current/c.toml")), Some(Fit::Same));
        assert_eq!(one.fit(&site("mine.toml")), Some(Fit::LinkToServed));
        assert_eq!(one.fit(&site("shared/c.toml")), Some(Fit::LinkFromServed));
        assert_eq!(one.fit(&site("two/c.toml")), None);
        assert_eq!(one.fit(&site("one/d.toml")), None);
    }

    #[test]
    fn site_whose_folder_is_gone_is_found_by_its_path() {
        let gone = Site::of(Path::new("/nowhere/c.toml"));
        assert_eq!(
            gone.fit(&Site::of(Path::new("/nowhere/c.toml"))),
            Some(Fit::Same)
        );
        assert_eq!(gone.fit(&Site::of(Path::new("/nowhere/d.toml"))), None);
    }

    #[test]
    fn only_a_server_of_the_same_user_or_of_root_is_believed() {
        assert!(trusts(1000, 1000) && trusts(1000, 0));
        assert!(!trusts(1000, 1001));
        // Root sees to every user's servers.
        assert!(trusts(0, 1000));
    }

    #[test]
    fn who_listens_counts_and_not_the_owner_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.sock");
        let chmod = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        chmod(dir.path(), 0o777);
        let (server, client) = (54_321, 54_322);
        let bound = path.clone();
        let Some(_listener) = as_user(server, || UnixListener::bind(bound).unwrap()) else {
            return;
        };
        chown(&path, Some(client), None).unwrap();
        chmod(&path, 0o666);
        let believes = |uid| {
            let path = path.clone();
            as_user(uid, || is_trusted(&UnixStream::connect(path).unwrap()))
        };
        assert_eq!(believes(client), Some(false));
        assert_eq!(believes(server), Some(true));
    }

    #[test]
    fn servers_of_other_users_are_passed_over() {
        let (server, client) = (54_323, 54_324);
        let Some(listener) = as_user(server, || bind().unwrap()) else {
            return;
        };
        let own = listener.local_addr().unwrap();
        let name = own.as_abstract_name().unwrap().to_vec();
        let finds = |uid| {
            let name = name.clone();
            as_user(uid, move || {
                let peers = servers()
                    .into_iter()
                    .map(|stream| stream.peer_addr().unwrap());
                peers
                    .into_iter()
                    .any(|peer| peer.as_abstract_name() == Some(&name[..]))
            })
        };
        assert_eq!(finds(client), Some(false));
        assert_eq!(finds(server), Some(true));
    }

    #[test]
    fn bound_socket_is_listed() {
        let listener = bind().unwrap();
        let own = listener.local_addr().unwrap();
        let own = own.as_abstract_name().unwrap();
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        let mut names = table.lines().filter_map(listening);
        assert!(names.any(|name| name.as_bytes() == own));
    }
}
