//! One guest: the process that requests go to, the one that is to replace it, and those that end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitStatus};
use stackup_plugin::GuestOptions;

use super::process::{Process, Stage};
use super::{ClaimId, Identity, Launcher};
use crate::policy::Backoff;
use crate::services::GuestState;

type Notices = Vec<(ClaimId, GuestState)>;

/// A guest.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) options: GuestOptions,
    /// The state of its files, where a change of them is another guest.
    pub(super) files: Option<u64>,
    pub(super) claims: BTreeSet<ClaimId>,
    pub(super) processes: BTreeMap<u32, Process>,
    /// The process that requests go to.
    pub(super) current: Option<u32>,
    /// How often a process has died and was started again.
    pub(super) restarts: u32,
    /// Whether any process was ever ready.
    pub(super) was_ready: bool,
    pub(super) backoff: Backoff,
    /// When to start another process.
    pub(super) start_at: Option<Instant>,
    /// Why no process is ready.
    pub(super) down: String,
    is_ending: bool,
}

impl Guest {
    /// Without a process yet.
    pub(super) fn new((options, files): Identity) -> Self {
        Self {
            options,
            files,
            claims: BTreeSet::new(),
            processes: BTreeMap::new(),
            current: None,
            restarts: 0,
            was_ready: false,
            backoff: Backoff::default(),
            start_at: None,
            down: String::new(),
            is_ending: false,
        }
    }

    /// Whether it is this guest.
    pub(super) fn is(&self, (options, files): &Identity) -> bool {
        self.options == *options && self.files == *files
    }

    /// Whether it is no longer needed.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// The answer to a new claim; none before the first process is ready.
    pub(super) fn state(&self) -> Option<GuestState> {
        let current = self.current.and_then(|number| self.processes.get(&number));
        match current {
            Some(process) => Some(process.ready_state()),
            None => self.was_ready.then(|| self.down_state()),
        }
    }

    fn down_state(&self) -> GuestState {
        GuestState::Down {
            reason: self.down.clone(),
        }
    }

    fn tell(&self, state: &GuestState) -> Notices {
        let claims = self.claims.iter();
        claims.map(|claim| (*claim, state.clone())).collect()
    }

    /// This process was started.
    pub(super) fn starts(&mut self, process: Process) {
        self.start_at = None;
        self.processes.insert(process.number, process);
    }

    /// Whether one of its processes is not ready yet.
    pub(super) fn is_starting(&self) -> bool {
        self.processes.values().any(Process::is_starting)
    }

    /// Its guard has started this process.
    pub(super) fn started(&mut self, number: u32, pid: Pid) {
        if let Some(process) = self.processes.get_mut(&number) {
            process.pid = Some(pid);
        }
    }

    /// This process answers: it takes over.
    pub(super) fn ready(&mut self, number: u32, drain: Duration) -> Notices {
        let Some(process) = self.processes.get_mut(&number) else {
            return Vec::new();
        };
        if !process.is_starting() || process.ended.is_some() {
            return Vec::new();
        }
        let milliseconds = process.since.elapsed().as_secs_f64() * 1000.0;
        process.set_stage(Stage::Ready);
        let (state, pid) = (process.ready_state(), process.shown_pid());
        let name = &self.options.name;
        tracing::info!(
            event = "guest",
            guest = name,
            state = "ready",
            pid,
            milliseconds,
            "the guest `{name}` is ready after {milliseconds:.0} ms (pid {pid})"
        );
        self.was_ready = true;
        let before = self.current.replace(number);
        let claims = self.claims.clone();
        if let Some(before) = before.and_then(|before| self.processes.get_mut(&before)) {
            match claims.is_empty() {
                true => before.stop(&self.options),
                false => before.set_stage(Stage::Draining {
                    waits_for: claims,
                    deadline: Instant::now() + drain,
                }),
            }
        }
        self.tell(&state)
    }

    /// A claim has no more requests on a process.
    pub(super) fn idle(&mut self, claim: ClaimId, number: u32) {
        if let Some(process) = self.processes.get_mut(&number)
            && process.is_drained_by(claim)
        {
            process.stop(&self.options);
        }
    }

    /// A claim has ended, and all of its requests.
    pub(super) fn release(&mut self, claim: ClaimId) {
        self.claims.remove(&claim);
        let drained: Vec<u32> = self.processes.keys().copied().collect();
        drained
            .into_iter()
            .for_each(|number| self.idle(claim, number));
    }

