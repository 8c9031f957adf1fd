//! The status as text for people.

use std::fmt::Write as _;

use log_text::printable;
use serde::Deserialize;
use serde_json::Value;

use crate::load::library::PluginUsage;

/// The widest first column. A longer label does not push the second column of all lines.
const WIDEST: usize = 60;

/// How many reloads and incidents are shown; `--json` has more.
const LAST: usize = 8;

/// The text of a status, seen at `now` (milliseconds since the Unix epoch).
pub fn status_text(status: &Value, now: u64) -> String {
    let text = match Status::deserialize(status) {
        Ok(status) => status.text(now),
        // It may come from another version.
        Err(_) => format!("{status:#}"),
    };
    printable(&text).into_owned()
}

#[derive(Deserialize)]
struct Status {
    stackup: String,
    manifest: String,
    environment: String,
    seconds: f64,
    listening: Vec<String>,
    workers: Vec<Worker>,
    crashes: u64,
    renewals: u64,
    rolled_back: Vec<RolledBack>,
    quarantine: Vec<Quarantined>,
    reloads: Vec<Reload>,
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Worker {
    number: u32,
    pid: u32,
    state: String,
    seconds: f64,
    cause: String,
    /// How long it has not answered the supervisor.
    #[serde(default)]
    silent_seconds: f64,
    status: Option<Part>,
}

#[derive(Deserialize)]
struct Part {
    generations: Generations,
    resident_bytes: Option<u64>,
    on_probation: bool,
    blocked: Vec<Blocked>,
    /// Older workers do not say.
    connections: Option<Connections>,
    #[serde(default)]
    plugins: Vec<PluginUsage>,
}

#[derive(Deserialize)]
struct Connections {
    limit: u64,
    open: u64,
    idle: u64,
    heads: u64,
    bodies: u64,
    sends: u64,
    closed_for_room: u64,
    closed_by_send_timeout: u64,
    closed_by_body_timeout: u64,
}

#[derive(Deserialize)]
struct Generations {
    active: Option<Active>,
    draining: Vec<Draining>,
    retired: u64,
    resting_bytes: u64,
}

#[derive(Deserialize)]
struct Active {
    number: u64,
    seconds: f64,
    stack: Vec<Line>,
    requests: Vec<Request>,
    handlers: Vec<Health>,
}

#[derive(Deserialize)]
struct Line {
    depth: u8,
    label: String,
    version: Option<String>,
    fingerprint: Option<String>,
    born: Option<u64>,
    kept: Option<bool>,
}

#[derive(Deserialize)]
struct Draining {
    number: u64,
    seconds: f64,
    deadline_seconds: f64,
    stuck: bool,
    held_by: HeldBy,
}

#[derive(Deserialize)]
struct HeldBy {
    requests: Vec<Request>,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    path: String,
    seconds: f64,
    phase: String,
    handler: Option<String>,
}

#[derive(Deserialize)]
struct Task {
    handler: String,
    name: String,
    seconds: f64,
}

#[derive(Deserialize)]
struct Blocked {
    handler: String,
    generation: u64,
    seconds: f64,
}

#[derive(Deserialize)]
struct Health {
    handler: String,
    panics: u64,
    blocks: u64,
    out_of_service: bool,
}

#[derive(Deserialize)]
struct RolledBack {
    reason: String,
}

#[derive(Deserialize)]
struct Quarantined {
    fingerprint: String,
    reason: String,
    instead: Option<String>,
}

#[derive(Deserialize)]
struct Reload {
    number: u64,
    at: u64,
    outcome: String,
    generation: u64,
    milliseconds: f64,
    instances: String,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Incident {
    at: u64,
    text: String,
}

impl Status {
    fn text(&self, now: u64) -> String {
        let mut out = format!(
            "stackup {} is serving {} ({}), up {}\n",
            self.stackup,
            self.manifest,
            self.environment,
            time(self.seconds)
        );
        for url in &self.listening {
            let _ = writeln!(out, "listening on {url}");
        }
        let _ = writeln!(
            out,
            "{}, {} so far",
            count(self.crashes, "crash", "crashes"),
            count(self.renewals, "renewal", "renewals")
        );
        self.workers
            .iter()
            .for_each(|worker| worker.write(&mut out));
        for held in &self.quarantine {
            let instead = match &held.instead {
                Some(before) => format!("replaced by {}", short(before)),
                None => "the directive's `on_failure` holds".to_owned(),
            };
            let library = short(&held.fingerprint);
            let _ = writeln!(
                out,
                "\nquarantined: library {library}; {instead}\n  {}",
                held.reason
            );
        }
        for back in &self.rolled_back {
            let _ = writeln!(out, "\nrolled back: {}", back.reason);
        }
        let ago = |at: u64| time(now.saturating_sub(at) as f64 / 1000.0);
        if !self.reloads.is_empty() {
            out.push_str("\nreloads, latest first\n");
        }
        for reload in self.reloads.iter().rev().take(LAST) {
            let _ = writeln!(
                out,
                "  {:<4} {:>10} ago  {:<9}  generation {}, {:.1} ms{}",
                reload.number,
                ago(reload.at),
                reload.outcome,
                reload.generation,
                reload.milliseconds,
                after(&reload.instances)
            );
            if let Some(error) = &reload.error {
                let first = error
                    .lines()
                    .find(|line| !line.is_empty())
                    .unwrap_or_default();
                let _ = writeln!(out, "       {first}");
            }
        }
        if !self.incidents.is_empty() {
            out.push_str("\nincidents, latest first\n");
        }
        for incident in self.incidents.iter().rev().take(LAST) {
            let _ = writeln!(out, "  {:>10} ago  {}", ago(incident.at), incident.text);
        }
        out.truncate(out.trim_end().len());
        out
    }
}

impl Worker {
    fn write(&self, out: &mut String) {
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
            }
        }
        if let Some(connections) = &self.connections {
            connections.write(out);
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

impl Line {
    fn indent(&self) -> usize {
        2 * usize::from(self.depth)
    }

    fn width(&self) -> usize {
        self.indent() + self.label.chars().count()
    }

    fn write(&self, out: &mut String, widest: usize, generation: u64) {
        let indent = 4 + self.indent();
        let gap = widest.saturating_sub(self.width());
        let _ = write!(out, "{:indent$}{}", "", self.label);
        if let (Some(version), Some(fingerprint)) = (&self.version, &self.fingerprint) {
            let age = match (self.kept, self.born) {
                (Some(true), Some(born)) => format!("kept since {born}"),
                _ if generation == 1 => String::new(),
                _ => "new".to_owned(),
            };
            let _ = write!(out, "{:gap$}  {version} {fingerprint}  {age}", "");
            out.truncate(out.trim_end().len());
        }
        out.push('\n');
    }
}

impl Draining {
    fn write(&self, out: &mut String) {
        let left = match self.stuck {
            true => "stuck: a request blocks its thread".to_owned(),
            false => format!("at most {} more", time(self.deadline_seconds)),
        };
        let _ = writeln!(
            out,
            "  generation {} draining for {} ({left}), held by",
            self.number,
            time(self.seconds)
        );
        let HeldBy { requests, tasks } = &self.held_by;
        requests.iter().for_each(|request| request.write(out));
        for task in tasks {
            let _ = writeln!(
                out,
                "      task `{}` of `{}` for {}",
                task.name,
                task.handler,
                time(task.seconds)
            );
        }
        if requests.is_empty() && tasks.is_empty() {
            out.push_str("      a request that is about to finish\n");
        }
    }
}

impl Request {
    fn write(&self, out: &mut String) {
        let what = match self.phase.as_str() {
            "body" => "is sending its body",
            _ => "is running",
        };
        let whose = match &self.handler {
            Some(handler) => format!(" in `{handler}`"),
            None => String::new(),
        };
        let Self { method, path, .. } = self;
        let _ = writeln!(
            out,
            "      {method} {path} {what}{whose} for {}",
            time(self.seconds)
        );
    }
}

fn after(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("; {text}"),
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn size(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// In at most two units.
fn time(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86400 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86400, whole / 3600 % 24),
    }
}

#[cfg(test)]
#[path = "status_text_tests.rs"]
mod tests;
