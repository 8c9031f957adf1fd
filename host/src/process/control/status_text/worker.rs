//! One worker: its connections, generations, faults, and what its plugins hold.

use std::fmt::Write as _;

use super::counters;
use super::format::{count, size, time};
use super::model::{Connections, Generations, Health, Line, Part, Store, Worker};
use crate::load::library::PluginUsage;

/// The widest first column. A longer label does not push the second column of all lines.
const WIDEST: usize = 60;

impl Worker {
    pub(super) fn write(&self, out: &mut String) {
        let doing = match self.state.as_str() {
            "serving" => "is serving",
            "starting" => "is starting",
            _ => "is finishing its requests",
        };
        let memory = self.status.as_ref().and_then(|part| part.resident_bytes);
        let memory = memory
            .map(|bytes| format!(", {}", size(bytes)))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "\nworker {} (pid {}, {}) {doing} for {}{memory}",
            self.number,
            self.pid,
            self.cause,
            time(self.seconds)
        );
        match &self.status {
            Some(part) => part.write(out),
            None if self.silent_seconds > 0.0 => {
                let silence = time(self.silent_seconds);
                let _ = writeln!(out, "  no answer for {silence}: the process may be stopped");
            }
            None if self.state == "starting" => {}
            None => out.push_str("  no answer: all of its threads may be blocked\n"),
        }
    }
}

impl Connections {
    fn write(&self, out: &mut String) {
        let listed = |parts: &[(u64, &str)]| {
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            let parts: Vec<_> = parts
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            parts.join(", ")
        };
        let waiting = listed(&[
            (self.idle, "idle"),
            (self.heads, "sending a head"),
            (self.bodies, "sending a body"),
            (self.sends, "not taking a response"),
        ]);
        let closed = listed(&[
            (self.closed_for_room, "to make room"),
            (self.closed_by_send_timeout, "by `send_timeout`"),
            (self.closed_by_body_timeout, "by `body_timeout`"),
        ]);
        let _ = write!(out, "  {} of {} connections", self.open, self.limit);
        if !waiting.is_empty() {
            let _ = write!(out, ": {waiting}");
        }
        if !closed.is_empty() {
            let _ = write!(out, "; closed so far: {closed}");
        }
        out.push('\n');
    }
}

impl Store {
    /// One in memory works always.
    fn write(&self, out: &mut String) {
        let Some(place) = &self.place else { return };
        let _ = match &self.trouble {
            Some(trouble) => writeln!(out, "  the store is unavailable: {place}: {trouble}"),
            None => writeln!(out, "  store: {place}"),
        };
    }
}

impl Part {
    fn write(&self, out: &mut String) {
        if let Some(active) = &self.generations.active {
            let probation = if self.on_probation {
                ", on probation"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "  generation {} active for {}{probation}",
                active.number,
                time(active.seconds)
            );
            let width = active
                .stack
                .iter()
                .map(Line::width)
                .max()
                .unwrap_or_default()
                .min(WIDEST);
            for line in &active.stack {
                line.write(out, width, active.number);
            }
            if !active.requests.is_empty() {
                out.push_str("    requests in progress\n");
                active
                    .requests
                    .iter()
                    .for_each(|request| request.write(out));
                active.more_requests.write(out);
            }
        }
        if let Some(connections) = &self.connections {
            connections.write(out);
        }
        for certificate in &self.certificates {
            certificate.write(out);
        }
        if let Some(store) = &self.store {
            store.write(out);
        }
        for plugin in &self.fetches {
            let name = &plugin.plugin;
            let requests = plugin.in_flight;
            let requests = count(requests as u64, "request", "requests");
            let connections = count(plugin.connections as u64, "connection", "connections");
            let _ = writeln!(
                out,
                "  `{name}` to other servers: {requests} in flight, {connections} open"
            );
        }
        for draining in &self.generations.draining {
            draining.write(out);
        }
        for blocked in &self.blocked {
            let _ = writeln!(
                out,
                "  `{}` has blocked its thread for {} (generation {})",
                blocked.handler,
                time(blocked.seconds),
                blocked.generation
            );
        }
        let faulty =
            |health: &&Health| health.out_of_service || health.panics > 0 || health.blocks > 0;
        let active = self.generations.active.iter();
        for health in active.flat_map(|active| &active.handlers).filter(faulty) {
            let out_of = if health.out_of_service {
                ", out of service"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "  `{}`: {}, {}{out_of}",
                health.handler,
                count(health.panics, "panic", "panics"),
                count(health.blocks, "blocked thread", "blocked threads")
            );
        }
        counters::write(&self.counters, out);
        for usage in self.plugins.iter().filter(|it| holds_something(it)) {
            let PluginUsage {
                plugin,
                copies,
                unused,
                memory,
                threads,
                descriptors,
            } = usage;
            let _ = writeln!(
                out,
                "  `{plugin}`: {} ({unused} unused) with {}, {}, {}",
                count(*copies, "copy", "copies"),
                size(*memory),
                count(*threads, "thread", "threads"),
                count(*descriptors, "descriptor", "descriptors")
            );
        }
        let Generations {
            retired,
            resting_bytes,
            ..
        } = self.generations;
        if retired > 0 {
            let _ = writeln!(
                out,
                "  {} retired; retained libraries take {} of memory and address space",
                count(retired, "generation has", "generations have"),
                size(resting_bytes)
            );
        }
    }
}

/// Whether a plugin holds more than every library does.
fn holds_something(usage: &PluginUsage) -> bool {
    usage.threads > 0 || usage.descriptors > 0 || usage.memory >= 1 << 20
}