    /// Nobody needs it any more.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.is_ending, true) {
            return;
        }
        (self.current, self.start_at) = (None, None);
        for process in self.processes.values_mut() {
            process.stop(&self.options);
        }
    }

    /// Kills all of its processes.
    pub(super) fn kill(&mut self) {
        self.processes.values_mut().for_each(Process::kill);
    }

    /// A process with this guard has exited; false if there is none.
    pub(super) fn exited(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let mut processes = self.processes.values_mut();
        let process = processes.find(|process| process.guard == pid);
        process.is_some_and(|process| {
            process.exited(status);
            true
        })
    }

    /// Has the memory of the process measured that requests go to.
    pub(super) fn measure(&mut self, launcher: &Launcher) {
        let current = self
            .current
            .and_then(|number| self.processes.get_mut(&number));
        if let Some(process) = current {
            process.measure(launcher);
        }
    }

    /// A process takes so many bytes of memory.
    pub(super) fn measured(&mut self, number: u32, bytes: u64) {
        if let Some(process) = self.processes.get_mut(&number) {
            (process.memory, process.is_measured) = (Some(bytes), false);
        }
    }

    /// One of a process's outputs has ended.
    pub(super) fn output_closed(&mut self, number: u32) {
        if let Some(process) = self.processes.get_mut(&number) {
            process.outputs -= 1;
        }
    }

    /// Removes processes that have exited and whose output is read, and reacts to each exit.
    pub(super) fn remove_exited(&mut self, now: Instant) -> Notices {
        let done = |(_, process): &(&u32, &Process)| process.is_over(now);
        let over: Vec<u32> = (self.processes.iter().filter(done))
            .map(|(number, _)| *number)
            .collect();
        let mut notices = Vec::new();
        for number in over {
            if let Some(process) = self.processes.remove(&number) {
                notices.extend(self.react_to_exit(&process));
            }
        }
        notices
    }

    fn react_to_exit(&mut self, process: &Process) -> Notices {
        let how = process.how_it_ended();
        match process.stage {
            Stage::Starting { .. } => {
                let reason = match process.killed {
                    true => {
                        let limit = Duration::from_millis(self.options.ready_timeout);
                        let path = &self.options.ready;
                        format!("it did not answer `GET {path}` within {limit:?}")
                    }
                    false => format!("it {how} before it was ready"),
                };
                self.start_failed(&format!("{reason}{}", process.last_lines()))
            }
            Stage::Ready if self.current == Some(process.number) => {
                self.current = None;
                self.restarts += 1;
                let wait = self.backoff.next_delay(process.since.elapsed());
                let (name, pid) = (self.options.name.clone(), process.shown_pid());
                let last = process.last_lines();
                tracing::error!(
                    event = "guest",
                    guest = name,
                    state = "died",
                    pid,
                    "the guest `{name}` {how}: it is started again{last}"
                );
                self.start_later(wait, how)
            }
            _ => Vec::new(),
        }
    }

    /// A process did not become ready.
    pub(super) fn start_failed(&mut self, reason: &str) -> Notices {
        let name = &self.options.name;
        if !self.was_ready {
            let reason = format!("the guest `{name}` can't be started: {reason}");
            let notices = self.tell(&GuestState::Failed { reason });
            self.end();
            return notices;
        }
        let wait = self.backoff.next_delay(Duration::ZERO);
        let (name, follows) = (
            name.clone(),
            match self.current {
                Some(_) => "the process before keeps serving",
                None => "it is started again",
            },
        );
        tracing::error!(
            event = "guest",
            guest = name,
            state = "failed",
            error = reason,
            "the guest `{name}` can't be started: {reason}\n\n{follows}"
        );
        self.start_later(wait, reason.lines().next().unwrap_or_default().to_owned())
    }

    fn start_later(&mut self, wait: Duration, why: String) -> Notices {
        if self.is_ending {
            return Vec::new();
        }
        // One that starts already takes its place.
        if !self.is_starting() {
            self.start_at = Some(Instant::now() + wait);
        }
        self.down = why;
        match self.current {
            Some(_) => Vec::new(),
            None => self.tell(&self.down_state()),
        }
    }

    /// Whether another process is to be started now.
    pub(super) fn is_start_due(&self, now: Instant) -> bool {
        self.start_at.is_some_and(|due| due <= now)
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let processes = self.processes.values().filter_map(Process::deadline);
        processes.chain(self.start_at).min()
    }

    /// Stops and kills what has missed its deadline.
    pub(super) fn on_deadline(&mut self, now: Instant) {
        let overdue = |process: &&mut Process| process.deadline().is_some_and(|due| due <= now);
        for process in self.processes.values_mut().filter(overdue) {
            match process.stage {
                Stage::Draining { .. } => process.stop(&self.options),
                // How it ends says why: it was too late.
                Stage::Starting { .. } | Stage::Stopping { .. } | Stage::Killed { .. } => {
                    process.kill();
                }
                Stage::Ready => {}
            }
        }
    }

    /// Why another process should take over, if it should.
    pub(super) fn worn(&self) -> Option<String> {
        if self.is_starting() || self.start_at.is_some() {
            return None;
        }
        let process = self.processes.get(&self.current?)?;
        process.worn(&self.options)
    }
}
