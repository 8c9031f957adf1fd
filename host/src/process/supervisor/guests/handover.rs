//! Guests in an upgrade: the next supervisor is the same process, and so their parent.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use stackup_plugin::GuestOptions;

use super::super::process_state::is_child;
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
                // As with workers: an earlier version may hand over one whose exit it has collected.
                if !process.is_ours() {
                    guest.current.take_if(|current| *current == process.number);
                    continue;
                }
                let process = process.adopt(&guest, descriptors, self)?;
                self.last_process = self.last_process.max(process.number);
                guest.processes.insert(process.number, process);
            }
            // What waited for its next start is started now.
            if guest.current.is_none() && !guest.is_starting() {
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

    /// Whether its guard is a child of this process.
    fn is_ours(&self) -> bool {
        Pid::from_raw(self.guard).is_some_and(is_child)
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

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use rustix::pipe::pipe;
    use stackup_plugin::GuestListen;
    use tokio::sync::mpsc;

    use super::*;

    fn guest(current: Option<u32>, guard: &Child) -> GuestInfo {
        let options = GuestOptions {
            name: "blog".to_owned(),
            command: vec!["blog".to_owned()],
            dir: "blog".into(),
            env: [].into(),
            listen: GuestListen::Port,
            ready: "/".to_owned(),
            ready_success: false,
            ready_timeout: 60_000,
            stop_timeout: 60_000,
            memory: None,
            max_age: None,
            watch: false,
        };
        GuestInfo {
            number: 1,
            options,
            files: None,
            claims: BTreeSet::new(),
            current,
            restarts: 0,
            was_ready: true,
            backoff: Backoff::default(),
            down: String::new(),
            is_ending: false,
            processes: vec![ProcessInfo {
                number: 7,
                guard: Pid::from_child(guard).as_raw_nonzero().get(),
                pid: None,
                address: GuestAddress::Port(1),
                is_starting: false,
                age: 0,
            }],
        }
    }

    fn adopted(info: GuestInfo) -> Guest {
        let (events, _received) = mpsc::unbounded_channel();
        let mut guests = Guests::new("/".into(), events);
        let mut descriptors = Vec::new();
        guests
            .adopt(vec![info], || {
                if descriptors.is_empty() {
                    descriptors.push(UnixStream::pair()?.0.into());
                    descriptors.extend([pipe()?.0, pipe()?.0]);
                }
                Ok(descriptors.remove(0))
            })
            .unwrap();
        guests.all.remove(&1).unwrap()
    }

    #[tokio::test]
    async fn process_whose_exit_was_collected_is_started_anew() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let guest = adopted(guest(Some(7), &child));
        assert!(guest.processes.is_empty());
        assert_eq!(guest.current, None);
        assert!(guest.is_start_due(Instant::now()));
    }

    #[tokio::test]
    async fn guest_whose_old_process_drains_is_started_anew() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let kept = adopted(guest(Some(7), &child));
        assert_eq!(kept.current, Some(7));
        assert!(!kept.is_start_due(Instant::now()));
        let waits = adopted(guest(None, &child));
        assert_eq!(waits.processes.len(), 1);
        assert!(waits.is_start_due(Instant::now()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
