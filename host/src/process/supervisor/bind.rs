//! Opening the sockets of an address.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use crate::load::manifest::{Listen, ListenEntry};
use crate::process::socket_file::with_short_path;

/// How many connections may wait to be accepted, for instance while a worker starts. The system may allow
/// fewer.
const BACKLOG: i32 = 4096;

/// The ports of all addresses of `list` that are IPv4.
pub(super) fn ipv4_ports(list: &[ListenEntry]) -> Vec<u16> {
    let hosts = list.iter().filter_map(|entry| match &entry.address {
        Listen::Tcp(host) => host.to_socket_addrs().ok(),
        Listen::Unix(_) => None,
    });
    let ipv4 = hosts.flatten().filter(SocketAddr::is_ipv4);
    ipv4.map(|address| address.port()).collect()
}

/// Opens a socket for each address of `host` that is not among the `open` ones. `[::]` takes IPv4 as well, as is usual on
/// Linux, unless its port is among `ipv4_ports`: those have sockets of their own.
pub(super) fn tcp(host: &str, ipv4_ports: &[u16], open: &[SocketAddr]) -> io::Result<Vec<OwnedFd>> {
    let resolved: Vec<_> = host.to_socket_addrs()?.collect();
    each(resolved, |address| {
        if open.contains(&address) && address.port() != 0 {
            return Ok(None);
        }
        let socket = tcp_socket(address, only_ipv6(address, ipv4_ports))?;
        let local = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
        Ok(Some((socket, local.port())))
    })
}

/// Whether a socket must leave IPv4 to another one on the same port.
fn only_ipv6(address: SocketAddr, ipv4_ports: &[u16]) -> bool {
    let any = address.is_ipv6() && address.ip().is_unspecified();
    any && address.port() != 0 && ipv4_ports.contains(&address.port())
}

/// Opens each of the addresses that a name stands for. A family that this machine does not have is no error as long as
/// there is another.
fn each<T>(
    resolved: Vec<SocketAddr>,
    mut open: impl FnMut(SocketAddr) -> io::Result<Option<(T, u16)>>,
) -> io::Result<Vec<T>> {
    let (mut opened, mut port, mut skipped) = (Vec::new(), None, false);
    let mut lacking = None;
    for mut address in resolved {
        // `localhost:0` means the same port on each of its addresses.
        if let Some(port) = port.filter(|_| address.port() == 0) {
            address.set_port(port);
        }
        match open(address) {
            Ok(Some((socket, its_port))) => {
                port = Some(its_port);
                opened.push(socket);
            }
            Ok(None) => skipped = true,
            Err(error) if lacks_family(&error) => lacking = Some(error),
            Err(error) => return Err(error),
        }
    }
    match lacking {
        Some(error) if opened.is_empty() && !skipped => Err(error),
        _ => Ok(opened),
    }
}

/// Whether an address can't be had since the kernel or the network has no such family.
pub(super) fn lacks_family(error: &io::Error) -> bool {
    let family = [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT];
    error.kind() == io::ErrorKind::AddrNotAvailable
        || Errno::from_io_error(error).is_some_and(|errno| family.contains(&errno))
}

fn tcp_socket(address: SocketAddr, only_ipv6: bool) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // As std does: the connections of a server that has ended do not keep its port.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if only_ipv6 {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// Whether listening on `open` takes the connections of `address` as well.
pub(super) fn covers(open: SocketAddr, address: SocketAddr) -> bool {
    let same_family = open.is_ipv4() == address.is_ipv4();
    let all = match open.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() && same_family,
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    open.port() == address.port()
        && (all || open.ip() == address.ip() || address.ip().is_unspecified())
}

/// Opens a socket with a file.
pub(super) fn unix(path: &Path) -> io::Result<OwnedFd> {
    remove_stale(path)?;
    let listener = with_short_path(path, |path| UnixListener::bind(path))?;
    listen(&listener, BACKLOG)?;
    Ok(listener.into())
}

/// Removes the file of a socket that no process listens on any more, and nothing else.
pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    let connect = || with_short_path(path, |path| UnixStream::connect(path));
    if metadata.file_type().is_socket() && connect().is_err_and(refused) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn no_ipv6(address: SocketAddr) -> io::Result<Option<(SocketAddr, u16)>> {
        match address.is_ipv6() {
            true => Err(Errno::AFNOSUPPORT.into()),
            false => Ok(Some((address, 1234))),
        }
    }

    #[test]
    fn name_without_ipv6_is_its_ipv4_address() {
        let localhost = vec![address("[::1]:80"), address("127.0.0.1:80")];
        assert_eq!(each(localhost, no_ipv6).unwrap(), [address("127.0.0.1:80")]);
        assert!(each(vec![address("[::1]:80")], no_ipv6).is_err());
    }

    #[test]
    fn port_0_is_one_port_for_a_name() {
        let localhost = vec![address("127.0.0.1:0"), address("127.0.0.2:0")];
        let opened = each(localhost, no_ipv6).unwrap();
        assert_eq!(opened, [address("127.0.0.1:0"), address("127.0.0.2:1234")]);
    }

    #[test]
    fn wildcard_leaves_ipv4_to_a_socket_of_its_own() {
        let both = ["0.0.0.0:80", "[::]:80"].map(|host| Listen::Tcp(host.to_owned()).into());
        let ports = ipv4_ports(&both);
        assert!(only_ipv6(address("[::]:80"), &ports));
        assert!(!only_ipv6(address("0.0.0.0:80"), &ports));
        assert!(!only_ipv6(address("[::]:81"), &ports));
        assert!(!only_ipv6(address("[::]:80"), &ipv4_ports(&both[1..])));
    }

    #[test]
    fn address_that_is_open_already_is_not_opened_again() {
        let first = tcp("127.0.0.1:0", &[], &[]).unwrap().remove(0);
        let first = SocketAddr::try_from(rustix::net::getsockname(&first).unwrap()).unwrap();
        let host = first.to_string();
        assert!(tcp(&host, &[], &[first]).unwrap().is_empty());
    }

    #[test]
    fn wildcard_covers_its_port() {
        let all = address("[::]:80");
        assert!(covers(all, address("127.0.0.1:80")));
        assert!(!covers(all, address("127.0.0.1:81")));
        assert!(!covers(address("0.0.0.0:80"), address("[::1]:80")));
    }

    #[test]
    fn long_path_of_a_socket_works() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x".repeat(120));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("app.sock");
        let socket = unix(&path).unwrap();
        assert!(path.exists());
        drop(socket);
        // Left behind by a dead process.
        unix(&path).unwrap();
    }
}
