//! Guests in an upgrade: the next supervisor is the same process, and so their parent.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use stackup_plugin::GuestOptions;

use super::guest::Guest;
use super::process::{Process, Stage};
use super::{ClaimId, Guests, ready};
use crate::policy::Backoff;
use crate::services::GuestAddress;

/// A guest without its descriptors.
#[derive(Debug, Serialize, Deserialize)]
pub(in super::super) struct GuestInfo {
    number: u32,
    options: GuestOptions,
    files: Option<u64>,
    claims: BTreeSet<ClaimId>,
    current: Option<u32>,
    restarts: u32,
    was_ready: bool,
    backoff: Backoff,
    down: String,
    is_ending: bool,
    /// Three descriptors each.
    processes: Vec<ProcessInfo>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ProcessInfo {
    number: u32,
    guard: i32,
    pid: Option<i32>,
    address: GuestAddress,
    is_starting: bool,
    /// Its age in milliseconds.
    age: u64,
}

impl Guests {
    /// What the next supervisor needs to adopt them.
    pub(in super::super) fn info(&self) -> Vec<GuestInfo> {
        let info = |(number, guest): (&u32, &Guest)| GuestInfo {
            number: *number,
            options: guest.options.clone(),
            files: guest.files,
            claims: guest.claims.clone(),
            current: guest.current,
            restarts: guest.restarts,
            was_ready: guest.was_ready,
            backoff: guest.backoff.clone(),
            down: guest.down.clone(),
            is_ending: guest.is_ending(),
            processes: guest.processes.values().map(ProcessInfo::of).collect(),
        };
        self.all.iter().map(info).collect()
    }

    /// The descriptors that it needs, in the order of [`info`](Self::info).
    pub(in super::super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let processes = self.all.values().flat_map(|guest| guest.processes.values());
        processes.flat_map(Process::descriptors)
    }

    /// Adopts the guests of the supervisor that this process was before.
    ///
    /// # Errors
    ///
    /// A descriptor is missing, or the runtime refuses it.
    pub(in super::super) fn adopt(
        &mut self,
        guests: Vec<GuestInfo>,
        mut descriptor: impl FnMut() -> io::Result<OwnedFd>,
    ) -> io::Result<()> {
        for info in guests {
            let mut guest = Guest::new((info.options, info.files));
            (guest.claims, guest.current) = (info.claims, info.current);
            (guest.restarts, guest.was_ready) = (info.restarts, info.was_ready);
            (guest.backoff, guest.down) = (info.backoff, info.down);
            for process in info.processes {
                let descriptors = [descriptor()?, descriptor()?, descriptor()?];
                let process = process.adopt(&guest, descriptors, self)?;
                self.last_process = self.last_process.max(process.number);
                guest.processes.insert(process.number, process);
            }
            // What waited for its next start is started now.
            if guest.current.is_none() && guest.processes.is_empty() {
                guest.start_at = Some(Instant::now());
            }
            if info.is_ending {
                guest.end();
            }
            self.last_guest = self.last_guest.max(info.number);
            self.all.insert(info.number, guest);
        }
        Ok(())
    }
}

impl ProcessInfo {
    fn of(process: &Process) -> Self {
        Self {
            number: process.number,
            guard: process.guard.as_raw_nonzero().get(),
            pid: process.pid.map(|pid| pid.as_raw_nonzero().get()),
            address: process.address.clone(),
            is_starting: process.is_starting(),
            age: u64::try_from(process.born.elapsed().as_millis()).unwrap_or(0),
        }
    }

    fn adopt(
        self,
        guest: &Guest,
        [line, out, error]: [OwnedFd; 3],
        guests: &Guests,
    ) -> io::Result<Process> {
        let options = &guest.options;
        let deadline = Instant::now() + Duration::from_millis(options.ready_timeout);
        let stage = match self.is_starting {
            true => Stage::Starting {
                deadline,
                asking: ready::ask(self.number, self.address.clone(), options, &guests.launcher),
            },
            false if guest.current == Some(self.number) => Stage::Ready,
            // Which requests it had is not known any more: it has the time that it takes to end.
            false => Stage::Draining {
                waits_for: BTreeSet::new(),
                deadline: Instant::now() + Duration::from_millis(options.stop_timeout),
            },
        };
        let pid = |raw: i32| Pid::from_raw(raw);
        let age = Duration::from_millis(self.age);
        let born = Instant::now().checked_sub(age);
        let guard =
            pid(self.guard).ok_or_else(|| io::Error::other("no process has this number"))?;
        let (line, pipes) = (UnixStream::from(line), [out, error]);
        let mut process = Process::new(self.number, guard, self.address, stage, line, pipes);
        process.pid = self.pid.and_then(pid);
        process.born = born.unwrap_or(process.born);
        process.listen(&options.name, &guests.launcher)?;
        Ok(process)
    }
}
