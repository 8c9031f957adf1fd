//! The figures of calls as families.

use super::family::{Described, Families, FamilyKind, SampleValue};
use super::histogram::HistogramSnapshot;
use super::meter::{CallFigures, ENDS};
use FamilyKind::{Counter, Gauge, Histogram};

/// The bounds of the duration of requests: powers of two of nanoseconds, 8 µs to 17 s.
const REQUEST_BOUNDS: (u32, u32, usize) = (13, 34, 1);

/// The bounds of the durations of layers, of which there are many: 1 µs to 17 s, each four times the last.
const LAYER_BOUNDS: (u32, u32, usize) = (10, 34, 2);

/// Adds the figures of all requests.
pub(super) fn add_requests(figures: &CallFigures, families: &mut Families) {
    let requests = (
        "stackup_requests",
        Counter,
        "Requests that entered the stack, by the class of their status; canceled: the client left or a limit passed",
    );
    add_ends(figures, requests, &[], families);
    let in_flight = (
        "stackup_requests_in_flight",
        Gauge,
        "Requests in the stack: their response has not begun",
    );
    families.add(in_flight, &[], figures.in_flight as f64);
    let duration = (
        "stackup_request_duration_seconds",
        Histogram,
        "Time from a request's head to its response's",
    );
    families.push(duration, &[], buckets(&figures.total, REQUEST_BOUNDS));
    let bytes = [
        (
            "stackup_request_body_bytes",
            "Bytes of bodies of requests that were read",
            figures.received,
        ),
        (
            "stackup_response_body_bytes",
            "Bytes of bodies of responses; those of a known length count when they begin",
            figures.sent,
        ),
    ];
    for (name, help, bytes) in bytes {
        families.add((name, Counter, help), &[], bytes as f64);
    }
    add_failures(
        figures,
        ["stackup_request_failures", "stackup_request_panics"],
        [
            "Requests that failed by an error that no layer answered",
            "Requests that failed by a panic that no layer answered",
        ],
        &[],
        families,
    );
}

/// Adds the figures of a layer.
pub(super) fn add_layer(
    (directive, handler): (&str, &str),
    figures: &CallFigures,
    families: &mut Families,
) {
    let labels = [("directive", directive), ("handler", handler)];
    let requests = (
        "stackup_layer_requests",
        Counter,
        "Requests of a layer, by the class of the status that it answered with",
    );
    add_ends(figures, requests, &labels, families);
    let in_flight = (
        "stackup_layer_requests_in_flight",
        Gauge,
        "Requests in a layer or below it",
    );
    families.add(in_flight, &labels, figures.in_flight as f64);
    let total = (
        "stackup_layer_duration_seconds",
        Histogram,
        "Time from a layer's call to its answer, with what is below it",
    );
    families.push(total, &labels, buckets(&figures.total, LAYER_BOUNDS));
    let own = (
        "stackup_layer_own_duration_seconds",
        Histogram,
        "The same without the layers below",
    );
    families.push(own, &labels, buckets(&figures.own, LAYER_BOUNDS));
    add_failures(
        figures,
        ["stackup_layer_failures", "stackup_layer_panics"],
        [
            "Requests that a layer itself answered with an error, its panics among them",
            "Requests in which a layer itself panicked",
        ],
        &labels,
        families,
    );
}

fn add_ends(
    figures: &CallFigures,
    family: Described<'_>,
    labels: &[(&str, &str)],
    families: &mut Families,
) {
    for (class, count) in ENDS.into_iter().zip(figures.ends) {
        let labels = [labels, &[("class", class)]].concat();
        families.add(family, &labels, count as f64);
    }
}

fn add_failures(
    figures: &CallFigures,
    names: [&str; 2],
    help: [&str; 2],
    labels: &[(&str, &str)],
    families: &mut Families,
) {
    let counts = [figures.failures, figures.panics];
    for ((name, help), count) in names.into_iter().zip(help).zip(counts) {
        families.add((name, Counter, help), labels, count as f64);
    }
}

/// A histogram's value, with a bucket for each of these powers of two.
fn buckets(histogram: &HistogramSnapshot, (first, last, step): (u32, u32, usize)) -> SampleValue {
    let bound = |power: u32| {
        let seconds = seconds(1 << power);
        (seconds, histogram.count_to(power))
    };
    SampleValue::Histogram {
        buckets: (first..=last).step_by(step).map(bound).collect(),
        sum: seconds(histogram.sum),
        count: histogram.count(),
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
