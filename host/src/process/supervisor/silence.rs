//! Workers that do not answer: stopped, frozen, or deadlocked as a whole.
//!
//! A thread of the worker that does nothing else answers, so a handler that blocks its thread does not count: that is
//! the watchdog's business.

use std::time::{Duration, Instant};

use super::Supervisor;
use super::process_state::ProcessState;
use super::worker::{Phase, Worker};
use crate::policy::{ExitReason, Heartbeat};
use crate::process::ipc::Command;

/// A renewal does not wait for the confirmation of a worker that is silent for this long.
const NO_CONFIRMATION: Duration = Duration::from_secs(3);

impl Supervisor {
    /// Asks each worker whether it is alive, and kills those that have not answered for `[limits] worker_timeout`.
    pub(super) fn check_heartbeats(&mut self) {
        let now = Instant::now();
        let limit = self.state.rules().worker_timeout.map(Duration::from_millis);
        let mut confirmed = true;
        for worker in self.workers.values_mut() {
            let Some(silence) = worker.check_heartbeat(now) else {
                continue;
            };
            if worker.phase == Phase::Serving && silence >= NO_CONFIRMATION {
                confirmed = false;
            }
            if let Some(limit) = limit.filter(|limit| silence >= *limit) {
                worker.kill_silent(limit);
            }
        }
        let waits = |renewal: &super::Renewal| renewal.worker.is_none();
        if !confirmed && self.renewal.as_ref().is_some_and(waits) {
            tracing::warn!(
                "the old worker does not answer: the new one starts without waiting for it"
            );
            self.old_worker_held();
        }
    }
}

impl Worker {
    /// How long it has been silent; none if it can't be asked.
    fn check_heartbeat(&mut self, now: Instant) -> Option<Duration> {
        let pid = self.pid;
        let running = self.ended.is_none() && self.killed.is_none();
        let heartbeat = self.heartbeat.as_mut().filter(|_| running)?;
        // Looked up only when an answer is late.
        let late = heartbeat.is_late();
        let silence = heartbeat.check(now, late && ProcessState::of(pid).examined);
        if heartbeat.ask() {
            self.send(Command::Ping);
        }
        Some(silence)
    }

    /// How long it has not answered.
    pub(super) fn silence(&self) -> Duration {
        let silence = self.heartbeat.as_ref().map(Heartbeat::silence);
        silence.unwrap_or_default()
    }

    fn kill_silent(&mut self, limit: Duration) {
        let (number, state) = (self.number, ProcessState::of(self.pid));
        self.hung = true;
        self.silent = Some(match state.stopped {
            true => ExitReason::Stopped(limit),
            false => ExitReason::Hung(limit),
        });
        tracing::error!(
            event = "worker",
            state = "killed",
            number,
            "killing worker {number}: it has not answered for {limit:?}{state} (`[limits] worker_timeout`)"
        );
        // SIGTERM does not reach a process that is stopped.
        self.kill("it did not answer");
    }
}
