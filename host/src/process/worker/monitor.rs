//! Periodic checks of a worker: has the active generation passed its probation, is a budget spent, does
//! a handler block its thread.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use stackup_plugin::abi::host::Counters;

use super::certificates::CertificatesStatus;
use super::serve::send;
use super::state::WorkerState;
use crate::load::library::{LoadedLibraries, restore_signals};
use crate::policy::{Budget, Probation};
use crate::process::ipc::{Event, Hang, Sender};
use crate::serve::generation::{Active, Generation, Registry};
use crate::serve::server::{Connections, check_clock};
use crate::services::{BlockLimits, BlockedHandler, Lent, Watchdog};

/// How long to wait before reporting a spent budget again.
const SPENT_INTERVAL: Duration = Duration::from_secs(60);

/// Watches over the active generation.
pub(super) struct Monitor {
    active: Arc<Active>,
    state: Arc<WorkerState>,
    certificates: CertificatesStatus,
    events: Arc<Sender>,
    /// The generation that was active at the last check, and since when.
    seen: (u64, Instant),
    /// Whether it has passed its probation.
    proven: bool,
    /// When a spent budget was last reported.
    spent: Option<Instant>,
}

impl Monitor {
    /// # Errors
    ///
    /// The watchdog's thread can't be started.
    pub(super) fn new(
        active: Arc<Active>,
        registry: Arc<Registry>,
        connections: Arc<Connections>,
        libraries: LoadedLibraries,
        lent: Lent,
        counters: Arc<Counters>,
        events: Arc<Sender>,
    ) -> io::Result<Self> {
        let (number, now) = (active.load().number, Instant::now());
        // The first requests are served before the first check.
        check_clock();
        Ok(Self {
            state: Arc::new(WorkerState {
                watchdog: watch(Arc::clone(&active), Arc::clone(&events))?,
                registry,
                connections,
                libraries,
                lent,
                counters,
                began: now,
            }),
            active,
            certificates: CertificatesStatus::default(),
            events,
            seen: (number, now),
            proven: false,
            spent: None,
        })
    }

    /// Shows these certificates in its status.
    pub(super) fn showing(mut self, certificates: CertificatesStatus) -> Self {
        self.certificates = certificates;
        self
    }

    /// What it and the figures tell of.
    pub(super) fn state(&self) -> &Arc<WorkerState> {
        &self.state
    }

    /// Reports to the supervisor what has changed since the last check.
    pub(super) fn check(&mut self) {
        check_clock();
        let generation = self.active.load();
        if self.seen.0 != generation.number {
            self.seen = (generation.number, Instant::now());
            self.proven = false;
        }
        // Some libraries set their handlers at the first request.
        restore_signals(None);
        self.check_probation(&generation);
        self.check_budget(&generation);
    }

    fn check_probation(&mut self, generation: &Generation) {
        let rule = Probation {
            time: generation.failures.probation_time,
            requests: generation.failures.probation_requests,
        };
        let (number, since) = self.seen;
        if !self.proven && rule.passed(since.elapsed(), generation.requests_on_probation()) {
            self.proven = true;
            generation.end_probation();
            send(&self.events, &Event::Proven { generation: number });
        }
    }

    fn check_budget(&mut self, generation: &Generation) {
        let budget = Budget {
            generations: generation.renewal.generations,
            bytes: generation.renewal.memory,
            threads: generation.renewal.threads,
            descriptors: generation.renewal.descriptors,
        };
        // A renewal that failed is tried again, after a pause.
        if self
            .spent
            .is_some_and(|reported| reported.elapsed() < SPENT_INTERVAL)
        {
            return;
        }
        if let Some(spent) = budget.exceeded(&self.state.registry.retired()) {
            self.spent = Some(Instant::now());
            let reason = spent.to_string();
            send(&self.events, &Event::Spent { reason });
        }
    }

    /// This worker's part of `stackup status`.
    pub(super) fn status(&self) -> Value {
        self.state.status(self.certificates.value(), !self.proven)
    }
}

/// Watches for handlers that block their thread. The watchdog reports from its own thread, because all
/// others may be blocked.
fn watch(active: Arc<Active>, events: Arc<Sender>) -> io::Result<Watchdog> {
    let patience = move || {
        let limits = &active.load().limits;
        BlockLimits {
            report: limits.block_report,
            limit: limits.block_limit,
        }
    };
    let hung = move |block: &BlockedHandler| {
        let hang = Hang {
            handler: block.handler.handler.clone(),
            plugin: block.handler.plugin.clone(),
            fingerprint: block.handler.fingerprint.clone(),
            generation: block.generation,
            seconds: block.time.as_secs_f64(),
        };
        send(&events, &Event::Hung(hang));
    };
    Watchdog::start(patience, hung)
}
