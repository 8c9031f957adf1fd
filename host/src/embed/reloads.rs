//! Keeps an open stack up to date until its end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::lent::OwnLent;
use crate::load::watch::PendingChanges;
use crate::policy::{Budget, Probation};
use crate::serve::generation::{Active, Registry, ReloadOutcome, ReloadRecord, Reloader};
use crate::serve::reload_loop::{ReloadLoop, ReloadOptions, Trigger};
use crate::serve::server::check_clock;
use crate::services::{BlockLimits, Watchdog};

/// The interval of the checks.
const TICK: Duration = Duration::from_millis(200);

/// How long to wait before reporting a spent budget again.
const SPENT_INTERVAL: Duration = Duration::from_secs(3600);

/// What a handle asks for.
pub(super) enum Request {
    Reload(oneshot::Sender<Result<u64, ReloadError>>),
    ShutDown(oneshot::Sender<()>),
}

/// Why a reload did not lead to a new generation.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReloadError(String);

impl ReloadError {
    pub(super) fn ended() -> Self {
        Self("the stack has ended".to_owned())
    }
}

/// The task of an open stack.
pub(super) struct Reloads {
    pub(super) reloads: ReloadLoop,
    pub(super) pending: Arc<PendingChanges>,
    /// Whether a change of a file leads to a reload.
    pub(super) watch: bool,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) checks: Checks,
    /// None if another stack sets up what plugins are lent.
    pub(super) own_lent: Option<OwnLent>,
}

impl Reloads {
    /// Runs until the stack is shut down, or its last handle is dropped.
    pub(super) async fn run(mut self) {
        let mut retry_at: Option<Instant> = None;
        let mut tick = tokio::time::interval(TICK);
        if self.watch {
            // A file may have changed before it was watched.
            let _ = self.reload(Trigger::CatchUp).await;
        }
        let done = loop {
            let watches = self.watch && !self.pending.is_closed();
            tokio::select! {
                request = self.requests.recv() => match request {
                    None => break None,
                    Some(Request::ShutDown(done)) => break Some(done),
                    Some(Request::Reload(reply)) => {
                        let reloaded = self.reload(Trigger::Requested(ReloadOptions::default())).await;
                        // Whoever asked may be gone.
                        let _ = reply.send(reloaded);
                        retry_at = self.reloads.retry_at();
                    }
                },
                () = self.pending.changed(), if watches => {
                    // The log says why a change is refused.
                    let _ = self.reload(Trigger::Changed).await;
                    retry_at = self.reloads.retry_at();
                }
                () = until(retry_at) => {
                    let _ = self.reload(Trigger::Retry).await;
                    retry_at = self.reloads.retry_at();
                }
                _ = tick.tick() => self.checks.run(),
            }
        };
        self.end().await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    async fn reload(&mut self, trigger: Trigger) -> Result<u64, ReloadError> {
        let (mut generation, mut refused) = (self.checks.active.load().number, None);
        let mut each = |_: &Reloader, record: ReloadRecord| {
            generation = record.generation;
            refused = match record.outcome {
                ReloadOutcome::Refused => record.plain().error,
                ReloadOutcome::Swapped | ReloadOutcome::Unchanged => None,
            };
        };
        if let Err(refusal) = self.reloads.run(trigger, &mut each).await {
            let reason = format!(
                "{}\n\nonly a process that has loaded nothing yet can load it: start this program again",
                refusal.reason.trim_end()
            );
            tracing::error!(
                event = "reload",
                outcome = "refused",
                generation,
                "{reason}"
            );
            refused = Some(reason);
        }
        refused.map_or(Ok(generation), |reason| Err(ReloadError(reason)))
    }

    async fn end(self) {
        let Self {
            reloads,
            requests,
            checks,
            own_lent,
            ..
        } = self;
        let deadline = checks.active.load().limits.drain_timeout;
        // It holds the active generation, which has to end now.
        drop(checks);
        reloads.reloader.begin_end();
        reloads.reloader.retire(deadline).await;
        tracing::info!(event = "stopped", "the stack has ended");
        drop((requests, own_lent));
    }
}

/// Waits until `due`; for ever if there is no such time.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// What a worker checks as well, as far as it needs no supervisor.
pub(super) struct Checks {
    active: Arc<Active>,
    registry: Arc<Registry>,
    _watchdog: Watchdog,
    /// The generation of the last check, and since when it is active.
    seen: (u64, Instant),
    is_proven: bool,
    /// When a spent budget was last reported.
    spent: Option<Instant>,
}

impl Checks {
    /// # Errors
    ///
    /// The watchdog's thread can't be started.
    pub(super) fn start(active: Arc<Active>, registry: Arc<Registry>) -> io::Result<Self> {
        check_clock();
        let watched = Arc::clone(&active);
        let limits = move || {
            let limits = &watched.load().limits;
            BlockLimits {
                report: limits.block_report,
                limit: limits.block_limit,
            }
        };
        // It has logged it. Nobody could take over from this process.
        let watchdog = Watchdog::start(limits, |_| {})?;
        Ok(Self {
            seen: (active.load().number, Instant::now()),
            active,
            registry,
            _watchdog: watchdog,
            is_proven: false,
            spent: None,
        })
    }

    fn run(&mut self) {
        check_clock();
        let generation = self.active.load();
        if self.seen.0 != generation.number {
            (self.seen, self.is_proven) = ((generation.number, Instant::now()), false);
        }
        let rule = Probation {
            time: generation.failures.probation_time,
            requests: generation.failures.probation_requests,
        };
        let age = self.seen.1.elapsed();
        if !self.is_proven && rule.passed(age, generation.requests_on_probation()) {
            self.is_proven = true;
            generation.end_probation();
        }
        let budget = Budget {
            generations: generation.renewal.generations,
            bytes: generation.renewal.memory,
            threads: generation.renewal.threads,
            descriptors: generation.renewal.descriptors,
        };
        let is_reported = |at: Instant| at.elapsed() < SPENT_INTERVAL;
        if self.spent.is_some_and(is_reported) {
            return;
        }
        if let Some(spent) = budget.exceeded(&self.registry.retired()) {
            self.spent = Some(Instant::now());
            tracing::warn!(
                event = "budget-spent",
                "{spent}: what reloads have left in this process is freed only when it starts again"
            );
        }
    }
}
