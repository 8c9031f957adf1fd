//! What a failed test prints about its host: the log, the processes, and the sockets.

use std::fmt::Write;
use std::fs;

use rustix::process::Pid;

/// The processes of the group of `host`, with their state, and the sockets with the port of `address`.
#[must_use]
pub(crate) fn processes_and_sockets(host: Pid, address: &str) -> String {
    let mut report = String::new();
    for process in group(host) {
        let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}"));
        let command = read("cmdline").unwrap_or_default().replace('\0', " ");
        let state = read("stat").unwrap_or_default();
        let state = state.rsplit(") ").next().unwrap_or_default();
        let waits = read("wchan").unwrap_or_default();
        let state = state.chars().next().unwrap_or('?');
        let _ = writeln!(report, "process {process} [{state} in {waits}] {command}");
    }
    let port = address.rsplit(':').next().unwrap_or_default();
    let port = port.parse::<u16>().unwrap_or_default();
    let port = format!(":{port:04X} ");
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let mut lines = sockets.lines();
    // The header, and the sockets; a listening one has the length of its queue as `rx_queue`.
    let _ = writeln!(report, "{}", lines.next().unwrap_or_default());
    for line in lines.filter(|line| line.contains(&port)) {
        let _ = writeln!(report, "{line}");
    }
    report
}

/// The processes whose group is that of `host`.
fn group(host: Pid) -> Vec<u32> {
    let group = host.as_raw_nonzero().to_string();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let belongs = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // pid (name) state ppid pgrp: proc_pid_stat(5).
        let after = stat.rsplit(") ").next().unwrap_or_default();
        after.split(' ').nth(2) == Some(&group)
    };
    ids.filter(belongs).collect()
}
