//! The resources of supervisor and worker, as the kernel reports them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rustix::process::Pid;
use stackup_tests::Host;

/// The host's processes.
pub(crate) struct Processes {
    supervisor: Pid,
    /// The active one.
    worker: Pid,
    pub(crate) renewals: u64,
    /// Faults in the log.
    pub(crate) incidents: Vec<String>,
    directories: BTreeSet<PathBuf>,
}

/// One sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Of the worker, in KiB.
    pub(crate) resident: u64,
    pub(crate) supervisor_descriptors: u64,
    pub(crate) worker_descriptors: u64,
    pub(crate) files: u64,
}

impl Processes {
    pub(crate) fn of(host: &Host) -> Self {
        Self {
            supervisor: host.pid(),
            worker: host.worker(),
            renewals: 0,
            incidents: Vec::new(),
            directories: BTreeSet::new(),
        }
    }

    /// Reads the log since the last call.
    pub(crate) fn read_log(&mut self, host: &Host) {
        while let Some(record) = host.log().try_take(|_| true) {
            let renewed = record.event() == "renewal" && record.text("state") == "done";
            self.renewals += u64::from(renewed);
            if record.event() == "worker" && record.text("state") == "serving" {
                let pid = record.number("pid").and_then(|pid| pid.try_into().ok());
                self.worker = pid.and_then(Pid::from_raw).unwrap_or(self.worker);
            }
            if matches!(record.text("level"), "error" | "warn") {
                self.incidents.push(record.message().to_owned());
            }
        }
    }

    pub(crate) fn sample(&mut self) -> Sample {
        let (supervisor, own) = descriptors(self.supervisor);
        let (worker, its) = descriptors(self.worker);
        let directories: BTreeSet<_> = own.into_iter().chain(its).collect();
        let files = directories.iter().map(|directory| {
            let entries = fs::read_dir(directory);
            entries.map_or(0, |entries| entries.count() as u64)
        });
        let files = files.sum();
        self.directories.extend(directories);
        Sample {
            resident: resident(self.worker),
            supervisor_descriptors: supervisor,
            worker_descriptors: worker,
            files,
        }
    }

    /// The number of runtime directories that still exist.
    pub(crate) fn left_behind(&self) -> usize {
        let left = self.directories.iter().filter(|path| path.exists());
        left.count()
    }
}

/// The number of a process's descriptors, and the runtime directories among them.
fn descriptors(pid: Pid) -> (u64, Vec<PathBuf>) {
    let pid = pid.as_raw_nonzero();
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    let paths: Vec<_> = entries
        .flatten()
        .map(|entry| fs::read_link(entry.path()).unwrap_or_default())
        .collect();
    let count = paths.len() as u64;
    let is_runtime = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("stackup-runtime-")
    };
    (count, paths.into_iter().filter(is_runtime).collect())
}

/// KiB, or 0 for a worker that has just exited.
fn resident(pid: Pid) -> u64 {
    let pid = pid.as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap_or_default().trim().trim_end_matches(" kB");
    number.parse().unwrap_or_default()
}
