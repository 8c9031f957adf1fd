//! Guests: processes that answer requests for the workers' plugins. The supervisor starts, watches and stops them.
//!
//! A guest is known by its options; workers have claims to it. It is stopped when nobody has one any more, so it outlives
//! a worker whose successor has the same stack.

mod claims;
mod guest;
mod handover;
mod memory;
mod output;
mod process;
mod ready;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitStatus};
use stackup_plugin::GuestOptions;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::guest::Guest;
pub(super) use self::handover::GuestInfo;
use self::process::Process;
use super::Event;
use crate::services::{GuestEvent, GuestState};

/// At how many checks the memory of guests without a limit is measured once: only `stackup status` shows it.
const MEASURE_ALL: u64 = 10;

/// A worker's claim to a guest: its number, and that of the claim.
pub(super) type ClaimId = (u32, u64);

/// What tells guests apart: their options and, where a change of their files is another guest, the state of those.
type Identity = (GuestOptions, Option<u64>);

/// What happens to a process of a guest.
#[derive(Debug)]
pub(super) enum ProcessEvent {
    /// The guard has started it.
    Started(Pid),
    /// It answers.
    Ready,
    /// It has written a line. Further lines may have to wait until this is dropped.
    Said {
        line: String,
        _room: Option<OwnedSemaphorePermit>,
    },
    /// One of its outputs has ended.
    OutputClosed,
    /// The bytes that it and its children take.
    Measured(u64),
}

/// All guests.
#[derive(Debug)]
pub(super) struct Guests {
    all: BTreeMap<u32, Guest>,
    /// Numbers are not reused.
    last_guest: u32,
    last_process: u32,
    launcher: Launcher,
    checks: u64,
    /// The claims that want the lines of their guests.
    listeners: BTreeSet<ClaimId>,
    notices: Vec<(ClaimId, GuestState)>,
}

/// What a process is started with.
#[derive(Debug, Clone)]
pub(super) struct Launcher {
    /// Where sockets are.
    folder: PathBuf,
    events: mpsc::UnboundedSender<Event>,
    /// Whether anybody wants the lines of guests.
    tells_lines: Arc<AtomicBool>,
}

impl Guests {
    /// None yet. Their sockets will be in `folder`, which only this user can enter.
    pub(super) fn new(folder: PathBuf, events: mpsc::UnboundedSender<Event>) -> Self {
        Self {
            all: BTreeMap::new(),
            last_guest: 0,
            last_process: 0,
            launcher: Launcher {
                folder,
                events,
                tells_lines: Arc::default(),
            },
            checks: 0,
            listeners: BTreeSet::new(),
            notices: Vec::new(),
        }
    }

    /// What workers are to be told since the last call.
    pub(super) fn take_notices(&mut self) -> Vec<(ClaimId, GuestState)> {
        std::mem::take(&mut self.notices)
    }

    /// A worker says something about its claims.
    pub(super) fn handle(&mut self, worker: u32, event: GuestEvent) {
        match event {
            GuestEvent::Wanted {
                claim,
                options,
                files,
                except,
                lines,
            } => {
                self.wanted((worker, claim), (*options, files), &except);
                if lines {
                    self.listeners.insert((worker, claim));
                    self.launcher.tells_lines.store(true, Ordering::Relaxed);
                }
            }
            GuestEvent::Idle { claim, process } => {
                if let Some(guest) = self.of_process(process) {
                    guest.idle((worker, claim), process);
                }
            }
            GuestEvent::Released { claim } => {
                let mut guests = self.all.values_mut();
                if let Some(guest) = guests.find(|guest| guest.claims.contains(&(worker, claim))) {
                    guest.release((worker, claim));
                }
                self.listeners.remove(&(worker, claim));
            }
        }
    }

    fn wanted(&mut self, claim: ClaimId, identity: Identity, except: &[u64]) {
        let excepted = |had: &ClaimId| had.0 == claim.0 && except.contains(&had.1);
        let fits = |guest: &&mut Guest| {
            let same = !guest.is_ending() && guest.is(&identity);
            same && !guest.claims.iter().any(excepted)
        };
        if let Some(guest) = self.all.values_mut().find(fits) {
            guest.claims.insert(claim);
            let state = guest.state();
            self.notices.extend(state.map(|state| (claim, state)));
            return;
        }
        self.last_guest += 1;
        let number = self.last_guest;
        let mut guest = Guest::new(identity);
        guest.claims.insert(claim);
        self.all.insert(number, guest);
        self.start(number);
    }

    /// Starts another process of a guest.
    fn start(&mut self, number: u32) {
        let Some(guest) = self.all.get_mut(&number) else {
            return;
        };
        self.last_process += 1;
        match Process::start(self.last_process, &guest.options, &self.launcher) {
            Ok(process) => guest.starts(process),
            Err(error) => {
                let reason = format!("cannot start a process: {error}");
                self.notices.extend(guest.start_failed(&reason));
            }
        }
        self.sweep();
    }

