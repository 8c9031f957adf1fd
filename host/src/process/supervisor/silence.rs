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
        let silence = silence_by(heartbeat, now, || ProcessState::of(pid));
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

/// How long a process has been silent by `now`. A debugger, or a core that is being written, explains it. `state` is
/// looked up only when an answer is late.
fn silence_by(
    heartbeat: &mut Heartbeat,
    now: Instant,
    state: impl FnOnce() -> ProcessState,
) -> Duration {
    let examined = heartbeat.is_late() && state().examined;
    heartbeat.check(now, examined)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The silence of a process that never answers, after a minute in this state.
    fn silence_in(state: ProcessState) -> Duration {
        let (mut heartbeat, began) = (Heartbeat::default(), Instant::now());
        let seconds = (0..=60).map(|second| {
            let now = began + Duration::from_secs(second);
            let silence = silence_by(&mut heartbeat, now, || state);
            heartbeat.ask();
            silence
        });
        seconds.last().unwrap_or_default()
    }

    #[test]
    fn worker_in_a_debugger_is_not_silent_and_a_stopped_one_is() {
        let examined = ProcessState {
            examined: true,
            ..ProcessState::default()
        };
        assert_eq!(silence_in(examined), Duration::ZERO);
        let stopped = ProcessState {
            stopped: true,
            ..ProcessState::default()
        };
        assert_eq!(silence_in(stopped), Duration::from_secs(60));
    }
}
