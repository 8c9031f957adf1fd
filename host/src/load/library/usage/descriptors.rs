//! The descriptors that were opened while a library's code ran alone: its load, and the `init` of its handlers.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::Dir;

use super::ByFile;

/// A descriptor, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opened {
    number: u32,
    target: PathBuf,
    /// The private copy of the library that has opened it.
    copy: PathBuf,
}

static OPENED: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// The numbers of all open descriptors, without that of the folder which lists them: the next one gets it.
pub(in crate::load::library) fn open_now() -> BTreeSet<u32> {
    let numbers = || {
        let folder = Dir::new(File::open("/proc/self/fd").ok()?).ok()?;
        let own = folder.fd().ok()?.as_raw_fd().unsigned_abs();
        let mut numbers = BTreeSet::new();
        for entry in folder {
            let entry = entry.ok()?;
            let number: Option<u32> = entry.file_name().to_str().ok()?.parse().ok();
            numbers.extend(number.filter(|number| *number != own));
        }
        Some(numbers)
    };
    // Where the system does not list them, none are charged.
    numbers().unwrap_or_default()
}

/// Charges what was opened since `before` to the library whose private copy is `copy`.
pub(in crate::load::library) fn charge(copy: &Path, before: &BTreeSet<u32>) {
    let mut new: Vec<Opened> = Vec::new();
    for number in open_now().difference(before) {
        // Another thread may have closed it.
        if let Some(target) = target(*number) {
            let copy = copy.to_path_buf();
            new.push(Opened {
                number: *number,
                target,
                copy,
            });
        }
    }
    if new.iter().any(|one| inode(&one.target).is_some()) {
        let accepted = accepted();
        // Clients connect all the time.
        new.retain(|one| inode(&one.target).is_none_or(|inode| !accepted.contains(&inode)));
    }
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.retain(is_open);
    opened.extend(new);
}

/// How many of them are still open, by the private copy.
pub(in crate::load::library) fn by_file() -> ByFile {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.retain(is_open);
    let mut counts = ByFile::new();
    for one in opened.iter() {
        let copy = one.copy.to_string_lossy().into_owned();
        *counts.entry(copy).or_default() += 1;
    }
    counts
}

fn is_open(one: &Opened) -> bool {
    target(one.number).as_ref() == Some(&one.target)
}

fn target(number: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{number}")).ok()
}

/// The inode in `socket:[1234]`.
fn inode(target: &Path) -> Option<u64> {
    let target = target.to_str()?.strip_prefix("socket:[")?;
    target.strip_suffix(']')?.parse().ok()
}

/// The inodes of sockets that a listening socket has accepted.
fn accepted() -> BTreeSet<u64> {
    let read = |name| fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
    let mut accepted = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        accepted.extend(accepted_tcp(&read(table)));
    }
    accepted.extend(accepted_unix(&read("unix")));
    accepted
}

/// `NUMBER: ADDRESS:PORT PEER STATE … INODE …`: those at the port of a listening one.
fn accepted_tcp(table: &str) -> Vec<u64> {
    const LISTENS: &str = "0A";
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, port) = fields.get(1)?.rsplit_once(':')?;
        let inode: u64 = fields.get(9)?.parse().ok()?;
        Some((port, *fields.get(3)?, inode))
    });
    let rows: Vec<_> = rows.collect();
    let listening = rows.iter().filter(|(_, state, _)| *state == LISTENS);
    let ports: BTreeSet<_> = listening.map(|(port, ..)| *port).collect();
    let accepted = rows
        .iter()
        .filter(|(port, state, _)| *state != LISTENS && ports.contains(port));
    accepted.map(|(.., inode)| *inode).collect()
}

/// `NUMBER: REFERENCES PROTOCOL FLAGS TYPE STATE INODE PATH`: those with the path of a listening one.
fn accepted_unix(table: &str) -> Vec<u64> {
    const LISTENS: &str = "00010000";
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let inode: u64 = fields.get(6)?.parse().ok()?;
        Some((*fields.get(7)?, *fields.get(3)?, inode))
    });
    let rows: Vec<_> = rows.collect();
    let listening = rows.iter().filter(|(_, flags, _)| *flags == LISTENS);
    let paths: BTreeSet<_> = listening.map(|(path, ..)| *path).collect();
    let accepted = rows
        .iter()
        .filter(|(path, flags, _)| *flags != LISTENS && paths.contains(path));
    accepted.map(|(.., inode)| *inode).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_of_clients_are_told_from_own_ones() {
        let table = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2450 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0
   1: 0100007F:2450 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0
   2: 0100007F:C350 0100007F:2450 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0
";
        assert_eq!(accepted_tcp(table), [101]);
        let table = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000: 00000002 00000000 00010000 0001 01 200 /run/site.sock
0000: 00000003 00000000 00000000 0001 03 201 /run/site.sock
0000: 00000003 00000000 00000000 0001 03 202
";
        assert_eq!(accepted_unix(table), [201]);
    }

    #[test]
    fn open_descriptors_are_charged_until_they_close() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let copy = Path::new("/run/a library of this test.so");
        let charged = |socket: &TcpStream| {
            let number = socket.as_raw_fd().unsigned_abs();
            let opened = OPENED.lock().unwrap();
            let mut opened = opened.iter();
            opened.any(|one| one.number == number && one.copy == copy)
        };
        // The number may be one that another test had open before.
        let attempts = (0..100).map(|_| {
            let before = open_now();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            charge(copy, &before);
            assert!(!charged(&server), "a client has connected");
            client
        });
        let client = attempts.into_iter().find(charged).expect("it is charged");
        let target = target(client.as_raw_fd().unsigned_abs()).unwrap();
        assert!(by_file().contains_key("/run/a library of this test.so"));
        drop(client);
        by_file();
        let opened = OPENED.lock().unwrap();
        assert!(opened.iter().all(|one| one.target != target));
    }
}
