//! A shortage of descriptors.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Lets a process open no file beyond those that it has open.
///
/// # Panics
///
/// If the process is gone or belongs to another user.
pub fn no_more_files(process: Pid) {
    // A file may be open for a moment only: the fullest limit counts.
    let lowest_free = (0..5).map(|_| lowest_free(process)).min();
    let limit = Rlimit {
        current: lowest_free,
        maximum: Some(20_000),
    };
    prlimit(Some(process), Resource::Nofile, limit).expect("the limit is set");
}

fn lowest_free(process: Pid) -> u64 {
    let open = fs::read_dir(format!("/proc/{}/fd", process.as_raw_nonzero()));
    let names = open.expect("its descriptors").flatten();
    let open: BTreeSet<u64> = names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    (0..).find(|number| !open.contains(number)).unwrap_or(0)
}
