//! Workers that exit, in order or not.

use std::time::{Duration, Instant};

use rustix::process::{WaitOptions, WaitStatus, wait};
use serde::Deserialize;

use super::start::StartPlan;
use super::state::QuarantineCause;
use super::worker::{Phase, Worker};
use super::{Supervisor, now};
use crate::load::snapshot::RejectedStack;
use crate::policy::restart::{ActiveStack, Crash, Culprit, RestartPlan, StackSource, plan_restart};
use crate::policy::{ExitReason, QuarantineRule};
use crate::process::ipc::Hang;

/// How long to wait for the last events of a worker that has exited.
const FINAL_READ: Duration = Duration::from_millis(50);

impl Supervisor {
    /// Collects the exit statuses of children. As the first process of a container the supervisor also
    /// inherits the children of dead workers, and reaps them here.
    pub(super) fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let mut workers = self.workers.values_mut();
            if let Some(worker) = workers.find(|worker| worker.pid == pid) {
                worker.ended = Some(status);
                worker.deadline = Some(Instant::now() + FINAL_READ);
            } else {
                self.guests.exited(pid, status);
            }
        }
        self.remove_exited();
    }

    /// Removes workers that have exited and whose last event is read, and reacts to each exit.
    pub(super) fn remove_exited(&mut self) {
        let done = |worker: &&Worker| {
            let read =
                worker.disconnected || worker.deadline.is_some_and(|due| due <= Instant::now());
            worker.ended.is_some() && read
        };
        let dead: Vec<_> = self
            .workers
            .values()
            .filter(done)
            .map(|worker| worker.number)
            .collect();
        for number in dead {
            if let Some(worker) = self.workers.remove(&number) {
                self.pending.exited(number);
                self.handover_lost(number);
                self.guests.worker_exited(number);
                self.worker_exited(&worker);
                self.libraries.dir().sweep();
                self.prune();
            }
        }
    }

    /// Kills workers that missed their deadline.
    pub(super) fn kill_overdue(&mut self, now: Instant) {
        let late = |worker: &&mut Worker| {
            worker.ended.is_none() && worker.deadline.is_some_and(|due| due <= now)
        };
        for worker in self.workers.values_mut().filter(late) {
            let number = worker.number;
            let why = match worker.phase {
                Phase::Starting => "it did not start serving in time",
                Phase::Serving | Phase::Ending => "it did not exit in time",
            };
            tracing::error!(
                event = "worker",
                state = "killed",
                number,
                "killing worker {number}: {why}"
            );
            worker.kill(why);
        }
    }

    /// A worker's first stack was refused.
    pub(super) fn start_refused(&mut self, number: u32, reason: String) {
        let Some(worker) = self.workers.get_mut(&number) else {
            return;
        };
        if self.served {
            tracing::error!("worker {number} failed to start: {}", reason.trim_end());
        }
        worker.leaving = Some(reason);
    }

    fn worker_exited(&mut self, worker: &Worker) {
        let number = worker.number;
        let orderly = worker
            .ended
            .is_some_and(|status| status.exit_status() == Some(0));
        let pid = worker.pid.as_raw_nonzero().get();
        match worker.phase {
            Phase::Ending if orderly || worker.killed.is_some() => {
                tracing::debug!(
                    event = "worker",
                    state = "ended",
                    number,
                    pid,
                    "worker {number} exited"
                );
            }
            _ if self.stopping.is_some() => {}
            Phase::Ending => {
                let verdict = self.plan_restart(worker);
                self.record_incident(format!(
                    "worker {number} crashed while finishing its requests: {}",
                    verdict.cause
                ));
                self.record_rollback(&verdict);
            }
            Phase::Serving if orderly && worker.leaving.is_some() => {
                let cause = worker.leaving.clone().unwrap_or_default();
                self.record_incident(format!(
                    "worker {number} exited ({cause}): starting another one"
                ));
                let plan = StartPlan {
                    start: StackSource::Active,
                    cause,
                };
                self.replace_lost(Instant::now(), plan);
            }
            Phase::Starting => self.start_failed(worker),
            Phase::Serving => self.crashed(worker),
        }
    }

    fn start_failed(&mut self, worker: &Worker) {
        let why = match (&worker.leaving, worker.killed) {
            (Some(reason), _) => reason.clone(),
            (None, Some(killed)) => killed.to_owned(),
            (None, None) => self.crash(worker).to_string(),
        };
        if self
            .renewal
            .as_ref()
            .is_some_and(|renewal| renewal.worker == Some(worker.number))
        {
            self.abort_renewal(&why);
            return;
        }
        if !self.served {
            // The very first stack: report the failure instead of trying again.
            self.failed = Some(why);
            return;
        }
        self.crashed(worker);
    }

    fn crashed(&mut self, worker: &Worker) {
        self.state.crashes += 1;
        let verdict = self.plan_restart(worker);
        let number = worker.number;
        let text = verdict.to_string();
        tracing::error!(
            event = "crash",
            worker = number,
            rolled_back = verdict.rolled_back,
            quarantined = verdict.quarantined,
            "worker {number} died: {text}"
        );
        self.state.note(now(), format!("worker {number}: {text}"));
        self.record_rollback(&verdict);
        self.pending
            .fail_reloads(&format!("the worker died during the reload: {text}"));
        let plan = StartPlan {
            start: verdict.start,
            cause: "crash".to_owned(),
        };
        self.replace_lost(Instant::now() + verdict.delay, plan);
    }

    /// Starts a worker, unless a renewal is starting one already.
    pub(super) fn start_unless_starting(&mut self, plan: StartPlan) {
        let comes = self
            .workers
            .values()
            .any(|worker| worker.phase == Phase::Starting);
        if !comes {
            self.start(plan);
        }
    }

    fn plan_restart(&mut self, worker: &Worker) -> RestartPlan {
        let (crash, rule) = (self.crash(worker), self.quarantine_rule());
        let (quarantine, backoff) = (&mut self.state.quarantine, &mut self.state.backoff);
        let verdict = plan_restart(&crash, now(), &rule, quarantine, backoff);
        if let (Some(fingerprint), Some(culprit)) = (&verdict.quarantined, &crash.culprit) {
            self.record_quarantine(fingerprint, &culprit.plugin, &verdict.cause);
        }
        verdict
    }

    fn quarantine_rule(&self) -> QuarantineRule {
        let rules = self.state.rules();
        QuarantineRule {
            crashes: rules.crashes,
            window: Duration::from_millis(rules.crash_window),
        }
    }

    fn record_quarantine(&mut self, fingerprint: &str, plugin: &str, reason: &str) {
        let cause = QuarantineCause {
            plugin: plugin.to_owned(),
            reason: reason.to_owned(),
        };
        self.state
            .quarantine_causes
            .insert(fingerprint.to_owned(), cause);
        let short = fingerprint.get(..12).unwrap_or(fingerprint);
        tracing::error!(
            event = "quarantine",
            fingerprint,
            plugin,
            "library {short} of `{plugin}` is quarantined: {reason}\n\n\
             help: fix it and deploy the new library, or run `stackup reload --retry`"
        );
    }

    fn crash(&self, worker: &Worker) -> Crash {
        let ended = || worker.ended.map_or(ExitReason::Exit(0), exit_reason);
        let reason = worker.silent.clone().unwrap_or_else(ended);
        let words: Option<LastWords> = worker
            .last_words()
            .lines()
            // A line without a handler takes the one before it back.
            .filter_map(|line| serde_json::from_str(line).ok())
            .next_back();
        let culprit = words.and_then(LastWords::culprit);
        let active = self
            .state
            .active
            .as_ref()
            .filter(|_| worker.phase != Phase::Starting);
        let active = active.map(|stack| ActiveStack {
            generation: stack.generation,
            on_probation: self.state.on_probation(),
            fingerprints: stack
                .libraries
                .iter()
                .map(|kept| kept.fingerprint.to_string())
                .collect(),
        });
        Crash {
            reason,
            culprit,
            origin: worker.origin,
            active,
            served: worker.served(),
            known_good: self.state.good.is_some() && self.state.on_probation(),
        }
    }

    /// Remembers a stack that was rolled back.
    fn record_rollback(&mut self, verdict: &RestartPlan) {
        if verdict.rolled_back
            && let Some(state) = self.last_tried_state()
        {
            self.state.reject(RejectedStack {
                state,
                reason: verdict.cause.clone(),
                instead: None,
            });
        }
    }

    /// The stack that was tried last.
    fn last_tried_state(&self) -> Option<String> {
        let tried = self.state.trying.clone();
        tried.or_else(|| self.state.active.as_ref().map(|stack| stack.state.clone()))
    }

    /// A handler blocks a thread of the worker. It counts as a crash, but other requests go on.
    pub(super) fn hung(&mut self, number: u32, hang: &Hang) {
        let worker = self.workers.get_mut(&number);
        // It is replaced once, however many threads are blocked.
        let Some(worker) = worker.filter(|worker| worker.phase == Phase::Serving && !worker.hung)
        else {
            return;
        };
        worker.hung = true;
        let Hang {
            handler, seconds, ..
        } = hang;
        let rule = self.quarantine_rule();
        let reason = format!("`{handler}` has blocked its thread for {seconds:.1} s");
        self.record_incident(format!("{reason}: renewing the worker"));
        let quarantine = &mut self.state.quarantine;
        if quarantine.record_crash(&hang.fingerprint, now(), &rule) {
            self.record_quarantine(&hang.fingerprint, &hang.plugin, &reason);
        }
        self.renew(&reason, StackSource::Active, None);
        // All of its threads may be blocked: don't wait for its confirmation.
        self.old_worker_held();
    }

    fn record_incident(&mut self, text: String) {
        tracing::error!(event = "incident", "{text}");
        self.state.note(now(), text);
    }
}

fn exit_reason(status: WaitStatus) -> ExitReason {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => ExitReason::Signal(signal),
        (None, code) => ExitReason::Exit(code.unwrap_or_default()),
    }
}

/// What a worker writes when it crashes (`abi::host::crash_report`).
#[derive(Deserialize)]
struct LastWords {
    handler: Option<String>,
    plugin: Option<String>,
    fingerprint: Option<String>,
    generation: Option<u64>,
}

impl LastWords {
    fn culprit(self) -> Option<Culprit> {
        Some(Culprit {
            handler: self.handler?,
            plugin: self.plugin?,
            fingerprint: self.fingerprint?,
            generation: self.generation.unwrap_or_default(),
        })
    }
}
