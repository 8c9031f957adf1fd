//! What is known of this process, for `stackup status` and its figures.

use std::fs::{read_dir, read_to_string};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};
use stackup_plugin::abi::host::{Counters, Reading};

use crate::load::library::LoadedLibraries;
use crate::serve::generation::Registry;
use crate::serve::server::Connections;
use crate::services::FamilyKind::{Counter, Gauge};
use crate::services::{Families, Lent, Watchdog, page_size};

/// What is known of this process.
pub(super) struct WorkerState {
    pub(super) registry: Arc<Registry>,
    pub(super) connections: Arc<Connections>,
    pub(super) libraries: LoadedLibraries,
    pub(super) lent: Lent,
    pub(super) counters: Arc<Counters>,
    pub(super) watchdog: Watchdog,
    pub(super) began: Instant,
}

impl WorkerState {
    /// This worker's part of `stackup status`.
    pub(super) fn status(&self, certificates: Value, on_probation: bool) -> Value {
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
            "certificates": certificates,
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
            "on_probation": on_probation,
        })
    }

    /// Has the figures tell of it, for as long as it is there.
    pub(super) fn add_to_figures(self: &Arc<Self>) {
        let state = Arc::downgrade(self);
        self.lent.figures.add_source(Box::new(move |families| {
            if let Some(state) = state.upgrade() {
                state.add_connections(families);
                state.add_lent(families);
                state.add_process(families);
            }
        }));
    }

    fn add_connections(&self, families: &mut Families) {
        let status = self.connections.status();
        let open = (
            "stackup_connections",
            Gauge,
            "Open connections, by what they wait for: a request, the rest of its head or body, the client to take a response, or nothing (active)",
        );
        let waiting = [
            ("idle", status.idle),
            ("head", status.heads),
            ("body", status.bodies),
            ("send", status.sends),
        ];
        let waits: usize = waiting.iter().map(|(_, count)| count).sum();
        let active = ("active", status.open.saturating_sub(waits));
        for (state, count) in waiting.into_iter().chain([active]) {
            families.add(open, &[("state", state)], count as f64);
        }
        let limit = (
            "stackup_connections_limit",
            Gauge,
            "The most connections that may be open",
        );
        families.add(limit, &[], status.limit as f64);
        let closed = (
            "stackup_connections_closed",
            Counter,
            "Connections that the server closed: to make room, or by a timeout",
        );
        for (reason, count) in [
            ("room", status.closed_for_room),
            ("send_timeout", status.closed_by_send_timeout),
            ("body_timeout", status.closed_by_body_timeout),
        ] {
            families.add(closed, &[("reason", reason)], count as f64);
        }
    }

    /// What it lends plugins.
    fn add_lent(&self, families: &mut Families) {
        let store = self.lent.store.status();
        let works = ("stackup_store_up", Gauge, "Whether the store works: 1 or 0");
        let up = f64::from(u8::from(store.trouble.is_none()));
        families.add(works, &[("engine", store.engine)], up);
        let in_flight = (
            "stackup_fetches_in_flight",
            Gauge,
            "Requests of plugins to other servers, without an end of their response",
        );
        let connections = (
            "stackup_fetch_connections",
            Gauge,
            "Open connections of plugins to other servers",
        );
        for fetch in self.lent.fetch.status() {
            let labels = [("plugin", fetch.plugin.as_str())];
            families.add(in_flight, &labels, fetch.in_flight as f64);
            families.add(connections, &labels, fetch.connections as f64);
        }
        let guests = self.lent.guests.status();
        let in_flight: usize = guests.iter().map(|guest| guest.in_flight).sum();
        let family = (
            "stackup_guest_requests_in_flight",
            Gauge,
            "Requests to guests, without an end of their response",
        );
        families.add(family, &[], in_flight as f64);
    }

    /// What the system knows of the process.
    fn add_process(&self, families: &mut Families) {
        let blocked = self.watchdog.blocked().len() as f64;
        let gauges = [
            (
                "stackup_blocked_threads",
                "Threads that a handler blocks",
                Some(blocked),
            ),
            (
                "stackup_worker_uptime_seconds",
                "How long the worker has served; its counters begin with it",
                Some(self.began.elapsed().as_secs_f64()),
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory of the worker",
                resident().map(|bytes| bytes as f64),
            ),
            (
                "process_open_fds",
                "Open file descriptors of the worker",
                entries("/proc/self/fd").map(|count| count as f64),
            ),
            (
                "process_threads",
                "Threads of the worker",
                entries("/proc/self/task").map(|count| count as f64),
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                families.add((name, Gauge, help), &[], value);
            }
        }
    }
}

fn counter(counter: &Reading<u64>) -> Value {
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

/// This process's resident memory in bytes, where the system reports it.
fn resident() -> Option<u64> {
    let statm = read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_size() as u64)
}

/// The number of entries of a folder, where the system has it.
fn entries(folder: &str) -> Option<usize> {
    Some(read_dir(folder).ok()?.count())
}
