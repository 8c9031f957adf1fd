//! Periodic checks of a worker: has the active generation passed its probation, is a budget spent, does
//! a handler block its thread.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stackup_plugin::abi::host::{CounterValue, Counters};

use super::certificates::CertificatesStatus;
use super::serve::send;
use crate::load::library::{LoadedLibraries, restore_signals};
use crate::policy::{Budget, Probation};
use crate::process::ipc::{Event, Hang, Sender};
use crate::serve::generation::{Active, Generation, Registry};
use crate::serve::server::{Connections, check_clock};
use crate::services::{BlockLimits, BlockedHandler, Lent, Watchdog, page_size};

/// How long to wait before reporting a spent budget again.
const SPENT_INTERVAL: Duration = Duration::from_secs(60);

/// Watches over the active generation.
pub(super) struct Monitor {
    active: Arc<Active>,
    registry: Arc<Registry>,
    connections: Arc<Connections>,
    libraries: LoadedLibraries,
    lent: Lent,
    counters: Arc<Counters>,
    certificates: CertificatesStatus,
    events: Arc<Sender>,
    watchdog: Watchdog,
    began: Instant,
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
            watchdog: watch(Arc::clone(&active), Arc::clone(&events))?,
            active,
            registry,
            connections,
            libraries,
            lent,
            counters,
            certificates: CertificatesStatus::default(),
            events,
            began: now,
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
        if let Some(spent) = budget.exceeded(&self.registry.retired()) {
            self.spent = Some(Instant::now());
            let reason = spent.to_string();
            send(&self.events, &Event::Spent { reason });
        }
    }

    /// This worker's part of `stackup status`.
    pub(super) fn status(&self) -> Value {
        let blocked = self.watchdog.blocked();
        let blocked = blocked.iter().map(|block| {
            json!({
                "handler": block.handler.handler,
                "generation": block.generation,
                "seconds": block.time.as_secs_f64(),
            })
        });
        json!({
            "blocked": blocked.collect::<Vec<_>>(),
            "counters": self.counters.values().iter().map(counter).collect::<Vec<_>>(),
            "certificates": self.certificates.value(),
            "connections": self.connections.status(),
            "plugins": self.libraries.usage(),
            "threads": entries("/proc/self/task"),
            "descriptors": entries("/proc/self/fd"),
            "generations": self.registry.status(Instant::now()),
            "resident_bytes": resident(),
            "store": self.lent.store.status(),
            "fetches": self.lent.fetch.status(),
            "guests": self.lent.guests.status(),
            "seconds": self.began.elapsed().as_secs_f64(),
            "on_probation": !self.proven,
        })
    }
}

fn counter(counter: &CounterValue) -> Value {
    let labels = counter.labels.iter();
    let labels: Map<_, _> = labels
        .map(|(label, value)| (label.clone(), Value::from(value.as_str())))
        .collect();
    json!({
        "handler": counter.handler,
        "name": counter.name,
        "labels": labels,
        "help": counter.help,
        "value": counter.value,
    })
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

/// This process's resident memory in bytes, where the system reports it.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_size() as u64)
}

/// The number of entries of a folder, where the system has it.
fn entries(folder: &str) -> Option<usize> {
    Some(std::fs::read_dir(folder).ok()?.count())
}