    /// Something has happened to a process. `drain` is the longest time that requests of the one before may take.
    pub(super) fn process_event(&mut self, number: u32, event: &ProcessEvent, drain: Duration) {
        let launcher = self.launcher.clone();
        let mut guests = self.all.values_mut();
        let Some(guest) = guests.find(|guest| guest.processes.contains_key(&number)) else {
            return;
        };
        let notices = match event {
            ProcessEvent::Ready => guest.ready(number, drain),
            ProcessEvent::Started(pid) => {
                guest.started(number, *pid);
                Vec::new()
            }
            ProcessEvent::OutputClosed => {
                guest.output_closed(number);
                Vec::new()
            }
            ProcessEvent::Said { line, .. } => {
                let state = GuestState::Said { line: line.clone() };
                let mut workers = BTreeSet::new();
                let claims = guest.claims.intersection(&self.listeners);
                // One claim of each worker is enough.
                let claims = claims.filter(|(worker, _)| workers.insert(*worker));
                claims.map(|claim| (*claim, state.clone())).collect()
            }
            ProcessEvent::Measured(bytes) => {
                guest.measured(number, *bytes);
                Vec::new()
            }
        };
        if let ProcessEvent::Ready = event {
            guest.measure(&launcher);
        }
        self.notices.extend(notices);
        self.remove_exited();
    }

    /// A child of the supervisor has exited; false if it is no guest's.
    pub(super) fn exited(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let known = (self.all.values_mut()).any(|guest| guest.exited(pid, status));
        if known {
            self.remove_exited();
        }
        known
    }

    /// Whether a process has exited whose last lines are not read yet.
    pub(super) fn have_exits(&self) -> bool {
        let processes = self.all.values().flat_map(|guest| guest.processes.values());
        processes.into_iter().any(|process| process.ended.is_some())
    }

    /// Reacts to the exits of processes whose last lines are read.
    fn remove_exited(&mut self) {
        for guest in self.all.values_mut() {
            self.notices.extend(guest.remove_exited(Instant::now()));
        }
        self.sweep();
    }

    /// No claim of this worker is left.
    pub(super) fn worker_exited(&mut self, worker: u32) {
        for guest in self.all.values_mut() {
            let claims: Vec<_> = guest
                .claims
                .iter()
                .filter(|claim| claim.0 == worker)
                .copied()
                .collect();
            claims.into_iter().for_each(|claim| guest.release(claim));
        }
        self.listeners.retain(|claim| claim.0 != worker);
    }

    /// Stops the guests that nobody has a claim to.
    pub(super) fn end_unclaimed(&mut self) {
        let unclaimed = self
            .all
            .values_mut()
            .filter(|guest| guest.claims.is_empty());
        unclaimed.for_each(Guest::end);
        self.sweep();
    }

    /// Kills all of them.
    pub(super) fn kill_all(&mut self) {
        for guest in self.all.values_mut() {
            guest.end();
            guest.kill();
        }
        self.sweep();
    }

    /// Whether no process is left.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.all.values().filter_map(Guest::next_deadline).min()
    }

    /// Does what is due.
    pub(super) fn on_deadline(&mut self, now: Instant) {
        for guest in self.all.values_mut() {
            guest.on_deadline(now);
        }
        self.remove_exited();
        let due: Vec<u32> = (self.all.iter())
            .filter(|(_, guest)| guest.is_start_due(now))
            .map(|(number, _)| *number)
            .collect();
        due.into_iter().for_each(|number| self.start(number));
    }

    /// Has processes replaced that are too old or too large, or whose socket is gone. The next ones have theirs in `folder`.
    pub(super) fn check(&mut self, folder: &Path) {
        if self.launcher.folder != folder {
            self.launcher.folder = folder.to_path_buf();
        }
        self.checks += 1;
        let all = self.checks.is_multiple_of(MEASURE_ALL);
        for guest in self.all.values_mut() {
            if all || guest.options.memory.is_some() {
                guest.measure(&self.launcher);
            }
        }
        let worn: Vec<(u32, String)> = (self.all.iter())
            .filter_map(|(number, guest)| Some((*number, guest.worn()?)))
            .collect();
        for (number, why) in worn {
            if let Some(guest) = self.all.get(&number) {
                let name = &guest.options.name;
                tracing::info!(
                    event = "guest",
                    guest = name,
                    state = "worn",
                    "the guest `{name}` {why}: starting another process"
                );
            }
            self.start(number);
        }
    }

    fn of_process(&mut self, process: u32) -> Option<&mut Guest> {
        let mut guests = self.all.values_mut();
        guests.find(|guest| guest.processes.contains_key(&process))
    }

    /// Forgets guests that have ended.
    fn sweep(&mut self) {
        self.all
            .retain(|_, guest| !(guest.is_ending() && guest.processes.is_empty()));
    }
}
