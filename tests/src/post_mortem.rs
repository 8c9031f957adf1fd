//! What a failed test prints about its host besides the log: the processes and their sockets.

use std::fmt::Write;
use std::fs;

use rustix::process::Pid;

/// The processes of the group of `host`, with what their threads wait for, and the sockets with the port of `address`.
#[must_use]
pub(crate) fn processes_and_sockets(host: Pid, address: &str) -> String {
    let mut report = String::new();
    let sockets = sockets(address);
    for process in group(host) {
        let command = read(process, "cmdline").replace('\0', " ");
        let _ = writeln!(report, "process {process} {command}");
        for thread in numbers(&format!("/proc/{process}/task")) {
            let read = |name: &str| read(process, &format!("task/{thread}/{name}"));
            let (name, waits, stat) = (read("comm"), read("wchan"), read("stat"));
            let state = after_name(&stat).chars().next().unwrap_or('?');
            let _ = writeln!(report, "  {thread} {} {state} {waits}", name.trim_end());
        }
        for descriptor in numbers(&format!("/proc/{process}/fd")) {
            let link = fs::read_link(format!("/proc/{process}/fd/{descriptor}"));
            let link = link.unwrap_or_default().to_string_lossy().into_owned();
            let inode = link.strip_prefix("socket:[").unwrap_or_default();
            let inode = inode.trim_end_matches(']');
            if sockets.iter().any(|socket| inode_of(socket) == inode) {
                let _ = writeln!(report, "  descriptor {descriptor} is {link}");
            }
        }
    }
    // The first line is the header. A connection that nobody has accepted has 0 as its inode; the `rx_queue` of a socket that
    // listens (state 0A) is how many of them wait.
    for socket in &sockets {
        let _ = writeln!(report, "{socket}");
    }
    report
}

/// The processes whose group is that of `host`.
fn group(host: Pid) -> Vec<u32> {
    let group = host.as_raw_nonzero().to_string();
    let mut processes = numbers("/proc");
    // state ppid pgrp, as in proc_pid_stat(5).
    processes
        .retain(|process| after_name(&read(*process, "stat")).split(' ').nth(2) == Some(&group));
    processes
}

/// The header of the system's table of TCP sockets, and those with the port of `address`.
fn sockets(address: &str) -> Vec<String> {
    let port = address.rsplit(':').next().unwrap_or_default();
    let port = port.parse::<u16>().unwrap_or_default();
    let port = format!(":{port:04X} ");
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let mut lines = table.lines();
    let header = lines.next();
    let ours = lines.filter(|line| line.contains(&port));
    header.into_iter().chain(ours).map(str::to_owned).collect()
}

/// The inode in a line of that table.
fn inode_of(socket: &str) -> &str {
    socket.split_whitespace().nth(9).unwrap_or_default()
}

/// What follows the name of a process in its `stat`: the name may contain anything.
fn after_name(stat: &str) -> &str {
    stat.rsplit(") ").next().unwrap_or_default()
}

fn read(process: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default()
}

/// The entries of a folder that are numbers.
fn numbers(folder: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).collect()
}
