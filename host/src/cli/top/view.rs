//! A page as text.

use std::cmp::Ordering;

use log_text::printable;

use super::page::{Layer, Page, Requests};
use crate::process::control::{Part, count, size, time};

/// How many reloads are shown.
const RELOADS: usize = 5;

/// The column that layers are sorted by, the largest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// As the server names them: by directive.
    #[default]
    Directive,
    Rate,
    Own,
    Total,
    Failures,
}

impl Sort {
    /// The sort that a key chooses.
    pub(super) fn of_key(key: u8) -> Option<Self> {
        Some(match key {
            b'd' => Self::Directive,
            b'r' => Self::Rate,
            b'o' => Self::Own,
            b't' => Self::Total,
            b'f' => Self::Failures,
            _ => return None,
        })
    }

    fn compare(self, one: &Layer, other: &Layer) -> Ordering {
        let number = |layer: &Layer| match self {
            Self::Directive => None,
            Self::Rate => Some(layer.rate),
            Self::Own => layer.own_p99,
            Self::Total => layer.p99,
            Self::Failures => Some(layer.failures),
        };
        number(other)
            .partial_cmp(&number(one))
            .unwrap_or(Ordering::Equal)
    }
}

/// The lines of a page, seen at `now` (milliseconds since the Unix epoch).
pub(super) fn lines(page: &Page, sort: Sort, now: u64) -> Vec<String> {
    let server = &page.shown;
    let mut lines = vec![format!(
        "{} ({}), up {}, {}, {}",
        server.manifest,
        server.environment,
        time(server.seconds),
        count(server.crashes, "crash", "crashes"),
        count(server.renewals, "renewal", "renewals")
    )];
    for worker in &server.workers {
        let (number, pid) = (worker.number, worker.pid);
        let part = match &worker.status {
            Some(part) => of_worker(part),
            None => "no answer".to_owned(),
        };
        lines.push(format!(
            "worker {number} (pid {pid}, {}): {part}",
            worker.state
        ));
        let blocked = worker.status.iter().flat_map(|part| &part.blocked);
        lines.extend(blocked.map(|one| {
            let seconds = time(one.seconds);
            format!("  `{}` has blocked its thread for {seconds}", one.handler)
        }));
    }
    lines.push(String::new());
    match &page.requests {
        Some(requests) => lines.extend(of_requests(requests)),
        None => lines.push(
            "requests are not measured: put `[metrics]` into the manifest, with `layers = true` to see each layer"
                .to_owned(),
        ),
    }
    if !page.layers.is_empty() {
        lines.push(String::new());
        lines.extend(of_layers(&page.layers, sort));
    }
    if !server.reloads.is_empty() {
        lines.push(String::new());
        lines.push("reloads".to_owned());
    }
    for reload in server.reloads.iter().rev().take(RELOADS) {
        let ago = time(now.saturating_sub(reload.at) as f64 / 1000.0);
        let error = reload.error.iter().flat_map(|error| error.lines());
        let error = error.filter(|line| !line.is_empty()).take(1);
        let changes = reload.changes.iter().map(String::as_str);
        let what: Vec<_> = error.chain(changes).map(str::trim).collect();
        lines.push(format!(
            "  {:<4} {ago:>10} ago  {:<9}  generation {}  {}",
            reload.number,
            reload.outcome,
            reload.generation,
            what.join(", ")
        ));
    }
    let lines = lines.into_iter();
    lines
        .map(|line| printable(line.trim_end()).into_owned())
        .collect()
}

fn of_worker(part: &Part) -> String {
    let mut words = Vec::new();
    if let Some(active) = &part.generations.active {
        let age = time(active.seconds);
        words.push(format!("generation {} for {age}", active.number));
    }
    if !part.generations.draining.is_empty() {
        words.push(format!("{} draining", part.generations.draining.len()));
    }
    if let Some(connections) = &part.connections {
        words.push(format!(
            "{} of {} connections",
            connections.open, connections.limit
        ));
    }
    words.extend(part.resident_bytes.map(size));
    words.join(", ")
}

fn of_requests(requests: &Requests) -> [String; 2] {
    [
        format!(
            "requests  {}/s   4xx {}/s   5xx {}/s   canceled {}/s   in flight {}",
            rate(requests.rate),
            rate(requests.client_errors),
            rate(requests.server_errors),
            rate(requests.canceled),
            requests.in_flight
        ),
        format!(
            "answered  half within {}, 99 % within {}",
            duration(requests.p50),
            duration(requests.p99)
        ),
    ]
}

fn of_layers(layers: &[Layer], sort: Sort) -> Vec<String> {
    let mut layers: Vec<_> = layers.iter().collect();
    layers.sort_by(|one, other| sort.compare(one, other));
    let widest = layers.iter().map(|layer| layer.directive.chars().count());
    let widest = widest.max().unwrap_or_default().clamp(9, 60);
    let row = |first: &str, cells: [&str; 6]| {
        let [rate, own_p50, own_p99, p99, failures, in_flight] = cells;
        format!(
            "{first:<widest$}  {rate:>10}  {own_p50:>9}  {own_p99:>9}  {p99:>10}  {failures:>10}  {in_flight:>9}"
        )
    };
    let head = [
        "requests/s",
        "own p50",
        "own p99",
        "p99",
        "failures/s",
        "in flight",
    ];
    let mut lines = vec![row("directive", head)];
    for layer in layers {
        let cells = [
            rate(layer.rate),
            duration(layer.own_p50),
            duration(layer.own_p99),
            duration(layer.p99),
            rate(layer.failures),
            layer.in_flight.to_string(),
        ];
        let name: String = layer.directive.chars().take(widest).collect();
        lines.push(row(&name, cells.each_ref().map(String::as_str)));
    }
    lines
}

/// With one digit after the point where that says something.
fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        0.0..10.0 => format!("{rate:.1}"),
        _ => format!("{rate:.0}"),
    }
}

/// In a fitting unit.
fn duration(seconds: Option<f64>) -> String {
    let digits = |value: f64, unit: &str| match value {
        ..10.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    };
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds.is_infinite() => "> 17 s".to_owned(),
        Some(seconds) if seconds < 1e-3 => digits(seconds * 1e6, "µs"),
        Some(seconds) if seconds < 1.0 => digits(seconds * 1e3, "ms"),
        Some(seconds) => digits(seconds, "s"),
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
